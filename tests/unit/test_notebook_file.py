"""Notebook files as other tools and people leave them: what is missing is filled in, what makes no sense is refused by its cell."""

import copy
import json
import warnings

import nbformat
import papermill
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlkit.errors import InvalidNotebook, MlkitError
from mlkit.notebook.notebook_file import load_notebook
from mlkit.parameters import parameters_of
from mlkit.runner.cells import code_cells
from mlkit.runner.preconditions import kernel_of


def code(source, *tags):
    return {"cell_type": "code", "metadata": {"tags": list(tags)}, "source": source, "outputs": [], "execution_count": None}


def valid():
    return {
        "nbformat": 4,
        "nbformat_minor": 4,
        "metadata": {
            "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
            "language_info": {"name": "python"},
        },
        "cells": [code("a = 1\n", "parameters"), {"cell_type": "markdown", "metadata": {}, "source": ["# Two\n"]}, code("print(a)")],
    }


def loaded(tmp_path, content):
    path = tmp_path / "x.ipynb"
    path.write_text(json.dumps(content))
    return load_notebook(path)


def without(node, name):
    return {key: value for key, value in node.items() if key != name}


def with_cell(cell):
    """The valid notebook with this as its third cell."""
    return {**valid(), "cells": [*valid()["cells"][:2], cell]}


@pytest.mark.parametrize(
    "content",
    [
        {**valid(), "metadata": None},
        without(valid(), "metadata"),
        without(valid(), "nbformat_minor"),
        {**valid(), "nbformat_minor": None},
        {**valid(), "metadata": {**valid()["metadata"], "papermill": None}},
        {**valid(), "metadata": {**valid()["metadata"], "kernelspec": None}},
        {**valid(), "metadata": {**valid()["metadata"], "language_info": None}},
        with_cell({**code("print(1)"), "metadata": None}),
        with_cell(without(code("print(1)"), "metadata")),
        with_cell({**code("print(1)"), "metadata": {"tags": None}}),
        with_cell({**code("print(1)"), "metadata": {"papermill": []}}),
        with_cell({**code("print(1)"), "outputs": None}),
        with_cell({**code("print(1)"), "outputs": [None, 3, {"output_type": "stream", "text": "\ud83d"}]}),
        with_cell(without(code("print(1)"), "outputs")),
        with_cell(without(code("print(1)"), "execution_count")),
        with_cell({**code("print(1)"), "execution_count": "many"}),
        with_cell({**code("print(1)"), "id": None}),
        with_cell({"cell_type": "raw", "source": [], "attachments": None}),
        with_cell({**code(["print(1)\n", "print(2)"])}),
    ],
)
def test_missing_metadata_and_tags_are_read_as_empty(tmp_path, content):
    read = loaded(tmp_path, content)
    assert [one.name for one in parameters_of(read, "x.ipynb")] == ["a"]
    prepared = prepare(read)
    assert prepared.cells[2].metadata.tags == []
    json.loads(nbformat.writes(prepared))


@pytest.mark.parametrize(
    ("cell", "complaint"),
    [
        (None, "cell 3 is null or missing, not a cell"),
        ([], "cell 3 is a list, not a cell"),
        ("print(1)", "cell 3 is a text, not a cell"),
        ({}, "cell 3 has the cell type None"),
        ({**code("x"), "cell_type": "heading"}, "cell 3 has the cell type 'heading'; there are code, markdown, raw"),
        ({**code("x"), "cell_type": ["code"]}, "cell 3 has the cell type"),
        ({**code("x"), "source": None}, "the source of cell 3 is null or missing, not text"),
        (without(code("x"), "source"), "the source of cell 3 is null or missing, not text"),
        ({**code("x"), "source": 5}, "the source of cell 3 is a number, not text"),
        ({**code("x"), "source": ["x", None]}, "the source of cell 3 is a list, not text"),
        ({**code("x"), "metadata": []}, "cell 3's `metadata` is a list, not a mapping"),
        ({**code("x"), "metadata": {"tags": "parameters"}}, "cell 3's `tags` are not a list of texts"),
        ({**code("x"), "metadata": {"tags": [None]}}, "cell 3's `tags` are not a list of texts"),
        ({**code("x"), "metadata": {"tags": False}}, "cell 3's `tags` are not a list of texts"),
        ({**code("x"), "attachments": 3}, "cell 3's `attachments` is a number, not a mapping"),
        ({**code("x"), "attachments": {"a.png": [1]}}, "cell 3's attachment `a.png` is a list, not a mapping"),
        (
            {"cell_type": "markdown", "metadata": {}, "source": "# a cut emoji \ud83d here"},
            r"cell 3 holds half of a surrogate pair (`\ud83d`)",
        ),
        ({**code("x"), "metadata": {"\udcff": 1}}, r"cell 3 holds half of a surrogate pair (`\udcff`)"),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_a_cell_that_makes_no_sense_is_refused_by_its_number(tmp_path, cell, complaint):
    with pytest.raises(InvalidNotebook) as raised:
        loaded(tmp_path, with_cell(cell))
    assert f"x.ipynb: {complaint}" in str(raised.value)


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"metadata": 3}, "its `metadata` is a number, not a mapping"),
        ({"metadata": {"kernelspec": []}}, "its `kernelspec` is a list, not a mapping"),
        ({"metadata": {"language_info": "python"}}, "its `language_info` is a text, not a mapping"),
        ({"metadata": {"title": "\ud83d"}}, "it holds half of a surrogate pair"),
        ({"nbformat_minor": "5"}, "its `nbformat_minor` is a text"),
        ({"nbformat_minor": -1}, "its `nbformat_minor` is a number"),
        ({"nbformat_minor": True}, "its `nbformat_minor` is true or false"),
        ({"nbformat": "4"}, "is not a notebook of format 4"),
        ({"nbformat": None}, "is not a notebook of format 4"),
        ({"cells": None}, "is not a notebook of format 4"),
        ({"cells": {}}, "is not a notebook of format 4"),
    ],
)
def test_a_notebook_that_makes_no_sense_is_refused(tmp_path, changed, complaint):
    with pytest.raises(InvalidNotebook) as raised:
        loaded(tmp_path, {**valid(), **changed})
    assert complaint in str(raised.value)


@pytest.mark.parametrize("depth", [150, 100_000])
def test_a_notebook_nested_without_end_is_refused(tmp_path, depth):
    path = tmp_path / "x.ipynb"
    path.write_text(json.dumps({**valid(), "deep": "@"}).replace('"@"', "[" * depth + "]" * depth))
    with pytest.raises(InvalidNotebook, match="nested"):
        load_notebook(path)


@pytest.mark.parametrize(
    ("metadata", "complaint"),
    [
        ({}, "kernelspec has no name"),
        ({"kernelspec": {}}, "kernelspec has no name"),
        ({"kernelspec": {"name": None, "language": "python"}}, "kernelspec has no name"),
        ({"kernelspec": {"name": ["python3"], "language": "python"}}, "name of the notebook's kernel is not text"),
        ({"kernelspec": {"name": "python3", "language": ["python"]}}, r"written in \['python'\]"),
        ({"kernelspec": {"name": "../python3\0", "language": "python"}}, "not installed"),
    ],
)
def test_a_kernel_that_makes_no_sense_is_refused(tmp_path, metadata, complaint):
    content = loaded(tmp_path, {**valid(), "metadata": metadata})
    with pytest.raises(InvalidNotebook, match=complaint):
        kernel_of(content, None, tmp_path / "x.ipynb")


def injected(*, kind="code"):
    return code("# Parameters\na = 777\n", "injected-parameters") | {"cell_type": kind}


@pytest.mark.parametrize(
    ("cells", "number"),
    [
        ([code("a = 1", "parameters"), injected(), code("print(a)")], 2),
        ([code("x = 1"), code("y = 1"), injected()], 3),
        ([code("a = 1", "parameters", "injected-parameters")], 1),
        ([injected(kind="markdown")], 1),
    ],
)
def test_a_cell_with_the_values_of_an_earlier_run_is_refused_by_its_number(cells, number):
    with pytest.raises(InvalidNotebook, match=rf"x\.ipynb: cell {number} is tagged `injected-parameters`") as raised:
        parameters_of({"cells": cells}, "x.ipynb")
    assert "delete the cell" in raised.value.cure


def test_an_executed_notebook_is_no_source(tmp_path):
    executed = tmp_path / "executed.ipynb"
    source = tmp_path / "source.ipynb"
    source.write_text(json.dumps(valid()))
    papermill.execute_notebook(str(source), str(executed), {"a": 2}, prepare_only=True, progress_bar=False)
    with pytest.raises(InvalidNotebook, match="cell 2 is tagged `injected-parameters`"):
        parameters_of(load_notebook(executed), "executed.ipynb")


def test_defaults_that_the_kernel_would_never_see_are_refused():
    with pytest.raises(InvalidNotebook, match="cell 1 is tagged `parameters` and `skip-execution`"):
        parameters_of({"cells": [code("a = 1", "parameters", "skip-execution")]}, "x.ipynb")


def test_a_good_notebook_is_read_as_papermill_reads_it(tmp_path):
    ours = papermill.iorw.load_notebook_node(nbformat.from_dict(loaded(tmp_path, valid())))
    papermills = papermill.iorw.load_notebook_node(str(tmp_path / "x.ipynb"))
    for notebook in (papermills, ours):
        for cell in notebook.cells:
            cell.pop("id")  # made anew at each reading
    assert ours == papermills


def prepare(content):
    """The notebook as papermill gives it to its engine."""
    options = {"prepare_only": True, "progress_bar": False, "kernel_name": "python3", "language": "python"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # nbformat on ids
        return papermill.execute_notebook(nbformat.from_dict(content), None, {}, **options)


def places(node, at=()):
    """Every member's place, from the top."""
    yield at
    for key, value in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        yield from places(value, (*at, key))


GARBAGE = [None, 3, -1.5, True, "", "text", "\ud83d", [], [None], ["x"], {}, {"a": None}, {"tags": ["parameters"]}, ["injected-parameters"]]
DROPPED = object()
RICH = {
    **valid(),
    "nbformat_minor": 5,
    "cells": [
        code("a: int = 1\ns: \"Literal['x', 'y']\" = 'x'  # which\nl = [1, {'k': 2}]", "parameters") | {"id": "one"},
        {
            "cell_type": "markdown",
            "id": "two",
            "metadata": {"papermill": {}},
            "source": ["# T"],
            "attachments": {"a.png": {"image/png": "aGk="}},
        },
        code("print(a)")
        | {
            "id": "three",
            "outputs": [{"output_type": "execute_result", "data": {"text/plain": ["1"]}, "metadata": {}, "execution_count": 1}],
        },
    ],
}
PLACES = [place for place in places(RICH) if place]


def mutated(content, changes):
    content = copy.deepcopy(content)
    for place, value in changes:
        holder = content
        try:
            for key in place[:-1]:
                holder = holder[key]
            if value is DROPPED:
                del holder[place[-1]]
            else:
                holder[place[-1]] = copy.deepcopy(value)
        except (KeyError, IndexError, TypeError):
            continue  # an earlier change took the place away
    return content


def check_runs_or_is_refused(path, changes):
    """The rich notebook, changed: an error of ours, or all that a run does with the file short of a kernel."""
    path.write_text(json.dumps(mutated(RICH, changes)))
    try:
        content = load_notebook(path)
        parameters_of(content, "x.ipynb")
        kernel_of(content, None, path)
    except MlkitError:
        return
    prepared = prepare(content)
    assert len(code_cells(prepared)) <= 3
    nbformat.writes(prepared).encode()


@settings(max_examples=300)
@given(st.lists(st.tuples(st.sampled_from(PLACES), st.sampled_from([*GARBAGE, DROPPED])), min_size=2, max_size=5))
def test_several_changes_at_once_are_refused_or_can_be_run_and_written(tmp_path_factory, changes):
    check_runs_or_is_refused(tmp_path_factory.getbasetemp() / "changed.ipynb", changes)


@pytest.mark.parametrize("value", [*GARBAGE, DROPPED], ids=lambda value: ascii(value)[:20])
def test_one_change_anywhere_is_refused_or_can_be_run_and_written(tmp_path, value):
    for place in PLACES:
        check_runs_or_is_refused(tmp_path / "x.ipynb", [(place, value)])
