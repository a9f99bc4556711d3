"""The table of `make mutants` names modules and tests that exist."""

from pathlib import Path

import pytest
from mutants.modules import MODULES, path_of

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("module", MODULES)
def test_a_row_names_a_module_and_tests_that_exist(module: str) -> None:
    assert path_of(module, ROOT).is_file()
    assert MODULES[module]
    assert [pattern for pattern in MODULES[module] if not list(ROOT.glob(pattern))] == []
