"""Reads the YAML files of `-f`. Each name may occur once."""

from pathlib import Path
from typing import Any

import yaml

from mlkit.errors import InvalidParameters, NotFound, UsageError
from mlkit.parameters.checked_values import DEEPEST, Meter
from mlkit.parameters.typed_text import Typed

_LARGEST_BYTES = 2_000_000
_TAG = "tag:yaml.org,2002:"
_ONE_A_LINE = "Write one `name: value` a line."


def read_parameter_file(path: Path) -> dict[str, Any]:
    """The values by name. Raises NotFound, UsageError for a file that cannot be read, InvalidParameters with the line."""
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST_BYTES + 1)
    except FileNotFoundError as error:
        raise NotFound(f"There is no file {path}", cure="Check the path; -f takes a YAML file of parameters.") from error
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}", cure="-f takes a YAML file of parameters.") from error
    if len(data) > _LARGEST_BYTES:
        raise InvalidParameters(f"{path} is larger than {_LARGEST_BYTES:,} bytes", cure="Pass large data as a separate file.")
    return parameters_in(data, str(path))


def parameters_in(data: bytes, where: str) -> dict[str, Any]:
    """The values by name in YAML text; text without quotes is `Typed`. Raises InvalidParameters."""
    try:
        return _Reader(data.decode()).parameters()
    except UnicodeDecodeError as problem:
        line = data.count(b"\n", 0, problem.start) + 1
        raise InvalidParameters(f"{where}, line {line}: it is not text in UTF-8", cure="Save it as UTF-8.") from problem
    except yaml.MarkedYAMLError as problem:
        line = problem.problem_mark.line + 1 if problem.problem_mark else 1
        text = problem.problem or problem.context or "it cannot be read"
        raise InvalidParameters(f"{where} is not YAML: line {line}: {text}", cure=_ONE_A_LINE) from problem
    except yaml.YAMLError as problem:
        raise InvalidParameters(f"{where} is not YAML: {str(problem).splitlines()[0]}", cure=_ONE_A_LINE) from problem
    except RecursionError:
        raise InvalidParameters(f"{where} is nested too deeply", cure=_ONE_A_LINE) from None
    except _Refused as problem:
        raise InvalidParameters(f"{where}, line {problem.line}: {problem}", cure=problem.cure) from None


class _Refused(Exception):
    """A problem with the value in a line."""

    def __init__(self, node: yaml.Node | None, message: str, cure: str = _ONE_A_LINE) -> None:
        super().__init__(message)
        self.line, self.cure = node.start_mark.line + 1 if node else 1, cure


class _Reader:
    """Converts the nodes of one document to values. Each use of an alias is read again, up to the size limit."""

    def __init__(self, text: str) -> None:
        self._loader = yaml.SafeLoader(text)
        self._meter = Meter()
        self._above: list[yaml.Node] = []

    def parameters(self) -> dict[str, Any]:
        node = self._loader.get_single_node()
        if not isinstance(node, yaml.MappingNode):
            kind = "empty" if node is None else "a list" if isinstance(node, yaml.SequenceNode) else "no mapping of names"
            raise _Refused(node, f"the file is {kind}, not parameters by name")
        values: dict[str, Any] = self._value(node)
        return values

    def _value(self, node: yaml.Node) -> Any:
        try:
            self._meter.count(node.value)
        except ValueError as problem:
            raise _Refused(node, str(problem), "Write values out instead of aliases.") from None
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node)
        if any(node is one for one in self._above):
            raise _Refused(node, "an alias is inside its own value", "Write the value out.")
        if len(self._above) > DEEPEST:
            raise _Refused(node, f"it is nested more than {DEEPEST} deep")
        if node.tag not in (f"{_TAG}map", f"{_TAG}seq"):
            raise _Refused(node, f"`{node.tag.replace(_TAG, '!!')}` is no list or mapping", "Write a list or a mapping, without a tag.")
        self._above.append(node)
        try:
            return self._mapping(node) if isinstance(node, yaml.MappingNode) else [self._value(one) for one in node.value]
        finally:
            self._above.pop()

    def _mapping(self, node: yaml.MappingNode) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        found: dict[str, Any] = {}
        for key, value in node.value:
            if key.tag == f"{_TAG}merge":
                merged = {**self._merged(value), **merged}
                continue
            name = self._name(key)
            if name in found:
                raise _Refused(key, f"`{name}` is there twice", "Keep one of the two.")
            found[name] = self._value(value)
        return {**merged, **found}

    def _merged(self, node: yaml.Node) -> dict[str, Any]:
        """The members of `<<`; of several mappings, the first with a key counts."""
        found: dict[str, Any] = {}
        for one in node.value if isinstance(node, yaml.SequenceNode) else [node]:
            if not isinstance(one, yaml.MappingNode):
                raise _Refused(one, "`<<` takes mappings")
            found = {**self._value(one), **found}
        return found

    def _name(self, node: yaml.Node) -> str:
        if not isinstance(node, yaml.ScalarNode) or node.tag != f"{_TAG}str":
            written = f"`{node.value}`" if isinstance(node, yaml.ScalarNode) else "a list or mapping"
            raise _Refused(node, f"the key {written} is no text to YAML", "Put it in quotes.")
        return _whole(node.value)

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        """The scalar's value. Text without quotes is `Typed` unless YAML's rules make it a number or boolean."""
        if node.tag in (f"{_TAG}str", f"{_TAG}value"):
            is_plain = node.style is None and self._loader.resolve(yaml.ScalarNode, node.value, (True, False)) == node.tag
            return Typed(_whole(node.value)) if is_plain else _whole(node.value)
        try:
            return self._loader.construct_object(node)
        except (ValueError, KeyError, AttributeError, TypeError, OverflowError):
            kind = node.tag.replace(_TAG, "").replace("timestamp", "date")
            raise _Refused(node, f"`{node.value:.60}` is no {kind}", "Put it in quotes if it is a text.") from None


def _whole(text: str) -> str:
    """The text with surrogate pairs joined, because JSON writes characters beyond 16 bits as two escapes."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
