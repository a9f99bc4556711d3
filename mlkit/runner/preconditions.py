"""Checks before a run: the kernel is installed, and no other run writes the same file."""

import contextlib
import fcntl
import hashlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mlkit.errors import InvalidNotebook, SaveFailed, UsageError
from mlkit.notebook.notebook_file import is_utf8


@contextlib.contextmanager
def only_one(executed: Path) -> Iterator[None]:
    """Hold the lock of the executed notebook. Raises UsageError for a second run, because two would mix their evidence."""
    if not is_utf8(executed):
        raise UsageError(f"The name of the executed notebook is not UTF-8: {str(executed)!a}", cure="Name another file for it.")
    try:
        executed.parent.mkdir(parents=True, exist_ok=True)
        name = hashlib.sha256(os.fsencode(executed.resolve())).hexdigest()[:16]
        lock = open(Path(tempfile.gettempdir()) / f"mlkit-{os.getuid()}-{name}.lock", "w")  # noqa: SIM115  closed by `with lock`
    except OSError as problem:
        cure = "Name another place for the executed notebook."
        reason = "it is a file" if isinstance(problem, FileExistsError | NotADirectoryError) else problem.strerror or problem
        raise SaveFailed(f"{executed.parent} cannot be written to: {reason}", cure=cure) from problem
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            cure = "Wait for it, or name another file for this run's executed notebook."
            raise UsageError(f"Another run is writing {executed}.", cure=cure) from None
        yield


def kernel_of(content: Mapping[str, Any], kernel_name: str | None, source: Path) -> str:
    """The name of the notebook's kernel. Raises InvalidNotebook when it has none that is installed here and runs Python."""
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    about = content["metadata"]
    spec = about.get("kernelspec", {})
    name = kernel_name or spec.get("name")
    language = about.get("language_info", {}).get("name") or spec.get("language")
    if not name or not language:
        missing = "name" if not name else "language"
        raise InvalidNotebook(f"{source}: the notebook's kernelspec has no {missing}.", cure="Choose its kernel in JupyterLab and save it.")
    if not isinstance(name, str):
        raise InvalidNotebook(
            f"{source}: the name of the notebook's kernel is not text.", cure="Choose its kernel in JupyterLab and save it."
        )
    if language != "python":
        raise InvalidNotebook(
            f"{source}: the notebook is written in {language}.",
            cure="mlkit runs Python notebooks only, because it checks their parameters.",
        )
    kernels = KernelSpecManager()
    try:
        kernels.get_kernel_spec(name)
    except NoSuchKernel:
        installed = ", ".join(sorted(kernels.find_kernel_specs())) or "none"
        raise InvalidNotebook(f"{source}: the kernel {name!r} is not installed. Installed kernels: {installed}.") from None
    return name
