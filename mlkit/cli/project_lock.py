"""The lock of a project's walks and pipeline runs. Two at once would write the same report and cache and deploy the same stacks."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

from mlkit.errors import UsageError
from mlkit.settings import Project


@contextmanager
def alone(project: Project) -> Iterator[None]:
    """Hold the project's lock. Raises UsageError if another process holds it. The kernel releases the lock of a killed process."""
    path = project.root / ".mlkit" / "run.lock"
    path.parent.mkdir(exist_ok=True)
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            cure = "Wait for it. `mlkit local stop` ends its execution; Ctrl-C in its terminal ends the whole run."
            raise UsageError(f"Another run is in progress in {project.root}", cure=cure) from None
        yield
