"""Reads the kernel's iopub channel without loss. An error counts whatever request it belongs to.

jupyter_client runs the event loop three times per message, and ZeroMQ drops messages that arrive faster. Here all arrived messages
are read at once, and the queue has no limit but `OUTPUT_LIMIT_BYTES`.
"""

import asyncio
import time
from collections.abc import Callable
from queue import Empty
from typing import Any

import zmq
from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.channels import AsyncZMQSocketChannel

Message = dict[str, Any]  # of the Jupyter protocol
OUTPUT_LIMIT_BYTES = 100 * 1024**2  # of all outputs of the notebook; nobody can open or review a larger one
QUIET_S = 60.0  # after its reply, a kernel that is silent for so long will not report the end of the cell
_BURST = 64  # messages that are read before other tasks of the loop run
_KEPT = {"stream", "display_data", "execute_result", "error"}


class IopubChannel(AsyncZMQSocketChannel):
    """Calls `on_message` with each message before its reader gets it, and `on_trouble`, which ends the kernel, if the cell cannot go on."""

    def __init__(self, socket: Any, session: Any, loop: Any = None) -> None:
        super().__init__(socket, session, loop)
        self.on_message: Callable[[Message], None] = lambda message: None
        self.on_trouble: Callable[[str], None] = lambda reason: None
        self.replied = False  # whether the kernel has answered the current request on the shell channel
        self._now: zmq.Socket[Any] = zmq.Socket.shadow(socket)
        self._read = 0
        self._full = False
        self._kept_bytes: dict[Any, int] = {}  # by request

    async def get_msg(self, timeout: float | None = None) -> Message:  # type: ignore[override]
        """The next message, but none once the outputs are larger than the limit. Raises Empty after `timeout` seconds."""
        while True:
            parts = await self._received(timeout)
            if self._full:
                continue  # what still waits in the socket may be many times the limit
            message: Message = self.session.deserialize(parts)
            room = self._count(message, sum(len(part) for part in parts))
            if self._full:
                if message["msg_type"] != "stream":
                    continue
                message["content"]["text"] = message["content"]["text"][:room]
            self.on_message(message)
            return message

    async def _received(self, timeout: float | None) -> list[Any]:
        self._read += 1
        if self._read % _BURST == 0:
            await asyncio.sleep(0)
        received: Any
        try:
            received = self._now.recv_multipart(zmq.NOBLOCK)
        except zmq.Again:
            await self._wait(timeout)
            received = self._now.recv_multipart()
        parts: list[Any] = self.session.feed_identities(received)[1]
        return parts

    async def _wait(self, timeout: float | None) -> None:
        began = time.monotonic()
        while not await self.socket.poll(1000 if timeout is None else int(timeout * 1000)):
            if timeout is not None:
                raise Empty
            if self.replied and time.monotonic() - began > QUIET_S:
                self.on_trouble(f"the kernel answered, but did not report within {QUIET_S:g} s that the cell's output is complete")

    def _count(self, message: Message, size: int) -> int:
        """Count a message of `size` bytes. Returns how many bytes of the limit were left for it."""
        kind, request = message["msg_type"], message["parent_header"].get("msg_id")
        room = OUTPUT_LIMIT_BYTES - sum(self._kept_bytes.values())
        if kind in _KEPT:
            self._kept_bytes[request] = self._kept_bytes.get(request, 0) + size
            if size > room:
                self._full = True
                self.on_trouble(f"the notebook's outputs are larger than {OUTPUT_LIMIT_BYTES // 1024**2} MiB")
        elif kind == "clear_output":
            self._kept_bytes.pop(request, None)
        return room


class ShellChannel(AsyncZMQSocketChannel):
    """Calls `on_reply` when the kernel has answered an execute request."""

    on_reply: Callable[[], None] | None = None

    async def get_msg(self, timeout: float | None = None) -> Message:  # type: ignore[override]
        """The next reply. Raises Empty after `timeout` seconds."""
        message = await super().get_msg(timeout)
        if self.on_reply is not None and message["msg_type"] == "execute_reply":
            self.on_reply()
        return message


class KernelClient(AsyncKernelClient):
    """A client of one kernel with the channels above; `listen` before the first cell."""

    iopub_channel_class = IopubChannel
    shell_channel_class = ShellChannel

    def connect_iopub(self, identity: bytes | None = None) -> Any:
        """A socket whose queue has no limit: ZeroMQ would drop messages beyond the first thousand that wait."""
        self.context.setsockopt(zmq.RCVHWM, 0)  # for sockets created from now on
        return super().connect_iopub(identity)

    def listen(self, on_message: Callable[[Message], None], on_trouble: Callable[[str], None]) -> None:
        """Call `on_message` with every message of the kernel, and `on_trouble` with the reason why the kernel must be ended."""
        self._iopub.on_message, self._iopub.on_trouble = on_message, on_trouble
        assert isinstance(self.shell_channel, ShellChannel)
        self.shell_channel.on_reply = self._replied

    def begin_request(self) -> None:
        """Begin a request. Until its reply, the kernel may be silent as long as it works."""
        self._iopub.replied = False

    def _replied(self) -> None:
        self._iopub.replied = True

    @property
    def _iopub(self) -> IopubChannel:
        assert isinstance(self.iopub_channel, IopubChannel)
        return self.iopub_channel
