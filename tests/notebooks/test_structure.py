"""Every source notebook keeps to the manners that make it readable by people and runnable by machines."""

import ast
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nbformat
import papermill
import pytest

import mlkit
import mlkit.movielens.algorithm
import mlkit.tabular.algorithm
import mlkit.tabular.lake
from mlkit import movielens, tabular
from mlkit.data.bad_rows import check_bad_rows
from mlkit.errors import UsageError
from mlkit.gate.metrics import METRICS, metric_named
from mlkit.gate.policy import gate_policy
from mlkit.movielens.splits import SplitRule
from mlkit.naming import ENVIRONMENTS, checked_environment
from mlkit.parameters import read_parameters
from mlkit.training.algorithm_type import Algorithm, algorithm_for

ROOT = Path(__file__).parents[2]
FOLDERS = [ROOT / "notebooks", *sorted(ROOT.glob("examples/*/notebooks"))]
NOTEBOOKS = [path for folder in FOLDERS for path in sorted(folder.glob("*.ipynb"))]
LIBRARIES = {"mlkit": mlkit, "mlkit.tabular": mlkit.tabular}


def code_cells(path: Path) -> list[nbformat.NotebookNode]:
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.parent.name)
def test_the_notebooks_are_numbered_in_the_order_of_the_pipeline(folder: Path) -> None:
    assert sorted(path.name for path in folder.glob("*.ipynb")) == ["01_prep.ipynb", "02_train.ipynb", "03_test_endpoint.ipynb"]


def test_every_example_asks_the_same_questions_in_the_same_order() -> None:
    """What a project leaves out or adds is its own; the steps that all have come in one order and under one name."""
    lab = {path.name: [cell.id for cell in code_cells(path)] for path in NOTEBOOKS if path.parent == FOLDERS[0]}
    for path in NOTEBOOKS:
        own = [cell.id for cell in code_cells(path)]
        shared = [name for name in lab[path.name] if name in own]
        assert [name for name in own if name in lab[path.name]] == shared
        assert len(shared) >= 0.7 * len(lab[path.name])


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: f"{path.parts[-3]}-{path.name}")
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
                assert len(cell.source.splitlines()) <= (6 if cell.source.startswith("from typing import") else 5), cell.source
                assert all(len(line) <= 100 for line in cell.source.splitlines()), cell.source

    def test_it_imports_only_the_librarys_public_names(self, path: Path) -> None:
        for cell in code_cells(path):
            for node in ast.walk(ast.parse(cell.source)):
                if isinstance(node, ast.Import):
                    assert [alias.name for alias in node.names] == ["mlkit"]
                if isinstance(node, ast.ImportFrom) and node.module == "typing":
                    assert [alias.name for alias in node.names] == ["Literal"]  # what the parameters' choices are written with
                elif isinstance(node, ast.ImportFrom):
                    assert node.module in LIBRARIES
                    assert all(alias.name in LIBRARIES[node.module].__all__ for alias in node.names)

    def test_every_step_is_introduced_by_a_heading(self, path: Path) -> None:
        notebook = nbformat.read(path, as_version=4)
        assert notebook.cells[0].source.startswith("# ")
        headings = [cell.source for cell in notebook.cells[1:] if cell.cell_type == "markdown"]
        assert headings
        assert all(text.startswith("## ") and "\n" in text for text in headings)


def judged_by(metric: str) -> None:
    metric_named(metric)
    gate_policy(metric, 0.5, None if METRICS[metric].counts_right_rows else 0.5)


def reads_missing_values(rule: str) -> None:
    lake: Any = SimpleNamespace(database="d", table="t", columns={"id": "bigint", "y": "string", "a": "double"})
    tabular.lake.choose_columns(lake, key="id", label="y", positive="p", missing=rule)  # type: ignore[arg-type]


def accepts_bad_rows(rule: str) -> None:
    check_bad_rows(SimpleNamespace(table_rows=0, bad_rows=0, complaint="", what_stays=""), rule)


def of_task(task: str) -> Any:
    return SimpleNamespace(task=task, is_number=False)


# What the library itself takes; each raises for anything else. The notebooks' choices must be neither more nor less, but for metrics.
ACCEPTS: dict[str, Callable[[str], object]] = {
    "split": lambda value: SplitRule(salt="any", split=value),
    "target": lambda value: SplitRule(salt="any", predict=value),
    "task": lambda value: algorithm_for("xgboost", of_task(value), tabular.algorithm.ALGORITHMS),
    "missing": reads_missing_values,
    "bad_rows": accepts_bad_rows,
    "environment": checked_environment,
    "gate_rule": lambda value: gate_policy("match rate", 0.5, rule=value),  # type: ignore[arg-type]
    "on_inconclusive": lambda value: gate_policy("match rate", 0.5, on_inconclusive=value),  # type: ignore[arg-type]
    "slices": lambda value: gate_policy("match rate", 0.5, slices=value),  # type: ignore[arg-type]
    "metric": judged_by,
}
TASKS = ("binary", "multi-class", "regression")
WORDS = (
    *("hashed", "latest", "newest", "drop", "refuse", "keep", "positive", "rating", "interval", "value", "stop", "ask", "show", ""),
    *(*TASKS, *ENVIRONMENTS, *METRICS),
)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: f"{path.parts[-3]}-{path.name}")
def test_the_choices_are_those_that_the_library_takes(path: Path) -> None:
    choices = {one.name: one.type.choices for one in read_parameters(path) if one.name in ACCEPTS}
    for name, named in choices.items():
        taken = {word for word in WORDS if accepts(ACCEPTS[name], word)}
        assert set(named) <= taken if name == "metric" else set(named) == taken, name  # a notebook may leave a metric out


def accepts(function: Callable[[str], object], value: str) -> bool:
    try:
        function(value)
    except (UsageError, ValueError):
        return False
    return True


@pytest.mark.parametrize(
    ("folder", "algorithms"), [(FOLDERS[0], movielens.algorithm.ALGORITHMS), (FOLDERS[1], tabular.algorithm.ALGORITHMS)]
)
def test_a_search_s_objectives_are_the_algorithms_and_the_task_chooses_unless_one_is_named(
    folder: Path, algorithms: Sequence[Algorithm]
) -> None:
    objective = next(one for one in read_parameters(folder / "02_train.ipynb") if one.name == "objective")
    assert objective.type.choices == ("", *dict.fromkeys(name for one in algorithms for name in one.objectives))
    assert objective.default == ""


def defaults(folder: Path) -> dict[str, Any]:
    """Those of 02_train."""
    return {one.name: one.default for one in read_parameters(folder / "02_train.ipynb")}


def test_the_algorithms_to_choose_from_are_those_of_the_registry_and_each_has_a_search() -> None:
    choices = next(one.type.choices for one in read_parameters(FOLDERS[0] / "02_train.ipynb") if one.name == "algorithm")
    assert choices == tuple(dict.fromkeys(one.name for one in movielens.algorithm.ALGORITHMS))
    given = defaults(FOLDERS[0])
    lab = dict.fromkeys(("epochs", "mini_batch_size", "factors_wd"))
    searches = {"rates": given["tune_rates"], "penalties": given["tune_penalties"], "lab": lab}
    fits = {
        name: {search for search, ranges in searches.items() if set(ranges) <= one.tunable}
        for one in movielens.algorithm.ALGORITHMS
        for name in [one.name]
    }
    assert fits == {"factorization-machines": {"rates", "lab"}, "linear-learner": {"penalties"}}
    assert given["search"] in fits[given["algorithm"]]


@pytest.mark.parametrize(("folder", "untuned"), [(FOLDERS[0], 1), (FOLDERS[1], 0)])
def test_the_allowed_instance_hours_are_what_the_default_search_may_take(folder: Path, untuned: int) -> None:
    given = defaults(folder)
    assert given["max_instance_hours"] == (given["max_jobs"] + untuned) * given["max_runtime_s"] / 3600


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: f"{path.parts[-3]}-{path.name}")
def test_run_by_hand_the_parameters_are_what_is_declared(path: Path) -> None:
    names: dict[str, object] = {}
    for cell in code_cells(path):
        exec(cell.source, names)  # as "Run all" does, up to the parameters
        if "parameters" in cell.metadata.get("tags", []):
            break
    assert {one.name: names[one.name] for one in read_parameters(path)} == {one.name: one.default for one in read_parameters(path)}


@pytest.mark.filterwarnings("ignore")
def test_plain_papermill_passes_a_choice() -> None:
    prepared = papermill.execute_notebook(str(NOTEBOOKS[0]), None, {"split": "latest"}, prepare_only=True, progress_bar=False)
    [injected] = [cell for cell in prepared.cells if "injected-parameters" in cell.metadata.tags]
    assert 'split = "latest"' in injected.source


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.parent.name)
def test_training_once_is_the_default(folder: Path) -> None:
    tune = next(parameter for parameter in read_parameters(folder / "02_train.ipynb") if parameter.name == "tune")
    assert (str(tune.type), tune.default) == ("bool", False)
