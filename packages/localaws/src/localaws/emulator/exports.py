"""A stack's outputs and exports. An export cannot be taken over by another stack, or changed or deleted while a stack imports it."""

from collections.abc import Mapping
from typing import Any

from localaws import templates

_IMPORTS_NOTHING = ("DELETE_COMPLETE", "REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE")


def resolve_outputs(
    definitions: Mapping[str, Any],
    conditions: Mapping[str, bool],
    resources: Mapping[str, Any],
    parameters: Mapping[str, Any],
    mappings: Mapping[str, Any],
    stack_name: str,
    stack_id: str,
) -> tuple[list[dict[str, Any]], dict[str, dict[str, str]]]:
    """The outputs and exports of an operation whose resources are ready. Raises TemplateError, which fails the operation."""
    from ministack.services.cloudformation import engine

    def text(value: Any) -> str:
        found = engine._resolve_refs(value, resources, parameters, conditions, mappings, stack_name, stack_id)
        if not templates.is_scalar(found):
            raise templates.TemplateError("Template format error: The Value field of every Outputs member must evaluate to a String.")
        return templates.as_text(found)

    outputs: list[dict[str, Any]] = []
    exports: dict[str, dict[str, str]] = {}
    for key, definition in definitions.items():
        if not conditions.get(definition.get("Condition", ""), True):
            continue
        output = {"OutputKey": key, "OutputValue": text(definition["Value"]), "Description": definition.get("Description", "")}
        if "Export" in definition:
            name = output["ExportName"] = text(definition["Export"]["Name"])
            if name in exports:
                raise templates.TemplateError(f"Template format error: Duplicate Export names. More than one Output exports {name}")
            exports[name] = {"StackId": stack_id, "Name": name, "Value": output["OutputValue"]}
        outputs.append(output)
    _replace_exports(exports, stack_id)
    return outputs, exports


def check_deletion(stack_name: str) -> None:
    """Refuse to delete a stack whose export a stack imports. Raises TemplateError."""
    from ministack.services import cloudformation

    stack = cloudformation.handlers._resolve_stack(stack_name) or {}
    for output in stack.get("Outputs", ()):
        if using := _importers(output.get("ExportName"), stack["StackId"]):
            raise templates.TemplateError(
                f"Delete canceled. Cannot delete export {output['ExportName']} as it is in use by {', '.join(using)}."
            )


def _replace_exports(exports: Mapping[str, Mapping[str, str]], stack_id: str) -> None:
    """Forget the exports that the stack no longer has, and refuse what an export's users would not survive."""
    from ministack.services import cloudformation

    for name, export in exports.items():
        other = cloudformation._exports.get(name, export)
        if other["StackId"] != stack_id:
            raise templates.TemplateError(f"Export with name {name} is already exported by stack {other['StackId'].split('/')[1]}")
        if other["Value"] != export["Value"] and (using := _importers(name, stack_id)):
            raise templates.TemplateError(f"Cannot update export {name} as it is in use by {', '.join(using)}")
    gone = [name for name, other in cloudformation._exports.items() if other["StackId"] == stack_id and name not in exports]
    for name in gone:
        if using := _importers(name, stack_id):
            raise templates.TemplateError(f"Cannot delete export {name} as it is in use by {', '.join(using)}")
    for name in gone:
        del cloudformation._exports[name]


def _importers(export: str | None, stack_id: str) -> list[str]:
    """The other stacks that import the export."""
    from ministack.services import cloudformation

    return sorted(
        name
        for name, stack in cloudformation._stacks.items()
        if export
        and stack["StackId"] != stack_id
        and stack["StackStatus"] not in _IMPORTS_NOTHING
        and export in cloudformation.handlers._imported_export_names(stack, name)
    )
