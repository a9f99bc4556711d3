"""The file of ratings that somebody means: itself, or the only one in a folder or zip."""

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any

from mlkit.errors import InvalidData, NotFound


@contextmanager
def opened(source: Path) -> Iterator[tuple[IO[bytes], str]]:
    """The one ratings file that `source` is or holds, with the name by which to speak of it."""
    if source.is_dir():
        found = [path for path in sorted(source.rglob("*")) if path.is_file() and is_ratings(path.name)]
        path = _only(found, str(source))
        with path.open("rb") as stream:
            yield stream, str(path)
    elif not source.exists():
        raise NotFound(
            f"There is no file or folder {source}.", cure="Give one that is there, or a name that `mlkit data load --help` lists."
        )
    elif zipfile.is_zipfile(source):
        with zipfile.ZipFile(source) as archive:
            name = _only([name for name in sorted(archive.namelist()) if is_ratings(PurePosixPath(name).name)], str(source))
            with archive.open(name) as stream:
                yield stream, f"{source}/{name}"
    else:
        if source.suffix == ".zip":
            raise InvalidData(
                f"{source} is no zip, or not a whole one.", cure="Fetch it again, or name a file or folder that holds the ratings."
            )
        with source.open("rb") as stream:
            yield stream, str(source)


def is_ratings(name: str) -> bool:
    """Whether a file of this name in a folder or zip is taken for the ratings."""
    return name in ("u.data", "ratings.csv", "ratings.dat", "ratings.tsv") or name.endswith(".inter")


def _only(found: list[Any], where: str) -> Any:
    if len(found) != 1:
        names = f": {', '.join(map(str, found))}" if found else ""
        cure = "It holds one of u.data, ratings.csv, ratings.dat, ratings.tsv or *.inter; otherwise name the file itself."
        raise InvalidData(f"{where} holds {len(found) or 'no'} ratings file{'s' if found else ''}{names}.", cure=cure)
    return found[0]
