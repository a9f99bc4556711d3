"""SageMaker's engine in the test's own process, with an algorithm that is done at once, against the S3, IAM and logs of the local AWS."""

import json
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import ClientError
from waiting import wait_until

from localaws.kit.service import AwsError, Caller, Credentials, Permission
from localaws.sagemaker.algorithm_images import InvalidPayload, MetricDefinition

IMAGE = "111122223333.dkr.ecr.us-east-1.amazonaws.com/tiny:1"


class TinyAlgorithm:
    """Its model is the mean of the training numbers; it answers the mean times the request's number."""

    repository = "tiny"
    versions = ()
    similar_versions = ()
    keeps_checkpoints = True
    metric_definitions = (
        MetricDefinition(name="train:mean", regex=r"train mean <score>=(\S+)"),
        MetricDefinition(name="test:loss", regex=r"test loss <score>=(\S+)"),
    )

    def training_command(self, ml_root: Path) -> list[str]:
        return [sys.executable, str(Path(__file__).with_name("tiny_training.py")), str(ml_root)]

    def check(self, hyperparameters: Mapping[str, str], channels: Sequence[str]) -> None:
        if "train" not in channels:
            raise ValueError("the channel train is missing")

    def load(self, model_dir: Path) -> "TinyPredictor":
        return TinyPredictor(json.loads((model_dir / "mean.json").read_text())["mean"])


class TinyPredictor:
    def __init__(self, mean: float) -> None:
        self.mean = mean

    def predict(self, body: bytes, content_type: str, accept: str) -> tuple[bytes, str]:
        if content_type != "text/plain":
            raise InvalidPayload(415, f"content type {content_type!r} is unknown")
        return str(self.mean * float(body)).encode(), "text/plain"


@cache
def _session() -> boto3.Session:
    """One for the whole process: a new one reads botocore's models again."""
    return boto3.Session()


class ServedHost:
    """A `Host` whose clients talk to the running local AWS; roles are taken by AssumeRole, so they must trust the account."""

    def __init__(self, local_aws: Any, folder: Path) -> None:
        self.account, self.region = local_aws.account, local_aws.region
        self._local_aws, self._folder = local_aws, folder
        self._session = _session()
        self.published: list[tuple[str, str, dict[str, Any], list[str]]] = []
        self.metrics: list[tuple[str, str, float, list[Mapping[str, str]]]] = []

    def home(self, service: str) -> Path:
        (self._folder / service).mkdir(parents=True, exist_ok=True)
        return self._folder / service

    def client(self, service: str, credentials: Credentials) -> Any:
        create: Any = self._session.client
        return create(
            service,
            endpoint_url=self._local_aws.endpoint_url,
            region_name=self.region,
            aws_access_key_id=credentials.access_key_id,
            aws_secret_access_key=credentials.secret_access_key,
            aws_session_token=credentials.session_token,
        )

    def assume_role(self, role_arn: str, *, service_principal: str, source_arn: str, session_name: str) -> Credentials:
        try:
            session = self.client("sts", self._local_aws.credentials).assume_role(RoleArn=role_arn, RoleSessionName=session_name)[
                "Credentials"
            ]
        except ClientError as error:
            raise AwsError("AccessDenied", str(error), status=403) from error
        return Credentials(
            access_key_id=session["AccessKeyId"], secret_access_key=session["SecretAccessKey"], session_token=session["SessionToken"]
        )

    def authorize(self, credentials: Credentials, permission: Permission) -> None:
        """IAM allows everything."""

    def publish_event(self, source: str, detail_type: str, detail: Mapping[str, Any], resources: Sequence[str]) -> None:
        self.published.append((source, detail_type, dict(detail), list(resources)))

    def put_metric(self, namespace: str, name: str, value: float, dimensions: Sequence[Mapping[str, str]], **more: Any) -> None:
        self.metrics.append((namespace, name, value, list(dimensions)))

    def changed(self) -> None:
        """Nobody saves the state."""

    @property
    def caller(self) -> Caller:
        arn = f"arn:aws:iam::{self.account}:user/administrator"
        return Caller(arn=arn, account=self.account, region=self.region, credentials=self._local_aws.credentials)


def call(service: Any, operation: str, **members: Any) -> dict[str, Any]:
    """Calls an operation's handler as the front does, checking request and answer against botocore's model."""
    from localaws.front.shape_checks import problems
    from localaws.kit.service_models import service_model

    model = service_model(service.name).operation_model(operation)
    assert model.input_shape is not None
    assert not problems(model.input_shape, members)
    host = service.host if hasattr(service, "host") else service._sagemaker.host
    answer = service.operations[operation].handler(host.caller, members)
    if model.output_shape is not None:
        assert not problems(model.output_shape, answer)
    json.dumps(service.get_state())
    return answer


def wait_while(service: Any, operation: str, member: str, states: Sequence[str], **members: Any) -> dict[str, Any]:
    """The description once its status is none of `states`."""
    return wait_until(
        lambda: call(service, operation, **members), f"{member} is none of {states}", ok=lambda answer: answer[member] not in states
    )
