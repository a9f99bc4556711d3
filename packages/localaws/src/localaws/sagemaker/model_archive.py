"""Writes model.tar.gz reproducibly, and reads it without trusting its paths."""

import gzip
import shutil
import tarfile
from pathlib import Path, PurePosixPath

from localaws.kit.archives import Allowance

_MOST_HEADER_BYTES = 1 << 20
_LONG_HEADERS = (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)


def pack(folder: Path, target: Path) -> None:
    """Pack the regular files of `folder` as a gzipped tar. Equal files give equal bytes, because times and owners are left out."""
    with (
        target.open("wb") as raw,
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0, compresslevel=6) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.is_symlink():
                _add(tar, path, path.relative_to(folder).as_posix())


def _add(tar: tarfile.TarFile, path: Path, name: str) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = path.stat().st_size, 0o755 if path.stat().st_mode & 0o100 else 0o644
    with path.open("rb") as file:
        tar.addfile(entry, file)


class _BoundedInfo(tarfile.TarInfo):
    """An entry's header. tarfile reads headers of names and attributes into memory, whatever size they name."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> "_BoundedInfo":
        header = super().frombuf(buf, encoding, errors)
        if header.type in _LONG_HEADERS and header.size > _MOST_HEADER_BYTES:
            raise ValueError("the archive has an entry with a name or attributes of more than 1 MB")
        return header


def unpack(archive: Path, folder: Path) -> None:
    """Unpack the gzipped archive below `folder`.

    Raises ValueError for an archive that is too large, and for an entry that is not a plain file or folder inside of the folder.
    """
    allowance = Allowance(folder)
    try:
        with tarfile.open(archive, mode="r:gz", tarinfo=_BoundedInfo) as tar:
            for entry in tar:
                allowance.take(entry.size)
                _extract(tar, entry, folder)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise ValueError(f"not a readable tar archive: {error}") from error


def _extract(tar: tarfile.TarFile, entry: tarfile.TarInfo, folder: Path) -> None:
    name = PurePosixPath(entry.name)
    if name.is_absolute() or ".." in name.parts:
        raise ValueError(f"the archive's entry {entry.name!r} points outside of its folder")
    target = folder.joinpath(*name.parts)
    if entry.isdir():
        target.mkdir(parents=True, exist_ok=True)
        return
    content = tar.extractfile(entry) if entry.isreg() else None
    if content is None:
        raise ValueError(f"the archive's entry {entry.name!r} is neither a file nor a folder")
    target.parent.mkdir(parents=True, exist_ok=True)
    with content, target.open("wb") as file:
        shutil.copyfileobj(content, file, 1 << 20)
