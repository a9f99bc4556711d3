"""A cache of S3 objects on disk with a maximum size. It never removes a file that a running query reads."""

import contextlib
import hashlib
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from localaws.kit.files import SUFFIX, made_whole


@dataclass(frozen=True, kw_only=True)
class S3Object:
    bucket: str
    key: str
    etag: str
    size_bytes: int

    @property
    def uri(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


class ObjectCache:
    """`folder` holds a file for each (bucket, key, ETag, size), and for each `form` in which the object's content is kept.

    Above `limit_bytes`, the least recently used files are removed.
    """

    def __init__(self, folder: Path, *, limit_bytes: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self._limit_bytes = folder, limit_bytes
        self._lock, self._in_use = threading.Lock(), Counter[str]()
        for left_over in folder.glob(f"*{SUFFIX}"):
            left_over.unlink(missing_ok=True)

    def _name(self, item: S3Object, form: str) -> str:
        """The file's name. Without a form it keeps the ending .gz, by which `scans` chooses the compression."""
        digest = hashlib.sha256(f"{item.bucket}\0{item.key}\0{item.etag}\0{item.size_bytes}".encode()).hexdigest()[:40]
        return f"{digest}-{form}" if form else digest + (".gz" if item.key.endswith(".gz") else "")

    def has(self, item: S3Object, form: str = "") -> bool:
        return (self.folder / self._name(item, form)).exists()

    @contextlib.contextmanager
    def held(self) -> Iterator[Callable[[S3Object, str], None]]:
        """Yields a function that protects an object's file from removal until the block ends."""
        names: list[str] = []

        def hold(item: S3Object, form: str) -> None:
            with self._lock:
                self._in_use[self._name(item, form)] += 1
            names.append(self._name(item, form))

        try:
            yield hold
        finally:
            with self._lock:
                self._in_use.subtract(names)
                self._in_use += Counter()  # drops the counts that are zero

    def path(self, item: S3Object, form: str = "") -> Path:
        """The object's file. Its modification time is set to now, which marks it as used."""
        path = self.folder / self._name(item, form)
        with contextlib.suppress(FileNotFoundError):
            os.utime(path)
        return path

    def add(self, item: S3Object, write: Callable[[Path], None], form: str = "") -> None:
        """Let `write` create the file, move it into the cache atomically, and remove old files."""
        with made_whole(self.folder / self._name(item, form)) as incoming:
            write(incoming)
        self._make_room()

    def _make_room(self) -> None:
        with self._lock:
            files = [(path.stat(), path) for path in self.folder.iterdir() if path.suffix != SUFFIX]
            files.sort(key=lambda one: one[0].st_mtime)
            excess = sum(stat.st_size for stat, _ in files) - self._limit_bytes
            for stat, path in files:
                if excess <= 0:
                    return
                if not self._in_use[path.name]:
                    path.unlink(missing_ok=True)
                    excess -= stat.st_size
