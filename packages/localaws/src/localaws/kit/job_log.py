"""Sends a job's output, line by line, to CloudWatch Logs under the role's credentials."""

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from threading import Event, Thread
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

_MAX_READ_BYTES = 1 << 22  # read at most this much of the output at once
_INTERVAL_S = 1.0  # between two deliveries, because each makes the emulated CloudWatch save all of its logs
# CloudWatch's limits: bytes of one put, events of one put, bytes that each event adds to its text, bytes of one event.
_MAX_BATCH_BYTES, _MAX_BATCH_EVENTS, _EVENT_OVERHEAD, _MAX_EVENT_BYTES = 1_048_576, 10_000, 26, 262_144 - 26


class LogStream:
    """One log stream. If the role may not write logs, the job continues without a log, as on AWS; `refused` has the reason."""

    def __init__(self, open_client: Callable[[], Any], *, group: str, stream: str) -> None:
        self.group, self.stream = group, stream
        self.refused: str | None = None
        self._open_client = open_client
        self._client: Any = None

    def put(self, lines: Sequence[str]) -> None:
        """Send the lines with the current time. Never raises."""
        if self.refused is not None or not lines:
            return
        try:
            client = self._opened()
            now = int(time.time() * 1000)
            for batch in batches(lines):
                events = [{"timestamp": now, "message": line} for line in batch]
                client.put_log_events(logGroupName=self.group, logStreamName=self.stream, logEvents=events)
        except (ClientError, BotoCoreError) as error:
            self.refused = str(error)

    def _opened(self) -> Any:
        if self._client is None:
            client = self._open_client()
            with _there_or_denied():
                make_log_stream(client, self.group, self.stream)
            self._client = client
        return self._client


def make_log_stream(logs: Any, group: str, stream: str) -> None:
    """Create the stream, and its group if it does not exist. Raises botocore's errors for the stream."""
    with _there_or_denied():
        logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName=stream)


@contextlib.contextmanager
def _there_or_denied() -> Iterator[None]:
    """Ignore the error if the group exists, or if the role may not create it: the next call shows whether it exists."""
    try:
        yield
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("ResourceAlreadyExistsException", "AccessDeniedException"):
            raise


def batches(lines: Sequence[str]) -> list[list[str]]:
    """The lines in batches that CloudWatch accepts in one call. An empty line becomes a space, because it refuses empty messages."""
    grouped: list[list[str]] = [[]]
    size = 0
    for message in (piece for line in lines for piece in _pieces(line)):
        cost = len(message.encode()) + _EVENT_OVERHEAD
        if grouped[-1] and (size + cost > _MAX_BATCH_BYTES or len(grouped[-1]) == _MAX_BATCH_EVENTS):
            grouped.append([])
            size = 0
        grouped[-1].append(message)
        size += cost
    return grouped if grouped[0] else []


def _pieces(line: str) -> list[str]:
    if len(line.encode()) <= _MAX_EVENT_BYTES:
        return [line or " "]
    step = _MAX_EVENT_BYTES // 4  # characters; a character has at most four bytes
    return [line[start : start + step] for start in range(0, len(line), step)]


class OutputFile:
    """Reads the file that a child process writes to, in whole lines, while it grows. `position` is the number of bytes read."""

    def __init__(self, path: Path, *, position: int = 0) -> None:
        self._path, self.position = path, position

    def new_lines(self, *, ended: bool = False) -> list[str]:
        """The complete lines since the last call. With `ended`, also a last line without a line end."""
        if not self._path.exists():
            return []
        with self._path.open("rb") as file:
            file.seek(self.position)
            data = file.read(_MAX_READ_BYTES)
        is_rest = len(data) < _MAX_READ_BYTES
        if not (ended and is_rest):
            whole = data.rfind(b"\n") + 1
            data = data[:whole] if whole or is_rest else data
        self.position += len(data)
        text = data.decode(errors="replace")
        lines = text.split("\n")
        return [line.rstrip("\r") for line in (lines[:-1] if text.endswith("\n") or not text else lines)]

    def rest(self) -> Iterator[list[str]]:
        """The rest of a file that no longer grows, a few megabytes at a time."""
        while lines := self.new_lines(ended=True):
            yield lines


class Delivery(Thread):
    """Sends a growing file to a log stream, in its own thread, so that job and log do not wait for each other.

    `position_file` holds the position that was sent. After `shutdown` is set it sends no more, because CloudWatch stops with this process.
    """

    def __init__(self, output: OutputFile, stream: LogStream, *, position_file: Path, shutdown: Event) -> None:
        super().__init__(name=f"logs-{stream.stream}", daemon=True)
        self.stream, self._output, self._position_file, self._shutdown = stream, output, position_file, shutdown
        self._complete = Event()
        self.is_delivered = False

    def run(self) -> None:
        while not self._complete.wait(_INTERVAL_S) and not self._shutdown.is_set():
            self._send(self._output.new_lines())
        for lines in self._output.rest():
            if self._shutdown.is_set():
                return
            self._send(lines)
        self.is_delivered = self.stream.refused is None

    def finish(self, timeout_s: float | None = None) -> None:
        """Tell the thread that the file no longer grows, and wait until it has sent everything, or until a time limit."""
        self._complete.set()
        self.join(timeout_s)

    def _send(self, lines: list[str]) -> None:
        self.stream.put(lines)
        if lines and self.stream.refused is None:
            self._position_file.write_text(str(self._output.position))
