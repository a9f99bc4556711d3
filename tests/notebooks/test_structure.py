"""Every source notebook keeps to the manners that make it readable by people and runnable by machines."""

import ast
from pathlib import Path

import nbformat
import pytest

import mlkit
from mlkit.parameters import read_parameters

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def code_cells(path: Path) -> list[nbformat.NotebookNode]:
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]


def test_the_notebooks_are_numbered_in_the_order_of_the_pipeline() -> None:
    assert [path.name for path in NOTEBOOKS] == ["01_prep.ipynb", "02_train.ipynb", "03_test_endpoint.ipynb"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
class TestNotebook:
    def test_it_is_valid_and_names_its_kernel(self, path: Path) -> None:
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
        assert (notebook.metadata.kernelspec.name, notebook.metadata.kernelspec.language) == ("python3", "python")

    def test_it_is_stored_without_outputs(self, path: Path) -> None:
        assert all(not cell.outputs and cell.execution_count is None for cell in code_cells(path))

    def test_it_has_typed_parameters_with_a_word_on_each(self, path: Path) -> None:
        parameters = read_parameters(path)
        assert parameters
        assert all(parameter.help for parameter in parameters)

    def test_cells_are_short_and_define_nothing(self, path: Path) -> None:
        for cell in code_cells(path):
            tree = ast.parse(cell.source)
            assert not any(isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda) for node in ast.walk(tree))
            if "parameters" not in cell.metadata.get("tags", []):
                assert len(cell.source.splitlines()) <= 5, cell.source
                assert all(len(line) <= 100 for line in cell.source.splitlines()), cell.source

    def test_it_imports_only_the_librarys_public_names(self, path: Path) -> None:
        for cell in code_cells(path):
            for node in ast.walk(ast.parse(cell.source)):
                if isinstance(node, ast.Import):
                    assert [alias.name for alias in node.names] == ["mlkit"]
                if isinstance(node, ast.ImportFrom):
                    assert node.module == "mlkit"
                    assert all(hasattr(mlkit, alias.name) for alias in node.names)

    def test_every_step_is_introduced_by_a_heading(self, path: Path) -> None:
        notebook = nbformat.read(path, as_version=4)
        assert notebook.cells[0].source.startswith("# ")
        headings = [cell.source for cell in notebook.cells[1:] if cell.cell_type == "markdown"]
        assert headings
        assert all(text.startswith("## ") and "\n" in text for text in headings)


def test_training_once_is_the_default() -> None:
    tune = next(parameter for parameter in read_parameters(ROOT / "notebooks" / "02_train.ipynb") if parameter.name == "tune")
    assert (str(tune.type), tune.default) == ("bool", False)
