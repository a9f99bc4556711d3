"""The seal of a pipeline execution: a manifest of all its files, and the digest of the code that ran.

The manifest's digest covers all that it lists: notebooks, records, hand-off files, model, source, code, and what production deploys.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePath

from mlkit.errors import UsageError
from mlkit.gate.outcome import Outcome
from mlkit.naming import CONFIGURATIONS
from mlkit.typed_json import build

SCHEMA = "mlkit/manifest/2"
APPROVABLE = (Outcome.PASS, Outcome.INCONCLUSIVE)  # a FAIL ends the pipeline before anybody is asked
CODE_FOLDERS = ("mlkit", "packages/sagemaker_formats/src/sagemaker_formats", "notebooks", "buildspecs", "CloudFormation")
# Files of the project's folder: the wheels that a build installs, mlkit.yml, and the team's modules. The local AWS's wheel in vendor/local
# is left out, because no build installs it.
CODE_FILES = ("vendor/*.whl", "mlkit.yml", "*.py")
_GENERATED = {"__pycache__", ".ipynb_checkpoints"}


@dataclass(frozen=True, kw_only=True)
class SealedFile:
    """One object in the evidence bucket, by its write-once key and version."""

    s3_uri: str
    version_id: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True, kw_only=True)
class Seal:
    """Another manifest: its address and the SHA-256 of its bytes."""

    s3_uri: str
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Source:
    """What the Source action delivered: its output variables (CommitId, CommitMessage, ...) and the archive's SHA-256."""

    archive_sha256: str
    variables: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One attempt of an action that ran notebooks, from CodePipeline's history; times are ISO 8601 in UTC.

    `records` maps the staged records to SHA-256. `confirmed`: the build exported these digests through CodePipeline's variables. A
    build that failed exports nothing, so its files are only what its role staged.
    """

    action: str
    build: str
    status: str
    started: str
    ended: str
    confirmed: bool
    records: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Approval:
    """A person's decision, from CodePipeline's history. `decided_by` is an ARN; `decided_at` is ISO 8601 in UTC."""

    action: str
    status: str
    decided_by: str
    decided_at: str
    comment: str


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """All that one SealEvidence action sealed.

    `tools_sha256` is the digest of the code that sealed. `code` maps the source's code files to SHA-256, `inputs` the objects of the
    prepared data, `deploys` the files from which production is deployed; `files` holds every sealed object. `parents` are the earlier
    seals of the execution. `champion` is the seal of the model that production served; None if there was none.
    """

    schema: str = SCHEMA
    pipeline: str
    pipeline_execution_id: str
    action: str
    build: str
    sealed_at: str
    tools_sha256: str
    source: Source
    code: Mapping[str, str]
    inputs: Mapping[str, str]
    model_s3_uri: str
    model_sha256: str
    verdict: str
    attempts: tuple[Attempt, ...]
    deploys: Mapping[str, str]
    approval: Approval | None = None
    champion: Seal | None = None
    parents: tuple[Seal, ...] = ()
    files: tuple[SealedFile, ...] = field(repr=False)

    @property
    def code_sha256(self) -> str:
        return combined_sha256(self.code)

    def to_bytes(self) -> bytes:
        """Canonical JSON: equal manifests have equal bytes."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"

    @classmethod
    def from_bytes(cls, data: bytes) -> "Manifest":
        """Raises UsageError for bytes that are no manifest, or one of another schema."""
        try:
            document = json.loads(data)
            schema = document["schema"]
            manifest: Manifest | None = build(cls, document) if schema == SCHEMA else None
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UsageError(f"The manifest cannot be read: {error}", cure="Was it written by another version of mlkit?") from error
        if manifest is None:
            raise UsageError(f"The manifest is a {schema}, not a {SCHEMA}", cure="Read it with the version of mlkit that wrote it.")
        return manifest


def sha256_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def code_digests(root: Path, folders: Sequence[str] = CODE_FOLDERS, files: Sequence[str] = CODE_FILES) -> dict[str, str]:
    """SHA-256 of each code file by its path below `root`, in the same order on every machine. Files that runs write are left out."""
    found = {}
    for pattern in (*(f"{folder}/**/*" for folder in folders), *files):
        for path in sorted(root.glob(pattern)):
            relative = path.relative_to(root)
            if path.is_file() and not _is_generated(relative):
                found[relative.as_posix()] = sha256_of(path.read_bytes())
    return found


def code_sha256(root: Path) -> str:
    """One digest of all code that runs: library or its wheel, notebooks, modules, buildspecs and templates, by path and content."""
    return combined_sha256(code_digests(root))


def combined_sha256(digests: Mapping[str, str]) -> str:
    """One digest of files' digests by name: of the lines that `sha256sum` prints for them, sorted by name."""
    return sha256_of("".join(f"{digests[name]}  {name}\n" for name in sorted(digests)).encode())


def _is_generated(relative: PurePath) -> bool:
    return bool(_GENERATED.intersection(relative.parts)) or relative.match(CONFIGURATIONS.as_posix())
