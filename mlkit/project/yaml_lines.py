"""Reads YAML into texts that know their lines. CloudFormation's short forms (`!Ref X`) become the long ones."""

from typing import Any

import yaml

_TAG = "tag:yaml.org,2002:"


class LineError(ValueError):
    """An error in a line, counted from 1."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


class Text(str):
    """A scalar's text (`true` or `false` for a boolean), and the line, from 1, where its content begins.

    `kind` is its type in YAML: `str`, `bool`, `int`, `float`, `null` and so on.
    """

    line: int
    kind: str


def load(text: str, first_line: int = 1) -> Any:
    """The document as dictionaries, lists and Texts; keys are Texts too. Raises LineError for text that is not YAML."""
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        return None if node is None else _value(loader, node, first_line)
    except yaml.MarkedYAMLError as problem:
        line = first_line + (problem.problem_mark.line if problem.problem_mark else 0)
        raise LineError(line, f"this is not YAML: {problem.problem or problem.context}") from problem
    except (yaml.YAMLError, RecursionError) as problem:
        raise LineError(first_line, f"this is not YAML: {problem}") from problem


def _value(loader: yaml.SafeLoader, node: yaml.Node, first_line: int) -> Any:
    found: Any
    if isinstance(node, yaml.MappingNode):
        _check_keys_once(node)
        loader.flatten_mapping(node)
        found = {_value(loader, key, first_line): _value(loader, value, first_line) for key, value in node.value if _is_text(key)}
    elif isinstance(node, yaml.SequenceNode):
        found = [_value(loader, item, first_line) for item in node.value]
    else:
        found = _text(node, first_line)
    if node.tag.startswith("!"):
        name = node.tag[1:]
        return {name if name in ("Ref", "Condition") else f"Fn::{name}": found}
    return found


def _check_keys_once(node: yaml.MappingNode) -> None:
    """Raises LineError for a key that is given twice, because PyYAML would silently keep the last one."""
    found: set[str] = set()
    for key, _ in node.value:
        if _is_text(key) and key.tag != f"{_TAG}merge":
            if key.value in found:
                raise yaml.MarkedYAMLError(problem=f"the key `{key.value}` is there twice", problem_mark=key.start_mark)
            found.add(key.value)


def _is_text(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode)


def _text(node: yaml.Node, first_line: int) -> Text:
    written = str(node.value)
    if node.tag == f"{_TAG}bool":
        written = str(yaml.SafeLoader.bool_values[written.lower()]).lower()
    text = Text("" if node.tag == f"{_TAG}null" else written)
    block = isinstance(node, yaml.ScalarNode) and node.style in ("|", ">")
    text.line = node.start_mark.line + first_line + int(block)
    text.kind = node.tag.removeprefix(_TAG)
    return text
