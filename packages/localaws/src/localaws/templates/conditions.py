"""Evaluates the Conditions section."""

import graphlib
from collections.abc import Iterator, Mapping
from typing import Any

from localaws.templates.functions import Evaluator, Surroundings
from localaws.templates.scalars import NotKnownYetError, TemplateError, as_text, as_texts

FUNCTIONS = ("Fn::And", "Fn::Equals", "Fn::Not", "Fn::Or", "Condition")
_SIZES: Mapping[str, tuple[range, str]] = {
    "Fn::And": (range(2, 11), "at least 2 and at most 10 boolean parameters"),
    "Fn::Or": (range(2, 11), "at least 2 and at most 10 boolean parameters"),
    "Fn::Not": (range(1, 2), "1 boolean parameter"),
    "Fn::Equals": (range(2, 3), "2 string parameters"),
}


def evaluate_conditions(
    definitions: Mapping[str, Any], *, parameters: Mapping[str, Any], mappings: Mapping[str, Any], pseudo: Mapping[str, Any]
) -> dict[str, bool]:
    """Every condition's value. Raises TemplateError for an unknown name, a circle, and a reference to a resource."""
    check_conditions(definitions)
    return _Conditions(definitions, parameters=parameters, mappings=mappings, pseudo=pseudo).all()


def check_conditions(definitions: Mapping[str, Any]) -> None:
    """Refuse names that do not exist, and circles, without the parameters' values. Raises TemplateError."""
    graph = {name: sorted(_named_in(definition)) for name, definition in definitions.items()}
    for used in graph.values():
        for name in used:
            if name not in definitions:
                raise TemplateError(
                    f"Template format error: Unresolved condition dependency {name} in the Conditions block of the template"
                )
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        raise TemplateError(f"Circular dependency between conditions: [{', '.join(sorted(set(error.args[1])))}]") from error


def _named_in(node: Any) -> Iterator[str]:
    """The names of the conditions in a condition's definition."""
    if isinstance(node, dict):
        if isinstance(node.get("Condition"), str):
            yield node["Condition"]
        node = list(node.values())
    if isinstance(node, list):
        for item in node:
            yield from _named_in(item)


class _Conditions:
    def __init__(
        self, definitions: Mapping[str, Any], *, parameters: Mapping[str, Any], mappings: Mapping[str, Any], pseudo: Mapping[str, Any]
    ) -> None:
        self._definitions, self._found = definitions, dict[str, bool]()
        surroundings = Surroundings(
            parameters=parameters,
            conditions=self._found,
            mappings=mappings,
            pseudo=pseudo,
            physical_id=_refuse_resource,
            attribute=lambda logical_id, _name: _refuse_resource(logical_id),
            export=lambda _name: _refuse_import(),
        )
        self._evaluator = Evaluator(surroundings)

    def all(self) -> dict[str, bool]:
        for name in self._definitions:
            self._named(name)
        return self._found

    def _named(self, name: Any) -> bool:
        if not isinstance(name, str) or name not in self._definitions:
            raise TemplateError(f"Template format error: Unresolved condition dependency {name} in the Conditions block of the template")
        if name not in self._found:
            self._found[name] = self._holds(self._definitions[name], name)
        return self._found[name]

    def _holds(self, node: Any, where: str) -> bool:
        name, argument = next(iter(node.items())) if isinstance(node, dict) and len(node) == 1 else ("", None)
        if name == "Condition":
            return self._named(argument)
        if name not in FUNCTIONS:
            raise TemplateError(f"Template format error: Condition {where} must be a boolean operation on parameters and other conditions")
        sizes, wanted = _SIZES[name]
        if not isinstance(argument, list) or len(argument) not in sizes:
            raise TemplateError(f"Template error: every {name} object requires a list of {wanted}.")
        if name == "Fn::Equals":
            return bool(self._operand(argument[0], where) == self._operand(argument[1], where))
        found = [self._holds(part, where) for part in argument]  # all of them, so that an error in any of them is found
        return not found[0] if name == "Fn::Not" else all(found) if name == "Fn::And" else any(found)

    def _operand(self, node: Any, where: str) -> Any:
        if isinstance(node, dict) and len(node) == 1 and next(iter(node)) in FUNCTIONS:
            return as_text(self._holds(node, where))
        try:
            return as_texts(self._evaluator.value(node))
        except NotKnownYetError as error:
            raise TemplateError(f"Template error: condition {where} reads what is known only after the stack was made") from error


def _refuse_resource(logical_id: str) -> Any:
    raise TemplateError(
        f"Template format error: Unresolved dependencies [{logical_id}]. Cannot reference resources in the Conditions block of the template"
    )


def _refuse_import() -> Any:
    raise TemplateError("Template error: Cannot use Fn::ImportValue in Conditions.")
