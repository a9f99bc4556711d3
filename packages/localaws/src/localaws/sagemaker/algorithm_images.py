"""The interface between SageMaker and the algorithms. An image URI selects an algorithm, because no container runs."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

# <account>.dkr.ecr.<region>.amazonaws.com[.cn]/<repository>[:<tag>|@<digest>]
IMAGE_URI = re.compile(
    r"^\d{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?/(?P<repository>[a-z0-9._/-]+?)(?:[:@](?P<version>[\w.:-]+))?$"
)

# The hyperparameter by which a tuning job tells an algorithm its objective.
TUNING_OBJECTIVE = "_tuning_objective_metric"


class InvalidPayload(Exception):
    """The container refuses a request. InvokeEndpoint answers ModelError with this status and text."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


@dataclass(frozen=True, kw_only=True)
class MetricDefinition:
    """Reads a metric from the job's log. The first group of `regex` is the value."""

    name: str
    regex: str


class Predictor(Protocol):
    """A loaded model. Several threads call it at the same time."""

    def predict(self, body: bytes, content_type: str, accept: str) -> tuple[bytes, str]:
        """The answer's body and its content type. Raises InvalidPayload.

        Both types are the caller's: `content_type` may be empty, `accept` may be empty or `*/*`.
        """
        ...


class Algorithm(Protocol):
    """One built-in algorithm. `repository` is its name in the image URI, for example "factorization-machines"."""

    @property
    def repository(self) -> str: ...

    @property
    def versions(self) -> Sequence[str]:
        """The image's tags that the algorithm implements. Empty: any tag."""
        ...

    @property
    def similar_versions(self) -> Sequence[str]:
        """Other tags that the algorithm runs as its own version. The log of a job or an endpoint says so."""
        ...

    @property
    def keeps_checkpoints(self) -> bool:
        """Whether a job trains on from files that an earlier one left in `checkpoints/`, and leaves such files."""
        ...

    @property
    def metric_definitions(self) -> Sequence[MetricDefinition]: ...

    def training_command(self, ml_root: Path) -> list[str]:
        """The command of a training job. `ml_root` has the layout of a container's /opt/ml.

        Before it starts, `input/config/{hyperparameters,inputdataconfig,resourceconfig}.json` and `input/data/<channel>/` exist. It
        writes `model/`, or `output/failure` if it fails. Its stdout and stderr are the job's log. It must stop on SIGTERM.
        TRAINING_JOB_NAME, TRAINING_JOB_ARN, AWS_REGION and the job's Environment are set. Its working folder is `ml_root`.
        """
        ...

    def check(self, hyperparameters: Mapping[str, str], channels: Sequence[str]) -> None:
        """Check a job's settings. Raises ValueError with the container's ClientError text; the job then fails before the download."""
        ...

    def load(self, model_dir: Path) -> Predictor:
        """The model in the unpacked model.tar.gz. Raises ValueError if the folder has no model."""
        ...


def find_algorithm(image: str, algorithms: Iterable[Algorithm]) -> Algorithm | None:
    """The algorithm of the image URI, for any account, region and tag."""
    match = IMAGE_URI.match(image)
    if match is None:
        return None
    return next((a for a in algorithms if a.repository == match["repository"]), None)


def has_version(algorithm: Algorithm, image: str) -> bool:
    """Whether the algorithm runs images with this tag. A digest does not show the version."""
    match = IMAGE_URI.match(image)
    return not algorithm.versions or (match is not None and match["version"] in (*algorithm.versions, *algorithm.similar_versions))


def version_note(algorithm: Algorithm, image: str) -> str:
    """A line for the log if the image's version is not the one that runs; empty if it is."""
    match = IMAGE_URI.match(image)
    if match is None or match["version"] not in algorithm.similar_versions:
        return ""
    named, own = match["version"], algorithm.versions[0]
    return f"The image names version {named} of {algorithm.repository}. The local AWS runs version {own}, whose results can differ."


def answer_type(accept: str, types: Sequence[str]) -> str:
    """The first accepted type that is in `types`; the first of `types` if any is accepted. Raises InvalidPayload (406)."""
    for item in accept.lower().split(","):
        kind = item.split(";")[0].strip()
        if kind in ("", "*/*"):
            return types[0]
        found = next((known for known in types if known == kind or (kind.endswith("/*") and known.startswith(kind[:-1]))), None)
        if found is not None:
            return found
    raise InvalidPayload(406, f"Accept type {accept!r} is not supported. Supported accept types: {', '.join(types)}")
