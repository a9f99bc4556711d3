"""An environment's endpoint: deploy it, prove what it serves, ask it for predictions, take it down."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mlkit import handoff, tables
from mlkit.aws.inputs import ENDPOINT, EXECUTION, STACK, tell_input
from mlkit.aws.objects import digest_object, read_object, read_verified
from mlkit.aws.session import EXECUTION_TAG, Session, aws_errors
from mlkit.aws.stacks import Stack, delete_stack, deploy_stack
from mlkit.aws.training import feature_index_uri
from mlkit.errors import NotFound, WrongModel
from mlkit.features import FeatureIndex
from mlkit.handoff import TrainedModel
from mlkit.inference_formats import decode_recordio_predictions, encode_request
from mlkit.recordio import Rows
from mlkit.settings import ENDPOINT_TEMPLATE, ENVIRONMENTS, LabNames, Project

RECORDIO = "application/x-recordio-protobuf"
BATCH_ROWS = 20_000  # about 1.2 MB of RecordIO: well under InvokeEndpoint's limit
# How long the old fleet stays while the new one is watched: only production has callers to protect.
BAKE_SECONDS = {"dev": 0, "qa": 0, "production": 60}


def load_trained_model(project: Project) -> TrainedModel:
    return handoff.load(TrainedModel, project.handoff, "trained_model", made_by="notebooks/02_train.ipynb")


def write_configurations(aws: Session, trained: TrainedModel, project: Project) -> list[str]:
    """Write CloudFormation/configuration_<environment>.json, a template configuration file per environment. Returns the paths.

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
            "BakeSeconds": str(BAKE_SECONDS[environment]),
        }
        path = project.configuration(environment)
        tags = {EXECUTION_TAG: aws.pipeline_execution_id} if aws.pipeline_execution_id else {}
        path.write_text(json.dumps({"Parameters": parameters, "Tags": tags}, indent=2) + "\n")
        handoff.tell_file("output", path)
        written.append(str(path.relative_to(project.root)))
    return written


def deploy(aws: Session, environment: str, project: Project, *, on_event: Callable[[str], None] | None = None) -> Stack:
    """Bring the environment's endpoint to the model of the last 02_train, with the template that the pipeline uses."""
    path = project.configuration(environment)
    if not path.is_file():
        raise NotFound(f"{path.relative_to(project.root)} does not exist", cure="Run notebooks/02_train.ipynb first; it writes this file.")
    parameters = json.loads(path.read_text())["Parameters"]
    stack = f"{parameters['EndpointName']}-endpoint"
    deployed = deploy_stack(aws, stack, project.root / ENDPOINT_TEMPLATE, parameters, on_event=on_event)
    tell_input(aws, STACK, stack)
    return deployed


def undeploy(aws: Session, environment: str, your_initials: str, *, on_event: Callable[[str], None] | None = None) -> bool:
    """Take the environment's endpoint down; False when there was none."""
    return delete_stack(aws, LabNames(initials=your_initials).endpoint_stack(environment), on_event=on_event)


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

    def summary(self) -> tables.Table:
        return tables.facts(vars(self))


def describe_endpoint(aws: Session, name: str) -> Served:
    """Follow the endpoint to its model. Raises NotFound when there is no such endpoint."""
    sagemaker = aws.client("sagemaker")
    with aws_errors(cure="`mlkit deploy ENVIRONMENT` brings it up after 02_train."):
        endpoint = sagemaker.describe_endpoint(EndpointName=name)
        variant = sagemaker.describe_endpoint_config(EndpointConfigName=endpoint["EndpointConfigName"])["ProductionVariants"][0]
        container = sagemaker.describe_model(ModelName=variant["ModelName"])["PrimaryContainer"]
    tell_input(aws, ENDPOINT, name)
    return Served(
        endpoint=name,
        status=endpoint["EndpointStatus"],
        endpoint_config=endpoint["EndpointConfigName"],
        variant=variant["VariantName"],
        model_name=variant["ModelName"],
        image_uri=container["Image"],
        model_data_url=container["ModelDataUrl"],
    )


def prove_endpoint(aws: Session, environment: str, trained: TrainedModel) -> Served:
    """What the environment's endpoint serves, proved to be `trained`: status, image, model address and the model's SHA-256.

    Raises WrongModel with both values when they differ.
    """
    served = describe_endpoint(aws, LabNames(initials=trained.your_initials).endpoint(environment))
    found = {"status": served.status, "image": served.image_uri, "model": served.model_data_url}
    expected = {"status": "InService", "image": trained.image_uri, "model": trained.model.s3_uri}
    for what, value in expected.items():
        if found[what] != value:
            raise WrongModel(f"Endpoint {served.endpoint}: {what} is {found[what]}, this run built {value}")
    if digest_object(aws, served.model_data_url).sha256 != trained.model.sha256:
        raise WrongModel(f"{served.model_data_url} is not the file that the training job wrote")
    return served


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What a classifier answered: `(rows,)` probabilities of label 1 and `(rows,)` predicted labels, 0 or 1."""

    scores: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]


def model_index(aws: Session, trained: TrainedModel) -> FeatureIndex:
    """The index that belongs to the model, checked by its digest."""
    return FeatureIndex.from_parquet(read_verified(aws, trained.feature_index))


def predict_rows(aws: Session, endpoint: str, rows: Rows, *, variant: str | None = None) -> Answers:
    """Scores and labels for encoded rows, in their order, asked for in batches of RecordIO. Raises WrongModel for a regressor."""
    target = {"TargetVariant": variant} if variant else {}
    answers = []
    for batch in _batches(rows):
        with aws_errors():
            answer = aws.client("sagemaker-runtime").invoke_endpoint(
                EndpointName=endpoint, Body=encode_request(batch), ContentType=RECORDIO, Accept=RECORDIO, **target
            )
        answers.append(decode_recordio_predictions(answer["Body"].read()))
    if any(answer.labels is None for answer in answers):
        raise WrongModel(f"Endpoint {endpoint} answers without labels: its model is no classifier")
    labels = np.concatenate([answer.labels for answer in answers if answer.labels is not None])
    return Answers(scores=np.concatenate([answer.scores for answer in answers]), labels=labels.astype(np.int64))


def predict(aws: Session, endpoint: str, users: Any, movies: Any) -> pd.DataFrame:
    """What an application calls: ids in, one row each out (user, movie, score, predicted_label, unseen).

    The index is the one beside the endpoint's model. An id that the model never saw is left out of its row: bias and the other
    id decide, and `unseen` says which was unknown.
    """
    served = describe_endpoint(aws, endpoint)
    index = FeatureIndex.from_parquet(read_object(aws, feature_index_uri(served.model_data_url)))
    predictions = predict_rows(aws, endpoint, index.encode(users, movies).rows)
    unknown_user, unknown_movie = index.unknown(users, movies)
    unseen = np.select([unknown_user & unknown_movie, unknown_user, unknown_movie], ["user, movie", "user", "movie"], default="")
    return tables.Table(
        {"user": list(users), "movie": list(movies), "score": predictions.scores, "predicted_label": predictions.labels, "unseen": unseen}
    )


def _batches(rows: Rows) -> Iterator[Rows]:
    count = len(rows.indptr) - 1
    for start in range(0, count, BATCH_ROWS):
        stop = min(start + BATCH_ROWS, count)
        first, last = rows.indptr[start], rows.indptr[stop]
        yield Rows(
            indptr=rows.indptr[start : stop + 1] - first,
            keys=rows.keys[first:last],
            values=rows.values[first:last],
            labels=None,
            feature_dim=rows.feature_dim,
        )
