"""Members of requests that the emulator passes over have a rule, or the front honours them. Found in the emulator's source."""

import ast
import re
from importlib.util import find_spec
from pathlib import Path

from botocore import xform_name

from localaws.emulator.emulator_settings import STATE_KEYS
from localaws.front.emulated_members import PAGED, RULES, rule_of
from localaws.front.honoured_operations import HONOURED
from localaws.kit.paging import paging_of
from localaws.kit.service_models import service_model

SERVICES = ("iam", "glue", "kms", "sns", "secretsmanager", "ssm", "logs", "events", "cloudwatch")  # those with a handler for each operation
# Handlers that are not called like their operation.
OTHERWISE_CALLED = {("iam", "SetDefaultPolicyVersion"), ("iam", "UpdateUser")}


def functions(service: str) -> dict[str, str]:
    """The source of the functions of the emulator's module, by name."""
    spec = find_spec(f"ministack.services.{STATE_KEYS.get(service, service)}")
    text = Path(str(spec.origin)).read_text()
    lines = text.splitlines()
    found = [node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return {node.name: "\n".join(lines[node.lineno - 1 : node.end_lineno]) for node in found}


def handler_source(known: dict[str, str], name: str) -> str:
    """The source of a handler and of everything of the module that it calls."""
    source, todo, seen = "", [name], set()
    while todo:
        one = todo.pop()
        if one in known and one not in seen:
            seen.add(one)
            source += known[one]
            todo += re.findall(r"\b_\w+\b", known[one])
    return source


def passed_over(service: str) -> set[tuple[str, str]]:
    """Operations with the members that their handlers never name."""
    known, found = functions(service), set()
    for name in HONOURED[service]:
        operation = service_model(service).operation_model(name)
        handlers = [one for one in known if one == f"_{xform_name(name)}" or one.replace("_", "").endswith(name.lower())]
        if not handlers:
            assert (service, name) in OTHERWISE_CALLED
            continue
        source = "".join(handler_source(known, one) for one in handlers)
        members = operation.input_shape.members if operation.input_shape else {}
        found |= {(name, member) for member in members if not re.search(rf"""["']{member}""", source)}
    return found


def test_each_member_that_the_emulator_passes_over_has_a_rule():
    left = []
    for service in SERVICES:
        for operation, member in passed_over(service):
            paging = paging_of(service_model(service).operation_model(operation)) if operation in PAGED.get(service, ()) else None
            if rule_of(service, operation, member) == "" and (paging is None or member not in (paging.token, paging.limit)):
                left.append(f"{service}:{operation} {member}")
    assert left == []


def test_the_rules_name_members_that_the_models_have():
    for service, rules in RULES.items():
        model = service_model(service)
        for operation, members in rules.items():
            names = [operation] if operation != "*" else sorted(HONOURED[service])
            known = {member for name in names for member in model.operation_model(name).input_shape.members}
            assert set(members) <= known, f"{service}:{operation}"
