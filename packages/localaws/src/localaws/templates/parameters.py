"""The values of a template's parameters: given, previous or default, checked against their types and constraints."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import regex

from localaws.kit.properties import words
from localaws.templates.scalars import TemplateError, as_text, is_scalar, is_true

_SSM_VALUE = re.compile(r"AWS::SSM::Parameter::Value<(.+)>")
_LIST = re.compile(r"List<(.+)>")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_PLAIN = ("String", "Number", "CommaDelimitedList", "AWS::SSM::Parameter::Name")
_OF_ACCOUNT = re.compile(r"AWS::(EC2::[A-Za-z]+::(Id|Name|KeyName|GroupName)|Route53::HostedZone::Id)")
_PATTERN_TIMEOUT_S = 1.0
_LIMITS = words("MaxLength MaxValue MinLength MinValue")
_ATTRIBUTES = words(
    "AllowedPattern AllowedValues ConstraintDescription Default Description MaxLength MaxValue MinLength MinValue NoEcho Type"
)


def check_definitions(definitions: Mapping[str, Any]) -> None:
    """Check names and types in the Parameters section. Raises TemplateError."""
    for name, definition in definitions.items():
        if not isinstance(definition, dict) or "Type" not in definition:
            raise TemplateError("Template format error: Every Parameters object must contain a Type member.")
        if extra := sorted(definition.keys() - _ATTRIBUTES):
            raise TemplateError(f"Invalid template parameter property '{extra[0]}'")
        kind = as_text(definition["Type"])
        item, _ = _item_type(kind)
        if kind not in _PLAIN and item not in _PLAIN and not _OF_ACCOUNT.fullmatch(item):
            raise TemplateError(f"Template format error: Unrecognized parameter type: {kind}")
        if not is_scalar(definition.get("Default", "")):
            raise TemplateError(f"Template format error: Every Default member must be a string. ({name})")
        allowed = definition.get("AllowedValues", [])
        if not isinstance(allowed, list) or not all(is_scalar(value) for value in allowed):
            raise TemplateError(f"Template format error: AllowedValues of parameter {name} must be a list of strings.")
        for limit in _LIMITS & definition.keys():
            if not _NUMBER.fullmatch(as_text(definition[limit])):
                raise TemplateError(f"Template format error: {limit} of parameter {name} must be a number.")


def resolve_parameters(
    definitions: Mapping[str, Any],
    given: Sequence[Mapping[str, Any]],
    *,
    previous: Mapping[str, Mapping[str, Any]],
    read_ssm: Callable[[str], str],
) -> dict[str, dict[str, Any]]:
    """Every parameter's `Value` (text), `NoEcho`, `Type`, and `SsmName` for a value from SSM. Raises TemplateError.

    `given` has a request's Key and Value or UsePreviousValue. `read_ssm` returns the value of an SSM parameter, or raises TemplateError.
    """
    check_definitions(definitions)
    sent = {as_text(entry["Key"]): entry for entry in given if "Key" in entry}
    if unknown := [name for name in sent if name not in definitions]:
        raise TemplateError(f"Parameters: [{', '.join(unknown)}] do not exist in the template")
    texts = {name: _given(name, definition, sent.get(name), previous.get(name)) for name, definition in definitions.items()}
    if missing := [name for name, text in texts.items() if text is None]:
        raise TemplateError(f"Parameters: [{', '.join(missing)}] must have values")
    return {name: _resolved(name, definition, as_text(texts[name]), read_ssm) for name, definition in definitions.items()}


def value_of(parameter: Mapping[str, Any]) -> str | list[str]:
    """What Ref returns for a resolved parameter: a list of texts for a list type, otherwise the text."""
    text = as_text(parameter["Value"])
    _, is_list = _item_type(as_text(parameter.get("Type", "String")))
    return [item.strip() for item in text.split(",")] if is_list else text


def _given(name: str, definition: Mapping[str, Any], sent: Mapping[str, Any] | None, previous: Mapping[str, Any] | None) -> Any:
    if sent is not None and is_true(sent.get("UsePreviousValue", False)):
        if sent.get("Value"):
            raise TemplateError(
                f"Invalid input for parameter key {name}. Cannot specify usePreviousValue as true and non empty value for a parameter"
            )
        if previous is not None:
            return previous.get("SsmName", previous["Value"])
    elif sent is not None:
        return sent.get("Value") or ""
    return definition.get("Default")


def _resolved(name: str, definition: Mapping[str, Any], text: str, read_ssm: Callable[[str], str]) -> dict[str, Any]:
    kind = as_text(definition["Type"])
    for problem in _problems(definition, kind, text):
        reason = definition.get("ConstraintDescription")
        raise TemplateError(f"Parameter '{name}' {f'failed to satisfy constraint: {reason}' if reason else problem}")
    found: dict[str, Any] = {"Value": text, "NoEcho": is_true(definition.get("NoEcho", False)), "Type": kind}
    if _SSM_VALUE.fullmatch(kind):
        found |= {"Value": read_ssm(text), "SsmName": text}
    elif kind == "AWS::SSM::Parameter::Name":
        read_ssm(text)
    elif _OF_ACCOUNT.fullmatch(_item_type(kind)[0]) and text:
        raise TemplateError(
            f"Parameter validation failed: parameter value {text} for parameter name {name} does not exist. The local AWS has no EC2 and "
            "no Route 53: give the parameter the type String, or leave out what needs a network"
        )
    return found


def _problems(definition: Mapping[str, Any], kind: str, text: str) -> Iterator[str]:
    """What is wrong with a value. For a value from SSM the constraints are those of the name, which the caller gives."""
    item, is_list = ("String", False) if _SSM_VALUE.fullmatch(kind) else _item_type(kind)
    members = [member.strip() for member in text.split(",")] if is_list else [text]
    if item == "Number" and not all(_NUMBER.fullmatch(member.strip()) for member in members):
        yield "must be a number"
    allowed = [as_text(value) for value in definition.get("AllowedValues", ())]
    if "AllowedValues" in definition and not all(member in allowed for member in members):
        yield f"must be one of AllowedValues [{', '.join(allowed)}]"
    if "AllowedPattern" in definition and item != "Number":
        yield from _pattern_problems(as_text(definition["AllowedPattern"]), members)
    if item == "Number":
        yield from _range_problems(definition, [float(member) for member in members])
    elif not is_list:
        if len(text) < float(definition.get("MinLength", 0)):
            yield f"must contain at least {definition['MinLength']} characters"
        if len(text) > float(definition.get("MaxLength", len(text))):
            yield f"must contain at most {definition['MaxLength']} characters"


def _pattern_problems(pattern: str, members: Sequence[str]) -> Iterator[str]:
    try:
        compiled = regex.compile(pattern)  # patterns are Java's; `regex` knows more of them than `re`, and stops in time
        matches = [compiled.fullmatch(member, timeout=_PATTERN_TIMEOUT_S) for member in members]
    except regex.error as error:
        raise TemplateError(f"Template format error: AllowedPattern {pattern} is no regular expression: {error}") from error
    except TimeoutError as error:
        raise TemplateError(f"Template format error: AllowedPattern {pattern} takes too long on this value: write a simpler one") from error
    if not all(matches):
        yield f"must match pattern {pattern}"


def _range_problems(definition: Mapping[str, Any], numbers: Sequence[float]) -> Iterator[str]:
    if "MinValue" in definition and min(numbers) < float(definition["MinValue"]):
        yield f"must be a number not less than {definition['MinValue']}"
    if "MaxValue" in definition and max(numbers) > float(definition["MaxValue"]):
        yield f"must be a number not greater than {definition['MaxValue']}"


def _item_type(kind: str) -> tuple[str, bool]:
    """The type of a value, or of a list's items, and whether it is a list."""
    if ssm := _SSM_VALUE.fullmatch(kind):
        kind = ssm[1]
    if kind == "CommaDelimitedList":
        return "String", True
    listed = _LIST.fullmatch(kind)
    return (listed[1], True) if listed else (kind, False)
