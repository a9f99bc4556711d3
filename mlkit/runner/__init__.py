"""Runs one notebook through papermill, with strict parameters, a record of the run, and a stop that leaves no job behind."""

from mlkit.runner.options import Progress, RunOptions
from mlkit.runner.run import run_notebook

__all__ = ["Progress", "RunOptions", "run_notebook"]
