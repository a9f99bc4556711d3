"""State is on disk within a fraction of a second of every change, so that a kill loses nothing that was answered before it."""

import asyncio
import logging
from collections.abc import Mapping

from mlkit.local.emulator import Emulator
from mlkit.local.home import Home
from mlkit.local.service import Service

_DELAY_S = 0.15
_log = logging.getLogger("mlkit.local")


class Checkpoint:
    """Saves once for all changes of a short while. Everything happens on the event loop, between two handlers."""

    def __init__(self, *, emulator: Emulator, home: Home, engines: Mapping[str, Service]) -> None:
        self._emulator, self._home, self._engines = emulator, home, engines
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._saved: dict[str, str] = {}

    def start(self) -> None:
        """Take the saved state back, on the loop that will serve."""
        self._loop = asyncio.get_running_loop()
        self._emulator.start()
        for name, engine in self._engines.items():
            if state := self._home.read(f"{name}.json"):
                engine.load_state(state)

    def changed(self) -> None:
        """Save soon. Any thread may say so."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._schedule)

    def _schedule(self) -> None:
        if self._timer is None and self._loop is not None:
            self._timer = self._loop.call_later(_DELAY_S, self.save)

    def save(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._emulator.save()
        for name, engine in self._engines.items():
            self._home.write(f"{name}.json", engine.get_state())
