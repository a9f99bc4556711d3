"""The keys of evidence in the staging bucket, the evidence bucket and a bundle. Only this module composes them and takes them apart.

staging bucket     <execution>/<stage>.<action>/<build>/<notebook>.ipynb and <notebook>.record.json
                   steps/<execution>/...                 finished runs for a retried stage
evidence bucket    <pipeline>/<the staging key>          a sealed copy
                   <pipeline>/models/<sha256>/<file>     the model and its encoding
                   <pipeline>/sources/<sha256>.zip       the source archive
                   <pipeline>/<execution>/<stage>.<sealing action>/<build>/
                       manifest.json, seal.dsse.json, review.html
                       handoff/<file>, deploys/<file>    results of the notebooks, and what production is deployed from
                   tools/<sha256>.zip                    the code that seals and verifies; the deployer uploads it

A bundle is a local copy: the keys below <pipeline>/<execution>/, with models/ and sources/ beside them. It may hold evidence-key.pem, the
public key that its seals are signed with.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from mlkit.errors import InvalidData

RECORD_SUFFIX = ".record.json"
MANIFEST = "manifest.json"
ENVELOPE = "seal.dsse.json"
PAGE = "review.html"
PUBLIC_KEY = "evidence-key.pem"
HANDOFF, DEPLOYS = "handoff", "deploys"
MODELS, SOURCES = "models", "sources"
_SHARED = (MODELS, SOURCES)  # of all executions of a pipeline


def record_path(executed: Path) -> Path:
    """The record's file beside an executed notebook."""
    return executed.with_suffix(RECORD_SUFFIX)


def notebook_path(record: Path) -> Path:
    """The executed notebook beside its record."""
    return record.with_name(notebook_name(record.name))


def notebook_name(record_name: str) -> str:
    """The name of the executed notebook, from its record's."""
    return f"{record_name.removesuffix(RECORD_SUFFIX)}.ipynb"


def bundled_model(model_sha256: str, name: str) -> str:
    """The path in a bundle of a file of the model."""
    return f"{MODELS}/{model_sha256}/{name}"


def bundled_source(archive_sha256: str) -> str:
    """The path in a bundle of the source archive."""
    return f"{SOURCES}/{archive_sha256}.zip"


def is_bundled_model(path: str) -> bool:
    """Whether the path in a bundle is that of a model's file. These are large."""
    return path.startswith(f"{MODELS}/")


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


def tools_object(evidence: str, sha256: str) -> str:
    """The address of the code that seals and verifies."""
    return f"{evidence.rstrip('/')}/tools/{sha256}.zip"


def is_sealed_model(s3_uri: str, sha256: str, name: str, evidence: str) -> bool:
    """Whether the address is the sealed copy of the model's file `name` in the evidence bucket at `evidence`; never if that is empty."""
    outside, _, key = s3_uri.partition(f"{evidence.rstrip('/')}/")
    return bool(evidence) and not outside and key.split("/")[1:] == [MODELS, sha256, name]


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

    @classmethod
    def of_files(cls, addresses: Iterable[str], pipeline: str, execution: str) -> "Sealed | None":
        """The place of the execution, from the first address that lies in it."""
        found = (address.partition(f"/{pipeline}/{execution}/") for address in addresses)
        return next((cls(address=bucket, pipeline=pipeline, execution=execution) for bucket, inside, _ in found if inside), None)

    def copy_of(self, staging: Staging, s3_uri: str) -> str:
        """The sealed copy's address of a staged object."""
        return f"{self._base}/{s3_uri.removeprefix(staging.address.rstrip('/')).lstrip('/')}"

    def model_file(self, model_sha256: str, name: str) -> str:
        return f"{self._base}/{bundled_model(model_sha256, name)}"

    def source_archive(self, sha256: str) -> str:
        return f"{self._base}/{bundled_source(sha256)}"

    def of_seal(self, action: str, build: str, name: str) -> str:
        """A file that one build of the sealing action writes: MANIFEST, ENVELOPE, PAGE, or one below HANDOFF or DEPLOYS."""
        return f"{self._base}/{self.execution}/{action}/{build}/{name}"

    def manifest(self, action: str, build: str) -> str:
        return self.of_seal(action, build, MANIFEST)

    def name_of(self, s3_uri: str) -> str:
        """A sealed object's path in a bundle. Raises InvalidData for an address of another execution or pipeline."""
        name = s3_uri.removeprefix(f"{self._base}/")
        own = name.removeprefix(f"{self.execution}/")
        is_shared = name.split("/")[0] in _SHARED
        if name == s3_uri or (own == name and not is_shared) or ".." in name.split("/"):
            raise InvalidData(f"{s3_uri} is not evidence of {self.pipeline}'s execution {self.execution}")
        return own

    @property
    def _base(self) -> str:
        return f"{self.address.rstrip('/')}/{self.pipeline}"
