"""A notebook's parameters: read from its own `parameters` cell, and strictly bound to what a caller gives.

The cell holds nothing but assignments of literals, so that it can be read without running it:

    tune: bool = False             # whether to search for hyperparameters
    epochs = 100                   # the default's type is the parameter's
    instance_type: str | None = None
    country: str                   # no default: it must be given; run by hand, the notebook stops with NameError where it is used first
"""

import ast
import difflib
import io
import json
import math
import tokenize
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlkit.errors import InvalidNotebook, InvalidParameters, NotFound

TAG = "parameters"
_SIMPLE: dict[str, type] = {"bool": bool, "int": int, "float": float, "str": str}
_TRUE, _FALSE, _NONE = ("true", "yes", "on", "1"), ("false", "no", "off", "0"), ("none", "null")
_BOOL_WORDS = ("true", "yes", "on", "false", "no", "off")
_NEGATIONS = ("false", "no", "off")


class Typed(str):
    """Text that was typed after `-p` or `-o`, where nothing tells a string from a boolean: see `bind`."""


@dataclass(frozen=True, kw_only=True)
class ParameterType:
    """`bool`, `int`, `float`, `str`, `list` or `dict`; `item` is the type of a list's items or a dict's values, None for any."""

    name: str
    item: "ParameterType | None" = None
    optional: bool = False

    def __str__(self) -> str:
        inside = "" if self.item is None else f"[str, {self.item}]" if self.name == "dict" else f"[{self.item}]"
        return f"{self.name}{inside}{' | None' if self.optional else ''}"


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """One line of the parameters cell; `help` is the comment behind it. A `required` one has no default, and `default` is None."""

    name: str
    type: ParameterType
    default: Any = None
    help: str = ""
    required: bool = False


def read_parameters(notebook: Path) -> tuple[Parameter, ...]:
    """The parameters of the notebook file in the order of its cell; raises InvalidNotebook or NotFound."""
    return parameters_of(load_notebook(notebook), str(notebook))


def load_notebook(notebook: Path) -> dict[str, Any]:
    """The notebook file's JSON; raises NotFound, or InvalidNotebook when it is no notebook of format 4."""
    try:
        content = json.loads(notebook.read_text(encoding="utf-8"))
    except (FileNotFoundError, IsADirectoryError):
        raise NotFound(f"There is no notebook {notebook}.", cure="Check the path; the notebooks are in notebooks/.") from None
    except UnicodeDecodeError as problem:
        raise InvalidNotebook(f"{notebook} is not a notebook: it is not text in UTF-8.") from problem
    except ValueError as problem:
        raise InvalidNotebook(f"{notebook} is not a notebook: it is not JSON ({problem}).") from problem
    if not isinstance(content, dict) or not isinstance(content.get("cells"), list) or content.get("nbformat") != 4:
        raise InvalidNotebook(f"{notebook} is not a notebook of format 4: it has no list of cells, or another `nbformat`.")
    return content


def parameters_of(content: Mapping[str, Any], where: str) -> tuple[Parameter, ...]:
    """The parameters of a notebook's JSON `content`; `where` names it in errors."""
    tagged = [cell for cell in content["cells"] if TAG in cell.get("metadata", {}).get("tags", [])]
    if not tagged:
        raise InvalidNotebook(f"{where} has no cell tagged `{TAG}`.")
    if len(tagged) > 1:
        raise InvalidNotebook(f"{where} has {len(tagged)} cells tagged `{TAG}`; which one holds the defaults?", cure="Keep the tag on one.")
    if tagged[0].get("cell_type") != "code":
        raise InvalidNotebook(f"{where}: the cell tagged `{TAG}` is not a code cell.")
    source = "".join(tagged[0].get("source", ""))
    try:
        statements = ast.parse(source).body
        comments = _comments(source)
    except (SyntaxError, tokenize.TokenError) as problem:
        raise InvalidNotebook(f"{where}: the `{TAG}` cell is not Python: {problem}.") from problem
    parameters = [_parameter(statement, comments, where) for statement in statements]
    _check_names_once(parameters, where)
    return tuple(parameters)


def bind(parameters: Iterable[Parameter], given: Mapping[str, Any]) -> dict[str, Any]:
    """The given values as the notebook's types, by name, in the order given; what is not given is not in the answer.

    Text is read as the parameter's type: `true yes on 1` and `false no off 0` for a bool, JSON for a list or dict, `none` or `null`
    where the type allows None. Other values (from YAML) must be of the type; an int will do for a float, nothing but a bool for a
    bool. `false no off` are refused for everything but a bool, also for a str when they are `Typed`: a string that is true in Python
    is hardly what was meant. A str whose own default is such a word (`on`) takes them, and so do strings from a YAML file or from
    Python; `0` is an ordinary text or number. Raises InvalidParameters that names every problem at once: unknown names, values
    that do not fit, required parameters that are missing.
    """
    known = {parameter.name: parameter for parameter in parameters}
    bound: dict[str, Any] = {}
    problems = []
    for name, value in given.items():
        if name not in known:
            problems.append(_unknown(name, known))
            continue
        try:
            bound[name] = _convert(value, known[name])
        except ValueError as problem:
            about = "required" if known[name].required else f"default {known[name].default!r}"
            problems.append(f"Parameter `{name}` is {known[name].type} ({about}), not {value!r}: {problem}.")
    problems += [
        f"Parameter `{name}` ({one.type}) is required and was not given."
        for name, one in known.items()
        if one.required and name not in given
    ]
    if problems:
        raise InvalidParameters("\n".join(problems))
    return bound


def _unknown(name: str, known: Mapping[str, Parameter]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    suggestion = f" Did you mean `{near[0]}`?" if near else ""
    return f"There is no parameter `{name}`.{suggestion} The notebook has: {', '.join(known) or 'none'}."


def _parameter(statement: ast.stmt, comments: Mapping[int, str], where: str) -> Parameter:
    place = f"{where}: line {statement.lineno} of the `{TAG}` cell"
    annotation = statement.annotation if isinstance(statement, ast.AnnAssign) else None
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target] if isinstance(statement, ast.AnnAssign) else []
    if len(targets) != 1 or not isinstance(targets[0], ast.Name):
        raise InvalidNotebook(f"{place} is not `name = literal`.", cure="Keep imports and code out of it; one name and one literal a line.")
    assert isinstance(statement, ast.Assign | ast.AnnAssign)
    name = targets[0].id
    about = comments.get(statement.end_lineno or statement.lineno, "")
    if statement.value is None:
        assert annotation is not None  # only `name: type` has no value
        return Parameter(name=name, type=_annotated(annotation, place), help=about, required=True)
    try:
        default = ast.literal_eval(statement.value)
    except (ValueError, TypeError):
        raise InvalidNotebook(f"{place}: the default of `{name}` is not a literal.", cure="Compute it in the next cell.") from None
    kind = _type_of(default, name, place) if annotation is None else _annotated(annotation, place)
    try:
        default = _checked(default, kind)
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
    if kind not in (*_SIMPLE, "list", "dict"):
        raise InvalidNotebook(f"{place}: the default of `{name}` is a {kind}.", cure="Use bool, int, float, str, list or dict.")
    return ParameterType(name=kind)


def _annotated(node: ast.expr, place: str) -> ParameterType:
    """`int`, `list[str]`, `dict[str, float]`, `Optional[int]`, `int | None`, also as a string."""
    match node:
        case ast.Constant(value=str(text)) if _is_expression(text):
            return _annotated(ast.parse(text, mode="eval").body, place)
        case ast.Name(id=name) if name in (*_SIMPLE, "list", "dict"):
            return ParameterType(name=name)
        case (
            ast.BinOp(left=kind, op=ast.BitOr(), right=ast.Constant(value=None))
            | ast.BinOp(left=ast.Constant(value=None), op=ast.BitOr(), right=kind)
        ):
            return _optional(_annotated(kind, place))
        case ast.Subscript(value=ast.Name(id="Optional") | ast.Attribute(attr="Optional"), slice=kind):
            return _optional(_annotated(kind, place))
        case ast.Subscript(value=ast.Name(id="list"), slice=item):
            return ParameterType(name="list", item=_annotated(item, place))
        case ast.Subscript(value=ast.Name(id="dict"), slice=ast.Tuple(elts=[ast.Name(id="str"), item])):
            return ParameterType(name="dict", item=_annotated(item, place))
    cure = "Use bool, int, float, str, list[...], dict[str, ...], each also with `| None`."
    raise InvalidNotebook(f"{place}: the type `{ast.unparse(node)}` is not one that a parameter can have.", cure=cure)


def _is_expression(text: str) -> bool:
    try:
        ast.parse(text, mode="eval")
    except SyntaxError:
        return False
    return True


def _optional(kind: ParameterType) -> ParameterType:
    return ParameterType(name=kind.name, item=kind.item, optional=True)


def _convert(value: Any, parameter: Parameter) -> Any:
    kind = parameter.type
    if not isinstance(value, str):
        return _checked(value, kind)
    text = value.strip().lower()
    if kind.optional and text in _NONE:
        return None
    meant = kind.name == "str" and isinstance(value, Typed) and not _speaks(parameter) and text in _NEGATIONS
    if meant or (kind.name in ("int", "float") and text in _BOOL_WORDS):
        cure = "; in a file for -f, in quotes, it is a text" if kind.name == "str" else ""
        raise ValueError(f"`{text}` is for a bool{cure}")
    return str(value) if kind.name == "str" else _checked(_read(value.strip(), kind), kind)


def _speaks(parameter: Parameter) -> bool:
    """Whether the words of a bool are the parameter's own: a str whose default is one of them."""
    return isinstance(parameter.default, str) and parameter.default.lower() in _BOOL_WORDS


def _read(text: str, kind: ParameterType) -> Any:
    if kind.name == "bool":
        if text.lower() not in _TRUE + _FALSE:
            raise ValueError(f"write one of {' '.join(_TRUE + _FALSE)}")
        return text.lower() in _TRUE
    if kind.name in ("list", "dict"):
        try:
            return json.loads(text)
        except json.JSONDecodeError as problem:
            raise ValueError(f"write it as JSON ({problem})") from problem
    try:
        return _SIMPLE[kind.name](text)
    except ValueError:
        raise ValueError(f"it is no {'whole number' if kind.name == 'int' else 'number'}") from None


def _checked(value: Any, kind: ParameterType) -> Any:
    """The value when it is of the kind, an int as a float where a float is asked; raises ValueError."""
    if value is None:
        if kind.optional:
            return None
        raise ValueError("it cannot be None")
    if kind.name == "float" and type(value) is int:
        value = float(value)
    if type(value).__name__ != kind.name:
        raise ValueError(f"it is a {type(value).__name__}")
    if kind.name == "float" and not math.isfinite(value):
        raise ValueError("it is not a finite number")
    if kind.name == "dict" and not all(isinstance(key, str) for key in value):
        raise ValueError("its keys are not all text")
    if kind.item is None:
        return value
    return [_checked(one, kind.item) for one in value] if kind.name == "list" else {k: _checked(v, kind.item) for k, v in value.items()}
