"""The table of `make mutants` names modules and tests that exist."""

from pathlib import Path

import pytest
from mutants.modules import MODULES

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("module", MODULES)
def test_a_row_names_a_module_and_tests_that_exist(module: str) -> None:
    files = [f"mlkit/{module}.py", *(f"tests/{name}" for name in MODULES[module])]
    assert [name for name in files if not (ROOT / name).is_file()] == []
    assert MODULES[module]
