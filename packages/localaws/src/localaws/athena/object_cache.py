"""Copies of S3 objects on disk, one per content, bounded in size. Files that a running query reads are never removed."""

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
    """`folder` holds one file per (bucket, key, ETag, size); the least recently used go when `limit_bytes` is passed."""

    def __init__(self, folder: Path, *, limit_bytes: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self._limit_bytes = folder, limit_bytes
        self._lock, self._in_use = threading.Lock(), Counter[str]()
        for left_over in folder.glob(f"*{SUFFIX}"):
            left_over.unlink(missing_ok=True)

    def _name(self, item: S3Object) -> str:
        """Keeps the key's ending: DuckDB and readers of the folder see what kind of file it is."""
        digest = hashlib.sha256(f"{item.bucket}\0{item.key}\0{item.etag}\0{item.size_bytes}".encode()).hexdigest()[:40]
        return digest + (".gz" if item.key.endswith(".gz") else "")

    def has(self, item: S3Object) -> bool:
        return (self.folder / self._name(item)).exists()

    @contextlib.contextmanager
    def held(self) -> Iterator[Callable[[S3Object], None]]:
        """Gives a function that keeps an object's file from removal until the block ends."""
        names: list[str] = []

        def hold(item: S3Object) -> None:
            with self._lock:
                self._in_use[self._name(item)] += 1
            names.append(self._name(item))

        try:
            yield hold
        finally:
            with self._lock:
                self._in_use.subtract(names)
                self._in_use += Counter()  # forget zeros

    def path(self, item: S3Object) -> Path:
        """The object's file, marked as used now."""
        path = self.folder / self._name(item)
        with contextlib.suppress(FileNotFoundError):
            os.utime(path)
        return path

    def add(self, item: S3Object, write: Callable[[Path], None]) -> None:
        """Let `write` make the file, then put it in its place at once, and make room."""
        with made_whole(self.folder / self._name(item)) as incoming:
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
