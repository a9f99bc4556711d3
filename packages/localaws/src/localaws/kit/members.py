"""Refuses a request member that is not honoured, by its name, before anything is created."""

from collections.abc import Mapping
from typing import Any, TypeAlias

from localaws.kit.service import AwsError

# The values that a request's member may have: ANY value, one of a set, or a structure (or a list of structures) of such members.
ANY = None
Honoured: TypeAlias = "frozenset[Any] | Mapping[str, Honoured] | None"


class _Only(frozenset[Any]):
    """Values, and the sentence that says why there are no others; it may be empty."""

    why: str = ""


def only(*values: Any, why: str = "") -> frozenset[Any]:
    found = _Only(values)
    found.why = why
    return found


def refuse_unhonoured(request: Mapping[str, Any], honoured: Mapping[str, Honoured], *, code: str = "ValidationException") -> None:
    """Raises AwsError for the first member that is not in `honoured`. Empty structures and lists pass, because they have no effect."""
    problem = _first_problem(request, honoured, "")
    if problem is not None:
        raise AwsError(code, problem)


def _first_problem(value: Any, honoured: "Honoured", path: str) -> str | None:
    if honoured is ANY or value in ({}, []):
        return None
    if isinstance(honoured, frozenset):
        if any(value == item for item in honoured):
            return None
        if not honoured:
            return f"{path} is not honoured by the local AWS."
        why = f" {honoured.why}" if isinstance(honoured, _Only) and honoured.why else ""
        return f"{path} {value!r} is not honoured by the local AWS; it honours {_either(honoured)}.{why}"
    if isinstance(value, list):
        return next((p for item in value if (p := _first_problem(item, honoured, path))), None)
    for name, item in value.items():
        where = f"{path}.{name}" if path else name
        if name not in honoured:
            if item in ({}, []):
                continue
            return f"{where} is not honoured by the local AWS."
        if (problem := _first_problem(item, honoured[name], where)) is not None:
            return problem
    return None


def _either(values: frozenset[Any]) -> str:
    return " or ".join(repr(value) for value in sorted(values, key=str))
