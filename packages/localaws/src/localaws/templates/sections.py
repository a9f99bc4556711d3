"""Checks the sections of a template: their names, and the members of resources, outputs and conditions."""

from collections.abc import Iterator, Mapping
from typing import Any

from localaws.kit.properties import words
from localaws.templates.conditions import FUNCTIONS
from localaws.templates.parameters import check_definitions
from localaws.templates.scalars import TemplateError, call_of

_SECTIONS = words("AWSTemplateFormatVersion Conditions Description Mappings Metadata Outputs Parameters Resources Rules Transform")
_RESOURCE = words("Condition CreationPolicy DeletionPolicy DependsOn Metadata Properties Type UpdatePolicy UpdateReplacePolicy")
_POLICIES = words("Delete Retain RetainExceptOnCreate Snapshot")
_OUTPUT = words("Condition Description Export Value")


def check_shape(template: Mapping[str, Any]) -> None:
    """Refuse sections of another shape, also before a transform has been applied. Raises TemplateError."""
    for name in ("Conditions", "Mappings", "Outputs", "Parameters", "Resources", "Rules"):
        if not isinstance(template.get(name, {}), dict):
            raise TemplateError(f"Template format error: {name} must be an object.")
    for name, mapping in template.get("Mappings", {}).items():
        if not isinstance(mapping, dict) or not all(isinstance(entries, dict) for entries in mapping.values()):
            raise TemplateError(f"Template format error: Every Mappings member must have a map of maps. ({name})")
    if "Transform" not in template:
        for name, resource in template.get("Resources", {}).items():
            if not isinstance(resource, dict):
                raise TemplateError(f"Template format error: [/Resources/{name}] resource definition is malformed")
            if not isinstance(resource.get("Properties", {}), dict):
                raise TemplateError(f"Template format error: [/Resources/{name}/Properties] must be an object")


def check_sections(template: Mapping[str, Any]) -> None:
    """Refuse what CloudFormation refuses of a template's form, with its text. Raises TemplateError."""
    if extra := sorted(template.keys() - _SECTIONS):
        raise TemplateError(f"Invalid template property or properties [{', '.join(extra)}]")
    if template.get("AWSTemplateFormatVersion", "2010-09-09") != "2010-09-09":
        raise TemplateError("Template format error: unsupported value for AWSTemplateFormatVersion.")
    check_shape(template)
    if not template.get("Resources"):
        raise TemplateError("Template format error: At least one Resources member must be defined.")
    check_definitions(template.get("Parameters", {}))
    conditions = template.get("Conditions", {})
    for name, resource in template["Resources"].items():
        _check_resource(name, resource, conditions)
    for name, output in template.get("Outputs", {}).items():
        _check_output(name, output, conditions)
    for name in _conditions_used([template["Resources"], template.get("Outputs", {})]):
        if name not in conditions:
            raise TemplateError(f"Template error: unresolved condition dependency {name} in Fn::If")


def _check_resource(name: str, resource: Any, conditions: Mapping[str, Any]) -> None:
    if not name.isalnum():
        raise TemplateError(f"Template format error: Resource name {name} is non alphanumeric.")
    if not isinstance(resource.get("Type"), str):
        raise TemplateError(f"Template format error: [/Resources/{name}] Every Resources object must contain a Type member.")
    is_custom = resource["Type"].startswith(("Custom::", "AWS::CloudFormation::CustomResource"))
    if extra := sorted(resource.keys() - _RESOURCE - ({"Version"} if is_custom else set())):
        raise TemplateError(f"Invalid template resource property '{extra[0]}'")
    depends_on = resource.get("DependsOn", [])
    if not all(isinstance(other, str) for other in ([depends_on] if not isinstance(depends_on, list) else depends_on)):
        raise TemplateError(f"Template format error: DependsOn of {name} must be a string or a list of strings.")
    for policy in ("DeletionPolicy", "UpdateReplacePolicy"):
        if isinstance(resource.get(policy), str) and resource[policy] not in _POLICIES:
            raise TemplateError(f"Template format error: Unrecognized {policy} {resource[policy]} for resource {name}")
    if not _is_condition(resource, conditions):
        raise TemplateError(_unresolved(resource["Condition"], "Resources"))


def _check_output(name: str, output: Any, conditions: Mapping[str, Any]) -> None:
    if not name.isalnum():
        raise TemplateError(f"Template format error: Output name {name} is non alphanumeric.")
    if not isinstance(output, dict) or "Value" not in output or output.keys() - _OUTPUT:
        raise TemplateError("Template format error: Every Outputs member must contain a Value object")
    if not isinstance(output.get("Export", {}), dict) or output.get("Export", {"Name": ""}).keys() != {"Name"}:
        raise TemplateError(f"Template format error: Output {name} is malformed. Export must have the one member Name.")
    call = call_of(output["Value"])
    if call and call[0] in FUNCTIONS:
        raise TemplateError("Template format error: The Value field of every Outputs member must evaluate to a String.")
    if not _is_condition(output, conditions):
        raise TemplateError(
            f"Template format error: Unresolved condition dependency {output['Condition']} in the Outputs block of the template"
        )


def _is_condition(member: Mapping[str, Any], conditions: Mapping[str, Any]) -> bool:
    return "Condition" not in member or (isinstance(member["Condition"], str) and member["Condition"] in conditions)


def _unresolved(condition: str, block: str) -> str:
    return f"Template format error: Unresolved condition dependency {condition} in the {block} block of the template"


def _conditions_used(node: Any) -> Iterator[str]:
    """The names of the conditions that the Fn::If in a value read."""
    if isinstance(node, list):
        for item in node:
            yield from _conditions_used(item)
    elif isinstance(node, dict):
        call = call_of(node)
        if call and call[0] == "Fn::If" and isinstance(call[1], list) and call[1] and isinstance(call[1][0], str):
            yield call[1][0]
        yield from _conditions_used(list(node.values()))
