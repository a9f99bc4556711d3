"""Zip archives of CodePipeline, read in memory: a source archive's code, and an artifact's files."""

import io
import tempfile
import zipfile
from collections import Counter
from pathlib import Path

from mlkit.errors import EvidenceRefused
from mlkit.evidence.manifest import code_digests

MOST_BYTES = 1 << 30  # unpacked; a build has some gigabytes of memory


def members(archive: bytes) -> dict[str, bytes]:
    """The archive's files by name. Raises EvidenceRefused for a broken or too large archive, or two files of one name."""
    with _opened(archive) as opened:
        return {info.filename.removeprefix("./"): opened.read(info) for info in opened.infolist() if not info.is_dir()}


def code_of(archive: bytes) -> dict[str, str]:
    """SHA-256 of each code file in a source archive, by path: what `code_digests` says of the unpacked archive."""
    with tempfile.TemporaryDirectory(prefix="mlkit-source-") as folder, _opened(archive) as opened:
        opened.extractall(folder)
        return code_digests(Path(folder))


def _opened(archive: bytes) -> zipfile.ZipFile:
    try:
        opened = zipfile.ZipFile(io.BytesIO(archive))
        broken = opened.testzip() if sum(info.file_size for info in opened.infolist()) <= MOST_BYTES else "it"
    except (zipfile.BadZipFile, NotImplementedError, EOFError) as error:
        raise EvidenceRefused(f"An artifact is no zip archive: {error}") from error
    if broken:
        raise EvidenceRefused(f"An artifact cannot be unpacked: {broken} is damaged or larger than {MOST_BYTES >> 30} GB")
    name, count = Counter(opened.namelist()).most_common(1)[0] if opened.namelist() else ("", 1)
    if count > 1:
        raise EvidenceRefused(f"An artifact holds {name} twice")
    return opened
