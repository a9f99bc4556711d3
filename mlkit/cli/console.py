"""The output of the command line: progress with elapsed time, tables that fit 80 columns, errors."""

import os
import re
import sys
import textwrap
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import IO, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from mlkit.errors import NEXT, MlkitError

WHOLE_WORDS: dict[str, Any] = {"break_long_words": False, "break_on_hyphens": False}
_TIED = "\0"  # a space at which no line may end


class Terminal(Console):
    """rich's console; when its reader is gone (`| head -1`), the command goes on in silence instead of ending with exit code 1."""

    def on_broken_pipe(self) -> None:
        self.quiet = True
        _lead_to_nowhere(self.file)


out = Terminal(highlight=False, soft_wrap=True)
err = Terminal(stderr=True, highlight=False, soft_wrap=True)


def drop_unprintable_output() -> None:
    """Flush the output. What a full disk or a closed pipe refuses is dropped: Python would replace the exit code by 120 at its end."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            _lead_to_nowhere(stream)


def _lead_to_nowhere(stream: IO[str]) -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def show_error(error: MlkitError) -> None:
    """Print the message and the next step, never a stack trace or a secret. Lines are wrapped between words on a terminal only."""
    message, cure = [f"Error: {_told(str(error))}"], [f"{NEXT}{_told(error.cure)}"] if error.cure else []
    if err.is_terminal:
        tied = message[0].replace(" ", _TIED, 1)
        message = [part.replace(_TIED, " ") for line in tied.splitlines() for part in textwrap.wrap(line, err.width, **WHOLE_WORDS)]
        cure = [part for line in cure for part in wrapped_commands(line, err.width - 2)]
    told = Text("\n".join([*message, *(f"  {line}" for line in cure)]))
    told.highlight_regex(r"\AError:", "bold red")
    told.highlight_regex(r"(?m)^  Next:", "bold")
    err.print(told)
    if error.retry:
        err.print("  The same command may succeed if it is run again.")


def _told(text: str) -> str:
    from mlkit.screening import screened  # only needed for errors

    return _from_here(screened(text, sys.argv, os.environ))


def _from_here(text: str) -> str:
    """The text with the paths below the working folder made relative to it."""
    here = os.getcwd().rstrip("/")
    return re.sub(rf"(?<![\w/.-]){re.escape(here)}/(?=[\w.])", "", text) if here else text


def wrapped_commands(text: str, width: int) -> list[str]:
    """The text in lines. A short `command` stays on one line; the lines of a long one end in a backslash, so that it can be copied."""
    done, inside = [], False
    whole = re.sub(r"`[^`]{1,40}`", lambda command: command[0].replace(" ", _TIED), text)
    for line in textwrap.wrap(whole, width - 2, subsequent_indent="  ", **WHOLE_WORDS):
        line = line.replace(_TIED, " ")
        inside ^= line.count("`") % 2 == 1
        done.append(f"{line} \\" if inside else line)
    return done


@contextmanager
def step(title: str, timings: dict[str, float] | None = None) -> Iterator[None]:
    """Print the start of a step, then its duration, or that it failed."""
    start = time.monotonic()
    out.print(f"[bold]{title}[/] ...")
    try:
        yield
    except BaseException:
        err.print(f"[red]{title} failed[/] after {time.monotonic() - start:.1f} s")
        raise
    seconds = time.monotonic() - start
    if timings is not None:
        timings[title] = seconds
    out.print(f"[green]{title} done[/] in {seconds:.1f} s")


class Elapsed:
    """Prints lines that begin with the seconds since the object was created."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    def __call__(self, line: str) -> None:
        out.print(f"  [dim]{time.monotonic() - self._start:6.1f} s[/]  {plain(line)}")


class StackEvents(Elapsed):
    """Prints the resources that a stack operation created, replaced, deleted or failed at. It omits starts and unchanged resources."""

    _QUIET = re.compile(r" (CREATE_IN_PROGRESS|UPDATE_IN_PROGRESS|UPDATE_COMPLETE|DELETE_IN_PROGRESS|DELETE_SKIPPED)( User Initiated)?$")

    def __call__(self, line: str) -> None:
        if not self._QUIET.search(line):
            super().__call__(line)


def show_table(rows: Sequence[Mapping[str, object]], *, title: str = "") -> None:
    """Print one line per row under the first row's names; numbers are right-aligned."""
    table = Table(title=title or None, title_justify="left")
    for name, value in rows[0].items():
        table.add_column(name, overflow="fold", justify="right" if isinstance(value, int | float) else "left")
    for row in rows:
        table.add_row(*(f"{value:.4f}" if isinstance(value, float) else plain(str(value)) for value in row.values()))
    Console(highlight=False).print(table)


@contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Inside, these variables are set, for this process and for the kernels that it starts."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def counted(number: int, noun: str) -> str:
    """`1 rating`, `2 ratings`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def plain(text: str) -> str:
    """The text, escaped so that rich finds no markup in it."""
    return text.replace("[", "\\[")
