"""A build's log in CloudWatch Logs: the commands' output and CodeBuild's own lines in one order, with secrets masked."""

import re
import time
from collections.abc import Iterable
from datetime import UTC, datetime

from localaws.kit.job_log import LogStream, OutputFile

_FLUSH_S = 0.4
_ACCESS_KEY_ID = re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b")


class BuildLog:
    """`stream` is None if the project has CloudWatch Logs switched off."""

    def __init__(self, output: OutputFile, stream: LogStream | None) -> None:
        self.stream = stream
        self._output, self._lines, self._flushed = output, list[str](), 0.0
        self._secrets: re.Pattern[str] | None = None

    def hide(self, values: Iterable[str]) -> None:
        """Show these values as *** from now on. Each line of a value is masked."""
        pieces = {piece for value in values for piece in (value, *value.splitlines()) if piece.strip()}
        if pieces:
            self._secrets = re.compile("|".join(re.escape(piece) for piece in sorted(pieces, key=len, reverse=True)))

    def mask(self, line: str) -> str:
        line = self._secrets.sub("***", line) if self._secrets is not None else line
        return _ACCESS_KEY_ID.sub("***", line)

    def container(self, text: str) -> None:
        """Add a line of CodeBuild itself, after the output that the commands have written so far."""
        self.read(ended=True)
        moment = datetime.now(UTC).strftime("%Y/%m/%d %H:%M:%S.%f")
        first, *rest = text.split("\n")
        self._lines += [self.mask(line) for line in (f"[Container] {moment} {first}", *rest)]

    def read(self, *, ended: bool = False) -> None:
        """Read new output of the commands, and send it from time to time."""
        self._lines += [self.mask(line) for line in self._output.new_lines(ended=ended)]
        if time.monotonic() - self._flushed >= _FLUSH_S:
            self.flush()

    def flush(self) -> None:
        if self.stream is not None:
            self.stream.put([f"{line}\n" for line in self._lines])  # CodeBuild's events end with a line end
        self._lines, self._flushed = [], time.monotonic()
