"""Checks parameters' values by the Rules section."""

from collections.abc import Mapping
from typing import Any

from localaws.templates.scalars import TemplateError, as_text, as_texts

_SIZES = {"Fn::Contains": 2, "Fn::EachMemberEquals": 2, "Fn::EachMemberIn": 2, "Fn::Equals": 2, "Fn::Not": 1}
_OF_ACCOUNT = ("Fn::RefAll", "Fn::ValueOf", "Fn::ValueOfAll")


def check_rules(rules: Mapping[str, Any], *, parameters: Mapping[str, Any], pseudo: Mapping[str, Any]) -> None:
    """Refuse values that an assertion does not allow. Raises TemplateError with the assertion's description."""
    known = {**parameters, **pseudo}
    for name, rule in rules.items():
        if not isinstance(rule, dict) or not isinstance(rule.get("Assertions"), list):
            raise TemplateError(f"Template format error: Rule {name} must contain an Assertions list")
        if "RuleCondition" in rule and not _holds(rule["RuleCondition"], known):
            continue
        for assertion in rule["Assertions"]:
            if not isinstance(assertion, dict) or "Assert" not in assertion:
                raise TemplateError(f"Template format error: Every assertion of rule {name} must contain an Assert")
            if not _holds(assertion["Assert"], known):
                raise TemplateError(f"Template error: rule {name} failed: {assertion.get('AssertDescription', 'the assertion is false')}")


def _holds(node: Any, known: Mapping[str, Any]) -> bool:
    found = _value(node, known)
    if not isinstance(found, bool):
        raise TemplateError(f"Template error: a rule must evaluate to true or false, not to '{found}'")
    return found


def _value(node: Any, known: Mapping[str, Any]) -> Any:
    """True or false for a rule's function; text, or a list of texts, for everything else."""
    if isinstance(node, list):
        return [_value(item, known) for item in node]
    if not isinstance(node, dict) or len(node) != 1:
        return as_texts(node)
    name, argument = next(iter(node.items()))
    if name == "Ref":
        if not isinstance(argument, str) or argument not in known:
            raise TemplateError(f"Template format error: Unresolved resource dependencies [{argument}] in the Rules block of the template")
        return as_texts(known[argument])
    if name in _OF_ACCOUNT:
        raise TemplateError(f"Template error: the local AWS does not honour {name} in Rules, because it has no EC2 and no Route 53")
    if name in ("Fn::And", "Fn::Or") and isinstance(argument, list):
        found = [_holds(part, known) for part in argument]
        return all(found) if name == "Fn::And" else any(found)
    if name not in _SIZES:
        raise TemplateError(f"Template format error: Following functions are not supported in the Rules block of the template: [{name}]")
    if not isinstance(argument, list) or len(argument) != _SIZES[name]:
        raise TemplateError(f"Template format error: {name} in Rules takes a list of {_SIZES[name]}")
    return not _holds(argument[0], known) if name == "Fn::Not" else _compared(name, *(_value(part, known) for part in argument))


def _compared(name: str, first: Any, second: Any) -> bool:
    first, second = (as_text(item) if isinstance(item, bool) else item for item in (first, second))
    if name == "Fn::Equals":
        return bool(first == second)
    if not isinstance(first, list):
        raise TemplateError(f"Template error: {name} expects a list as its first argument, not '{first}'")
    if name == "Fn::Contains":
        return second in first
    return all(item == second for item in first) if name == "Fn::EachMemberEquals" else all(item in second for item in first)
