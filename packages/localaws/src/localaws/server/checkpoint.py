"""Saves the state of each service to disk, so that a kill loses nothing that was answered.

A save writes all of a service's state. The answer to a write waits for the save: a small state is saved at once, with the changes of all
answers that wait. A large one is saved less often, because saving it takes long; an answer waits up to a second for it. Changes that no
answer tells, such as the progress of a job, are saved within 0.15 s, or 5 s for a large state.
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
_SHARE = 9  # the pause after a save of a service, as a multiple of its processor time: saving it takes at most a tenth of a core
_LONGEST_PAUSE_S = 5.0
_QUICK_S = 0.02  # a save that takes less is made at once
_LONGEST_WAIT_S = 1.0  # of an answer; a state so large that its next save is later may lose what was answered meanwhile


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
        self._took_s: dict[str, float] = {}  # the processor time of each service's last save: a busy machine makes no state large
        self._next_save: dict[str, asyncio.Future[None]] = {}

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

    async def saved(self, *names: str) -> None:
        """Return when a change of these services is on disk. Call it on the event loop, after the change."""
        self._mark(names)
        await asyncio.sleep(0)  # one save for all that changed in this turn of the loop
        quick = {name for name in names if name in self._dirty and self._took_s.get(name, 0.0) <= _QUICK_S}
        self._save(quick)
        latest = time.monotonic() + _LONGEST_WAIT_S
        for name in names:
            if name in self._dirty and self._due_s.get(name, 0.0) <= latest:
                await asyncio.shield(self._next_save.setdefault(name, asyncio.get_running_loop().create_future()))

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
        try:
            self._save({name for name in self._dirty if self._due_s.get(name, 0.0) <= now})
        finally:
            self._plan()

    def save(self, *, everything: bool = False) -> None:
        """Save now what changed since the last save."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._save({*SERVICES, *self._states} if everything else set(self._dirty))

    def _save(self, names: set[str]) -> None:
        for name in sorted(names):
            began, began_work = time.monotonic(), time.thread_time()
            try:
                self._write(name)
            except OSError as error:  # the disk is full
                self._due_s[name] = began + _LONGEST_PAUSE_S
                self._answer(name, error)
                raise
            self._dirty.discard(name)
            self._took_s[name] = time.thread_time() - began_work
            waited_s = time.monotonic() - began  # for a slow disk, too, at most half of the time
            self._due_s[name] = time.monotonic() + min(max(_SHARE * self._took_s[name], waited_s), _LONGEST_PAUSE_S)
            self._answer(name, None)

    def _write(self, name: str) -> None:
        if name in SERVICES:
            self._emulator.save([name])
        if name in self._states:
            self._home.write(f"state/{name}.json", self._states[name].get_state())

    def _answer(self, name: str, error: OSError | None) -> None:
        """Let the answers go that wait for a save of the service."""
        waiting = self._next_save.pop(name, None)
        if waiting is None or waiting.done():
            return
        if error is None:
            waiting.set_result(None)
        else:
            waiting.set_exception(error)
