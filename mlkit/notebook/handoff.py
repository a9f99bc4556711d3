"""The JSON files that carry one notebook's result to the next.

Each file names its schema. Each reference to an object holds the object's SHA-256.
"""

import contextlib
import hashlib
import json
import os
import typing
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from mlkit.errors import NotFound, UsageError
from mlkit.gate.comparison import Comparison
from mlkit.gate.estimate import Estimate, Slice
from mlkit.gate.policy import Policy
from mlkit.gate.target import TWO_LABELS, Target
from mlkit.notebook import journal
from mlkit.settings import Project
from mlkit.typed_json import build

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class StoredObject:
    """One object in S3: its address and the SHA-256 of its content."""

    s3_uri: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True, kw_only=True)
class Channel:
    """One split of the rows as objects below one prefix, in one format.

    `positives` counts the rows with label 1 of two classes. Other tasks have `labels`: the rows of each class (`rows of Gentoo`), or a
    number's `lowest`, `mean` and `highest` value.
    """

    s3_uri: str
    content_type: str
    rows: int
    positives: int | None
    objects: tuple[StoredObject, ...]
    labels: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class PreparedData:
    """The result of 01_prep for 02_train: two channels in the algorithm's format, the test rows, and the encoding of rows.

    `target` is what a model of them predicts; files of schema 2 had none, and two labels. `encoding` belongs to every model that is
    trained with these channels. `feature_dim` is the number of columns that a model sees. Only the code of the data set's kind reads
    `details`.
    """

    schema: str = "mlkit/prepared-data/3"
    run_id: str
    your_initials: str
    bucket: str
    database: str
    table: str
    feature_dim: int
    encoding: StoredObject
    train: Channel
    validation: Channel
    test: Channel
    query_execution_ids: Mapping[str, str]
    details: Mapping[str, Any]
    target: Target = TWO_LABELS


@dataclass(frozen=True, kw_only=True)
class TrainedModel:
    """The result of 02_train for the deployment and 03_test_endpoint. Metrics are of the validation split.

    `untuned` is the model of the job without tuning, to compare a tuned model with; None if the model is not tuned.
    """

    schema: str = "mlkit/trained-model/3"
    your_initials: str
    training_job: str
    tuning_job: str | None
    image_uri: str
    execution_role: str
    model: StoredObject
    encoding: StoredObject
    hyperparameters: Mapping[str, str]
    metrics: Mapping[str, float]
    billable_seconds: int
    prepared_data: PreparedData
    untuned: StoredObject | None = None

    @property
    def target(self) -> Target:
        """What the model predicts."""
        return self.prepared_data.target


@dataclass(frozen=True, kw_only=True)
class TestResult:
    """The result of 03_test_endpoint: the verdict, the estimate and the policy that give it, and what stands beside it.

    `champion` is the comparison with production's model; None if the endpoint holds none. `others` has the tested model's other metrics,
    and `baselines` the deciding metric of the other models, both by name. `slices` has the deciding metric on parts of the rows.
    """

    __test__ = False  # not a pytest class

    schema: str = "mlkit/test-result/2"
    endpoint: str
    endpoint_config: str
    model: StoredObject
    verdict: str
    estimate: Estimate
    policy: Policy
    others: Mapping[str, float]
    baselines: Mapping[str, float]
    champion: Comparison | None = None
    slices: tuple[Slice, ...] = ()

    def exported(self) -> dict[str, str]:
        """The variables that the build exports, which CodePipeline's history shows."""
        return {"VERDICT": self.verdict, **self.estimate.exported()}


def save(value: Any, folder: Path, name: str) -> Path:
    """Write the dataclass as `<folder>/<name>.json`, completely or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(asdict(value), indent=2, allow_nan=False) + "\n")
    os.replace(partial, path)
    tell_file("output", path)
    return path


def load(kind: type[T], folder: Path, name: str, *, made_by: str) -> T:
    """The dataclass that an earlier step saved. Raises NotFound when that step has not run, UsageError for another schema."""
    path = folder / f"{name}.json"
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise NotFound(f"{path} does not exist", cure=f"Run {made_by} first; it writes this file.") from error
    value = parse(kind, data, str(path), made_by=made_by)
    tell_file("input", path)
    return value


def parse(kind: type[T], data: bytes, path: str, *, made_by: str = "the notebook that writes it") -> T:
    """The dataclass in the bytes of a hand-off file. Raises UsageError, which names `path`, for damage or another schema."""
    try:
        document = json.loads(data)
    except ValueError as error:
        raise UsageError(f"{path} is not JSON: {error}", cure=f"Run {made_by} again.") from error
    expected = next(member.default for member in fields(kind) if member.name == "schema")  # type: ignore[arg-type]
    if not isinstance(document, dict) or document.get("schema") != expected:
        raise UsageError(f"{path} is not a {expected} file", cure=f"Run {made_by} again with this version of mlkit.")
    try:
        return typing.cast(T, build(kind, document))
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f"{path} is damaged: {error}", cure=f"Run {made_by} again.") from error


def tell_file(role: str, path: Path) -> None:
    """Report to the runner a file that this step reads (`input`) or writes (`output`), by its path in the project if it is in one."""
    if not journal.is_listened_to():
        return
    told = path.resolve()
    with contextlib.suppress(NotFound):
        told = told.relative_to(Project.find(told.parent).root)
    journal.tell("file", file={"role": role, "path": told.as_posix(), "sha256": hashlib.sha256(path.read_bytes()).hexdigest()})
