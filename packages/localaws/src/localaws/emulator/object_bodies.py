"""Keeps the content of objects in files. MiniStack reads an object whole into memory for each caller, and holds each version of it."""

import contextvars
import os
import shutil
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from localaws.kit.files import made_whole

_PIECE_BYTES = 1 << 18
_LARGE_BYTES = 1 << 20
_READS_AN_OBJECT: contextvars.ContextVar[bool] = contextvars.ContextVar("reads_an_object", default=False)


class StoredBody:
    """A part of a file. It stays readable when the object is replaced or deleted meanwhile."""

    def __init__(self, descriptor: int, start: int, stop: int, path: str = "") -> None:
        """`path` is the file's while nobody replaced it."""
        self._descriptor, self._start, self._stop, self.path = descriptor, start, stop, path

    def __len__(self) -> int:
        return self._stop - self._start

    def __getitem__(self, part: slice) -> "StoredBody":
        start, stop, _ = part.indices(len(self))
        return StoredBody(os.dup(self._descriptor), self._start + start, self._start + max(start, stop))

    def __del__(self) -> None:
        os.close(self._descriptor)

    def link(self, path: str) -> None:
        """Give the file this path as well. MiniStack replaces files and never changes them, so both keep the content."""
        with made_whole(Path(path)) as incoming:
            try:
                os.link(self.path, incoming)
            except OSError:  # a file system without links
                shutil.copyfile(self.path, incoming)

    async def send(self, send: Callable[[MutableMapping[str, Any]], Awaitable[None]], _receive: Any) -> None:
        """Send the body. The server waits in `send` while the caller does not read."""
        at = self._start
        while at < self._stop:
            piece = os.pread(self._descriptor, min(_PIECE_BYTES, self._stop - at), at)
            if not piece:
                return  # the file was cut; the caller sees that the answer is too short
            at += len(piece)
            await send({"type": "http.response.body", "body": piece, "more_body": at < self._stop})


def send_from_files() -> None:
    """Let MiniStack read a large object that is on disk as a StoredBody, to send it or to keep it as an older version."""
    from ministack.core.responses import StreamingResponse
    from ministack.services import s3

    get_object, read_body, version_body = s3._get_object, s3._read_body, s3._version_body

    def get(*arguments: Any, **named: Any) -> Any:
        with _reading():
            status, headers, body = get_object(*arguments, **named)
        if isinstance(body, StoredBody):
            headers.setdefault("Content-Length", str(len(body)))
            body = StreamingResponse(body.send)
        return status, headers, body

    def read(bucket_name: str, key: str, obj: MutableMapping[str, Any]) -> Any:
        stored = _stored(s3._object_disk_path(bucket_name, key)) if obj.get("body") is None else None
        return read_body(bucket_name, key, obj) if stored is None else stored

    def version(bucket: Any, bucket_name: str, key: str, found: MutableMapping[str, Any]) -> Any:
        stored = _stored(s3._version_disk_path(bucket_name, key, found["version_id"])) if found.get("data") is None else None
        return version_body(bucket, bucket_name, key, found) if stored is None else stored

    s3._get_object, s3._read_body, s3._version_body = get, read, version


def keep_versions_in_files() -> None:
    """Let no version of an object stay in memory: its content is the object's file, or the version's own once it was replaced."""
    from ministack.services import s3

    entry, record, mark, write = s3._version_entry_from_record, s3._record_object_version, s3._record_delete_marker, s3._atomic_write

    def recorded(*arguments: Any) -> Any:
        with _reading():
            return record(*arguments)

    def marked(*arguments: Any) -> Any:
        with _reading():
            return mark(*arguments)

    def written(path: str, content: Any, *, text: bool = False) -> None:
        if isinstance(content, StoredBody):
            content.link(path)
        else:
            write(path, content, text=text)

    s3._version_entry_from_record = lambda new, version_id, _: entry(new, version_id, None)
    s3._record_object_version, s3._record_delete_marker, s3._atomic_write = recorded, marked, written


@contextmanager
def _reading() -> Iterator[None]:
    token = _READS_AN_OBJECT.set(True)
    try:
        yield
    finally:
        _READS_AN_OBJECT.reset(token)


def _stored(path: str | None) -> StoredBody | None:
    """The file's body, if an object is being read and the file is large."""
    if path is None or not _READS_AN_OBJECT.get() or not Path(path).is_file() or Path(path).stat().st_size <= _LARGE_BYTES:
        return None
    descriptor = os.open(path, os.O_RDONLY)
    return StoredBody(descriptor, 0, os.fstat(descriptor).st_size, path)
