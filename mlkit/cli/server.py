"""Starting the local AWS from a project: its builds find the installer and the packages that `make setup` fetched."""

import os
from typing import TYPE_CHECKING

from mlkit.cli import console
from mlkit.settings import Project

if TYPE_CHECKING:
    from mlkit.local.lifecycle import Running


def start(project: Project, port: int = 4566) -> "Running":
    """The running local AWS, started unless it runs. What it starts inherits the variables below."""
    from mlkit.local import lifecycle

    with console.environment(build_environment(project)):
        return lifecycle.up(project.local_home, port=port)


def build_environment(project: Project) -> dict[str, str]:
    """Variables with which a build installs from the cache that set-up has filled, without a network; none when there is no such cache."""
    installer = project.root / ".tools" / "uv" / "bin"
    default = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "uv")
    cache = os.environ.get("UV_CACHE_DIR") or default
    if not (installer / "uv").is_file() or not os.path.isdir(cache):
        return {}
    path = os.pathsep.join([str(installer), os.environ.get("PATH", os.defpath)])
    return {"PATH": path, "UV_CACHE_DIR": cache, "UV_OFFLINE": "1"}
