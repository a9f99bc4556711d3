"""The hook that `mlkit local jupyter` gives to JupyterLab."""

import threading
from pathlib import Path
from typing import Any

from mlkit.project import git


def after_save(os_path: str, **_: Any) -> None:
    """jupyter_server's post_save_hook: keeps `git status` from listing a notebook in which only outputs changed.

    git compares a file's size before it runs the filter that removes outputs. Works in a thread, because the server waits for its hooks.
    """
    path = Path(os_path)
    if path.suffix == ".ipynb":
        threading.Thread(target=git.settle, args=(path.parent, path.name), daemon=True).start()
