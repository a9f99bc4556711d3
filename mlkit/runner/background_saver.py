"""A thread that saves the unfinished notebook while its cells run, so that no cell waits for a disk or for S3."""

import logging
import threading
import time
from collections.abc import Callable

PAUSE_S = 0.1  # minimum between two saves
SHARE = 4  # the pause after a save, as a multiple of its duration; saving takes at most a fifth of one core
AGE_SHARE = 0.02  # pauses grow with the run's age, up to 5 s, because a versioned bucket keeps each save
LONGEST_AGE_PAUSE_S = 5.0
READS = 5


class Saver:
    """Calls `save` soon after each `wake`, never twice at once, from `start` to `stop`."""

    def __init__(self, save: Callable[[], None]) -> None:
        self._save = save
        self._wanted, self._stopped = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="mlkit-saver", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        self._wanted.set()

    def stop(self, within_s: float | None = None) -> None:
        """No save begins after this call. It does not wait for one that hangs."""
        self._stopped.set()
        self._wanted.set()
        if self._thread.is_alive():
            self._thread.join(within_s)

    def _run(self) -> None:
        first = time.monotonic()
        while self._wanted.wait() and not self._stopped.is_set():
            self._wanted.clear()
            began = time.monotonic()
            self._save_whole()
            now = time.monotonic()
            self._stopped.wait(max(PAUSE_S, SHARE * (now - began), min(LONGEST_AGE_PAUSE_S, AGE_SHARE * (now - first))))

    def _save_whole(self) -> None:
        """Save, and read again if the notebook changed meanwhile."""
        for left in reversed(range(READS)):
            try:
                return self._save()
            except RuntimeError:
                if left == 0:
                    self._wanted.set()  # next time
            except Exception as problem:  # the end of the run saves again, and reports a failure
                return logging.getLogger(__name__).warning("The unfinished notebook could not be saved: %s", type(problem).__name__)
