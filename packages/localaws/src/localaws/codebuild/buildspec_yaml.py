"""Reads YAML as CodeBuild does: every scalar stays text (also `yes` and `1.10`), and every error names the key and the line."""

from collections.abc import Collection, Mapping

import yaml

_MOST_MERGED = 1000  # each level of merge keys could multiply the entries


class BuildspecError(ValueError):
    """The buildspec cannot be executed. The build's DOWNLOAD_SOURCE phase shows the text with the code YAML_FILE_ERROR."""


def compose(text: str) -> yaml.Node:
    """The document's root. Raises BuildspecError for text that is not exactly one YAML document."""
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
    except RecursionError as error:
        raise BuildspecError("the buildspec is nested too deeply") from error
    finally:
        loader.dispose()
    return root


def _flatten(loader: yaml.SafeLoader, node: yaml.Node, seen: set[int]) -> None:
    """Replace merge keys (`<<: *anchor`) by the entries of the anchor."""
    if id(node) in seen or isinstance(node, yaml.ScalarNode):
        return
    seen.add(id(node))
    for item in node.value:
        for part in item if isinstance(item, tuple) else (item,):
            _flatten(loader, part, seen)
    if isinstance(node, yaml.MappingNode):  # after its parts, so that entries are counted before they are copied
        if _merged_entries(node) > _MOST_MERGED:
            raise BuildspecError(f"The mapping at line {_line(node)} merges more than {_MOST_MERGED} entries")
        loader.flatten_mapping(node)


def _merged_entries(node: yaml.MappingNode) -> int:
    """The number of entries that the mapping's merge keys bring."""
    merged = [value for key, value in node.value if key.tag == "tag:yaml.org,2002:merge"]
    parts = [part for value in merged for part in (value.value if isinstance(value, yaml.SequenceNode) else [value])]
    return sum(len(part.value) for part in parts)


def is_empty(node: yaml.Node | None) -> bool:
    """Whether the key is absent or has no value after it."""
    return node is None or node.tag == "tag:yaml.org,2002:null"


def mapping(node: yaml.Node, where: str, reasons: Mapping[str, str] | None = None) -> dict[str, yaml.Node]:
    """The node's entries. Raises BuildspecError for a key that has a reason in `reasons` for which it is not honoured."""
    if not isinstance(node, yaml.MappingNode):
        raise BuildspecError(f"Expected {where or 'the buildspec'} to be a mapping at line {_line(node)}")
    found: dict[str, yaml.Node] = {}
    for key, value in node.value:
        name, path = key.value, f"{where}.{key.value}" if where else str(key.value)
        if not isinstance(key, yaml.ScalarNode):
            raise BuildspecError(f"Expected the keys of {where or 'the buildspec'} to be text at line {_line(key)}")
        if reasons and name in reasons:
            raise BuildspecError(f"{path} is not honoured by the local AWS: {reasons[name]} (line {_line(key)})")
        if name in found and not _merged(node, name, value):
            raise BuildspecError(f"The key {path} is given twice, again at line {_line(key)}")
        found[name] = value
    return found


def _merged(node: yaml.MappingNode, name: str, value: yaml.Node) -> bool:
    """Whether an earlier entry came from a merge key. It may be replaced: the key was not written twice in this mapping."""
    first = next(item for key, item in node.value if key.value == name)
    return not (node.start_mark.index <= first.start_mark.index <= node.end_mark.index)


def text(node: yaml.Node, where: str) -> str:
    if not isinstance(node, yaml.ScalarNode):
        raise BuildspecError(f"Expected {where} to be of string type: found subkeys instead at line {_line(node)}")
    return str(node.value)


def texts(node: yaml.Node | None, where: str, *, or_one: bool = False) -> tuple[str, ...]:
    """A sequence of texts, empty if the key has no value. With `or_one`, a single text is a sequence of one."""
    if node is None or is_empty(node):
        return ()
    if or_one and isinstance(node, yaml.ScalarNode):
        return (str(node.value),)
    if not isinstance(node, yaml.SequenceNode):
        raise BuildspecError(f"Expected {where} to be a sequence at line {_line(node)}")
    return tuple(text(item, f"{where}[{index}]") for index, item in enumerate(node.value))


def flag(node: yaml.Node | None, where: str) -> bool:
    """yes or no; no if the key is absent."""
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
