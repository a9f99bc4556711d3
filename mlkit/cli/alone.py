"""One walk or pipeline run of a project at a time: two would write one report and one cache, and deploy the same stacks."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

from mlkit.errors import UsageError
from mlkit.settings import Project


@contextmanager
def alone(project: Project) -> Iterator[None]:
    """Hold the project's lock. Raises UsageError when another process does; a kill releases it."""
    path = project.root / ".mlkit" / "run.lock"
    path.parent.mkdir(exist_ok=True)
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            cure = "Wait for it; `mlkit local stop` ends its execution, Ctrl-C in its terminal all of it."
            raise UsageError(f"Another run is at work in {project.root}", cure=cure) from None
        yield
