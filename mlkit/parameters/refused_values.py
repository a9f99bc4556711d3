"""How a refusal shows a value: short, printable, and without what looks like a secret."""

import reprlib
from datetime import date
from typing import Any

_LONGEST = 200  # characters

_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = _LONGEST


def shown(name: str, value: Any) -> str:
    """The parameter's value for a message; what mlkit.screening takes for a secret, by the parameter's name or by itself, is hidden.

    A value that is no bool, number or text must be one that JSON can hold.
    """
    from mlkit.screening import Screener  # costs a tenth of a second, and most runs are refused nothing

    if isinstance(value, str):
        value = value.encode("utf-8", "replace").decode()  # the problem tells of what cannot be written
    elif isinstance(value, date):
        return str(value)
    elif not isinstance(value, list | dict | float | bool | int | None):
        return f"a {type(value).__name__}"
    try:
        cleaned, _ = Screener().document({printable(name): value}, "parameters")
        return _SHORT.repr(next(iter(cleaned.values())))
    except ValueError:
        return "a number of thousands of digits"  # Python does not print them


def printable(text: str) -> str:
    """The text with a sign in place of whatever cannot be written as UTF-8."""
    return text.encode("utf-8", "backslashreplace").decode()
