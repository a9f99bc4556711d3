"""State is on disk within a fraction of a second of every change, so that a kill loses nothing that was answered before it."""

import asyncio
from collections.abc import Mapping
from typing import Any, Protocol

from localaws.emulator import SERVICES, Emulator
from localaws.home import Home

_DELAY_S = 0.15


class Stateful(Protocol):
    def get_state(self) -> dict[str, Any]: ...

    def load_state(self, state: dict[str, Any]) -> None: ...


class Checkpoint:
    """Saves what changed, once for all changes of a short while. Everything happens on the event loop, between two handlers."""

    def __init__(self, *, emulator: Emulator, home: Home, states: Mapping[str, Stateful]) -> None:
        self._emulator, self._home, self._states = emulator, home, states
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._dirty: set[str] = set()

    def start(self) -> None:
        """Take the saved state back, on the loop that will serve."""
        self._loop = asyncio.get_running_loop()
        self._emulator.start()
        for name, stateful in self._states.items():
            if (state := self._home.read(f"state/{name}.json")) is not None:
                stateful.load_state(state)

    def changed(self, *names: str) -> None:
        """Save these soon: emulated services by signing name, the others by their own; all of our own when none is named.

        Any thread may say so.
        """
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._mark, names or tuple(self._states))

    def _mark(self, names: tuple[str, ...]) -> None:
        self._dirty.update(names)
        if self._timer is None and self._loop is not None:
            self._timer = self._loop.call_later(_DELAY_S, self.save)

    def save(self, *, everything: bool = False) -> None:
        """Save what changed since the last time, at once."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        dirty = {*SERVICES, *self._states} if everything else self._dirty
        self._dirty = set()
        self._emulator.save(sorted(dirty & SERVICES.keys()))
        for name in sorted(dirty & self._states.keys()):
            self._home.write(f"state/{name}.json", self._states[name].get_state())
