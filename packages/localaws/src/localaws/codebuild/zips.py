"""Packs and unpacks zip archives of sources, artifacts and caches. File modes and links are kept; no entry can leave the target folder."""

import hashlib
import os
import stat
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from localaws.kit.archives import Allowance

_ENCRYPTED = 1  # a bit of an entry's flags


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A file and its name in the archive."""

    path: Path
    name: str


def pack(entries: Iterable[Entry], archive: Path, *, keep_symlinks: bool = False, compress: bool = True) -> None:
    """Write the archive. With `keep_symlinks` a link stays a link. Otherwise it is stored as its target; links to folders are left out."""
    method = zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED
    with zipfile.ZipFile(archive, "w", method, compresslevel=1 if compress else None, strict_timestamps=False) as file:
        for entry in entries:
            if entry.path.is_symlink() and keep_symlinks:
                info = zipfile.ZipInfo(entry.name)
                info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
                file.writestr(info, os.readlink(entry.path))
            elif entry.path.is_file():
                file.write(entry.path, entry.name)


def unpack(archive: Path, target: Path) -> None:
    """Unpack the archive. Raises ValueError for one that is too large or no zip archive, or has an entry that leaves the target folder."""
    root = target.resolve()
    try:
        with zipfile.ZipFile(archive) as file:
            _check_size(file, target)
            for info in file.infolist():
                place = target / info.filename
                if not place.resolve().is_relative_to(root):
                    raise ValueError(f"the archive's entry {info.filename!r} would be outside of the target folder")
                _extract(file, info, place, root)
    except zipfile.BadZipFile as error:
        raise ValueError(f"not a zip archive: {error}") from error


def _check_size(file: zipfile.ZipFile, target: Path) -> None:
    """Check before the first entry is written. zipfile reads no more of an entry than the size that the archive names."""
    allowance = Allowance(target)
    for info in file.infolist():
        allowance.take(info.file_size)
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or info.flag_bits & _ENCRYPTED:
            raise ValueError(f"the archive's entry {info.filename!r} is encrypted, or compressed by another method than deflate")


def _extract(file: zipfile.ZipFile, info: zipfile.ZipInfo, place: Path, root: Path) -> None:
    mode = info.external_attr >> 16 if info.create_system == 3 else 0
    if info.is_dir():
        place.mkdir(parents=True, exist_ok=True)
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    if stat.S_ISLNK(mode):
        destination = file.read(info).decode()
        if not (place.parent / destination).resolve().is_relative_to(root):
            raise ValueError(f"the archive's link {info.filename!r} would point outside of the target folder")
        place.symlink_to(destination)
        return
    with file.open(info) as source, place.open("wb") as copy:
        while block := source.read(1 << 20):
            copy.write(block)
    if mode & 0o777:
        place.chmod(mode & 0o777 | stat.S_IRUSR | stat.S_IWUSR)


def digests(path: Path) -> dict[str, str]:
    """The digests of an artifact in the build's description."""
    sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            sha256.update(block)
            md5.update(block)
    return {"sha256sum": sha256.hexdigest(), "md5sum": md5.hexdigest()}
