"""Saves the state of each service to disk soon after a change, so that a kill loses little.

A save writes all of a service's state. A small state is saved 0.15 s after a change. A large one is saved less often, because
saving it takes long; a kill may then lose the last 5 s.
"""

import asyncio
import contextlib
import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from localaws.emulator import SERVICES, Emulator
from localaws.home import Home

_LEVELS = 4
_DELAY_S = 0.15
_SHARE = 9  # the pause after a save of a service, as a multiple of its duration: saving it takes at most a tenth of a core
_LONGEST_PAUSE_S = 5.0  # what a kill may lose at most


@contextlib.contextmanager
def _deep_nesting() -> Iterator[None]:
    """Let values be read that are nested as deeply as those that could be saved, although saving and reading count levels differently."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(_LEVELS * limit)
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)


class Stateful(Protocol):
    def get_state(self) -> dict[str, Any]: ...

    def load_state(self, state: dict[str, Any]) -> None: ...


class Checkpoint:
    """Saves changed services, once for all changes within a short time. It runs on the event loop, between two handlers."""

    def __init__(self, *, emulator: Emulator, home: Home, states: Mapping[str, Stateful]) -> None:
        self._emulator, self._home, self._states = emulator, home, states
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._dirty: set[str] = set()
        self._due_s: dict[str, float] = {}  # when each service may be saved again

    def start(self) -> None:
        """Load the saved state. Call it on the event loop that will serve."""
        self._loop = asyncio.get_running_loop()
        with _deep_nesting():
            self._emulator.start()
            for name, stateful in self._states.items():
                if (state := self._home.read(f"state/{name}.json")) is not None:
                    stateful.load_state(state)

    def changed(self, *names: str) -> None:
        """Save these services soon: emulated services by signing name, engines by their own name; without a name, all engines.

        Any thread may call it.
        """
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._mark, names or tuple(self._states))

    def _mark(self, names: tuple[str, ...]) -> None:
        self._dirty.update(names)
        self._plan()

    def _plan(self) -> None:
        """Save the first of the changed services when it is due."""
        if self._loop is None or not self._dirty:
            return
        now = time.monotonic()
        when = self._loop.time() + max(_DELAY_S, min(self._due_s.get(name, 0.0) for name in self._dirty) - now)
        if self._timer is not None:
            if self._timer.when() <= when:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(when, self._save_due)

    def _save_due(self) -> None:
        self._timer = None
        now = time.monotonic()
        self._save({name for name in self._dirty if self._due_s.get(name, 0.0) <= now})
        self._plan()

    def save(self, *, everything: bool = False) -> None:
        """Save now what changed since the last save."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._save({*SERVICES, *self._states} if everything else set(self._dirty))

    def _save(self, names: set[str]) -> None:
        self._dirty -= names
        for name in sorted(names):
            began = time.monotonic()
            if name in SERVICES:
                self._emulator.save([name])
            if name in self._states:
                self._home.write(f"state/{name}.json", self._states[name].get_state())
            ended = time.monotonic()
            self._due_s[name] = ended + min(_SHARE * (ended - began), _LONGEST_PAUSE_S)
