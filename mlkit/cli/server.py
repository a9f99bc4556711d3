"""Starting the local AWS from a project: its builds find the installer and the packages that `make setup` fetched."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mlkit.cli import console
from mlkit.errors import LocalAwsFailed
from mlkit.settings import Project

if TYPE_CHECKING:
    from mlkit.local.lifecycle import Running


def start(project: Project, port: int | None = None) -> "Running":
    """The running local AWS, started unless it runs. What it starts inherits the variables below.

    Says so when it took another port than the usual one. Raises LocalAwsFailed when the port that is asked for is taken, or when it
    runs on another one.
    """
    from mlkit.local import lifecycle, ports

    known = lifecycle.status(project.local_home).running
    if known is not None:
        if port and not known.endpoint_url.endswith(f":{port}"):
            raise LocalAwsFailed(f"The local AWS runs at {known.endpoint_url}", cure="`mlkit local down` first, or leave out --port.")
        return known
    with console.environment(build_environment(project)):
        running = lifecycle.up(project.local_home, port=port)
    if port is None and not running.endpoint_url.endswith(f":{ports.PORT}"):
        console.out.print(f"  Port {ports.PORT} is taken by {ports.holder(ports.PORT)}, so a free one was chosen.")
    return running


def build_environment(project: Project) -> dict[str, str]:
    """Variables with which a build installs from the cache that set-up has filled, without a network; none when there is no such cache.

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
