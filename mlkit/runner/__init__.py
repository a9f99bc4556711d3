"""Runs one notebook through papermill, with strict parameters, a record of the run, and a stop that leaves no job behind."""

from mlkit.runner.notebook_run import run_notebook
from mlkit.runner.run_options import Progress, RunOptions

__all__ = ["Progress", "RunOptions", "run_notebook"]
