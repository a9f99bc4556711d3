"""A project's local AWS, for the other commands: starts it with the package cache of `make setup`, and reads its state."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mlkit.cli import console
from mlkit.errors import LocalAwsFailed
from mlkit.settings import Project

if TYPE_CHECKING:
    from localaws.lifecycle import Running


def start(project: Project, port: int | None = None) -> "Running":
    """The running local AWS; starts it if it does not run. Its builds inherit the variables of `build_environment`.

    Prints the port if it is not the usual one. Raises LocalAwsFailed if the requested port is taken, or if the local AWS runs on
    another one.
    """
    from localaws import lifecycle, ports
    from localaws.kit import open_questions

    known = lifecycle.status(project.local_home).running
    if known is not None:
        if port and not known.endpoint_url.endswith(f":{port}"):
            raise LocalAwsFailed(f"The local AWS runs at {known.endpoint_url}", cure="Run `mlkit local down` first, or leave out --port.")
        return known
    with console.environment(build_environment(project)):
        running = lifecycle.up(project.local_home, port=port, assume=open_questions.from_environment(os.environ))
    if port is None and not running.endpoint_url.endswith(f":{ports.PORT}"):
        console.out.print(f"  Port {ports.PORT} is taken by {ports.holder(ports.PORT)}, so the local AWS chose a free one.")
    return running


def build_environment(project: Project) -> dict[str, str]:
    """Variables with which a build installs from set-up's package cache, without a network; empty if there is no such cache.

    The set-up is the project's own, or that of the environment in which this command runs.
    """
    places = [root / ".tools" / "uv" / "bin" for root in (project.root, Path(sys.prefix).parent)]
    installer = next((place for place in places if (place / "uv").is_file()), None)
    default = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "uv")
    cache = os.environ.get("UV_CACHE_DIR") or default
    if installer is None or not os.path.isdir(cache):
        return {}
    path = os.pathsep.join([str(installer), os.environ.get("PATH", os.defpath)])
    return {"PATH": path, "UV_CACHE_DIR": cache, "UV_OFFLINE": "1"}


def is_running(project: Project) -> bool:
    """Whether the project's local AWS answers."""
    from localaws import lifecycle

    return lifecycle.status(project.local_home).running is not None


def environment(project: Project) -> dict[str, str]:
    """The variables that point AWS tools to the project's local AWS. Raises the error of localaws when it does not run."""
    from localaws import lifecycle

    return lifecycle.environment(project.local_home)


def stand_for(project: Project, full_name: str, *, worktree: bool) -> None:
    """Use the project's git repository in place of `full_name`, OWNER/REPO on GitHub, on its local AWS."""
    from localaws.codeconnections import repositories

    repositories.register(project.local_home / "codeconnections", full_name, project.root, worktree=worktree)
