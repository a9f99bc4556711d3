"""The intrinsic functions. Each takes its argument, evaluates what is nested in it, and returns the value."""

import base64
import ipaddress
import itertools
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from localaws.templates.scalars import (
    NO_VALUE,
    UNKNOWN,
    NotKnownYetError,
    TemplateError,
    as_text,
    attribute_of,
    call_of,
    is_scalar,
)

_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_VARIABLE_NAME = re.compile(r"[A-Za-z0-9_.:]+")
_MOST_BLOCKS = 256
_NOT_HONOURED = {
    "Fn::Transform": "put the macro's result into the template",
    "Fn::GetStackOutput": "export the output and use Fn::ImportValue",
}
# What functions make, in characters. A template has at most a million bytes, but nested calls can double a text at each level.
_MOST_MADE = 2_000_000


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What the functions read. `physical_id` and `attribute` raise NotKnownYetError for a resource that does not exist yet.

    `parameters` has text, or a list of texts for a parameter of a list type. `export` raises TemplateError for a missing export.
    """

    parameters: Mapping[str, Any]
    conditions: Mapping[str, bool]
    mappings: Mapping[str, Any]
    pseudo: Mapping[str, Any]
    physical_id: Callable[[str], Any]
    attribute: Callable[[str, str], Any]
    export: Callable[[str], Any]
    zones: Callable[[str], list[str]] = field(default=lambda region: [f"{region}{zone}" for zone in "abc"])


class Evaluator:
    """Evaluates the functions in a value."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._at, self._made = surroundings, 0
        self._functions: Mapping[str, Callable[[Any], Any]] = {
            "Ref": self._ref,
            "Fn::Base64": self._base64,
            "Fn::Cidr": self._cidr,
            "Fn::FindInMap": self._find_in_map,
            "Fn::GetAtt": self._get_att,
            "Fn::GetAZs": self._get_azs,
            "Fn::If": lambda argument: self.value(self.branch(argument)),
            "Fn::ImportValue": lambda argument: self._at.export(self._text(argument, "Fn::ImportValue")),
            "Fn::Join": self._join,
            "Fn::Select": self._select,
            "Fn::Split": self._split,
            "Fn::Sub": self._sub,
            "Fn::ToJsonString": lambda argument: self._counted(json.dumps(self.value(argument), separators=(",", ":"))),
        }

    def value(self, node: Any) -> Any:
        """The node's value, as a new object. Raises TemplateError, and NotKnownYetError for a resource that does not exist yet."""
        if isinstance(node, list):
            return [found for item in node if (found := self.value(item)) is not NO_VALUE]
        if not isinstance(node, dict):
            return node
        if call := call_of(node):
            return self._function(call[0])(call[1])
        return {key: found for key, item in node.items() if (found := self.value(item)) is not NO_VALUE}

    def known(self, node: Any) -> Any:
        """As `value`, with UNKNOWN in the place of each value that only a created resource has."""
        if isinstance(node, list):
            return [found for item in node if (found := self.known(item)) is not NO_VALUE]
        if isinstance(node, dict) and (call := call_of(node)):
            if call[0] == "Fn::If":
                return self.known(self.branch(call[1]))
            try:
                return self.value(node)
            except NotKnownYetError:
                return UNKNOWN
        if isinstance(node, dict):
            return {key: found for key, item in node.items() if (found := self.known(item)) is not NO_VALUE}
        return node

    def branch(self, argument: Any) -> Any:
        """The branch that an Fn::If takes."""
        if not isinstance(argument, list) or len(argument) != 3 or not isinstance(argument[0], str):
            raise TemplateError("Template error: Fn::If requires a list argument with the first element being a condition")
        if argument[0] not in self._at.conditions:
            raise TemplateError(f"Template error: unresolved condition dependency {argument[0]} in Fn::If")
        return argument[1] if self._at.conditions[argument[0]] else argument[2]

    def _function(self, name: str) -> Callable[[Any], Any]:
        if name in self._functions:
            return self._functions[name]
        if name in _NOT_HONOURED:
            raise TemplateError(f"Template error: the local AWS does not honour {name}: {_NOT_HONOURED[name]}")
        supported = ", ".join(sorted(self._functions.keys() - {"Ref", "Fn::ToJsonString"}))
        raise TemplateError(f"Template error: Encountered unsupported function: {name} Supported functions are: [{supported}]")

    def _ref(self, name: Any) -> Any:
        if not isinstance(name, str):
            raise TemplateError("Template format error: every Ref object must have a single String value.")
        for known in (self._at.pseudo, self._at.parameters):
            if name in known:
                found = known[name]
                if found is UNKNOWN:
                    raise NotKnownYetError
                return list(found) if isinstance(found, list) else found
        return self._at.physical_id(name)

    def _get_att(self, argument: Any) -> Any:
        logical_id, attribute = attribute_of(argument)
        return self._at.attribute(logical_id, self._text(attribute, "Fn::GetAtt"))

    def _text(self, node: Any, function: str) -> str:
        found = self.value(node)
        if not is_scalar(found):
            raise TemplateError(f"Template error: every {function} object must have a String-typed value.")
        return as_text(found)

    def _counted(self, text: str) -> str:
        self._made += len(text)
        if self._made > _MOST_MADE:
            raise TemplateError(
                f"Template error: the functions make more than {_MOST_MADE} characters, which the local AWS does not honour"
            )
        return text

    def _list(self, node: Any, size: tuple[int, ...], problem: str) -> list[Any]:
        if not isinstance(node, list) or len(node) not in size:
            raise TemplateError(f"Template error: {problem}")
        return node

    def _join(self, argument: Any) -> str:
        problem = (
            "every Fn::Join object requires two parameters, (1) a string delimiter and (2) a list of strings to be joined or a function "
            "that returns a list of strings (such as Fn::GetAZs) to be joined."
        )
        delimiter, items = self._list(argument, (2,), problem)
        found = self.value(items)
        if not isinstance(delimiter, str) or not isinstance(found, list) or not all(is_scalar(item) for item in found):
            raise TemplateError(f"Template error: {problem}")
        return self._counted(delimiter.join(as_text(item) for item in found))

    def _split(self, argument: Any) -> list[str]:
        problem = (
            "every Fn::Split object requires two parameters, (1) a string delimiter and (2) a string to be split or a function that "
            "returns a string to be split."
        )
        delimiter, source = self._list(argument, (2,), problem)
        found = self.value(source)
        if not isinstance(delimiter, str) or not delimiter or not is_scalar(found):
            raise TemplateError(f"Template error: {problem}")
        return as_text(found).split(delimiter)

    def _select(self, argument: Any) -> Any:
        problem = "Fn::Select requires a list argument with two elements: an integer index and a list"
        index, items = (self.value(part) for part in self._list(argument, (2,), problem))
        if not isinstance(items, list) or not re.fullmatch(r"\d+", as_text(index)):
            raise TemplateError(f"Template error: {problem}")
        if int(index) >= len(items):
            raise TemplateError(f"Template error: Fn::Select cannot select nonexistent value at index {index}")
        return items[int(index)]

    def _sub(self, argument: Any) -> str:
        problem = (
            "One or more Fn::Sub intrinsic functions don't specify expected arguments. Specify a string as first argument, and an "
            "optional second argument to specify a mapping of values to replace in the string"
        )
        text, given = argument if isinstance(argument, list) and len(argument) == 2 else (argument, {})
        if not isinstance(text, str) or not isinstance(given, dict):
            raise TemplateError(f"Template error: {problem}")
        named = {name: self.value(item) for name, item in given.items()}

        def replaced(match: re.Match[str]) -> str:
            name = match[1].strip()
            return "${" + name[1:] + "}" if name.startswith("!") else self._counted(self._variable(name, named))

        return _VARIABLE.sub(replaced, text)

    def _variable(self, name: str, named: Mapping[str, Any]) -> str:
        if not _VARIABLE_NAME.fullmatch(name):
            raise TemplateError(
                "Template error: variable names in Fn::Sub syntax must contain only alphanumeric characters, underscores, periods, and "
                "colons"
            )
        if name in named:
            found = named[name]
        elif "." in name and name not in self._at.parameters:
            found = self._get_att(name)
        else:
            found = self._ref(name)
        if not is_scalar(found):
            raise TemplateError(f"Template error: variable {name} in Fn::Sub expression does not resolve to a string")
        return as_text(found)

    def _base64(self, argument: Any) -> str:
        return self._counted(base64.b64encode(self._text(argument, "Fn::Base64").encode()).decode())

    def _find_in_map(self, argument: Any) -> Any:
        problem = "every Fn::FindInMap object requires three parameters, the map name, map key and the attribute for return value"
        parts = self._list(argument, (3, 4), problem)
        name, first, second = (self._text(part, "Fn::FindInMap") for part in parts[:3])
        entries = self._at.mappings.get(name, {}).get(first, {})
        if second in entries:
            return entries[second]
        if len(parts) == 4 and isinstance(parts[3], dict) and "DefaultValue" in parts[3]:
            return self.value(parts[3]["DefaultValue"])
        raise TemplateError(f"Template error: Unable to get mapping for {name}::{first}::{second}")

    def _get_azs(self, argument: Any) -> list[str]:
        region = self._text(argument, "Fn::GetAZs") or self._at.pseudo["AWS::Region"]
        return self._at.zones(region) if region == self._at.pseudo["AWS::Region"] else []

    def _cidr(self, argument: Any) -> list[str]:
        problem = "every Fn::Cidr object requires three parameters, the block, the count and the number of subnet bits"
        block, count, bits = (self._text(part, "Fn::Cidr") for part in self._list(argument, (3,), problem))
        if not re.fullmatch(r"\d+", count) or not 1 <= int(count) <= _MOST_BLOCKS:
            raise TemplateError(f"Template error: Fn::Cidr count must be between 1 and {_MOST_BLOCKS}, not {count}")
        wanted = int(count)
        try:
            network = ipaddress.ip_network(block, strict=False)
            found = list(itertools.islice(network.subnets(new_prefix=network.max_prefixlen - int(bits)), wanted))
        except ValueError as error:
            raise TemplateError(f"Template error: Fn::Cidr cannot split {block} into blocks of {bits} bits: {error}") from error
        if len(found) < wanted:
            raise TemplateError(f"Template error: Fn::Cidr: {block} has only {len(found)} blocks of {bits} bits, not {count}")
        return [str(subnet) for subnet in found]
