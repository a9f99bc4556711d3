"""Binds a caller's values to a notebook's declared parameters."""

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from mlkit.errors import InvalidParameters
from mlkit.parameters.checked_values import checked
from mlkit.parameters.declared import Parameter
from mlkit.parameters.parameters_cell import TAG
from mlkit.parameters.refused_values import printable, shown
from mlkit.parameters.typed_text import BOOL_WORDS, Typed, check_means_text

_HOW_TO_TAG = (
    f"Put `name = default` in a code cell of its own and give the cell the tag `{TAG}` "
    "(JupyterLab: Property Inspector, the gear wheels at the right, Cell Tags)."
)


def bind(parameters: Iterable[Parameter], given: Mapping[str, Any]) -> dict[str, Any]:
    """The given values, converted to the notebook's types, by name in the order given. Parameters without a value are left out.

    `Typed` text is read as the parameter's type. `false no off` are refused for other types than bool, unless they are a str's own
    default or choice. Every other value must have the type at every depth: see `checked`. Raises InvalidParameters with all problems:
    unknown names, wrong values, missing required parameters.
    """
    known = {parameter.name: parameter for parameter in parameters}
    bound: dict[str, Any] = {}
    problems = []
    for name, value in given.items():
        if name not in known:
            problems.append(_unknown(name, known))
            continue
        try:
            bound[name] = _bound(value, known[name])
        except ValueError as problem:
            problems.append(_misfit(value, known[name], str(problem)))
    problems += [
        f"Parameter `{name}` ({one.type}) is required and was not given."
        for name, one in known.items()
        if one.required and name not in given
    ]
    if problems:
        message = printable("\n".join(problems))
        raise InvalidParameters(message, cure=None if known else _HOW_TO_TAG)
    return bound


def _bound(value: Any, parameter: Parameter) -> Any:
    if isinstance(value, Typed) and parameter.type.name == "str" and not _speaks(parameter):
        check_means_text(value)
    return checked(value, parameter.type, parameter.name)


def _speaks(parameter: Parameter) -> bool:
    """Whether the parameter is a str with a word of a bool as its default or one of its choices."""
    return any(str(one).lower() in BOOL_WORDS for one in (parameter.default, *parameter.type.choices))


def _unknown(name: str, known: Mapping[str, Parameter]) -> str:
    if not known:
        return f"There is no parameter `{name}`: the notebook has no cell tagged `{TAG}`, or nothing in it."
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    suggestion = f" Did you mean `{near[0]}`?" if near else ""
    return f"There is no parameter `{name}`.{suggestion} The notebook has: {', '.join(known)}."


def _misfit(value: Any, parameter: Parameter, problem: str) -> str:
    name = parameter.name
    about = "required" if parameter.required else f"default {shown(name, parameter.default)}"
    given = "" if isinstance(value, list | dict) else f", not {shown(name, value)}"  # for these, the problem names the place
    return f"Parameter `{name}` is {parameter.type} ({about}){given}: {problem}{'' if problem.endswith('?') else '.'}"
