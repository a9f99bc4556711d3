"""Reads from CloudFormation templates which CodeBuild project runs which buildspec, and the possible values of its variables.

Followed are literals, parameters (AllowedValues, else Default), !Sub, !If, !Join and !FindInMap of these, a pipeline's own variables,
and the import of a project that another template exports. What is known on AWS only - other imports, attributes, another action's
output, secrets - is UNKNOWN.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

UNKNOWN = "\ue000"  # replaces a part of a text that only AWS knows; a private-use character, which normal text does not contain

_SUB = re.compile(r"\$\{(!?)([^}]*)\}")
_PIPELINE_VARIABLE = re.compile(r"#\{(\w+)\.(\w+)\}")
_NO_VALUE = {"Ref": "AWS::NoValue"}


@dataclass(frozen=True, kw_only=True)
class Setting:
    """The possible values of an environment variable, with UNKNOWN for unknown parts, and the place that sets them."""

    values: tuple[str, ...]
    where: str = ""


@dataclass(frozen=True, kw_only=True)
class Build:
    """One way to start a CodeBuild project, with the environment variables that the project and the action set.

    `buildspec` is a path, or the lines of an inline buildspec. `file` and `line` are its place in the template.
    """

    name: str
    buildspec: str
    settings: Mapping[str, Setting]
    file: str
    line: int


@dataclass(kw_only=True)
class Template:
    """A template's content and file. `problems` are lines with errors."""

    path: str
    content: Mapping[str, Any]
    problems: list[tuple[int, str]] = field(default_factory=list)

    def resources(self, kind: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Logical ids and properties of the resources of this type."""
        for name, resource in _mapping(self.content.get("Resources")).items():
            if _mapping(resource).get("Type") == kind:
                yield name, _mapping(resource.get("Properties"))

    def values(self, node: Any) -> tuple[str, ...]:
        """Every possible text of the node, with UNKNOWN for unknown parts."""
        match node:
            case str():
                return (UNKNOWN if "{{resolve:" in node else str(node),)
            case {"Ref": str(name)}:
                return self._parameter(name)
            case {"Fn::If": [_, *branches]}:
                return _once(value for branch in branches for value in self.values(branch))
            case {"Fn::Sub": str(text)}:
                return self._substituted(text, {})
            case {"Fn::Sub": [str(text), dict(others)]}:
                return self._substituted(text, others)
            case {"Fn::Join": [str(separator), list(parts)]}:
                return combined([self.values(part) for part in parts], separator)
            case {"Fn::FindInMap": [str(name), first, second, *_]}:
                return self._mapped(name, first, second)
        return (UNKNOWN,)

    def _parameter(self, name: str) -> tuple[str, ...]:
        parameter = _mapping(_mapping(self.content.get("Parameters")).get(name))
        allowed = parameter.get("AllowedValues")
        if isinstance(allowed, list) and allowed:
            return _once(str(value) for value in allowed)
        return (str(parameter["Default"]),) if isinstance(parameter.get("Default"), str) else (UNKNOWN,)

    def _substituted(self, text: str, others: Mapping[str, Any]) -> tuple[str, ...]:
        parts: list[Sequence[str]] = []
        end = 0
        for match in _SUB.finditer(text):
            value = (f"${{{match[2]}}}",) if match[1] else self.values(others.get(match[2], {"Ref": match[2]}))
            parts += [(text[end : match.start()],), value]
            end = match.end()
        return combined([*parts, (text[end:],)])

    def _mapped(self, name: str, first: Any, second: Any) -> tuple[str, ...]:
        mapping = _mapping(_mapping(self.content.get("Mappings")).get(name))
        rows = [row for key, row in mapping.items() if not isinstance(first, str) or key == first]
        found = [str(value) for row in rows for key, value in _mapping(row).items() if not isinstance(second, str) or key == second]
        return _once(found) or (UNKNOWN,)


def builds(templates: Sequence[Template]) -> list[Build]:
    """All ways to start the templates' CodeBuild projects: every action that names a project, or the project alone."""
    found = []
    for template in templates:
        for logical_id, properties in template.resources("AWS::CodeBuild::Project"):
            own = _project_settings(template, logical_id, properties)
            starts = [
                (f"{logical_id} in {action}", {**own, **given}) for action, given in _actions(templates, template, logical_id, properties)
            ] or [(logical_id, own)]
            for source in items(properties.get("Source")):
                for name, settings in starts:
                    found += list(_builds(template, logical_id, source, name, settings))
    return found


def items(node: Any) -> Iterator[Any]:
    """The members of a list, or the node itself; for an !If, all branches."""
    if isinstance(node, list):
        for item in node:
            yield from items(item)
    elif isinstance(node, dict) and isinstance(node.get("Fn::If"), list):
        yield from items(node["Fn::If"][1:])
    elif node is not None and node != _NO_VALUE:
        yield node


def combined(parts: Sequence[Sequence[str]], separator: str = "") -> tuple[str, ...]:
    """Combinations of the parts' texts. Each text of each part occurs once, with the first text of the other parts."""
    first = [part[0] if part else UNKNOWN for part in parts]
    ways = [first] + [[*first[:place], text, *first[place + 1 :]] for place, part in enumerate(parts) for text in part[1:]]
    return _once(separator.join(way) for way in ways)


def _builds(template: Template, logical_id: str, source: Any, name: str, settings: Mapping[str, Setting]) -> Iterator[Build]:
    node = _mapping(source).get("BuildSpec", "buildspec.yml")
    for value in template.values(node):
        if (UNKNOWN not in value or "\n" in value) and not value.startswith("arn:"):
            line = _line(node) or _line(logical_id)
            yield Build(name=name, buildspec=value, settings=settings, file=template.path, line=line)


def _project_settings(template: Template, logical_id: str, properties: Mapping[str, Any]) -> dict[str, Setting]:
    found: dict[str, Setting] = {}
    for environment in items(properties.get("Environment")):
        for item in items(_mapping(environment).get("EnvironmentVariables")):
            name, value = _mapping(item).get("Name"), _mapping(item).get("Value")
            if isinstance(name, str):
                plain = _mapping(item).get("Type", "PLAINTEXT") == "PLAINTEXT"
                _add(found, name, template.values(value) if plain else (UNKNOWN,), f"{template.path}:{_line(name)}, {logical_id}")
    return found


def _actions(
    templates: Sequence[Template], template: Template, logical_id: str, properties: Mapping[str, Any]
) -> Iterator[tuple[str, dict[str, Setting]]]:
    """The pipelines' actions that start the project, each with the variables that it sets."""
    names = {name for name in template.values(properties.get("Name")) if UNKNOWN not in name}
    exports = set(_exports(template, logical_id))
    for other in templates:
        for _, pipeline in other.resources("AWS::CodePipeline::Pipeline"):
            for stage in map(_mapping, items(pipeline.get("Stages"))):
                for action in map(_mapping, items(stage.get("Actions"))):
                    configuration = _mapping(action.get("Configuration"))
                    project = configuration.get("ProjectName")
                    by_ref = other is template and project == {"Ref": logical_id}
                    if by_ref or names & set(other.values(project)) or exports & set(_imports(other, project)):
                        label = f"{stage.get('Name', '')}.{action.get('Name', '')}"
                        yield label, _action_settings(other, pipeline, configuration.get("EnvironmentVariables"), label)


def _exports(template: Template, logical_id: str) -> Iterator[str]:
    """The names under which the template exports the resource's Ref."""
    for output in map(_mapping, _mapping(template.content.get("Outputs")).values()):
        if output.get("Value") == {"Ref": logical_id} and "Export" in output:
            yield from template.values(_mapping(output["Export"]).get("Name"))


def _imports(template: Template, node: Any) -> tuple[str, ...]:
    """The names of exports that the node imports. A name of which nothing is known is left out."""
    imported = _mapping(node).get("Fn::ImportValue")
    return tuple(name for name in template.values(imported) if name != UNKNOWN)


def _action_settings(template: Template, pipeline: Mapping[str, Any], node: Any, label: str) -> dict[str, Setting]:
    found: dict[str, Setting] = {}
    for text in template.values(node) if node is not None else ():
        try:
            listed = json.loads(text)
            given = [(item["name"], str(item["value"]), item.get("type", "PLAINTEXT")) for item in listed]
        except (ValueError, TypeError, KeyError, AttributeError):
            if text != UNKNOWN:
                problem = f'EnvironmentVariables of {label} is not JSON such as [{{"name": "TUNE", "value": "true"}}]'
                template.problems.append((_line(node), problem))
            continue
        for name, value, kind in given:
            values = _pipeline_values(template, pipeline, value, _line(node)) if kind == "PLAINTEXT" else (UNKNOWN,)
            _add(found, name, values, f"{template.path}:{_line(node)}, {label}")
    return found


def _pipeline_values(template: Template, pipeline: Mapping[str, Any], text: str, line: int) -> tuple[str, ...]:
    """The text with `#{variables.X}` replaced by the pipeline's default. Variables of other namespaces are UNKNOWN."""
    declared = {str(_mapping(item).get("Name")): _mapping(item) for item in items(pipeline.get("Variables"))}
    parts: list[Sequence[str]] = []
    end = 0
    for match in _PIPELINE_VARIABLE.finditer(text):
        values: tuple[str, ...] = (UNKNOWN,)
        if match[1] == "variables" and match[2] not in declared:
            template.problems.append((line, f"{match[0]} is not a variable of the pipeline"))
        elif match[1] == "variables" and "DefaultValue" in declared[match[2]]:
            values = template.values(declared[match[2]]["DefaultValue"])
        parts += [(text[end : match.start()],), values]
        end = match.end()
    return combined([*parts, (text[end:],)])


def _add(settings: dict[str, Setting], name: str, values: tuple[str, ...], where: str) -> None:
    """Add the values to those that another branch gives the variable."""
    before = settings[name].values if name in settings else ()
    settings[str(name)] = Setting(values=_once([*before, *values]), where=where)


def _mapping(node: Any) -> Mapping[str, Any]:
    return node if isinstance(node, dict) else {}


def _line(node: Any) -> int:
    """The first line of the first text in the node."""
    if isinstance(node, dict | list):
        lines = [_line(item) for item in (node.values() if isinstance(node, dict) else node)]
        return next((line for line in lines if line), 0)
    return int(getattr(node, "line", 0))


def _once(values: Any) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))
