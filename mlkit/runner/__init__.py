"""One notebook through papermill, with strict parameters, an honest record and a stop that leaves nothing behind."""

from mlkit.runner.options import Progress, RunOptions
from mlkit.runner.run import run_notebook

__all__ = ["Progress", "RunOptions", "run_notebook"]
