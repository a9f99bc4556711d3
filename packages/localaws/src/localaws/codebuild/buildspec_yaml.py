"""YAML as CodeBuild reads it: every scalar is its own text (`yes`, `1.10` stay what they are), every complaint names key and line."""

from collections.abc import Collection, Mapping

import yaml


class BuildspecError(ValueError):
    """The buildspec cannot be executed as it is; the text is what the build's DOWNLOAD_SOURCE phase says under YAML_FILE_ERROR."""


def compose(text: str) -> yaml.Node:
    """The document's root. Raises BuildspecError for what is not YAML, or not one document."""
    loader = yaml.SafeLoader(text)
    try:
        root = loader.get_single_node()
        if root is None:
            raise BuildspecError("the buildspec is empty")
        _flatten(loader, root, set())
    except yaml.MarkedYAMLError as error:
        line = f" at line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise BuildspecError(f"{error.problem or error.context}{line}") from error
    except yaml.YAMLError as error:
        raise BuildspecError(str(error)) from error
    finally:
        loader.dispose()
    return root


def _flatten(loader: yaml.SafeLoader, node: yaml.Node, seen: set[int]) -> None:
    """Replace merge keys (`<<: *anchor`) by what they stand for."""
    if id(node) in seen or isinstance(node, yaml.ScalarNode):
        return
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        loader.flatten_mapping(node)
    for item in node.value:
        for part in item if isinstance(item, tuple) else (item,):
            _flatten(loader, part, seen)


def is_empty(node: yaml.Node | None) -> bool:
    """Whether the key is absent or has no value after it."""
    return node is None or node.tag == "tag:yaml.org,2002:null"


def mapping(
    node: yaml.Node, where: str, known: Collection[str] | None = None, reasons: Mapping[str, str] | None = None
) -> dict[str, yaml.Node]:
    """The node's entries. Raises BuildspecError for a key that is not `known`, naming it, with the reason for it if there is one."""
    if not isinstance(node, yaml.MappingNode):
        raise BuildspecError(f"Expected {where or 'the buildspec'} to be a mapping at line {_line(node)}")
    found: dict[str, yaml.Node] = {}
    for key, value in node.value:
        name, path = key.value, f"{where}.{key.value}" if where else str(key.value)
        if not isinstance(key, yaml.ScalarNode):
            raise BuildspecError(f"Expected the keys of {where or 'the buildspec'} to be text at line {_line(key)}")
        if reasons and name in reasons:
            raise BuildspecError(f"{path} is not honoured by the local AWS: {reasons[name]} (line {_line(key)})")
        if known is not None and name not in known:
            raise BuildspecError(f"Unknown key {path} at line {_line(key)}; known here: {', '.join(known)}")
        if name in found and not _merged(node, name, value):
            raise BuildspecError(f"The key {path} is given twice, again at line {_line(key)}")
        found[name] = value
    return found


def _merged(node: yaml.MappingNode, name: str, value: yaml.Node) -> bool:
    """Whether an earlier entry came from a merge key, which the mapping's own key replaces: it was written elsewhere."""
    first = next(item for key, item in node.value if key.value == name)
    return not (node.start_mark.index <= first.start_mark.index <= node.end_mark.index)


def text(node: yaml.Node, where: str) -> str:
    if not isinstance(node, yaml.ScalarNode):
        raise BuildspecError(f"Expected {where} to be of string type: found subkeys instead at line {_line(node)}")
    return str(node.value)


def texts(node: yaml.Node | None, where: str, *, or_one: bool = False) -> tuple[str, ...]:
    """A sequence of texts, empty when the key has no value; with `or_one` also a text alone."""
    if node is None or is_empty(node):
        return ()
    if or_one and isinstance(node, yaml.ScalarNode):
        return (str(node.value),)
    if not isinstance(node, yaml.SequenceNode):
        raise BuildspecError(f"Expected {where} to be a sequence at line {_line(node)}")
    return tuple(text(item, f"{where}[{index}]") for index, item in enumerate(node.value))


def flag(node: yaml.Node | None, where: str) -> bool:
    """yes or no; no when the key is absent."""
    if node is None or is_empty(node):
        return False
    value = text(node, where).lower()
    if value not in ("yes", "true", "no", "false"):
        raise BuildspecError(f"Expected {where} to be yes or no at line {_line(node)}, found {value!r}")
    return value in ("yes", "true")


def choice(node: yaml.Node | None, where: str, allowed: Collection[str], default: str) -> str:
    if node is None or is_empty(node):
        return default
    value = text(node, where)
    if value not in allowed:
        raise BuildspecError(f"{where} {value!r} is not honoured by the local AWS; it honours {' or '.join(allowed)} (line {_line(node)})")
    return value


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1
