"""The common fields of SageMaker's resources, and their tables. Names of one kind are unique in any case, as on AWS."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from threading import RLock
from typing import Any, Generic, TypeVar

from localaws.kit.open_questions import assumed
from localaws.kit.service import AwsError


@dataclass(kw_only=True)
class Resource:
    """Names keep their case; ARNs do as `kit.open_questions` assumes. Times are seconds since the epoch, as JSON needs."""

    name: str
    arn: str
    created: float
    modified: float
    tags: dict[str, str] = field(default_factory=dict)


R = TypeVar("R", bound=Resource)


@dataclass(frozen=True, kw_only=True)
class Kind:
    """AWS's names for a kind of resource, in ARNs, in error messages and in error codes."""

    slug: str
    words: str
    exists_code: str = "ValidationException"
    exists_text: str = 'Cannot create already existing {words} "{arn}".'
    missing_code: str = "ValidationException"
    missing_text: str = 'Could not find {words} "{arn}".'


_UNIQUE = "{words} names must be unique within an AWS account and region, and a {lower} with this name already exists ({arn})"
_MISSING = "Requested resource not found."

TRAINING_JOB = Kind(
    slug="training-job", words="Training job", exists_code="ResourceInUse", exists_text=_UNIQUE, missing_text=_MISSING
)  # fmt: skip
TUNING_JOB = Kind(
    slug="hyper-parameter-tuning-job",
    words="Hyperparameter tuning job",
    exists_code="ResourceInUse",
    exists_text=_UNIQUE,
    missing_code="ResourceNotFound",
    missing_text=_MISSING,
)
TRANSFORM_JOB = Kind(
    slug="transform-job",
    words="Transform job",
    exists_code="ResourceInUse",
    exists_text=_UNIQUE,
    missing_code="ResourceNotFound",
    missing_text=_MISSING,
)
MODEL = Kind(slug="model", words="model")
ENDPOINT_CONFIG = Kind(slug="endpoint-config", words="endpoint configuration")
ENDPOINT = Kind(slug="endpoint", words="endpoint")
MODEL_PACKAGE_GROUP = Kind(
    slug="model-package-group",
    words="Model Package Group",
    exists_text="{words} already exists: {arn}",
    missing_text="ModelPackageGroup {arn} does not exist.",
)
MODEL_PACKAGE = Kind(
    slug="model-package",
    words="Model Package",
    exists_text="{words} already exists: {arn}",
    missing_text="ModelPackage {arn} does not exist.",
)


def resource_arn(slug: str, name: str, *, account: str, region: str) -> str:
    shown = name if assumed("resource-name-case") == "kept" else name.lower()
    return f"arn:aws:sagemaker:{region}:{account}:{slug}/{shown}"


class Table(Generic[R]):
    """The resources of one kind. All tables share the lock. Hold it to read or change several values consistently."""

    def __init__(self, kind: Kind, make: Callable[..., R], *, account: str, region: str, lock: RLock) -> None:
        self.kind, self.lock = kind, lock
        self._make, self._account, self._region = make, account, region
        self._records: dict[str, R] = {}

    def __iter__(self) -> Iterator[R]:
        with self.lock:
            return iter(list(self._records.values()))

    def arn(self, name: str) -> str:
        return resource_arn(self.kind.slug, name, account=self._account, region=self._region)

    def find(self, name: str) -> R | None:
        with self.lock:
            return self._records.get(name.lower())

    def get(self, name: str) -> R:
        if (record := self.find(name)) is None:
            raise AwsError(self.kind.missing_code, self._text(self.kind.missing_text, name))
        return record

    def check_free(self, name: str) -> None:
        if self.find(name) is not None:
            raise AwsError(self.kind.exists_code, self._text(self.kind.exists_text, name))

    def add(self, record: R) -> None:
        with self.lock:
            self.check_free(record.name)
            self._records[record.name.lower()] = record

    def remove(self, name: str) -> R:
        with self.lock:
            record = self.get(name)
            del self._records[name.lower()]
            return record

    def to_json(self) -> list[dict[str, Any]]:
        with self.lock:
            return [asdict(record) for record in self._records.values()]

    def load_json(self, rows: list[Mapping[str, Any]]) -> None:
        with self.lock:
            self._records = {row["name"].lower(): self._make(**row) for row in rows}

    def _text(self, template: str, name: str) -> str:
        return template.format(words=self.kind.words, lower=self.kind.words.lower(), arn=self.arn(name))
