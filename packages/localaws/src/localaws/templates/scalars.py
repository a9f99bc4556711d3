"""Values of a template. CloudFormation compares and joins text: `true`, 1 and "1" are text before anything else reads them."""

from typing import Any, Final


class TemplateError(ValueError):
    """The template, or a parameter's value, is wrong. The text is CloudFormation's answer."""


class NotKnownYetError(Exception):
    """A value that only a created resource has."""


class _Marker:
    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return self._name

    def __copy__(self) -> "_Marker":
        return self

    def __deepcopy__(self, _memo: Any) -> "_Marker":
        return self


NO_VALUE: Final[Any] = _Marker("AWS::NoValue")  # removes the property or the list's item that has it
UNKNOWN: Final[Any] = _Marker("(known after creation)")


def is_scalar(value: Any) -> bool:
    return isinstance(value, str | bool | int | float)


def as_text(value: Any) -> str:
    """A scalar as CloudFormation's text: true and false in lower case, numbers as YAML and JSON read them."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def as_texts(value: Any) -> Any:
    """A scalar as text, a list as a list of texts. Anything else stays as it is."""
    if isinstance(value, list):
        return [as_texts(item) for item in value]
    return as_text(value) if is_scalar(value) else value


def is_true(value: Any) -> bool:
    return as_text(value).lower() == "true"


def call_of(value: Any) -> tuple[str, Any] | None:
    """The function's name and its argument, if the value is a call of an intrinsic function: a mapping with this one key."""
    if isinstance(value, dict) and len(value) == 1:
        name, argument = next(iter(value.items()))
        if name == "Ref" or name.startswith("Fn::"):
            return name, argument
    return None


def attribute_of(argument: Any) -> tuple[str, Any]:
    """The logical id and the attribute of an Fn::GetAtt, whose argument is a list or "id.attribute". Raises TemplateError."""
    parts = argument.split(".", 1) if isinstance(argument, str) else argument
    if not isinstance(parts, list) or len(parts) != 2 or not isinstance(parts[0], str) or not all(parts):
        raise TemplateError(
            "Template error: every Fn::GetAtt object requires two non-empty parameters, the resource name and the resource attribute"
        )
    return parts[0], parts[1]
