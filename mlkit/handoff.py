"""The small JSON files by which one notebook hands its result to the next.

Each file names its schema, and each reference to an object carries the SHA-256 of what it points to.
"""

import json
import os
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

from mlkit.errors import NotFound, UsageError

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class StoredObject:
    """One object in S3: where it is and what it must contain."""

    s3_uri: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True, kw_only=True)
class Channel:
    """One split of the ratings as objects below one prefix. `positives` counts the rows with label 1."""

    s3_uri: str
    rows: int
    positives: int
    objects: tuple[StoredObject, ...]


@dataclass(frozen=True, kw_only=True)
class PreparedData:
    """What 01_prep hands to 02_train: two channels of RecordIO shards, the test rows as Parquet, and the index of ids."""

    schema: str = "mlkit/prepared-data/1"
    run_id: str
    your_initials: str
    bucket: str
    database: str
    table: str
    positive_rating: float
    split: str
    salt: str
    feature_dim: int
    feature_index: StoredObject
    train: Channel
    validation: Channel
    test: Channel
    query_execution_ids: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class TrainedModel:
    """What 02_train hands to the deployment and to 03_test_endpoint. Metrics are those of the validation split."""

    schema: str = "mlkit/trained-model/1"
    your_initials: str
    training_job: str
    tuning_job: str | None
    image_uri: str
    execution_role: str
    model: StoredObject
    feature_index: StoredObject
    feature_dim: int
    hyperparameters: Mapping[str, str]
    metrics: Mapping[str, float]
    billable_seconds: int
    prepared_data: PreparedData


@dataclass(frozen=True, kw_only=True)
class TestResult:
    """What 03_test_endpoint found: the verdict and the figures that led to it."""

    __test__ = False  # not a pytest class

    schema: str = "mlkit/test-result/1"
    endpoint: str
    endpoint_config: str
    model: StoredObject
    rows: int
    match_rate: float
    low: float
    high: float
    confidence: float
    min_match_rate: float
    verdict: str
    log_loss: float
    baselines: Mapping[str, float]


def save(value: Any, folder: Path, name: str) -> Path:
    """Write the dataclass as `<folder>/<name>.json`, whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(asdict(value), indent=2, allow_nan=False) + "\n")
    os.replace(partial, path)
    return path


def load(kind: type[T], folder: Path, name: str, *, made_by: str) -> T:
    """The dataclass that an earlier step saved. Raises NotFound when that step has not run, UsageError for another schema."""
    path = folder / f"{name}.json"
    try:
        document = json.loads(path.read_text())
    except FileNotFoundError as error:
        raise NotFound(f"{path} does not exist", cure=f"Run {made_by} first; it writes this file.") from error
    except ValueError as error:
        raise UsageError(f"{path} is not JSON: {error}", cure=f"Run {made_by} again.") from error
    expected = next(field.default for field in fields(kind) if field.name == "schema")  # type: ignore[arg-type]
    if not isinstance(document, dict) or document.get("schema") != expected:
        raise UsageError(f"{path} is not a {expected} file", cure=f"Run {made_by} again with this version of mlkit.")
    try:
        return typing.cast(T, _build(kind, document))
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f"{path} is damaged: {error}", cure=f"Run {made_by} again.") from error


def _build(kind: Any, value: Any) -> Any:
    """`value` (parsed JSON) as the annotated type, nested dataclasses, tuples and optionals included."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        unknown = set(value) - set(hints)
        if unknown:
            raise ValueError(f"unknown member {sorted(unknown)[0]}")
        return kind(**{name: _build(hints[name], item) for name, item in value.items()})  # type: ignore[operator]
    if origin is tuple:
        return tuple(_build(arguments[0], item) for item in value)
    if origin is types.UnionType:
        return None if value is None else _build(next(a for a in arguments if a is not type(None)), value)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return {name: _build(arguments[1], item) for name, item in value.items()}
    if isinstance(origin, type) and issubclass(origin, Sequence):
        return [_build(arguments[0], item) for item in value]
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, kind) or (kind is not bool and isinstance(value, bool)):
        raise ValueError(f"{value!r} is not {kind.__name__}")
    return value
