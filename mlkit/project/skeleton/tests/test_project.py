"""The project fits together: steps, notebooks and templates agree, notebooks are clean, and one mlkit is carried and installed."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import mlkit

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted(path.name for path in (ROOT / "notebooks").glob("*.ipynb"))


def code_cells(name: str) -> list[dict[str, Any]]:
    cells = json.loads((ROOT / "notebooks" / name).read_text())["cells"]
    return [cell for cell in cells if cell["cell_type"] == "code"]


def test_steps_and_templates_pass_what_the_notebooks_take() -> None:
    command = [str(Path(sys.executable).with_name("mlkit")), "check", str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_has_one_cell_of_parameters(name: str) -> None:
    tagged = [cell for cell in code_cells(name) if "parameters" in cell["metadata"].get("tags", [])]
    assert len(tagged) == 1


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_is_committed_without_outputs(name: str) -> None:
    assert [cell["source"] for cell in code_cells(name) if cell["outputs"] or cell["execution_count"] is not None] == []


def test_the_one_wheel_of_mlkit_is_the_version_that_is_installed() -> None:
    (wheel,) = (ROOT / "vendor").glob("sagemaker_mlkit-*.whl")
    assert wheel.name.split("-")[1] == mlkit.__version__
