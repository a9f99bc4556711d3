"""A bundle of evidence in a folder, as `mlkit evidence fetch` writes it, for the review page and for comparisons."""

from dataclasses import dataclass
from pathlib import Path

from mlkit.errors import NotFound
from mlkit.evidence.layout import MANIFEST, PAGE, is_bundled_model
from mlkit.evidence.manifest import Approval, Manifest, sha256_of
from mlkit.review import Evidence


@dataclass(frozen=True, kw_only=True)
class BundleInFolder:
    """`evidence` belongs to the first seal, which holds the notebooks' results; `approval` is the newest seal's.

    `page` is the page of the newest seal that has one; it may not exist.
    """

    evidence: Evidence
    approval: Approval | None
    page: Path


def read_bundle(folder: Path) -> BundleInFolder:
    """Read the bundle without its models. Raises NotFound if the folder holds no manifest, UsageError for one of another version."""
    paths = sorted({*folder.glob(MANIFEST), *folder.glob(f"*/*/{MANIFEST}")})
    if not paths:
        raise NotFound(f"{folder} holds no {MANIFEST}", cure="Fetch a bundle with `mlkit evidence fetch MANIFEST --to FOLDER`.")
    seals = sorted(((Manifest.from_bytes(path.read_bytes()), path) for path in paths), key=lambda seal: seal[0].sealed_at)
    first, path = seals[0]
    evidence = Evidence(manifest=first, sha256=sha256_of(path.read_bytes()), files=_files(folder))
    pages = [one.with_name(PAGE) for _, one in reversed(seals)]
    page = next((one for one in pages if one.is_file() and not one.is_symlink()), pages[0])
    return BundleInFolder(evidence=evidence, approval=seals[-1][0].approval, page=page)


def _files(folder: Path) -> dict[str, bytes]:
    """The files by path, without links, which may lead out of the folder, and without models."""
    found = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink()}
    return {name: path.read_bytes() for name, path in found.items() if not is_bundled_model(name)}
