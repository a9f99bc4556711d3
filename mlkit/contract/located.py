"""YAML whose texts remember their lines, with CloudFormation's short forms (`!Ref X`) spelled out."""

from typing import Any

import yaml

_TAG = "tag:yaml.org,2002:"


class Text(str):
    """A scalar as it is written (but `true` and `false` for a boolean), and the line, from 1, where its content begins.

    `exact` says that its lines are the file's, one for one.
    """

    line: int
    exact: bool


def load(text: str, first_line: int = 1) -> Any:
    """Dictionaries, lists and Texts; keys are Texts, too. Raises ValueError that begins with the line of what is no YAML."""
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        return None if node is None else _value(loader, node, first_line)
    except yaml.MarkedYAMLError as problem:
        line = first_line + (problem.problem_mark.line if problem.problem_mark else 0)
        raise ValueError(f"{line}: this is not YAML: {problem.problem or problem.context}") from problem
    except (yaml.YAMLError, RecursionError) as problem:
        raise ValueError(f"{first_line}: this is not YAML: {problem}") from problem


def _value(loader: yaml.SafeLoader, node: yaml.Node, first_line: int) -> Any:
    found: Any
    if isinstance(node, yaml.MappingNode):
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


def _is_text(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode)


def _text(node: yaml.Node, first_line: int) -> Text:
    written = str(node.value)
    if node.tag == f"{_TAG}bool":
        written = str(yaml.SafeLoader.bool_values[written.lower()]).lower()
    text = Text("" if node.tag == f"{_TAG}null" else written)
    block = isinstance(node, yaml.ScalarNode) and node.style in ("|", ">")
    text.line = node.start_mark.line + first_line + int(block)
    text.exact = isinstance(node, yaml.ScalarNode) and node.style == "|"
    return text
