"""Checks the sealed source archive of one seal against manifest and records, and that executed notebooks are notebooks."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mlkit.errors import EvidenceRefused, SealBroken
from mlkit.evidence.archives import commit_of, unpack
from mlkit.evidence.bundle import Bundle
from mlkit.evidence.foreign_text import shown
from mlkit.evidence.layout import bundled_source
from mlkit.evidence.manifest import sha256_of
from mlkit.evidence.sealed_records import read_records
from mlkit.evidence.seals import SealInBundle
from mlkit.evidence.strict_json import read_json

MOST_ARCHIVE = 256 << 20  # bytes; a larger source or notebook is compared by its digest only
MOST_NOTEBOOK = 64 << 20
_CELLS = ("code", "markdown", "raw")


def check_source(files: Bundle, seal: SealInBundle) -> Iterator[str]:
    """Compare the source with the manifest's code and commit, and with the records' notebooks. Yields a line if it is too large.

    Raises SealBroken with the first file that differs.
    """
    name = bundled_source(seal.manifest.source.archive_sha256)
    if files.size(name) > MOST_ARCHIVE:
        yield f"{shown(name)} is larger than {MOST_ARCHIVE >> 20} MB: it was not unpacked and compared with the manifest's code."
        return
    archive = seal.content(files, name, MOST_ARCHIVE)
    with tempfile.TemporaryDirectory(prefix="mlkit-verify-") as folder:
        try:
            code, commit = unpack(archive, Path(folder)), commit_of(archive)
        except EvidenceRefused as error:
            raise SealBroken(shown(f"{name} cannot be unpacked: {error}")) from error
        _check_code(name, code, seal)
        _check_commit(name, commit, seal)
        _check_notebooks(files, seal, Path(folder))


def _check_code(name: str, code: dict[str, str], seal: SealInBundle) -> None:
    listed = seal.manifest.code
    for path in sorted(code.keys() | listed.keys()):
        if code.get(path) != listed.get(path):
            raise SealBroken(f"{shown(path)} in {shown(name)} is not the code that {seal.name} lists")


def _check_commit(name: str, commit: str, seal: SealInBundle) -> None:
    told = seal.manifest.source.variables.get("CommitId", commit)
    if commit and told != commit:
        raise SealBroken(f"{shown(name)} is of the commit {commit}; the commit of {seal.name} is {shown(told)}")


def _check_notebooks(files: Bundle, seal: SealInBundle, folder: Path) -> None:
    """The notebook of each confirmed record is the source's."""
    for attempt in seal.manifest.attempts:
        for name, record in read_records(files, seal, attempt).items() if attempt.confirmed else ():
            path = folder / record.notebook
            is_inside = "\0" not in record.notebook and path.resolve().is_relative_to(folder.resolve())
            if not is_inside or not path.is_file() or sha256_of(path.read_bytes()) != record.notebook_sha256:
                raise SealBroken(f"{shown(name)} is the record of another {shown(record.notebook)} than the source has")


def check_executed(files: Bundle, seal: SealInBundle) -> Iterator[str]:
    """Check that the executed notebooks are notebooks. Yields a line for one that is too large to be read."""
    for name in sorted(seal.files):
        if not name.endswith(".ipynb"):
            continue
        if files.size(name) > MOST_NOTEBOOK:
            yield f"{shown(name)} is larger than {MOST_NOTEBOOK >> 20} MB: whether it is a notebook was not checked."
        elif not _is_notebook(read_json(seal.content(files, name, MOST_NOTEBOOK), shown(name))):
            raise SealBroken(f"{shown(name)} is not a Jupyter notebook: it needs nbformat 4 and a list of cells")


def _is_notebook(document: Any) -> bool:
    if not isinstance(document, dict) or document.get("nbformat") != 4 or not isinstance(document.get("cells"), list):
        return False
    cells = document["cells"]
    return all(isinstance(cell, dict) and cell.get("cell_type") in _CELLS and isinstance(cell.get("source"), str | list) for cell in cells)
