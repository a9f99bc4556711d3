"""Checks of this machine: Python, disk, mlkit.yml, git, and the notebooks' kernel."""

import ast
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from mlkit.doctor.checking import Check
from mlkit.doctor.findings import Finding, fail, ok, warn
from mlkit.errors import SaveFailed, UsageError
from mlkit.settings import Project

_GB = 1e9
_ENOUGH_GB = 5.0  # packages take 2 GB, a build's copy and a run's results one more
_TOO_LITTLE_GB = 1.0
_KERNEL_TIMEOUT_S = 300  # a limit against a kernel that hangs


def python(project: Project) -> Finding:
    """The Python version. It needs no check, because mlkit cannot be installed on an older one."""
    return ok(f"{platform.python_version()}, {shown(Path(sys.executable), project.root)}")


def disk(project: Project) -> Finding:
    """Free space for the project, the package cache and temporary files; each file system once."""
    cache = Path(os.environ.get("UV_CACHE_DIR") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "uv")
    places = {"project": project.root, "package cache": _existing(cache), "temporary files": Path(tempfile.gettempdir())}
    closed = [str(place) for place in places.values() if not os.access(place, os.W_OK)]
    if closed:
        return fail(f"no permission to write in {', '.join(closed)}", f"`ls -ld {closed[0]}` shows the owner.", SaveFailed)
    by_device: dict[int, list[str]] = {}
    for name, place in places.items():
        by_device.setdefault(place.stat().st_dev, []).append(name)
    free = {", ".join(names): shutil.disk_usage(places[names[0]]).free / _GB for names in by_device.values()}
    told = "; ".join(f"{gigabytes:.1f} GB free for {names}" for names, gigabytes in free.items())
    least = min(free.values())
    if least < _TOO_LITTLE_GB:
        return fail(told, "Free some space: `df -h .` and `du -sh .mlkit executed` show what uses it.", SaveFailed)
    if least < _ENOUGH_GB:
        return warn(told, f"About {_ENOUGH_GB:.0f} GB are enough; `du -sh .mlkit executed` shows what earlier runs use.")
    return ok(told)


def about(project: Project) -> Finding:
    """The project's kind of data, data set and table from mlkit.yml."""
    from mlkit.kinds import kind_of

    kind, found = kind_of(project), project.about
    return ok(f"{found.dataset}, table {found.table}, of kind {kind}")


def git(project: Project) -> Finding:
    """The commit and uncommitted files. The pipeline runs committed files, from this repository or from GitHub."""
    try:
        head = _git(project.root, "rev-parse", "--short=10", "HEAD")
    except FileNotFoundError:
        return fail("git is not installed", "Install git: the pipeline reads its source from a repository.", UsageError)
    if head.returncode:
        commands = "`git init && git add . && git commit -m start`"
        return fail("no commit to run here", f"The pipeline runs committed files: {commands}.", UsageError)
    changed = len(_git(project.root, "status", "--porcelain").stdout.splitlines())
    if changed:
        files = "1 file is" if changed == 1 else f"{changed} files are"
        return warn(
            f"commit {head.stdout.strip()}; {files} not committed; the pipeline runs committed files",
            "`git add -A && git commit`; or `mlkit local run --worktree`, which includes them.",
        )
    return ok(f"commit {head.stdout.strip()}, nothing uncommitted")


def kernel(project: Project) -> Finding:
    """Start the notebooks' kernel and ask it for the paths of its Python and its mlkit."""
    from jupyter_client.kernelspec import NoSuchKernel

    repair = f"`{shown(Path(sys.executable), project.root)} -m ipykernel install --sys-prefix`"
    try:
        prefix, found = _ask_kernel("__import__('sys').prefix", "__import__('mlkit').__file__", folder=project.root)
    except NoSuchKernel:
        return fail("there is no kernelspec python3", repair)
    except (RuntimeError, OSError) as error:
        return fail(f"python3 does not start: {error}", f"{repair} or `make setup`")
    if not found:
        return fail(f"python3 starts from {prefix}, which has no mlkit", repair)
    if Path(prefix).resolve() != Path(sys.prefix).resolve():
        return warn(f"python3 starts from {prefix}, not from {sys.prefix}", f"{repair} makes both the same environment.")
    home = Path(found).resolve().parent
    where = "this project's mlkit" if home == (project.root / "mlkit").resolve() else f"mlkit from {home}"
    return ok(f"python3 starts, with {where}")


def _ask_kernel(*expressions: str, folder: Path) -> list[str]:
    """A new kernel's values of the expressions; empty for one that raises. `folder` is the notebooks', as in JupyterLab."""
    from jupyter_client.manager import start_new_kernel

    beside = folder / "notebooks" if (folder / "notebooks").is_dir() else folder
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    manager, client = start_new_kernel(startup_timeout=_KERNEL_TIMEOUT_S, kernel_name="python3", cwd=str(beside), **quiet)
    try:
        asked = {str(number): expression for number, expression in enumerate(expressions)}
        reply = client.execute_interactive("", user_expressions=asked, timeout=_KERNEL_TIMEOUT_S)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    answers = reply["content"]["user_expressions"]
    return [ast.literal_eval(answers[key]["data"]["text/plain"]) if answers[key]["status"] == "ok" else "" for key in asked]


def shown(path: Path, root: Path) -> str:
    """The path, relative to the project's folder if it is inside."""
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)


def _existing(path: Path) -> Path:
    return next(folder for folder in (path, *path.parents) if folder.exists())


def _git(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=False)


CHECKS = (
    Check(name="python", run=python),
    Check(name="disk", run=disk),
    Check(name="project", run=about),
    Check(name="git", run=git),
    Check(name="kernel", run=kernel),
)
