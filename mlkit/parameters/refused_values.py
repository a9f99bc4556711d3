"""Shows a refused value in a message: short, printable, and without secrets."""

import reprlib
from datetime import date
from typing import Any

_LONGEST = 200  # characters

_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = _LONGEST


def shown(name: str, value: Any) -> str:
    """The parameter's value for a message, without anything that mlkit.screening takes for a secret.

    A value that is not a bool, number or text must be one that JSON can hold.
    """
    from mlkit.screening import Screener  # imported here, because it takes a tenth of a second and only refusals need it

    if isinstance(value, str):
        value = value.encode("utf-8", "replace").decode()  # the message names the character that cannot be encoded
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
    """The text, with a placeholder for characters that UTF-8 cannot encode."""
    return text.encode("utf-8", "backslashreplace").decode()
