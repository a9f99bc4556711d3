"""The queue of builds: a few run at a time, in the order of their start requests."""

import time
from collections.abc import Callable
from threading import Condition


class Turns:
    """A queue in which at most `at_once` builds run."""

    def __init__(self, at_once: int) -> None:
        self._at_once, self._running = at_once, 0
        self._waiting: list[str] = []
        self._changed = Condition()

    def join(self, name: str) -> None:
        """Add the build to the end of the queue."""
        with self._changed:
            self._waiting.append(name)

    def wait(self, name: str, *, timeout_s: float, given_up: Callable[[], bool]) -> bool:
        """Wait for the build's turn. False if the time is over or `given_up` returns true; the build then leaves the queue."""
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while self._running >= self._at_once or self._waiting[0] != name:
                if given_up() or time.monotonic() >= deadline:
                    self._waiting.remove(name)
                    self._changed.notify_all()
                    return False
                self._changed.wait(min(1.0, max(0.0, deadline - time.monotonic())))
            self._waiting.remove(name)
            self._running += 1
            self._changed.notify_all()
            return True

    def done(self) -> None:
        with self._changed:
            self._running -= 1
            self._changed.notify_all()

    def wake(self) -> None:
        """Make all waiting builds call `given_up` again, because one may have been stopped."""
        with self._changed:
            self._changed.notify_all()
