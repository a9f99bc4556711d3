"""Finds what a template refers to: names that do not exist, circles, and the order of creation."""

import graphlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from localaws.kit.properties import words
from localaws.templates.scalars import TemplateError, attribute_of, call_of

PSEUDO = frozenset(f"AWS::{name}" for name in words("AccountId NoValue NotificationARNs Partition Region StackId StackName URLSuffix"))
_VARIABLE = re.compile(r"\$\{([^}!]+)\}")


def references(node: Any, conditions: Mapping[str, bool] | None = None) -> Iterator[tuple[str, Any]]:
    """Each (name, attribute) that a value refers to by Ref, Fn::GetAtt and Fn::Sub. The attribute is None for a Ref.

    With the values of the conditions, only the branch that each Fn::If takes is looked at.
    """
    if isinstance(node, list):
        for item in node:
            yield from references(item, conditions)
    elif isinstance(node, dict):
        name, argument = call_of(node) or ("", None)
        if name == "Ref":
            yield str(argument), None
        elif name == "Fn::GetAtt":
            yield attribute_of(argument)
        elif name == "Fn::Sub":
            yield from _variables(argument, conditions)
        elif name == "Fn::If" and conditions is not None and isinstance(argument, list) and len(argument) == 3:
            yield from references(argument[1] if conditions.get(str(argument[0])) else argument[2], conditions)
        else:
            yield from references(list(node.values()), conditions)


def check_references(template: Mapping[str, Any], conditions: Mapping[str, bool] | None) -> None:
    """Refuse references to nothing, and circles. Raises TemplateError.

    Without the conditions' values (ValidateTemplate), every resource counts as created.
    """
    resources = template.get("Resources", {})
    created = {name for name, resource in resources.items() if conditions is None or conditions.get(resource.get("Condition", ""), True)}
    known = created | set(template.get("Parameters", {})) | PSEUDO
    for name in sorted(created):
        _check(resources[name].get("Properties", {}), known, resources, conditions, "Resources")
        missing = [other for other in _depends_on(resources[name]) if other not in resources]
        if missing:
            raise TemplateError(_unresolved(missing, "Resources"))
    for output in template.get("Outputs", {}).values():
        if conditions is None or conditions.get(output.get("Condition", ""), True):
            _check([output["Value"], output.get("Export", {})], known, resources, conditions, "Outputs")
    creation_order(resources, conditions)


def creation_order(resources: Mapping[str, Any], conditions: Mapping[str, bool] | None) -> list[str]:
    """The logical ids in the order of creation, each after what it refers to. Raises TemplateError for a circle."""
    created = sorted(name for name in resources if conditions is None or conditions.get(resources[name].get("Condition", ""), True))
    sorter: graphlib.TopologicalSorter[str] = graphlib.TopologicalSorter()
    for name in created:
        found = {other for other, _ in references(resources[name].get("Properties", {}), conditions)} | set(_depends_on(resources[name]))
        sorter.add(name, *sorted(found & set(created)))
    order = []
    try:
        sorter.prepare()
    except graphlib.CycleError as error:
        raise TemplateError(f"Circular dependency between resources: [{', '.join(sorted(set(error.args[1])))}]") from error
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        order += ready
        sorter.done(*ready)
    return order


def _check(node: Any, known: set[str], resources: Mapping[str, Any], conditions: Mapping[str, bool] | None, block: str) -> None:
    found = list(references(node, conditions))
    if missing := sorted({name for name, attribute in found if attribute is None and name not in known}):
        raise TemplateError(_unresolved(missing, block))
    for name, attribute in found:
        if attribute is not None and name not in known:
            if name in resources:
                raise TemplateError(_unresolved([name], block))
            raise TemplateError(f"Template error: instance of Fn::GetAtt references undefined resource {name}")


def _unresolved(names: list[str], block: str) -> str:
    return f"Template format error: Unresolved resource dependencies [{', '.join(names)}] in the {block} block of the template"


def _depends_on(resource: Mapping[str, Any]) -> list[str]:
    found = resource.get("DependsOn", [])
    return [found] if isinstance(found, str) else list(found)


def _variables(argument: Any, conditions: Mapping[str, bool] | None) -> Iterator[tuple[str, Any]]:
    text, given = argument if isinstance(argument, list) and len(argument) == 2 else (argument, {})
    for variable in _VARIABLE.findall(str(text)):
        name = variable.strip()
        if not isinstance(given, dict) or name not in given:
            logical_id, _, attribute = name.partition(".")
            yield logical_id, attribute or None
    yield from references(list(given.values()) if isinstance(given, dict) else [], conditions)
