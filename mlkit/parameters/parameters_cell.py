"""The parameters cell of a notebook, read without running it."""

import ast
import io
import tokenize
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlkit.errors import InvalidNotebook
from mlkit.notebook.notebook_file import load_notebook, tags_of
from mlkit.parameters.checked_values import checked
from mlkit.parameters.declared import SIMPLE, Parameter, ParameterType, annotated

TAG = "parameters"
INJECTED = "injected-parameters"
_SKIPPED = "skip-execution"


def read_parameters(notebook: Path) -> tuple[Parameter, ...]:
    """The parameters of the notebook file in the order of its cell; raises InvalidNotebook or NotFound."""
    return parameters_of(load_notebook(notebook), str(notebook))


def parameters_of(content: Mapping[str, Any], where: str) -> tuple[Parameter, ...]:
    """The parameters in a notebook's JSON `content`; empty without a cell tagged `parameters`. `where` names the notebook in errors."""
    _check_nothing_injected(content, where)
    tagged = [(number, cell) for number, cell in enumerate(content["cells"], 1) if TAG in tags_of(cell)]
    if not tagged:
        return ()
    if len(tagged) > 1:
        raise InvalidNotebook(f"{where} has {len(tagged)} cells tagged `{TAG}`; which one holds the defaults?", cure="Keep the tag on one.")
    [(number, cell)] = tagged
    if cell.get("cell_type") != "code":
        raise InvalidNotebook(f"{where}: the cell tagged `{TAG}` is not a code cell.")
    if _SKIPPED in tags_of(cell):
        message = f"{where}: cell {number} is tagged `{TAG}` and `{_SKIPPED}`, so the kernel would never run it."
        raise InvalidNotebook(message, cure=f"Remove the tag `{_SKIPPED}`.")
    source = "".join(cell.get("source", ""))
    try:
        parameters = _read(source, where)
    except (SyntaxError, ValueError, tokenize.TokenError) as problem:
        raise InvalidNotebook(f"{where}: the `{TAG}` cell is not Python: {problem}.") from problem
    except (RecursionError, MemoryError):
        raise InvalidNotebook(f"{where}: the `{TAG}` cell is nested too deeply.", cure="Use plain literals.") from None
    _check_names_once(parameters, where)
    return tuple(parameters)


def _check_nothing_injected(content: Mapping[str, Any], where: str) -> None:
    """Raises InvalidNotebook for values of an earlier run: they would override the defaults without a record."""
    for number, cell in enumerate(content["cells"], 1):
        if INJECTED in tags_of(cell):
            message = (
                f"{where}: cell {number} is tagged `{INJECTED}`: it holds the values of an earlier run, and would overrule the defaults."
            )
            raise InvalidNotebook(message, cure="Run the notebook that this one was executed from, or delete the cell.")


def _read(source: str, where: str) -> list[Parameter]:
    statements, comments = ast.parse(source).body, _comments(source)
    return [_parameter(statement, comments, where) for statement in statements]


def _parameter(statement: ast.stmt, comments: Mapping[int, str], where: str) -> Parameter:
    place = f"{where}: line {statement.lineno} of the `{TAG}` cell"
    annotation = statement.annotation if isinstance(statement, ast.AnnAssign) else None
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target] if isinstance(statement, ast.AnnAssign) else []
    if len(targets) != 1 or not isinstance(targets[0], ast.Name):
        raise InvalidNotebook(f"{place} is not `name = literal`.", cure="Write one name and one literal a line, without imports and code.")
    assert isinstance(statement, ast.Assign | ast.AnnAssign)
    name = targets[0].id
    about = comments.get(statement.end_lineno or statement.lineno, "")
    if statement.value is None:
        assert annotation is not None  # only `name: type` has no value
        return Parameter(name=name, type=annotated(annotation, place), help=about, required=True)
    try:
        default = ast.literal_eval(statement.value)
    except (ValueError, TypeError):
        raise InvalidNotebook(f"{place}: the default of `{name}` is not a literal.", cure="Compute it in the next cell.") from None
    kind = _type_of(default, name, place) if annotation is None else annotated(annotation, place)
    try:
        default = checked(default, kind, name)
    except ValueError as problem:
        raise InvalidNotebook(f"{place}: the default of `{name}` does not fit `{kind}`: {problem}.") from problem
    return Parameter(name=name, type=kind, default=default, help=about)


def _check_names_once(parameters: list[Parameter], where: str) -> None:
    names = [parameter.name for parameter in parameters]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InvalidNotebook(f"{where}: `{'`, `'.join(twice)}` is assigned twice in the `{TAG}` cell.", cure="Keep one default.")


def _comments(source: str) -> dict[int, str]:
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {token.start[0]: token.string.lstrip("#").strip() for token in tokens if token.type == tokenize.COMMENT}


def _type_of(default: Any, name: str, place: str) -> ParameterType:
    kind = type(default).__name__
    if default is None:
        raise InvalidNotebook(f"{place}: `{name} = None` does not say its type.", cure=f"Write for example `{name}: str | None = None`.")
    if kind not in (*SIMPLE, "list", "dict"):
        raise InvalidNotebook(f"{place}: the default of `{name}` is a {kind}.", cure="Use bool, int, float, str, list or dict.")
    return ParameterType(name=kind)
