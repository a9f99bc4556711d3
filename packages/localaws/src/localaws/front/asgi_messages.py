"""ASGI's messages: a request's body in, an answer out."""

import asyncio
import contextlib
import hashlib
import re
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from typing import Any

from localaws.front.wire_protocol import Answer
from localaws.kit.service import AwsError

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
_MAX_BODY_BYTES = 64 * 2**20
MOST_BYTES = 256 * 2**20
"""Bodies of other requests in memory, above which a large request is refused."""
_SMALL_BYTES = 2**20
_LONGEST_PAUSE_S = 60.0
_PAUSED = "Your socket connection to the server was not read from or written to within the timeout period. Idle connections will be closed."


async def read(receive: Receive) -> bytes:
    """The whole body. Raises AwsError if it is too large or the client disconnects."""
    parts, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise AwsError("RequestTimeout", "The connection was closed in the middle of the request.")
        part = message.get("body", b"")
        size += len(part)
        if size > _MAX_BODY_BYTES:
            raise AwsError("RequestEntityTooLargeException", "The request is too large.", status=413)
        parts.append(part)
        more = message.get("more_body", False)
    return b"".join(parts)


def replay(body: bytes, receive: Receive) -> Receive:
    """A `receive` that returns the body again, for the next application."""
    pending = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> MutableMapping[str, Any]:
        return pending.pop() if pending else await receive()

    return again


def hashed(told: str, receive: Receive) -> Receive:
    """A `receive` that compares the body with the hash that x-amz-content-sha256 tells. Raises S3's AwsError if they differ."""
    if not re.fullmatch("[0-9a-f]{64}", told):
        return receive
    digest = hashlib.sha256()

    async def checked() -> MutableMapping[str, Any]:
        message = await receive()
        digest.update(message.get("body", b""))
        if message["type"] == "http.request" and not message.get("more_body") and digest.hexdigest() != told:
            text = "The provided 'x-amz-content-sha256' header does not match what was computed."
            raise AwsError("XAmzContentSHA256Mismatch", text)
        return message

    return checked


class Uploads:
    """Counts the bytes of request bodies in memory, over all requests."""

    def __init__(self) -> None:
        self._bytes = 0

    @contextlib.contextmanager
    def counted(self, receive: Receive) -> Iterator[Receive]:
        """A `receive` that counts this request's body until the block ends.

        It raises AwsError: SlowDown for a large body if those of other requests hold MOST_BYTES, and RequestTimeout if the caller pauses
        in the middle of a body. A request is read whole if it is the only one.
        """
        own, is_whole = 0, False

        async def counting() -> MutableMapping[str, Any]:
            nonlocal own, is_whole
            try:
                async with asyncio.timeout(None if is_whole else _LONGEST_PAUSE_S):
                    message = await receive()
            except TimeoutError as error:
                raise AwsError("RequestTimeout", _PAUSED) from error
            size, is_whole = len(message.get("body", b"")), not message.get("more_body", False)
            own, self._bytes = own + size, self._bytes + size
            if own > _SMALL_BYTES and self._bytes - own > MOST_BYTES:
                raise AwsError("SlowDown", "Please reduce your request rate.", status=503)
            return message

        try:
            yield counting
        finally:
            self._bytes -= own


def closing_if_unread(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> tuple[Receive, Send]:
    """`receive` and `send` that close the connection after an answer for which the caller did not send its body.

    A caller that sends `Expect: 100-continue` keeps the body back when it is refused. The server would take the begin of the caller's next
    request for that body.
    """
    waits = any(name.lower() == b"expect" for name, _ in scope["headers"])

    async def receiving() -> MutableMapping[str, Any]:
        nonlocal waits
        waits = False
        return await receive()

    async def sending(message: MutableMapping[str, Any]) -> None:
        if waits and message["type"] == "http.response.start":
            message = {**message, "headers": [*message["headers"], (b"connection", b"close")]}
        await send(message)

    return receiving, sending


async def send_answer(send: Send, answer: Answer, *, head: bool = False) -> None:
    """Send the whole answer; for a HEAD request only the headers."""
    headers = [(name.encode(), value.encode("latin-1", "replace")) for name, value in answer.headers.items()]
    headers.append((b"content-length", str(len(answer.body)).encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if head else answer.body})
