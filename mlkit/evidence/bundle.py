"""The files of a bundle by their names in it. Sizes and digests come first; content is read when it is asked for, under a limit."""

import hashlib
import os
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from io import BufferedReader
from pathlib import Path

from mlkit.errors import NotFound, SealBroken
from mlkit.evidence.foreign_text import shown
from mlkit.evidence.manifest import sha256_of

MOST_FILES = 100_000
DEEPEST = 8  # folders above a file; the deepest sealed file has three


class Bundle(Mapping[str, bytes]):
    """Files by name. Whoever made them may have made them huge: ask for the size first."""

    @abstractmethod
    def size(self, name: str) -> int:
        """Bytes of the file."""

    @abstractmethod
    def sha256(self, name: str) -> str:
        """The file's digest. A file on the disk is read in blocks."""

    def read(self, name: str, most: int) -> bytes:
        """The content. Raises SealBroken, before anything is read, for a file of more than `most` bytes."""
        if self.size(name) > most:
            raise SealBroken(f"{shown(name)} is too large: {self.size(name):,} bytes; mlkit writes at most {most:,}")
        return self[name]


class BundleInMemory(Bundle):
    """Files that somebody has read already."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = files

    def size(self, name: str) -> int:
        return len(self._files[name])

    def sha256(self, name: str) -> str:
        return sha256_of(self._files[name])

    def __getitem__(self, name: str) -> bytes:
        return self._files[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)


class BundleFolder(Bundle):
    """A folder as a bundle."""

    def __init__(self, folder: Path) -> None:
        """Lists the files.

        Raises NotFound if there is no folder, SealBroken for what sealed evidence never has: a link, which may lead out of the folder, a
        device, an empty folder, folders in folders without end, more files than anybody lists.
        """
        if not folder.is_dir():
            raise NotFound(f"{folder} is not a folder", cure="Name the folder that `mlkit evidence fetch` wrote.")
        self._paths: dict[str, Path] = {}
        self._list(folder)

    def _list(self, folder: Path) -> None:
        """List all files, without a call per folder: folders in folders must not exhaust the stack."""
        waiting = [(folder, "")]
        while waiting:
            path, name = waiting.pop()
            for entry in _entries(path, name):
                inside = f"{name}/{entry.name}".lstrip("/")
                if entry.is_dir(follow_symlinks=False):
                    waiting.append((Path(entry.path), inside))
                elif entry.is_file(follow_symlinks=False):
                    self._paths[inside] = Path(entry.path)
                else:
                    raise SealBroken(f"{shown(inside)} is not a file but a link or a device: sealed evidence has none")
            if len(self._paths) + len(waiting) > MOST_FILES:
                raise SealBroken(f"The folder holds more than {MOST_FILES:,} files: no sealed evidence has so many")
        self._paths = dict(sorted(self._paths.items()))

    def size(self, name: str) -> int:
        return self._paths[name].stat().st_size

    def sha256(self, name: str) -> str:
        with self._opened(name) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def __getitem__(self, name: str) -> bytes:
        with self._opened(name) as file:
            return file.read()

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)

    def __contains__(self, name: object) -> bool:
        return name in self._paths  # Mapping's own would read the file

    def _opened(self, name: str) -> BufferedReader:
        return self._paths[name].open("rb")


def _entries(path: Path, name: str) -> list[os.DirEntry[str]]:
    """What a folder holds, by name. Raises SealBroken for an empty folder, or one that is too deep."""
    if name.count("/") >= DEEPEST:
        raise SealBroken(f"{shown(name)} was added: sealed evidence has no folders so deep")
    with os.scandir(path) as found:
        entries = sorted(found, key=lambda entry: entry.name)
    if name and not entries:
        raise SealBroken(f"{shown(name)} is an empty folder: sealed evidence has none")
    return entries
