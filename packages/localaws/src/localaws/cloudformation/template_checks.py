"""Checks a template before anything is created: resource types and all properties, also nested ones, by name."""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from localaws.cloudformation.property_defaults import instead_of, is_default
from localaws.kit.service import ResourceType
from localaws.templates import references

_REGION = "us-east-1"  # cfn-lint keeps the schemas of all regions' common types under this region

_ATTRIBUTES = ("CreationPolicy", "UpdatePolicy")
_LEAVE_OUT = ". Leave out what is not honoured, or give it AWS::NoValue here, by Fn::If and a condition"
_HOW_TO_EXPAND = {"AWS::Serverless-2016-10-31": ", for example with `sam build` or `aws cloudformation package`"}


def check_source(template: Mapping[str, Any]) -> None:
    """Refuse transforms, which would change the template before the other checks see it. Raises ValueError."""
    declared = template.get("Transform", [])
    for transform in declared if isinstance(declared, list) else [declared]:
        if transform != "AWS::LanguageExtensions":
            name = transform.get("Name", transform) if isinstance(transform, Mapping) else transform
            raise ValueError(f"the local AWS does not honour the transform {name}: expand the template first{_HOW_TO_EXPAND.get(name, '')}")
    if "Fn::Transform" in _keys(template):
        raise ValueError("the local AWS does not honour Fn::Transform: put the macro's result into the template")
    if not declared and "DefaultValue" in _keys(template):
        _check_lookups(template)


def _keys(node: Any) -> set[str]:
    """All keys in a template, at any depth."""
    found: set[str] = set()
    waiting = [node]
    while waiting:
        node = waiting.pop()
        if isinstance(node, Mapping):
            found.update(node)
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)
    return found


def _check_lookups(node: Any) -> None:
    """Refuse Fn::FindInMap with a default value, which AWS has only with the transform AWS::LanguageExtensions."""
    if isinstance(node, Mapping):
        lookup = node.get("Fn::FindInMap")
        if isinstance(lookup, list) and len(lookup) == 4:
            raise ValueError(
                "every Fn::FindInMap object requires three parameters, the map name, map key and the attribute for return value. "
                "DefaultValue needs the transform AWS::LanguageExtensions"
            )
        node = list(node.values())
    if isinstance(node, list):
        for item in node:
            _check_lookups(item)


def check_types(template: Mapping[str, Any], conditions: Mapping[str, bool], types: Mapping[str, ResourceType]) -> None:
    """Refuse types that are not honoured, and attributes that do not exist. Raises ValueError."""
    created = _created(template, conditions)
    if lacking := sorted({resource["Type"] for resource in created.values()} - types.keys()):
        raise ValueError(_unrecognized(lacking, types))
    for logical_id, attribute in references([list(created.values()), template.get("Outputs", {})]):
        resource = created.get(logical_id)
        if resource and isinstance(attribute, str) and not _has_attribute(resource["Type"], attribute):
            raise ValueError(f"Template error: resource {logical_id} does not support attribute type {attribute} in Fn::GetAtt")


def check_properties(template: Mapping[str, Any], conditions: Mapping[str, bool], types: Mapping[str, ResourceType]) -> None:
    """Refuse properties that are not honoured. Raises ValueError with the resource and the property."""
    found: list[str] = []
    for logical_id, resource in _created(template, conditions).items():
        kind, properties = resource["Type"], resource.get("Properties", {})
        found += [f"{logical_id}: the local AWS does not honour {name}" for name in resource if name in _ATTRIBUTES]
        found += [f"{logical_id} ({kind}): {problem}" for problem in _problems(kind, properties, types[kind])]
    if found:
        raise ValueError(f"Template error: {'; '.join(found)}{_LEAVE_OUT if 'does not honour' in str(found) else ''}")


def _created(template: Mapping[str, Any], conditions: Mapping[str, bool]) -> dict[str, Any]:
    resources = template.get("Resources", {}).items()
    return {logical_id: resource for logical_id, resource in resources if conditions.get(resource.get("Condition", ""), True)}


def _has_attribute(kind: str, attribute: str) -> bool:
    """Whether AWS has the attribute: a property that can only be read, or any other property, because some types return them."""
    schema = resource_schema(kind)
    return schema is None or attribute.split(".")[0] in schema["properties"]


def missing_attribute(kind: str, attribute: str) -> str:
    """Why Fn::GetAtt finds no attribute: the local AWS does not honour it, or it does not exist."""
    readable = (resource_schema(kind) or {}).get("readOnlyProperties", ())
    if f"/properties/{attribute.replace('.', '/')}" in readable:
        return f"Template error: the local AWS does not honour the attribute {attribute} of {kind} in Fn::GetAtt"
    return f"Requested attribute {attribute} does not exist in schema for {kind}"


def _unrecognized(lacking: list[str], types: Mapping[str, ResourceType]) -> str:
    """The refusal of types, with what the local AWS has instead. A type that AWS does not have either is told as AWS does."""
    text = f"Template format error: Unrecognized resource types: [{', '.join(lacking)}]"
    ours = [kind for kind in lacking if kind in _index() or kind.startswith("Custom::")]
    if not ours:
        return text
    return (
        f"{text}. AWS has {', '.join(ours)}; the local AWS does not. Take the resource out, or give it a Condition that is false here. "
        f"The local AWS has: {', '.join(sorted(types))}"
    )


def _problems(kind: str, properties: Mapping[str, Any], honoured: ResourceType) -> Iterator[str]:
    schema = resource_schema(kind)
    if schema is not None:
        yield from _walk(schema, schema, properties, "")
    for name, value in properties.items():
        is_property = not name.startswith("Fn::") and (schema is None or name in schema["properties"])
        if is_property and name not in honoured.properties and not is_default(kind, name, value):
            yield f"the local AWS does not honour the property {name}{instead_of(kind, name)}"


def _walk(schema: Mapping[str, Any], root: Mapping[str, Any], value: Any, where: str) -> Iterator[str]:
    schema = _resolved(schema, root)
    if isinstance(value, Mapping):
        if len(value) == 1 and next(iter(value)).startswith(("Fn::", "Ref")):
            yield from _branches(schema, root, value, where)
            return
        members = schema.get("properties", {})
        if members and not schema.get("patternProperties") and schema.get("additionalProperties", False) is False:
            for name in value:
                if name not in members:
                    yield f"extraneous key [{where}{name}] is not permitted"
        for name in schema.get("required", ()):
            if name not in value:
                yield f"required key [{where}{name}] not found"
        for name, item in value.items():
            if name in members:
                yield from _walk(members[name], root, item, f"{where}{name}.")
    elif isinstance(value, list) and isinstance(schema.get("items"), Mapping):
        for index, item in enumerate(value):
            yield from _walk(schema["items"], root, item, f"{where}{index}.")


def _branches(schema: Mapping[str, Any], root: Mapping[str, Any], value: Mapping[str, Any], where: str) -> Iterator[str]:
    """The values to check: both branches of an Fn::If, and none for another function, whose result is not known yet."""
    for branch in value.get("Fn::If", [])[1:] if isinstance(value.get("Fn::If"), list) else []:
        if branch != {"Ref": "AWS::NoValue"}:
            yield from _walk(schema, root, branch, where)


def _resolved(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    while "$ref" in schema:
        target: Any = root
        for part in str(schema["$ref"]).removeprefix("#/").split("/"):
            target = target[part]
        schema = target
    return schema


@cache
def resource_schema(kind: str) -> Mapping[str, Any] | None:
    """The registry's schema of a type, from cfn-lint. None for a type that cfn-lint does not know."""
    folder = _schemas()
    digest = _index().get(kind)
    if digest is None:
        return None
    schema: Mapping[str, Any] = json.loads((folder / "resources" / f"{digest}.json").read_text())
    return schema


@cache
def _index() -> Mapping[str, str]:
    index: Mapping[str, str] = json.loads((_schemas() / "providers" / f"{_REGION}.json").read_text())
    return index


def _schemas() -> Path:
    """cfn-lint's folder of schemas. It is found without importing cfn-lint, because the import takes a second."""
    spec = find_spec("cfnlint")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("cfn-lint is needed for its schemas of resource types: install sagemaker-localaws with its dependencies")
    return Path(spec.submodule_search_locations[0]) / "data" / "schemas"
