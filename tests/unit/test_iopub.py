"""The channels of the kernel's client, over real ZeroMQ sockets and without a kernel."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from queue import Empty
from typing import Any

import pytest
import zmq
import zmq.asyncio
from jupyter_client.session import Session

from mlkit.runner import iopub


@dataclass
class Wired:
    """A channel, and what stands at its other end."""

    channel: Any
    kernel: zmq.Socket[Any]
    session: Session
    heard: list[str] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)

    def send(self, kind: str, request: str = "a", **content: Any) -> int:
        """Returns the size of the message in bytes."""
        sent = self.session.send(self.kernel, kind, content, parent={"header": {"msg_id": request}, "msg_id": request})
        assert sent is not None
        parts = self.session.serialize(sent)[1:]  # without the delimiter
        return len(b"".join(parts))

    async def texts(self) -> list[str]:
        """The texts of all messages that have come."""
        found = []
        try:
            while True:
                message = await self.channel.get_msg(timeout=0.05)
                found.append(message["content"].get("text", message["msg_type"]))
        except Empty:
            return found


@asynccontextmanager
async def wired(kind: type = iopub.IopubChannel) -> AsyncIterator[Wired]:
    context = zmq.asyncio.Context()
    theirs, ours = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
    theirs.bind("inproc://kernel")
    ours.connect("inproc://kernel")
    session = Session(key=b"of a test")
    made = Wired(kind(ours, session), zmq.Socket.shadow(theirs), session)
    if kind is iopub.IopubChannel:
        made.channel.on_message = lambda message: made.heard.append(message["content"].get("text", message["msg_type"]))
        made.channel.on_trouble = made.troubles.append
    try:
        yield made
    finally:
        context.destroy(linger=0)


def message_size(kind: str, **content: Any) -> int:
    """How many bytes of the limit such a message takes."""

    async def measured() -> int:
        async with wired() as end:
            return end.send(kind, **content)

    return asyncio.run(measured())


def with_limit(monkeypatch: pytest.MonkeyPatch, limit: int, send: Callable[[Wired], Any]) -> tuple[list[str], list[str], list[str]]:
    """What the reader gets, what `on_message` hears and what trouble is told under a limit of so many bytes."""
    monkeypatch.setattr(iopub, "OUTPUT_LIMIT_BYTES", limit)

    async def read() -> tuple[list[str], list[str], list[str]]:
        async with wired() as end:
            send(end)
            return await end.texts(), end.heard, end.troubles

    return asyncio.run(read())


def test_every_message_is_heard_before_its_reader_gets_it_and_none_is_lost():
    async def read() -> tuple[list[str], list[str]]:
        async with wired() as end:
            for number in range(200):
                end.send("stream", text=f"{number}")
            first = (await end.channel.get_msg(timeout=1))["content"]["text"]
            assert end.heard == [first]
            return [first, *await end.texts()], end.heard

    got, heard = asyncio.run(read())
    assert got == heard == [f"{number}" for number in range(200)]


def test_a_channel_on_which_nothing_comes_is_empty_after_the_time():
    async def read() -> None:
        async with wired() as end:
            with pytest.raises(Empty):
                await end.channel.get_msg(timeout=0.01)
            assert end.troubles == []

    asyncio.run(read())


def test_a_message_that_comes_within_the_time_is_waited_for():
    async def read() -> str:
        async with wired() as end:
            asyncio.get_running_loop().call_later(0.05, lambda: end.send("stream", text="late"))
            return str((await end.channel.get_msg(timeout=600))["content"]["text"])

    assert asyncio.run(read()) == "late"


def test_other_tasks_run_while_a_burst_is_read():
    turns = []

    async def read() -> None:
        async with wired() as end:
            for number in range(4 * iopub._BURST):
                end.send("stream", text=f"{number}")
            other = asyncio.create_task(counts())
            for _ in range(4 * iopub._BURST):
                await end.channel.get_msg(timeout=1)
            other.cancel()

    async def counts() -> None:
        while True:
            turns.append(1)
            await asyncio.sleep(0)

    asyncio.run(read())
    assert len(turns) == 4


@pytest.mark.parametrize("kind", ["stream", "display_data", "execute_result", "error"])
def test_outputs_up_to_the_limit_are_kept_and_no_byte_more(monkeypatch, kind):
    size = message_size(kind, text="1234")

    def two(end: Wired) -> None:
        end.send(kind, text="1234")
        end.send(kind, text="5678", request="b")

    assert with_limit(monkeypatch, 2 * size, two) == (["1234", "5678"], ["1234", "5678"], [])
    kept, heard, troubles = with_limit(monkeypatch, 2 * size - 1, two)
    room = size - 1  # of a text: as many characters as bytes were left
    assert kept == heard == (["1234", "5678"[:room]] if kind == "stream" else ["1234"])
    assert troubles == ["the notebook's outputs are larger than 0 MiB"]


def test_outputs_of_one_request_add_up(monkeypatch):
    size = message_size("stream", text="1234")

    def three(end: Wired) -> None:
        for _ in range(3):
            end.send("stream", text="1234")

    assert with_limit(monkeypatch, 3 * size, three)[2] == []
    assert len(with_limit(monkeypatch, 3 * size - 1, three)[2]) == 1


def test_a_text_is_cut_to_what_is_left_and_nothing_after_it_is_kept(monkeypatch):
    limit = message_size("stream", text="x" * 1000) - 1000 + 3

    def much(end: Wired) -> None:
        for text in ("y" * 5000, "more"):
            end.send("stream", text=text)
        end.send("status", execution_state="idle")

    kept, heard, troubles = with_limit(monkeypatch, limit, much)
    assert kept == heard == ["y" * limit]
    assert len(troubles) == 1


@pytest.mark.parametrize("kind", ["status", "execute_input", "clear_output", "comm_msg"])
def test_what_is_no_output_does_not_count(monkeypatch, kind):
    size = message_size("stream", text="1234")

    def both(end: Wired) -> None:
        for _ in range(20):
            end.send(kind)
        end.send("stream", text="1234")

    kept, _, troubles = with_limit(monkeypatch, size + 5, both)  # the number of the message has a digit more
    assert kept == [kind] * 20 + ["1234"]
    assert troubles == []


@pytest.mark.parametrize(("cleared", "full"), [("a", False), ("b", True), ("nobody", True)])
def test_clearing_gives_back_the_room_of_its_own_request_alone(monkeypatch, cleared, full):
    large, small = message_size("stream", text="x" * 3000), message_size("stream", text="1234")

    def refilled(end: Wired) -> None:
        end.send("stream", text="x" * 1500, request="a")
        end.send("stream", text="x" * 1500, request="a")
        end.send("stream", text="1234", request="b")
        end.send("clear_output", request=cleared)
        end.send("stream", text="y" * 3000, request="a")

    _, _, troubles = with_limit(monkeypatch, large + 3 * small, refilled)
    assert bool(troubles) is full


def test_the_limits_are_a_hundred_mebibytes_and_a_minute():
    assert iopub.OUTPUT_LIMIT_BYTES == 104_857_600
    assert iopub.QUIET_S == 60


def test_the_limit_is_told_in_mebibytes(monkeypatch):
    def send(end: Wired) -> None:
        end.send("stream", text="x" * (3 * 1024**2))

    assert with_limit(monkeypatch, 2 * 1024**2, send)[2] == ["the notebook's outputs are larger than 2 MiB"]


@pytest.mark.parametrize(("replied", "told"), [(True, 1), (False, 0)])
def test_silence_is_trouble_only_after_the_reply(monkeypatch, replied, told):
    monkeypatch.setattr(iopub, "QUIET_S", 0.5)

    async def read() -> list[str]:
        async with wired() as end:
            end.channel.replied = replied
            asyncio.get_running_loop().call_later(1.3, lambda: end.send("status"))
            await end.channel.get_msg()
            return end.troubles

    assert asyncio.run(read()) == ["the kernel answered, but did not report within 0.5 s that the cell's output is complete"] * told


def test_a_kernel_that_reports_in_time_is_no_trouble(monkeypatch):
    monkeypatch.setattr(iopub, "QUIET_S", 3600.0)

    async def read() -> list[str]:
        async with wired() as end:
            end.channel.replied = True
            asyncio.get_running_loop().call_later(1.1, lambda: end.send("status"))
            await end.channel.get_msg()
            return end.troubles

    assert asyncio.run(read()) == []


def test_a_client_before_it_listens_lets_every_message_pass():
    async def read() -> tuple[list[str], bool]:
        async with wired() as end:
            plain = iopub.IopubChannel(end.channel.socket, end.session)
            end.send("stream", text="1234")
            end.channel = plain
            plain.on_trouble("nobody hears it")
            return await end.texts(), plain.replied

    assert asyncio.run(read()) == (["1234"], False)


def test_only_the_reply_to_an_execute_request_counts_as_one():
    replies = []

    async def read() -> None:
        async with wired(iopub.ShellChannel) as end:
            for kind in ("execute_reply", "kernel_info_reply", "execute_reply"):
                end.send(kind)
            assert (await end.channel.get_msg(timeout=1))["msg_type"] == "execute_reply"  # nobody listens yet
            assert (await end.channel.get_msg(timeout=1))["msg_type"] == "kernel_info_reply"
            end.channel.on_reply = lambda: replies.append(1)
            assert (await end.channel.get_msg(timeout=1))["msg_type"] == "execute_reply"
            assert replies == [1]
            end.send("kernel_info_reply")
            await end.channel.get_msg(timeout=1)
            with pytest.raises(Empty):
                await end.channel.get_msg(timeout=0.01)

    asyncio.run(read())
    assert replies == [1]


def test_a_client_reads_without_a_limit_of_messages_and_knows_whether_the_kernel_replied():
    async def connected() -> None:
        context = zmq.asyncio.Context()
        client = iopub.KernelClient(context=context, ip="127.0.0.1", iopub_port=9, shell_port=9)
        with client.connect_iopub() as socket:
            assert socket.getsockopt(zmq.RCVHWM) == 0
        heard, troubles = [], []
        client.listen(heard.append, troubles.append)
        channel, shell = client.iopub_channel, client.shell_channel
        assert isinstance(channel, iopub.IopubChannel)
        channel.on_message({"msg_type": "status"})
        channel.on_trouble("why")
        assert (heard, troubles) == ([{"msg_type": "status"}], ["why"])
        assert channel.replied is False
        shell.on_reply()
        assert channel.replied is True
        client.begin_request()
        assert channel.replied is False
        client.stop_channels()
        context.destroy(linger=0)

    asyncio.run(connected())
