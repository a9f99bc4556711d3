"""Checks a template before anything is created: resource types and all properties, also nested ones, by name."""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from localaws.kit.service import ResourceType

_REGION = "us-east-1"  # cfn-lint keeps the schemas of all regions' common types under this region

_ATTRIBUTES = ("CreationPolicy", "UpdatePolicy")


def check_source(template: Mapping[str, Any]) -> None:
    """Refuse transforms and SSM parameters, which would change the template before `check_template` sees it. Raises ValueError."""
    transform = template.get("Transform")
    if transform not in (None, "AWS::LanguageExtensions", ["AWS::LanguageExtensions"]):
        raise ValueError(f"the local AWS does not honour the transform {transform}")
    for name, parameter in (template.get("Parameters") or {}).items():
        if str(parameter.get("Type", "")).startswith("AWS::SSM::Parameter::Value<"):
            raise ValueError(f"the local AWS does not honour parameters that are read from SSM: {name}")


def check_template(template: Mapping[str, Any], conditions: Mapping[str, bool], types: Mapping[str, ResourceType]) -> None:
    """Refuse types and properties that are not honoured. Raises ValueError with the resource and the property."""
    found: list[str] = []
    for logical_id, resource in (template.get("Resources") or {}).items():
        if conditions.get(resource.get("Condition", ""), True):
            kind = resource.get("Type", "")
            if kind not in types:
                raise ValueError(f"Template format error: Unrecognized resource types: [{kind}]")
            properties = resource.get("Properties") or {}
            found += [f"{logical_id}: the local AWS does not honour {name}" for name in resource if name in _ATTRIBUTES]
            found += [f"{logical_id} ({kind}): {problem}" for problem in _problems(kind, properties, types[kind])]
    if found:
        raise ValueError("Template error: " + "; ".join(found))


def _problems(kind: str, properties: Mapping[str, Any], honoured: ResourceType) -> Iterator[str]:
    schema = resource_schema(kind)
    if schema is not None:
        yield from _walk(schema, schema, properties, "")
    for name in properties:
        if name not in honoured.properties and not name.startswith("Fn::") and (schema is None or name in schema["properties"]):
            yield f"the local AWS does not honour the property {name}"


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
