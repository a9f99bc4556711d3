"""Records each request as an API call: its operation, its checks, and the error of its answer."""

import re
import time
from collections.abc import Callable, MutableMapping
from typing import Any

from localaws.emulator import Emulator
from localaws.front.asgi_messages import Send
from localaws.front.guard import Request, Signature
from localaws.kit.api_record import ApiCall

_MAX_ERROR_BYTES = 65_536
_CODE = re.compile(r'<Code>([^<]+)</Code>|"__type"\s*:\s*"(?:[^"#]*#)?([^"]+)"')
_MESSAGE = re.compile(r'<Message>([^<]*)</Message>|"[mM]essage"\s*:\s*"((?:[^"\\]|\\.)*)"')
# S3's operations whose permission has another name: (method, sub-resource or "") for each permission.
_S3_NAMES = {
    ("ListBucket", "GET"): "ListObjects",
    ("ListBucket", "HEAD"): "HeadBucket",
    ("ListAllMyBuckets", "GET"): "ListBuckets",
    ("GetObject", "HEAD"): "HeadObject",
    ("GetObjectVersion", "HEAD"): "HeadObject",
    ("GetObjectVersion", "GET"): "GetObject",
    ("DeleteObjectVersion", "DELETE"): "DeleteObject",
    ("DeleteObject", "POST"): "DeleteObjects",
    ("ListBucketVersions", "GET"): "ListObjectVersions",
}


def new_call(request: Request, signature: Signature, invoked_by: Callable[[str], str]) -> ApiCall:
    """The call of a request. Its operation is not known yet."""
    agent = request.headers.get("user-agent", "")
    service = invoked_by(agent)
    return ApiCall(
        time_s=time.time(),
        source=f"{signature.service}.amazonaws.com",
        name="",
        access_key_id=signature.access_key_id,
        invoked_by=service,
        user_agent=service or agent,
    )


def operation_name(action: str, request: Request) -> str:
    """The operation of an emulated service, by the IAM action that it needs."""
    service, _, name = action.partition(":")
    if service != "s3":
        return name
    if name == "PutObject":
        return _writing_name(request)
    return _S3_NAMES.get((name, request.method), name)


def _writing_name(request: Request) -> str:
    if request.method == "POST":
        return "CreateMultipartUpload" if "uploads" in request.query else "CompleteMultipartUpload"
    if "uploadId" in request.query:
        return "UploadPart"
    return "CopyObject" if "x-amz-copy-source" in request.headers else "PutObject"


def finish(call: ApiCall, emulator: Emulator) -> None:
    """Add the call to the record, once. A request whose key nobody has is not recorded, as CloudTrail does not record it."""
    if call.principal:
        return
    call.principal = emulator.principal(call.access_key_id)
    if call.principal and call.name:
        emulator.record.add(call)


def recording(call: ApiCall, emulator: Emulator, send: Send) -> Send:
    """A `send` that notes the error of an answer in the call, and records it before the caller has the whole answer."""
    status, body = 200, b""

    async def out(message: MutableMapping[str, Any]) -> None:
        nonlocal status, body
        if message["type"] == "http.response.start":
            status = message["status"]
        elif status >= 400 and call.error_code is None:
            body += message.get("body", b"")[:_MAX_ERROR_BYTES]
            if not message.get("more_body"):
                call.error_code, call.error_message = _error_of(status, body.decode(errors="replace"))
        if message["type"] == "http.response.body" and not message.get("more_body"):
            finish(call, emulator)
        await send(message)

    return out


def _error_of(status: int, text: str) -> tuple[str, str]:
    code, message = _CODE.search(text), _MESSAGE.search(text)
    name = next(filter(None, code.groups()), str(status)) if code else {403: "AccessDenied", 404: "NoSuchKey"}.get(status, str(status))
    return name, next(filter(None, message.groups()), "") if message else ""
