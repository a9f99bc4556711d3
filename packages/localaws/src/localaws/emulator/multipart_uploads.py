"""Keeps the parts of multipart uploads on disk and joins them there. MiniStack would hold the parts and the whole object in memory."""

import contextvars
import hashlib
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_Parts = Mapping[int, MutableMapping[str, Any]]
_COMPLETED: contextvars.ContextVar[_Parts | None] = contextvars.ContextVar("completed", default=None)  # parts of the upload being completed


class StoredPart(bytes):
    """A part whose content is in a file; in memory it is empty. MiniStack asks a part for its length and its MD5 only."""

    path: Path
    size: int
    md5: bytes

    @classmethod
    def of(cls, body: bytes, folder: Path) -> "StoredPart":
        part = cls()
        part.path, part.size, part.md5 = folder / uuid.uuid4().hex, len(body), hashlib.md5(body).digest()
        with open(os.open(part.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(body)
        return part

    def __len__(self) -> int:
        return self.size

    def __bool__(self) -> bool:
        return True

    def digest(self) -> bytes:
        return self.md5


class _Digests:
    """The module hashlib for MiniStack's S3, which knows the MD5 of a part that is on disk."""

    def __getattr__(self, name: str) -> Any:
        return getattr(hashlib, name)

    def md5(self, content: bytes = b"") -> Any:
        return content if isinstance(content, StoredPart) else hashlib.md5(content)


def keep_parts_on_disk(folder: Path) -> None:
    """Keep parts in this folder. Parts of an earlier process are deleted: MiniStack forgets uploads when it ends."""
    from ministack.services import s3

    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, mode=0o700)
    s3.hashlib = _Digests()
    _store_parts(s3, folder)
    _join_parts(s3)


def _store_parts(s3: Any, folder: Path) -> None:
    """Move the body of each part that arrives to a file, and delete the files of an upload that ends."""
    upload_part, copy_part, abort, complete = (
        s3._upload_part, s3._upload_part_copy, s3._abort_multipart_upload, s3._complete_multipart_upload
    )  # fmt: skip

    def upload_of(query: Mapping[str, Any]) -> tuple[str, dict[int, Any]]:
        name = s3._qp(query, "uploadId")
        upload = s3._multipart_uploads.get(name)
        return name, dict(upload["parts"]) if upload else {}

    def stored(original: Any, query: Mapping[str, Any], *arguments: Any) -> Any:
        _, before = upload_of(query)
        answer = original(*arguments)
        for number, part in upload_of(query)[1].items():
            if not isinstance(part["body"], StoredPart):
                part["body"] = StoredPart.of(part["body"], folder)
                _delete({number: before[number]} if number in before else {})
        return answer

    def ended(original: Any, query: Mapping[str, Any], *arguments: Any) -> Any:
        name, parts = upload_of(query)
        with _completing(parts):
            answer = original(*arguments)
        if parts and name not in s3._multipart_uploads:
            _delete(parts)
        return answer

    s3._upload_part = lambda bucket, key, body, query, headers: stored(upload_part, query, bucket, key, body, query, headers)
    s3._upload_part_copy = lambda bucket, key, query, headers: stored(copy_part, query, bucket, key, query, headers)
    s3._abort_multipart_upload = lambda bucket, key, query: ended(abort, query, bucket, key, query)
    s3._complete_multipart_upload = lambda bucket, key, body, query, headers=None: ended(complete, query, bucket, key, body, query, headers)


def _join_parts(s3: Any) -> None:
    """Let a completed upload have the size of its parts, and their content in its file."""
    record, persist = s3._record_object_version, s3._persist_object

    def recorded(bucket: str, key: str, prior: Any, new: MutableMapping[str, Any], data: Any) -> Any:
        if _COMPLETED.get() is not None:
            new["size"] = sum(part["Size"] for part in new["parts"])
        return record(bucket, key, prior, new, data)

    def persisted(bucket: str, key: str, new: Any) -> None:
        if (parts := _COMPLETED.get()) is not None:
            path = Path(s3._object_disk_path(bucket, key))
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            _join([parts[part["PartNumber"]]["body"].path for part in new["parts"]], path)
            new["body"] = None  # MiniStack then reads the file
        persist(bucket, key, new)

    s3._record_object_version, s3._persist_object = recorded, persisted


def _join(files: list[Path], target: Path) -> None:
    """Append the files to the first one, which becomes the target."""
    first, *others = files
    with first.open("ab") as joined:
        for file in others:
            with file.open("rb") as part:
                shutil.copyfileobj(part, joined, 1 << 20)
            file.unlink()
    first.replace(target)


def _delete(parts: _Parts) -> None:
    for part in parts.values():
        part["body"].path.unlink(missing_ok=True)


@contextmanager
def _completing(parts: _Parts) -> Iterator[None]:
    token = _COMPLETED.set(parts)
    try:
        yield
    finally:
        _COMPLETED.reset(token)
