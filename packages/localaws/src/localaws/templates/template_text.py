"""Reads a template's text, JSON or YAML, within limits: no aliases, no deep nesting, no null values."""

import json
from collections.abc import Iterator
from typing import Any

import yaml

from localaws.templates.scalars import TemplateError, as_text

# No template of a person comes near. A state that nests deeper could not be written and read again: JSON is read recursively.
DEEPEST = 100

_TOO_DEEP = f"the template is nested more than {DEEPEST} levels deep, which the local AWS does not honour: make it flatter"
_SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml's is ten times faster


class _Loader(_SafeLoader):  # type: ignore[misc]
    """Knows CloudFormation's short forms: `!Sub x` is {"Fn::Sub": "x"}. Dates stay text."""


def parse_template(body: str) -> dict[str, Any]:
    """The template. Raises TemplateError, whose text follows "Template format error: "."""
    text = body.strip()
    template = _json(text) if text.startswith("{") else _yaml(text)
    if not isinstance(template, dict):
        raise TemplateError("unsupported structure.")
    for path in _nulls(template, ""):
        raise TemplateError(f"[{path}] 'null' values are not allowed in templates")
    return template


def _json(text: str) -> Any:
    try:
        return _checked_depth(json.loads(text))
    except RecursionError as error:
        raise TemplateError(_TOO_DEEP) from error
    except json.JSONDecodeError as error:
        raise TemplateError(f"JSON not well-formed. (line {error.lineno}, column {error.colno})") from error


def _yaml(text: str) -> Any:
    loader = _Loader(text)
    try:
        root = _compose(loader)
        return None if root is None else loader.construct_document(root)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
        raise TemplateError(f"YAML not well-formed.{where}") from error
    except yaml.YAMLError as error:
        raise TemplateError(f"YAML not well-formed. ({error})") from error
    finally:
        loader.dispose()


def _compose(loader: Any) -> yaml.Node | None:
    """The document's node. It is built here and not by libyaml, which would keep the interpreter's lock until the end.

    Aliases and depth are refused before anything is built of them: nine levels of aliases are gigabytes.
    """
    roots: list[yaml.Node] = []
    path: list[list[Any]] = [roots]  # the items of each open collection; a mapping's are key, value, key, value, ...
    opened: list[yaml.CollectionNode] = []
    while loader.check_event():
        event = loader.get_event()
        if isinstance(event, yaml.AliasEvent):
            raise TemplateError("YAML aliases are not allowed in CloudFormation templates")
        if isinstance(event, yaml.NodeEvent):
            node = _node(loader, event)
            path[-1].append(node)
            if isinstance(node, yaml.CollectionNode):
                opened.append(node)
                path.append([])
        elif isinstance(event, yaml.CollectionEndEvent):
            items, node = path.pop(), opened.pop()
            node.value = list(zip(items[::2], items[1::2], strict=True)) if isinstance(node, yaml.MappingNode) else items
        if len(opened) > DEEPEST:
            raise TemplateError(_TOO_DEEP)
    if len(roots) > 1:
        raise TemplateError("YAML not well-formed. (more than one document)")
    return roots[0] if roots else None


def _node(loader: Any, event: Any) -> yaml.Node:
    """The node that a parser's event begins. A list or a mapping has no items yet."""
    if isinstance(event, yaml.ScalarEvent):
        kind, value, implicit = yaml.ScalarNode, event.value, event.implicit
    else:
        kind, value = (yaml.SequenceNode if isinstance(event, yaml.SequenceStartEvent) else yaml.MappingNode), []
        implicit = (event.implicit, False)
    tag = event.tag if event.tag not in (None, "!") else loader.resolve(kind, value if kind is yaml.ScalarNode else None, implicit)
    return kind(tag, value, event.start_mark, event.end_mark)


def _checked_depth(value: Any) -> Any:
    level = [value]
    for _ in range(DEEPEST + 1):
        level = [item for node in level for item in _items(node)]
        if not level:
            return value
    raise TemplateError(_TOO_DEEP)


def _items(node: Any) -> list[Any]:
    if isinstance(node, dict):
        return list(node.values())
    return node if isinstance(node, list) else []


def _nulls(node: Any, path: str) -> Iterator[str]:
    """The paths of null values. Metadata is the user's own."""
    if node is None:
        yield path
    elif isinstance(node, dict):
        for key, item in node.items():
            if key != "Metadata":
                yield from _nulls(item, f"{path}/{key}")
    elif isinstance(node, list):
        for index, item in enumerate(node):
            yield from _nulls(item, f"{path}/{index}")


def _mapping(loader: Any, node: Any) -> dict[str, Any]:
    """A mapping whose keys are text, as in JSON: an account's number is a key of many mappings."""
    loader.flatten_mapping(node)
    return {as_text(key): item for key, item in loader.construct_mapping(node, deep=True).items()}


def _call(loader: Any, name: str, node: Any) -> dict[str, Any]:
    """The long form of `!Name argument`."""
    if isinstance(node, yaml.ScalarNode):
        argument: Any = node.value
    elif isinstance(node, yaml.SequenceNode):
        argument = loader.construct_sequence(node, deep=True)
    else:
        argument = _mapping(loader, node)
    if name == "GetAtt" and isinstance(argument, str):
        argument = argument.split(".", 1)
    return {name if name in ("Ref", "Condition") else f"Fn::{name}": argument}


_Loader.add_multi_constructor("!", _call)
_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)
_Loader.add_constructor("tag:yaml.org,2002:timestamp", lambda _loader, node: node.value)
