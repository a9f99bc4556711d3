"""The fixtures of whole_runs.py for every test here. They have a module of their own because mypy leaves files of this name out."""

import pytest

pytest.register_assert_rewrite("bad_input", "error_table", "tiny_project")  # a helper that finds a difference shows both sides

from whole_runs import first_run, pipeline, walked  # noqa: E402

__all__ = ["first_run", "pipeline", "walked"]
