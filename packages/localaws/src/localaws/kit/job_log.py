"""A job's output, line by line, in CloudWatch Logs under the role's credentials."""

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from threading import Event, Thread
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

_MAX_READ_BYTES = 1 << 22  # of the output at once, whatever its size
_INTERVAL_S = 1.0  # between two deliveries: each one makes the emulated CloudWatch save all of its logs
# CloudWatch's own limits: bytes and events of one put, bytes that each event counts more than its text, bytes of one event.
_MAX_BATCH_BYTES, _MAX_BATCH_EVENTS, _EVENT_OVERHEAD, _MAX_EVENT_BYTES = 1_048_576, 10_000, 26, 262_144 - 26


class LogStream:
    """One log stream. A role that may not write logs loses them and nothing else, as on AWS: `refused` then says why."""

    def __init__(self, open_client: Callable[[], Any], *, group: str, stream: str) -> None:
        self.group, self.stream = group, stream
        self.refused: str | None = None
        self._open_client = open_client
        self._client: Any = None

    def put(self, lines: Sequence[str]) -> None:
        """Sends the lines with the time of now; never raises."""
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
    """Makes the stream, and its group unless it is there. Raises botocore's errors for the stream."""
    with _there_or_denied():
        logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName=stream)


@contextlib.contextmanager
def _there_or_denied() -> Iterator[None]:
    """Somebody may have made it for a role that may not: the next call shows whether it is there."""
    try:
        yield
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("ResourceAlreadyExistsException", "AccessDeniedException"):
            raise


def batches(lines: Sequence[str]) -> list[list[str]]:
    """The lines in groups that CloudWatch takes in one call. Empty lines become a space, since it refuses empty messages."""
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
    step = _MAX_EVENT_BYTES // 4  # characters; none is longer than four bytes
    return [line[start : start + step] for start in range(0, len(line), step)]


class OutputFile:
    """The file that a child writes to, read forward in whole lines while it grows. `position` is how many bytes were read."""

    def __init__(self, path: Path, *, position: int = 0) -> None:
        self._path, self.position = path, position

    def new_lines(self, *, ended: bool = False) -> list[str]:
        """The complete lines since the last call; `ended` gives the last line too, if it has no end."""
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
        """All that is left of a file that grows no more, a few megabytes at a time."""
        while lines := self.new_lines(ended=True):
            yield lines


class Delivery(Thread):
    """Sends a growing file to a log stream from a thread of its own, so that neither waits for the other.

    How far it came is in `position_file`. When `shutdown` is set it stops where it is: CloudWatch goes down with this process.
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
        """Says that the file grows no more, and waits until all of it is sent, or for a time."""
        self._complete.set()
        self.join(timeout_s)

    def _send(self, lines: list[str]) -> None:
        self.stream.put(lines)
        if lines and self.stream.refused is None:
            self._position_file.write_text(str(self._output.position))
