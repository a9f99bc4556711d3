"""Replaces the evaluation of templates in the emulator's CloudFormation by `localaws.templates`.

The emulator keeps the stacks: their events, deployments, rollbacks and change sets.
"""

import asyncio
import contextvars
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol
from urllib.parse import parse_qs

from localaws import templates

_DYNAMIC = re.compile(r"\{\{resolve:([a-z-]+):[^}]*\}\}")
_DYNAMIC_SERVICES = ("ssm", "secretsmanager")
_PARSED: contextvars.ContextVar[tuple[str, dict[str, Any] | Exception]] = contextvars.ContextVar("parsed_template")

_WITH_DEFAULTS: contextvars.ContextVar[frozenset[str]] = contextvars.ContextVar("parameters_with_defaults")


class Account(Protocol):
    """What a template is checked against, and reads, with the operation's rights."""

    def stack_name(self) -> str:
        """The name of the stack in the operation, or "" outside of one."""
        ...

    def check_parameter(self, name: str) -> None:
        """Refuse an SSM parameter that the operation may not read. Raises ValueError."""
        ...

    def check_source(self, template: Mapping[str, Any]) -> None:
        """Refuse transforms. Raises ValueError."""
        ...

    def check_types(self, template: Mapping[str, Any], conditions: Mapping[str, bool]) -> None:
        """Refuse resource types and attributes that there are not. Raises ValueError."""
        ...

    def check_properties(self, template: Mapping[str, Any], conditions: Mapping[str, bool]) -> None:
        """Refuse properties that are not honoured. The properties may be evaluated. Raises ValueError."""
        ...

    def missing_attribute(self, kind: str, attribute: str) -> str:
        """Why Fn::GetAtt finds no attribute of this name."""
        ...


class TemplateEngine:
    """The functions that the emulator calls, with its signatures."""

    def __init__(self, account: Account) -> None:
        from ministack.services.cloudformation import engine

        self._account = account
        self._check_limits = engine._validate_template_limits
        self._failed_transform: Any = engine._TransformFailed

    def install(self) -> None:
        from ministack.services import cloudformation
        from ministack.services.cloudformation import changesets, engine, handlers, provisioners, stacks

        replaced = {
            "_NO_VALUE": templates.NO_VALUE,
            "_evaluate_conditions": self.evaluate_conditions,
            "_parse_template": self.parse,
            "_resolve_parameters": self.resolve_parameters,
            "_resolve_refs": self.resolve,
            "_topological_sort": templates.creation_order,
            "validate_template_support": self.check,
        }
        for module in (engine, handlers, changesets, stacks, provisioners):
            for name, replacement in replaced.items():
                if hasattr(module, name):
                    setattr(module, name, replacement)
        self._parse_in_a_thread(cloudformation)

    def parse(self, body: str) -> dict[str, Any]:
        """The template, with parameters' defaults as text. Raises ValueError, whose text follows "Template format error: "."""
        known, outcome = _PARSED.get(("", {}))
        if known != body or not known:
            outcome = self._outcome(body)
        _PARSED.set(("", {}))  # the caller may change the template
        if isinstance(outcome, Exception):
            raise outcome
        _WITH_DEFAULTS.set(frozenset(name for name, definition in _parameters(outcome) if "Default" in definition))
        return outcome

    def _outcome(self, body: str) -> dict[str, Any] | Exception:
        """The template, or the refusal of its text. Any thread may call it."""
        try:
            template = templates.parse_template(body)
            templates.check_shape(template)
            self._account.check_source(template)
        except ValueError as error:
            return ValueError(str(error).removeprefix("Template format error: "))
        for _, definition in _parameters(template):
            if "Default" in definition:
                definition["Default"] = templates.as_texts(definition["Default"])
        return template

    def _parse_in_a_thread(self, cloudformation: Any) -> None:
        """Read a request's template outside of the event loop, which serves other callers meanwhile."""
        from ministack.services.cloudformation import helpers

        original = cloudformation.handle_request

        async def handle_request(method: str, path: str, headers: Any, body: bytes, query: Any) -> Any:
            form = parse_qs(body.decode(errors="replace"))
            if "TemplateBody" in form or "TemplateURL" in form:
                text, refused = helpers._resolve_template(form)
                if text and not refused:
                    _PARSED.set((text, await asyncio.to_thread(self._outcome, text)))
            return await original(method, path, headers, body, query)

        cloudformation.handle_request = handle_request

    def resolve_parameters(
        self, template: Mapping[str, Any], provided: Sequence[Mapping[str, Any]], previous: Mapping[str, Any] | None = None
    ) -> dict[str, dict[str, Any]]:
        if not template.get("Transform"):  # a transform may not have been applied yet
            templates.check_sections(template)
        return templates.resolve_parameters(template.get("Parameters", {}), provided, previous=previous or {}, read_ssm=self._read_ssm)

    def evaluate_conditions(self, template: Mapping[str, Any], parameters: Mapping[str, Any]) -> dict[str, bool]:
        return templates.evaluate_conditions(
            template.get("Conditions", {}),
            parameters={name: templates.value_of(parameter) for name, parameter in parameters.items()},
            mappings=template.get("Mappings", {}),
            pseudo=_pseudo(self._account.stack_name(), templates.UNKNOWN),
        )

    def resolve(
        self,
        value: Any,
        resources: Mapping[str, Any],
        parameters: Mapping[str, Any],
        conditions: Mapping[str, bool],
        mappings: Mapping[str, Any],
        stack_name: str,
        stack_id: str,
    ) -> Any:
        """The value, with what is known of the resources: a change set is described before they exist."""

        def attribute(logical_id: str, name: str) -> Any:
            found = resources.get(logical_id, {})
            if "PhysicalResourceId" in found and name not in found.get("Attributes", {}):
                raise templates.TemplateError(self._account.missing_attribute(found.get("ResourceType", logical_id), name))
            return found.get("Attributes", {}).get(name, "")

        surroundings = templates.Surroundings(
            parameters={name: templates.value_of(parameter) for name, parameter in parameters.items()},
            conditions=conditions,
            mappings=mappings,
            pseudo=_pseudo(stack_name, stack_id),
            physical_id=lambda logical_id: resources.get(logical_id, {}).get("PhysicalResourceId", logical_id),
            attribute=attribute,
            export=_export,
        )
        return templates.Evaluator(surroundings).value(value)

    def check(self, template: Mapping[str, Any], conditions: Mapping[str, bool], params: Mapping[str, Any] | None = None) -> None:
        """Refuse what would fail later, before anything is made. Raises ValueError.

        ValidateTemplate has no parameters; its conditions are those of the defaults, or none where a parameter has no default.
        """
        if isinstance(template, self._failed_transform):
            raise templates.TemplateError(template.error)
        self._check_limits(template)
        if template.get("Transform"):  # ValidateTemplate does not apply it
            return
        templates.check_sections(template)
        templates.check_conditions(template.get("Conditions", {}))
        self._account.check_types(template, conditions)
        templates.check_references(template, None if params is None else conditions)
        _check_dynamic_references(template)
        if params is None:
            self._account.check_properties(template, conditions)
        else:
            self._check_values(template, conditions, params)

    def _check_values(self, template: Mapping[str, Any], conditions: Mapping[str, bool], params: Mapping[str, Any]) -> None:
        """Check rules and properties with the parameters' values. A property that is AWS::NoValue is no property."""
        pseudo = _pseudo(self._account.stack_name(), templates.UNKNOWN)
        parameters = {name: templates.value_of(parameter) for name, parameter in params.items()}
        templates.check_rules(template.get("Rules", {}), parameters=parameters, pseudo=pseudo)
        surroundings = templates.Surroundings(
            parameters=parameters,
            conditions=conditions,
            mappings=template.get("Mappings", {}),
            pseudo=pseudo,
            physical_id=_not_known_yet,
            attribute=_not_known_yet,
            export=_export,
        )
        evaluator = templates.Evaluator(surroundings)
        created = {}
        for logical_id, resource in template["Resources"].items():
            if conditions.get(resource.get("Condition", ""), True):
                properties = evaluator.known(resource.get("Properties", {}))
                if not isinstance(properties, dict):
                    raise templates.TemplateError(f"Template format error: [/Resources/{logical_id}/Properties] must be an object")
                created[logical_id] = {**resource, "Properties": properties}
        self._account.check_properties({**template, "Resources": created}, conditions)

    def _read_ssm(self, name: str) -> str:
        from ministack.services import ssm

        self._account.check_parameter(name)
        found = ssm.resolve_parameter_value(name)
        if found is None:
            raise templates.TemplateError(f"Unable to fetch parameters [{name}] from parameter store for this account.")
        return str(found)


def with_defaults() -> frozenset[str]:
    """The parameters with a default, of the template that this request read."""
    return _WITH_DEFAULTS.get(frozenset())


def _parameters(template: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return [(name, definition) for name, definition in template.get("Parameters", {}).items() if isinstance(definition, dict)]


def _pseudo(stack_name: str, stack_id: Any) -> dict[str, Any]:
    from ministack.core import responses

    return {
        "AWS::AccountId": responses.get_account_id(),
        "AWS::NoValue": templates.NO_VALUE,
        "AWS::NotificationARNs": [],
        "AWS::Partition": "aws",
        "AWS::Region": responses.get_region(),
        "AWS::StackId": stack_id,
        "AWS::StackName": stack_name,
        "AWS::URLSuffix": "amazonaws.com",
    }


def _not_known_yet(*_names: str) -> Any:
    raise templates.NotKnownYetError


def _export(name: str) -> Any:
    from ministack.services import cloudformation

    found = cloudformation._exports.get(name)
    if found is None:
        raise templates.TemplateError(f"No export named {name} found.")
    return found["Value"]


def _check_dynamic_references(template: Mapping[str, Any]) -> None:
    for place, text in _texts([template["Resources"], template.get("Outputs", {})], ""):
        for match in _DYNAMIC.finditer(text):
            if match[1] == "ssm-secure":
                raise templates.TemplateError(f"SSM Secure reference is not supported in: [{place}]")
            if match[1] not in _DYNAMIC_SERVICES:
                raise templates.TemplateError(f"Template format error: unsupported dynamic reference {match[0]} in {place}")


def _texts(node: Any, place: str) -> Iterator[tuple[str, str]]:
    if isinstance(node, str):
        yield place, node
    elif isinstance(node, dict):
        for key, item in node.items():
            yield from _texts(item, f"{place}/{key}" if place else str(key))
    elif isinstance(node, list):
        for item in node:
            yield from _texts(item, place)
