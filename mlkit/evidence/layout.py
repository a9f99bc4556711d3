"""The keys of evidence in the staging bucket and in the evidence bucket. Only this module composes them.

staging bucket     <execution>/<stage>.<action>/<build>/<notebook>.ipynb and <notebook>.record.json
                   steps/<execution>/...                 finished runs for a retried stage
evidence bucket    <pipeline>/<the staging key>          a sealed copy
                   <pipeline>/models/<sha256>/<file>     the model and its encoding
                   <pipeline>/<execution>/<stage>.<action>/<build>/manifest.json
"""

from dataclasses import dataclass
from pathlib import Path

RECORD_SUFFIX = ".record.json"
MANIFEST = "manifest.json"


def record_path(executed: Path) -> Path:
    """The record's file beside an executed notebook."""
    return executed.with_suffix(RECORD_SUFFIX)


def notebook_path(record: Path) -> Path:
    """The executed notebook beside its record."""
    return record.with_name(f"{record.name.removesuffix(RECORD_SUFFIX)}.ipynb")


@dataclass(frozen=True, kw_only=True)
class Staging:
    """The place of an execution in the staging bucket at `address`, s3://...; `action` and `build` are those of one build."""

    address: str
    execution: str
    action: str = ""
    build: str = ""

    @property
    def executions(self) -> str:
        """Prefix of all attempts of the execution."""
        return f"{self._base}/{self.execution}/"

    @property
    def attempt(self) -> str:
        """Prefix of what this build of the action writes. A retry has another build, so it replaces nothing of an earlier one."""
        return f"{self.executions}{self.action}/{self.build}/"

    @property
    def steps(self) -> str:
        """Prefix of the execution's finished runs, which a retried stage takes over."""
        return f"{self._base}/steps/{self.execution}/"

    def action_and_name(self, s3_uri: str) -> tuple[str, str]:
        """The action that wrote a staged object, and the object's name below its attempt."""
        action, _build, name = s3_uri.removeprefix(self.executions).split("/", 2)
        return action, name

    @property
    def _base(self) -> str:
        return self.address.rstrip("/")


@dataclass(frozen=True, kw_only=True)
class Sealed:
    """The place of an execution of `pipeline` in the evidence bucket at `address`, s3://..."""

    address: str
    pipeline: str
    execution: str

    @classmethod
    def of_manifest(cls, manifest_uri: str, execution: str) -> "Sealed":
        """The place of the execution, from its manifest's address."""
        base = manifest_uri.rpartition(f"/{execution}/")[0]
        address, _, pipeline = base.rpartition("/")
        return cls(address=address, pipeline=pipeline, execution=execution)

    def copy_of(self, staging: Staging, s3_uri: str) -> str:
        """The sealed copy's address of a staged object."""
        return f"{self._base}/{s3_uri.removeprefix(staging.address.rstrip('/')).lstrip('/')}"

    def model_file(self, model_sha256: str, name: str) -> str:
        return f"{self._base}/models/{model_sha256}/{name}"

    def manifest(self, action: str, build: str) -> str:
        return f"{self._base}/{self.execution}/{action}/{build}/{MANIFEST}"

    def name_of(self, s3_uri: str) -> str:
        """A sealed object's path in a local copy: without pipeline and execution."""
        return s3_uri.removeprefix(f"{self._base}/").removeprefix(f"{self.execution}/")

    @property
    def _base(self) -> str:
        return f"{self.address.rstrip('/')}/{self.pipeline}"
