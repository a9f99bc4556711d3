"""Saves state to disk a fraction of a second after every change, so that a kill loses almost nothing."""

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
    """Saves changed services, once for all changes within a short time. It runs on the event loop, between two handlers."""

    def __init__(self, *, emulator: Emulator, home: Home, states: Mapping[str, Stateful]) -> None:
        self._emulator, self._home, self._states = emulator, home, states
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._dirty: set[str] = set()

    def start(self) -> None:
        """Load the saved state. Call it on the event loop that will serve."""
        self._loop = asyncio.get_running_loop()
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
        if self._timer is None and self._loop is not None:
            self._timer = self._loop.call_later(_DELAY_S, self.save)

    def save(self, *, everything: bool = False) -> None:
        """Save now what changed since the last save."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        dirty = {*SERVICES, *self._states} if everything else self._dirty
        self._dirty = set()
        self._emulator.save(sorted(dirty & SERVICES.keys()))
        for name in sorted(dirty & self._states.keys()):
            self._home.write(f"state/{name}.json", self._states[name].get_state())
