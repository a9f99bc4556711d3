"""The files of a bundle on the local disk, by their names in it."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from mlkit.errors import NotFound, SealBroken
from mlkit.evidence.foreign_text import one_line

Bundle = Mapping[str, bytes]


class BundleFolder(Bundle):
    """A folder as a bundle. A file is read when it is asked for."""

    def __init__(self, folder: Path) -> None:
        """Lists the files. Raises NotFound if there is no folder, SealBroken for a link, which may lead out of it."""
        if not folder.is_dir():
            raise NotFound(f"{folder} is not a folder", cure="Name the folder that `mlkit evidence fetch` wrote.")
        self._paths: dict[str, Path] = {}
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder).as_posix()
            if path.is_symlink() or not (path.is_dir() or path.is_file()):
                raise SealBroken(f"{one_line(name)} is not a file but a link or a device: sealed evidence has none")
            if path.is_file():
                self._paths[name] = path

    def __getitem__(self, name: str) -> bytes:
        return self._paths[name].read_bytes()

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)

    def __contains__(self, name: object) -> bool:
        return name in self._paths  # Mapping's own would read the file
