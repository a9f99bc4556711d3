"""Finds the file of rows: the file itself, or the only one in a folder, zip or compressed file."""

import bz2
import fnmatch
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast

from mlkit.errors import InvalidData, NotFound

_ROWS = (".csv", ".tsv", ".dat", ".data", ".inter", ".parquet")
_COMPRESSED = (".gz", ".bz2", ".xz", ".zst")
_DAMAGED = (EOFError, gzip.BadGzipFile, zlib.error, lzma.LZMAError, zipfile.BadZipFile)


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Chooses a file in a folder or zip: the one that matches one of the `patterns`; without patterns, the only file of rows.

    `noun` names the wanted file in errors.
    """

    noun: str
    patterns: tuple[str, ...] = ()

    def choose(self, names: list[str], where: str, *, zips: bool = False) -> str:
        """The name of the one matching file. Raises InvalidData with the candidates if there is not exactly one."""
        plain = {name: _without_compression(name) for name in names if not _is_hidden(name)}
        named = [name for name, base in plain.items() if any(fnmatch.fnmatch(base, pattern) for pattern in self.patterns)]
        suffixes = (*_ROWS, ".zip") if zips else _ROWS
        found = named or [name for name, base in plain.items() if base.endswith(suffixes)]
        if len(found) == 1:
            return found[0]
        told = f": {', '.join(sorted(found)[:5])}" if found else ""
        raise InvalidData(f"{where} holds {len(found) or 'no'} {self.noun} file{'s' if found else ''}{told}.", cure=self.cure)

    @property
    def cure(self) -> str:
        """The next step: what a folder or zip must hold."""
        names = f"one of {', '.join(self.patterns)}, or else " if self.patterns else ""
        return f"It must hold {names}one file of rows ({', '.join(_ROWS)}; compressed or not); otherwise name the file itself."


def _without_compression(name: str) -> str:
    base = PurePosixPath(name).name.lower()
    return next((base.removesuffix(suffix) for suffix in _COMPRESSED if base.endswith(suffix)), base)


def _is_hidden(name: str) -> bool:
    return any(part.startswith((".", "__MACOSX")) for part in PurePosixPath(name).parts)


@contextmanager
def opened(source: Path, wanted: Wanted) -> Iterator[tuple[IO[bytes], str]]:
    """The bytes of the one file that `source` is or holds, decompressed, with its name for messages.

    Raises NotFound; InvalidData for a folder or zip that does not hold exactly one, and for a damaged archive.
    """
    if source.is_dir():
        files = [path.relative_to(source).as_posix() for path in sorted(source.rglob("*")) if path.is_file()]
        with opened(source / wanted.choose(files, str(source), zips=True), wanted) as found:
            yield found
        return
    if not source.exists():
        raise NotFound(f"There is no file or folder {source}.", cure=f"Give an existing file, folder or zip of {wanted.noun}.")
    try:
        with source.open("rb") as file:
            if zipfile.is_zipfile(file):
                with _in_zip(file, source, wanted) as found:
                    yield found
                return
            if source.suffix.lower() == ".zip":
                raise zipfile.BadZipFile("not a zip file, or an incomplete one")
            file.seek(0)
            yield _decompressed(file), str(source)
    except _DAMAGED as problem:
        raise InvalidData(f"{source} is damaged: {problem}.", cure="Download it again, or name another file.") from problem


@contextmanager
def _in_zip(file: IO[bytes], source: Path, wanted: Wanted) -> Iterator[tuple[IO[bytes], str]]:
    with zipfile.ZipFile(file) as archive:
        members = [item.filename for item in archive.infolist() if not item.is_dir()]
        name = wanted.choose(members, str(source))
        if archive.getinfo(name).flag_bits & 1:
            raise InvalidData(f"{source}/{name} is encrypted.", cure="Unpack it with its password, and name the file.")
        with archive.open(name) as stream:
            yield _decompressed(stream), f"{source}/{name}"


def _zstd(stream: IO[bytes]) -> IO[bytes]:
    import pyarrow as pa

    return cast("IO[bytes]", io.BufferedReader(pa.CompressedInputStream(pa.PythonFile(stream, mode="r"), "zstd")))


_BY_FIRST_BYTES: dict[bytes, Callable[[Any], Any]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ": lzma.open,
    b"\x28\xb5\x2f\xfd": _zstd,
}


def _decompressed(stream: Any) -> IO[bytes]:
    """The stream, decompressed by its content, not by the file's name."""
    start = stream.peek(8)
    opener = next((opener for magic, opener in _BY_FIRST_BYTES.items() if start.startswith(magic)), None)
    return cast("IO[bytes]", opener(stream) if opener else stream)
