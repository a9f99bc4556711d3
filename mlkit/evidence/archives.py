"""Zip archives of CodePipeline, read in memory: a source archive's code, and an artifact's files."""

import io
import lzma
import re
import struct
import tempfile
import zipfile
import zlib
from collections import Counter
from pathlib import Path

from mlkit.errors import EvidenceRefused
from mlkit.evidence.foreign_text import one_line
from mlkit.evidence.manifest import code_digests

MOST_BYTES = 1 << 30  # unpacked; a build has some gigabytes of memory
MOST_ENTRIES = 100_000  # zipfile lists all of them in memory before it tells their number
_ENTRY = b"PK\1\2"  # begins each entry of an archive's list
_COMMIT = re.compile(rb"[0-9a-f]{40}")
# What zipfile and its decompressors raise for damaged, encrypted and unknown content.
_UNREADABLE = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, RuntimeError, ValueError, EOFError, OSError, struct.error)


def members(archive: bytes) -> dict[str, bytes]:
    """The archive's files by name. Raises EvidenceRefused for a broken or too large archive, two files of one name, or a path out of it."""
    with _opened(archive) as opened:
        return {_name(info): opened.read(info) for info in opened.infolist() if not info.is_dir()}


def unpack(archive: bytes, folder: Path) -> dict[str, str]:
    """Write a source archive's files into the folder. Returns what `code_digests` says of it."""
    with _opened(archive) as opened:
        opened.extractall(folder)
    return code_digests(folder)


def code_of(archive: bytes) -> dict[str, str]:
    """SHA-256 of each code file in a source archive, by path: what `code_digests` says of the unpacked archive."""
    with tempfile.TemporaryDirectory() as folder:
        return unpack(archive, Path(folder))


def commit_of(archive: bytes) -> str:
    """The commit that `git archive` and GitHub write as an archive's comment; empty if the comment is none."""
    with _opened(archive) as opened:
        return opened.comment.decode() if _COMMIT.fullmatch(opened.comment) else ""


def _opened(archive: bytes) -> zipfile.ZipFile:
    if archive.count(_ENTRY) > MOST_ENTRIES:
        raise EvidenceRefused(f"An artifact holds more than {MOST_ENTRIES:,} files")
    try:
        opened = zipfile.ZipFile(io.BytesIO(archive))
        if sum(info.file_size for info in opened.infolist()) > MOST_BYTES:
            raise EvidenceRefused(f"An artifact is larger than {MOST_BYTES >> 20} MB")
        broken = opened.testzip()
    except _UNREADABLE as error:
        raise EvidenceRefused(f"An artifact is no zip archive: {error}") from error
    if broken is not None:
        raise EvidenceRefused(f"An artifact cannot be unpacked: {one_line(broken)} is damaged")
    places = Counter(_name(info).replace("\\", "/").removesuffix("/") for info in opened.infolist())
    for place, count in places.items():
        if count > 1:
            raise EvidenceRefused(f"An artifact holds {one_line(place)} twice")
    return opened


def _name(info: zipfile.ZipInfo) -> str:
    """The path in the archive. Raises EvidenceRefused for one that two programs may unpack to different places."""
    name = info.filename.removeprefix("./")
    if {"", ".", ".."} & set(name.removesuffix("/").replace("\\", "/").split("/")):
        raise EvidenceRefused(f"An artifact holds the strange path {one_line(info.filename)}")
    return name
