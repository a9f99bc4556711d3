"""Measures two ways of doing the same thing in turns, and says what the figures are worth."""

import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Time:
    """Seconds: elapsed, and of all processors."""

    wall: float
    cpu: float


@dataclass(kw_only=True)
class Row:
    """A comparison. `ours` and `theirs` were measured in turns; both are seconds for the same work.

    `at_least` is the ratio of the issue that asked for it. `at_most` instead: ours may take so many times as long as theirs.
    `limit` says what bounds ours, in words with a figure.
    """

    group: str
    what: str
    against: str
    ours: list[Time]
    theirs: list[Time]
    at_least: float | None = None
    at_most: float | None = None
    limit: str = ""
    note: str = ""

    def median(self, side: str, clock: str) -> float:
        return statistics.median(getattr(one, clock) for one in getattr(self, side))

    def ratio(self, clock: str) -> float:
        """How many times as long theirs takes; the median over the turns."""
        return statistics.median(getattr(y, clock) / max(getattr(x, clock), 1e-9) for x, y in zip(self.ours, self.theirs, strict=True))


@dataclass(kw_only=True)
class Missing:
    """A comparison that could not be made."""

    group: str
    what: str
    against: str
    reason: str


@dataclass(kw_only=True)
class Report:
    """What a group of benchmarks hands to the table. `run` says when it was measured, and how."""

    run: str = ""
    rows: list[Row] = field(default_factory=list)
    missing: list[Missing] = field(default_factory=list)
    plots: list[str] = field(default_factory=list)  # files beside RESULTS.md

    def text(self) -> str:
        return json.dumps(asdict(self))

    def write(self) -> None:
        sys.stdout.write(self.text())

    @classmethod
    def read(cls, text: str) -> "Report":
        found = json.loads(text)
        rows = [Row(**{**row, "ours": _times(row["ours"]), "theirs": _times(row["theirs"])}) for row in found["rows"]]
        return cls(run=found["run"], rows=rows, missing=[Missing(**one) for one in found["missing"]], plots=found.get("plots", []))


def _times(items: Sequence[Mapping[str, float]]) -> list[Time]:
    return [Time(**item) for item in items]


def timed(work: Callable[[], Any]) -> Time:
    """The time of this process and of the processes that it started and waited for."""
    began, before = time.perf_counter(), os.times()
    work()
    after = os.times()
    cpu = sum(getattr(after, name) - getattr(before, name) for name in ("user", "system", "children_user", "children_system"))
    return Time(wall=time.perf_counter() - began, cpu=cpu)


def precise(work: Callable[[], Any]) -> Time:
    """As timed(), for work of milliseconds in this process alone."""
    began, cpu = time.perf_counter(), time.process_time()
    work()
    return Time(wall=time.perf_counter() - began, cpu=time.process_time() - cpu)


def in_turns(rounds: int, *works: Callable[[], Any], clock: Callable[[Callable[[], Any]], Time] = precise) -> list[list[Time]]:
    """The times of each work, in rounds that do each once. One round before does not count."""
    for work in works:
        work()
    measured = [[clock(work) for work in works] for _ in range(rounds)]
    return [list(column) for column in zip(*measured, strict=True)]


def scaled(times: Sequence[Time], factor: float) -> list[Time]:
    """The times for `factor` times as much work."""
    return [Time(wall=one.wall * factor, cpu=one.cpu * factor) for one in times]


def say(text: str) -> None:
    """Progress goes to the standard error, because the standard output is the report."""
    print(text, file=sys.stderr, flush=True)
