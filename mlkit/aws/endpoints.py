"""An environment's endpoint: deploy it, prove what it serves, ask it for predictions, delete it."""

import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from botocore.exceptions import ClientError, ReadTimeoutError

from mlkit.aws import registry
from mlkit.aws.error_codes import Meaning, meaning_of
from mlkit.aws.inputs import CHAMPION, ENDPOINT, EXECUTION, STACK, tell_input
from mlkit.aws.invocations import Throttled, TooMuch, invoke_for_rows
from mlkit.aws.manual_changes import ByHand, Change, permitted
from mlkit.aws.s3_objects import digest_object, written_at
from mlkit.aws.session import Session, aws_errors
from mlkit.aws.stacks import Stack, delete_stack, deploy_stack, find_stack
from mlkit.errors import InvalidData, MlkitError, NotFound, WrongModel
from mlkit.evidence.foreign_text import one_line
from mlkit.evidence.layout import is_sealed_model
from mlkit.gate.answers import Answers
from mlkit.gate.target import Target
from mlkit.naming import ENDPOINT_TEMPLATE, ENVIRONMENTS, EXECUTION_TAG, LabNames
from mlkit.notebook import handoff
from mlkit.notebook.handoff import TrainedModel
from mlkit.settings import Project
from sagemaker_formats.inference import Predictions

if TYPE_CHECKING:
    from mlkit.notebook import shown_tables

# Only production has callers to protect; its BakeSeconds is a parameter of the pipeline's stack, by default the endpoint template's.
_WITHOUT_CALLERS = ("dev", "qa")
_OWN, _CHAMPION, _UNTUNED = "AllTraffic", "Champion", "Untuned"  # variants in the endpoint's template

_TOO_LARGE = 413  # the status for a body above the limit, which is lower for serverless endpoints
# "Your invocation timed out while waiting for a response from container ..."
_TIMED_OUT = re.compile(r"timed out|time-?out", re.IGNORECASE)

_NOT_DEPLOYED = (
    "After 02_train, `mlkit deploy dev` deploys dev; the pipeline deploys production after its approval. "
    "For other initials, add --your-initials."
)


def load_trained_model(project: Project) -> TrainedModel:
    return handoff.load(TrainedModel, project.handoff, "trained_model", made_by="notebooks/02_train.ipynb")


def write_configurations(aws: Session, trained: TrainedModel, project: Project, instance_type: str = "") -> list[str]:
    """Write CloudFormation/configuration_<environment>.json, a template configuration file per environment. Returns the paths.

    Without `instance_type`, endpoints take the default of the endpoint's template. In a pipeline, QA's endpoint also holds the champion,
    production's registered model, if there is one, or says why it cannot. QA's and dev's hold the untuned model beside a tuned one.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/continuous-delivery-codepipeline-cfn-artifacts.html
    """
    names = LabNames(initials=trained.your_initials)
    tell_input(aws, EXECUTION)
    written = []
    for environment in ENVIRONMENTS:
        parameters = {
            "EndpointName": names.endpoint(environment),
            "ImageUri": trained.image_uri,
            "ModelDataUrl": trained.model.s3_uri,
            "ExecutionRoleArn": trained.execution_role,
        }
        if instance_type:
            parameters["InstanceType"] = instance_type
        if environment in _WITHOUT_CALLERS:
            parameters["BakeSeconds"] = "0"
            parameters |= {"UntunedModelDataUrl": trained.untuned.s3_uri} if trained.untuned else {}
        if environment == "qa":
            parameters |= _champion(aws, names)
        path = project.configuration(environment)
        tags = {EXECUTION_TAG: aws.pipeline_execution_id} if aws.pipeline_execution_id else {}
        path.write_text(json.dumps({"Parameters": parameters, "Tags": tags}, indent=2) + "\n")
        handoff.tell_file("output", path)
        written.append(str(path.relative_to(project.root)))
    return written


def _champion(aws: Session, names: LabNames) -> dict[str, str]:
    """The template's parameters for the champion; none without one, or outside of a pipeline, which has no registry.

    SageMaker creates no model whose file it cannot read, so such a champion is told as a problem and does not fail the stack.
    """
    if not aws.pipeline_execution_id:
        return {}
    tell_input(aws, CHAMPION, names.model_group)
    found = registry.champion(aws, names.model_group)
    if found is None:
        return {}
    told = {"ChampionImageUri": found.image, "ChampionModelDataUrl": found.model_s3_uri}
    try:
        written_at(aws, found.model_s3_uri)
    except MlkitError as error:
        told["ChampionProblem"] = one_line(f"its file cannot be read: {error}")
    return told


def deploy(
    aws: Session, environment: str, project: Project, *, by_hand: ByHand | None = None, on_event: Callable[[str], None] | None = None
) -> Stack:
    """Deploy the model of the last 02_train to the environment's endpoint, with the template that the pipeline uses.

    Raises NotApproved if a pipeline owns the environment, unless `by_hand` bypasses it; see `mlkit.aws.manual_changes`.
    """
    path = project.configuration(environment)
    if not path.is_file():
        raise NotFound(f"{path.relative_to(project.root)} does not exist", cure="Run notebooks/02_train.ipynb first; it writes this file.")
    parameters = json.loads(path.read_text())["Parameters"]
    names = LabNames.of_endpoint(parameters["EndpointName"], environment)
    change = Change(action="deploy", environment=environment, names=names, model_s3_uri=parameters["ModelDataUrl"])
    with permitted(aws, change, by_hand, on_event=on_event):
        deployed = deploy_stack(aws, change.stack, project.root / ENDPOINT_TEMPLATE, parameters, on_event=on_event)
    tell_input(aws, STACK, change.stack)
    return deployed


def undeploy(
    aws: Session, environment: str, your_initials: str, *, by_hand: ByHand | None = None, on_event: Callable[[str], None] | None = None
) -> bool:
    """Delete the environment's endpoint; False if there was none. Raises NotApproved as `deploy` does."""
    change = Change(action="undeploy", environment=environment, names=LabNames(initials=your_initials))
    if find_stack(aws, change.stack) is None:
        return False
    with permitted(aws, change, by_hand, on_event=on_event):
        return delete_stack(aws, change.stack, on_event=on_event)


@dataclass(frozen=True, kw_only=True)
class Served:
    """What an endpoint serves, from its configuration down to the model."""

    endpoint: str
    status: str
    endpoint_config: str
    variant: str
    model_name: str
    image_uri: str
    model_data_url: str

    def summary(self) -> "shown_tables.Table":
        from mlkit.notebook import shown_tables  # imported here, because commands show no tables and would wait for pandas

        return shown_tables.facts(vars(self))


def describe_endpoint(aws: Session, name: str) -> Served:
    """Follow the endpoint to the model that its callers reach. Raises NotFound when there is no such endpoint."""
    variants = _variants(aws, name)
    return variants.get(_OWN) or next(iter(variants.values()))


def describe_champion(aws: Session, name: str) -> Served | None:
    """Follow the endpoint to production's model, which it holds beside its own; None if it holds none. Raises NotFound."""
    return _variants(aws, name).get(_CHAMPION)


def describe_untuned(aws: Session, name: str) -> Served | None:
    """Follow the endpoint to the untuned model, which it holds beside a tuned one; None if it holds none. Raises NotFound."""
    return _variants(aws, name).get(_UNTUNED)


def _variants(aws: Session, name: str) -> dict[str, Served]:
    sagemaker = aws.client("sagemaker")
    with aws_errors(missing=_NOT_DEPLOYED):
        endpoint = sagemaker.describe_endpoint(EndpointName=name)
        config = sagemaker.describe_endpoint_config(EndpointConfigName=endpoint["EndpointConfigName"])
        models = {item["VariantName"]: item["ModelName"] for item in config["ProductionVariants"]}
        containers = {variant: sagemaker.describe_model(ModelName=model)["PrimaryContainer"] for variant, model in models.items()}
    tell_input(aws, ENDPOINT, name)
    return {
        variant: Served(
            endpoint=name,
            status=endpoint["EndpointStatus"],
            endpoint_config=endpoint["EndpointConfigName"],
            variant=variant,
            model_name=models[variant],
            image_uri=container["Image"],
            model_data_url=container["ModelDataUrl"],
        )
        for variant, container in containers.items()
    }


def prove_endpoint(aws: Session, environment: str, trained: TrainedModel) -> Served:
    """What the environment's endpoint serves, proved to be `trained`: status, image, model address and the model's SHA-256.

    A sealed copy's address is proof of its content: the evidence bucket's keys are written once, and hold the SHA-256 that SealEvidence
    computed. A test may not read that bucket. Raises WrongModel with both values when they differ.
    """
    served = describe_endpoint(aws, LabNames(initials=trained.your_initials).endpoint(environment))
    name = trained.model.s3_uri.rpartition("/")[2]
    sealed = is_sealed_model(served.model_data_url, trained.model.sha256, name, os.environ.get("EVIDENCE", ""))
    found = {"status": served.status, "image": served.image_uri, "model": served.model_data_url}
    expected = {"status": "InService", "image": trained.image_uri, "model": served.model_data_url if sealed else trained.model.s3_uri}
    for what, value in expected.items():
        if found[what] != value:
            raise WrongModel(f"Endpoint {served.endpoint}: {what} is {found[what]}, this run built {value}")
    if not sealed and digest_object(aws, served.model_data_url).sha256 != trained.model.sha256:
        raise WrongModel(f"{served.model_data_url} is not the file that the training job wrote")
    return served


@dataclass(frozen=True, kw_only=True)
class Codec:
    """The formats of an algorithm's endpoint: content type of the request, content type of the answer, and the answer's decoder."""

    content_type: str
    accept: str
    decode: Callable[[bytes], Predictions]


def ask_endpoint(
    aws: Session,
    endpoint: str,
    encode: Callable[[int, int], bytes],
    codec: Codec,
    *,
    rows: int,
    variant: str | None = None,
    target: Target | None = None,
) -> Answers:
    """Scores and labels for rows, in their order. `encode` makes a request's body of the rows from a first row to before a last.

    Raises WrongModel if the model answers for more or fewer rows, or predicts something else than the `target`; InvalidData without rows.
    """
    if rows == 0:
        raise InvalidData("There are no rows to predict", cure="Give at least one row.")
    client, variants = aws.client("sagemaker-runtime"), {"TargetVariant": variant} if variant else {}

    def invoke(body: bytes) -> bytes:
        with aws_errors(), _told_apart():
            answer = client.invoke_endpoint(
                EndpointName=endpoint, Body=body, ContentType=codec.content_type, Accept=codec.accept, **variants
            )
            return answer["Body"].read()

    together = Predictions.concatenate(invoke_for_rows(rows, encode, invoke, codec.decode))
    if len(together) != rows:
        raise WrongModel(f"Endpoint {endpoint} answered for {len(together):,} of {rows:,} rows")
    if target and (problem := _misfit(together, target)):
        raise WrongModel(f"Endpoint {endpoint} answers {problem}")
    labels = None if together.labels is None else together.labels.astype(np.int64)
    return Answers(scores=together.scores, labels=labels)


@contextmanager
def _told_apart() -> Iterator[None]:
    """Context in which an answer that fewer rows or a pause may help against is raised as TooMuch or Throttled."""
    try:
        yield
    except ReadTimeoutError as error:
        raise TooMuch(str(error)) from error
    except ClientError as error:
        answer = error.response.get("Error", {})
        code, message = str(answer.get("Code", "")), str(answer.get("Message", ""))
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if status == _TOO_LARGE or (code == "ModelError" and _TIMED_OUT.search(message)):
            raise TooMuch(message) from error
        if meaning_of(code, message, status) is Meaning.THROTTLED:
            raise Throttled(f"{message or code} ({code})") from error
        raise


def _misfit(predictions: Predictions, target: Target) -> str:
    """How the answers differ from those of a model of the target; empty if they do not."""
    if predictions.labels is None and not target.is_number:
        return "without labels: its model is not a classifier"
    if predictions.labels is not None and target.is_number:
        return "with labels: its model is a classifier, and does not predict a number"
    classes = predictions.scores.shape[1] if predictions.scores.ndim == 2 else None
    expected = len(target.classes) if target.task == "multi-class" else None
    return "" if classes == expected else f"with {classes or 1} scores a row, and a model of this target with {expected or 1}"
