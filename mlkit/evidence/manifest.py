"""The seal of a pipeline execution: a manifest of all its files, and the digest of the code that ran.

The manifest's digest covers all that it lists: notebooks, records, model, configuration and code.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path, PurePath
from typing import Any

from mlkit.errors import ApprovalVoid, UsageError
from mlkit.gate.verdicts import Outcome
from mlkit.naming import CONFIGURATIONS

SCHEMA = "mlkit/manifest/1"
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
class Manifest:
    """All files that one SealEvidence action sealed. `configurations` maps file names to SHA-256."""

    schema: str = SCHEMA
    pipeline: str
    pipeline_execution_id: str
    action: str
    sealed_at: str
    code_sha256: str
    model_s3_uri: str
    model_sha256: str
    verdict: str
    configurations: Mapping[str, str]
    files: tuple[SealedFile, ...]

    def to_bytes(self) -> bytes:
        """Canonical JSON: equal manifests have equal bytes."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"

    @classmethod
    def from_bytes(cls, data: bytes) -> "Manifest":
        try:
            document: dict[str, Any] = json.loads(data)
            files = tuple(SealedFile(**item) for item in document.pop("files"))
            manifest = cls(files=files, **document)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UsageError(f"The manifest cannot be read: {error}", cure="Was it written by another version of mlkit?") from error
        if manifest.schema != SCHEMA:
            raise UsageError(
                f"The manifest is a {manifest.schema}, not a {SCHEMA}", cure="Read it with the version of mlkit that wrote it."
            )
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
    return sha256_of("".join(f"{digest}  {name}\n" for name, digest in code_digests(root).items()).encode())


def _is_generated(relative: PurePath) -> bool:
    return bool(_GENERATED.intersection(relative.parts)) or relative.match(CONFIGURATIONS.as_posix())


def check_unchanged(approved: Manifest, now: Mapping[str, str]) -> Sequence[str]:
    """Compare `now` with the approved manifest. Returns the compared names. Raises ApprovalVoid with every name that differs.

    `now` maps "code", "model" and the names of configuration files to SHA-256.
    """
    expected = {"code": approved.code_sha256, "model": approved.model_sha256, **approved.configurations}
    differing = sorted(name for name in expected.keys() | now.keys() if expected.get(name) != now.get(name))
    if differing:
        raise ApprovalVoid(f"Not what was approved: {', '.join(differing)} changed since the evidence was sealed")
    if approved.verdict not in (Outcome.PASS, Outcome.INCONCLUSIVE):
        raise ApprovalVoid(f"The sealed verdict is {approved.verdict}")
    return sorted(expected)
