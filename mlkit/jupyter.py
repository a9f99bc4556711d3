"""What `mlkit local jupyter` has JupyterLab call."""

import threading
from pathlib import Path
from typing import Any

from mlkit import git


def after_save(os_path: str, **_: Any) -> None:
    """jupyter_server's post_save_hook: a notebook in which nothing but outputs changed is not shown as changed by `git status`.

    git looks at a file's size before it asks the filter that leaves the outputs out. In a thread, since the server waits for its hooks.
    """
    path = Path(os_path)
    if path.suffix == ".ipynb":
        threading.Thread(target=git.settle, args=(path.parent, path.name), daemon=True).start()
