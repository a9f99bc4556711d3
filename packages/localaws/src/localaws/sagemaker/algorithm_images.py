"""The seam between SageMaker and the algorithms: what an image URI stands for when no container runs."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

# <account>.dkr.ecr.<region>.amazonaws.com[.cn]/<repository>[:<tag>|@<digest>]
IMAGE_URI = re.compile(
    r"^\d{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?/(?P<repository>[a-z0-9._/-]+?)(?:[:@](?P<version>[\w.:-]+))?$"
)


class InvalidPayload(Exception):
    """The container's own refusal of a request: InvokeEndpoint answers ModelError with this status and text."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


@dataclass(frozen=True, kw_only=True)
class MetricDefinition:
    """How a metric is read from the job's log: the first group of `regex` is the value."""

    name: str
    regex: str


class Predictor(Protocol):
    """A loaded model. It is called from several threads at once."""

    def predict(self, body: bytes, content_type: str, accept: str) -> tuple[bytes, str]:
        """The answer's body and its content type. Raises InvalidPayload.

        Both types are as the caller sent them: `content_type` may be empty, `accept` may be empty or `*/*`.
        """
        ...


class Algorithm(Protocol):
    """One built-in algorithm. `repository` is its name in the image URI, for example "factorization-machines"."""

    @property
    def repository(self) -> str: ...

    @property
    def versions(self) -> Sequence[str]:
        """The image's tags that it stands for; none: whatever tag there is."""
        ...

    @property
    def metric_definitions(self) -> Sequence[MetricDefinition]: ...

    def training_command(self, ml_root: Path) -> list[str]:
        """The command of the training container, which finds below `ml_root` what a container finds in /opt/ml.

        `input/config/{hyperparameters,inputdataconfig,resourceconfig}.json`, `input/data/<channel>/` are there when it starts.
        It writes `model/`, on failure `output/failure`; its stdout and stderr are the job's log. SIGTERM asks it to stop.
        TRAINING_JOB_NAME, TRAINING_JOB_ARN, AWS_REGION and the job's own Environment are set; `ml_root` is its working folder.
        """
        ...

    def check(self, hyperparameters: Mapping[str, str], channels: Sequence[str]) -> None:
        """Raises ValueError with the container's ClientError text. The job fails with it before any data is downloaded."""
        ...

    def load(self, model_dir: Path) -> Predictor:
        """The model in the unpacked model.tar.gz. Raises ValueError if the folder does not hold one."""
        ...


def find_algorithm(image: str, algorithms: Iterable[Algorithm]) -> Algorithm | None:
    """The algorithm that the image URI names, whatever account, region and tag it is in."""
    match = IMAGE_URI.match(image)
    if match is None:
        return None
    return next((a for a in algorithms if a.repository == match["repository"]), None)


def has_version(algorithm: Algorithm, image: str) -> bool:
    """Whether the algorithm stands for the tag of the image; a digest says nothing of the version."""
    match = IMAGE_URI.match(image)
    return not algorithm.versions or (match is not None and match["version"] in algorithm.versions)


def answer_type(accept: str, types: Sequence[str]) -> str:
    """The first of the accepted types that can be had; the first of `types` where any will do. Raises InvalidPayload (406)."""
    for item in accept.lower().split(","):
        kind = item.split(";")[0].strip()
        if kind in ("", "*/*"):
            return types[0]
        found = next((known for known in types if known == kind or (kind.endswith("/*") and known.startswith(kind[:-1]))), None)
        if found is not None:
            return found
    raise InvalidPayload(406, f"Accept type {accept!r} is not supported. Supported accept types: {', '.join(types)}")
