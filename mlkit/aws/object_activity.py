"""Turns calls to S3 into events about objects, and computes the SHA-256 of bodies while they are read or sent."""

import base64
import hashlib
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote

from wrapt import ObjectProxy

Members = Mapping[str, Any]
Object = dict[str, Any]  # the members of an ObjectRecord

_PIECE = 1 << 20


def objects(operation: str, params: Members, answer: Members) -> list[Object]:
    """The objects that the call read, wrote or deleted; none for an operation on anything else."""
    match operation:
        case "GetObject" | "HeadObject":
            return [_object("read", params, answer, size_bytes=_whole_size(answer))]
        case "PutObject":
            sha256 = _whole_sha256(answer) or params.get("sha256")
            return [_object("written", params, answer) | {"sha256": sha256, "size_bytes": params.get("size_bytes")}]
        case "CompleteMultipartUpload":
            return [_object("written", params, answer)]
        case "CopyObject":
            written = _object("written", params, {**answer.get("CopyObjectResult", {}), "VersionId": answer.get("VersionId")})
            return [_copied_from(params, answer), written]
        case "UploadPartCopy":
            return [_copied_from(params, answer)]
        case "DeleteObject":
            return [_object("deleted", params, answer)]
        case "DeleteObjects":
            return _deleted(params, answer)
    return []


def digest_body(body: Any, params: Members) -> tuple[str | None, int | None]:
    """SHA-256 and size of the body of a PutObject. None for a digest that S3 itself returns, or a body of unknown type.

    A stream is read from its position and reset to it.
    """
    is_told = params.get("ChecksumAlgorithm") == "SHA256" or "ChecksumSHA256" in params
    if isinstance(body, str):
        body = body.encode()
    if isinstance(body, bytes | bytearray | memoryview):
        return None if is_told else hashlib.sha256(body).hexdigest(), memoryview(body).nbytes
    if not all(hasattr(body, name) for name in ("read", "seek", "tell")):
        return None, None
    start = body.tell()
    try:
        if is_told:
            body.seek(0, 2)
            return None, body.tell() - start
        digest, size = hashlib.sha256(), 0
        while piece := body.read(_PIECE):
            digest.update(piece)
            size += len(piece)
        return digest.hexdigest(), size
    finally:
        body.seek(start)


def digest_while_read(answer: Members, tell: Callable[..., None]) -> None:
    """Call `tell(sha256=...)` once the whole body of a GetObject has been read."""
    from botocore.response import StreamingBody  # already imported: this is an answer of botocore

    body, size = answer["Body"], answer["ContentLength"]
    if size == 0:
        tell(sha256=hashlib.sha256().hexdigest())
    elif isinstance(body, StreamingBody):
        # StreamingBody has no public attribute for this, and callers may test its class. A contract test checks it.
        body._raw_stream = _DigestedStream(body._raw_stream, size, tell)  # type: ignore[attr-defined]


class _DigestedStream(ObjectProxy[Any]):
    """The raw stream of a body. All bytes pass through it, however the body is read."""

    def __init__(self, stream: Any, size: int, tell: Callable[..., None]) -> None:
        super().__init__(stream)
        self._self_left, self._self_tell, self._self_digest = size, tell, hashlib.sha256()

    def read(self, *args: Any, **more: Any) -> Any:
        data = self.__wrapped__.read(*args, **more)
        self._self_take(data)
        return data

    def readinto(self, buffer: Any) -> Any:
        count = self.__wrapped__.readinto(buffer)
        self._self_take(memoryview(buffer)[:count])
        return count

    def _self_take(self, data: Any) -> None:
        if len(data):
            self._self_digest.update(data)
            self._self_left -= len(data)
            if self._self_left == 0:
                self._self_tell(sha256=self._self_digest.hexdigest())


def _object(action: str, params: Members, answer: Members, **more: Any) -> Object:
    return {
        "action": action,
        "s3_uri": f"s3://{params['Bucket']}/{params['Key']}",
        "version_id": answer.get("VersionId"),
        "etag": answer.get("ETag", "").strip('"') or None,
        "sha256": _whole_sha256(answer),
        **more,
    }


def _whole_sha256(answer: Members) -> str | None:
    """S3's own digest in hexadecimal; None if it is of a part or a composite of parts."""
    checksum = answer.get("ChecksumSHA256")
    if not checksum or "-" in checksum or answer.get("ChecksumType") == "COMPOSITE" or "ContentRange" in answer:
        return None
    return base64.b64decode(checksum).hex()


def _whole_size(answer: Members) -> int | None:
    if "ContentRange" in answer:  # bytes 0-9/1234
        size = answer["ContentRange"].rpartition("/")[2]
        return int(size) if size.isdigit() else None
    return answer.get("ContentLength")


def _copied_from(params: Members, answer: Members) -> Object:
    source = params["CopySource"]
    if isinstance(source, str):
        path = unquote(source.partition("?versionId=")[0]).lstrip("/")
        bucket, _, key = path.partition("/")
        source = {"Bucket": bucket, "Key": key}
    return _object("read", source, {"VersionId": answer.get("CopySourceVersionId")})


def _deleted(params: Members, answer: Members) -> list[Object]:
    """With `Quiet`, S3 names only what it did not delete."""
    failed = {(error.get("Key"), error.get("VersionId")) for error in answer.get("Errors", [])}
    named = answer.get("Deleted") or [item for item in params["Delete"]["Objects"] if (item["Key"], item.get("VersionId")) not in failed]
    return [
        _object(
            "deleted",
            {"Bucket": params["Bucket"], "Key": item["Key"]},
            {"VersionId": item.get("DeleteMarkerVersionId") or item.get("VersionId")},
        )
        for item in named
    ]
