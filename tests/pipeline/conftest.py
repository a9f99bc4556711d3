"""The fixtures of whole_runs.py for every test here. They have a module of their own because mypy leaves files of this name out."""

from whole_runs import first_run, pipeline, walked

__all__ = ["first_run", "pipeline", "walked"]
