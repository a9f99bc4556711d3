"""The ledger of the calls that AWS's services make by themselves, in whose name, and the page that says so.

`service_calls.toml` is the ledger. Engines take from it the permissions that a service needs beside those of its real calls; so an
action's name stands in the ledger only.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from localaws.kit.open_questions import NOT_ASKED, assumed
from localaws.kit.service import Permission

ACTION_ROLE = "the action's role"
ASSUMED = "assumed"  # the source of a line that no page of AWS confirms


@dataclass(frozen=True, kw_only=True)
class ServiceCall:
    """One line. `role` says in whose name the service asks; `context` names the condition keys that the service supplies."""

    id: str
    service: str
    when: str
    role: str
    actions: tuple[str, ...]
    resource: str
    source: str
    context: tuple[str, ...] = ()
    switch: str = ""


@cache
def ledger() -> Mapping[str, ServiceCall]:
    """The lines by their ids."""
    lines = tomllib.loads(Path(__file__).with_name("service_calls.toml").read_text())["call"]
    found = [ServiceCall(**{**line, "actions": tuple(line["actions"]), "context": tuple(line.get("context", ()))}) for line in lines]
    return {call.id: call for call in found}


def permissions(line: str, resource: str, context: Mapping[str, Any] | None = None) -> Sequence[Permission]:
    """The permissions of a line on one resource; none if the line's switch is set so that the service does not ask."""
    call = ledger()[line]
    if call.switch and assumed(call.switch) == NOT_ASKED:
        return []
    return [Permission(action=action, resource=resource, context=context or {}) for action in call.actions]


def page() -> str:
    """The ledger as the page `docs/service-calls.md`."""
    services: dict[str, list[ServiceCall]] = {}
    for call in ledger().values():
        services.setdefault(call.service, []).append(call)
    return _INTRODUCTION + "".join(_section(service, calls) for service, calls in sorted(services.items()))


_INTRODUCTION = """# Calls that AWS's services make by themselves

This page is made from `src/localaws/kit/service_calls.toml`. Each line is a call that a service makes without a request of the user for
it, in whose name it makes the call, and the page of AWS that says so. The local AWS asks IAM for each of them in the same name, so a
permission that is missing fails here too. A line whose source is *assumed* was not found on any page. A line with a switch is
asked as the switch says (`localaws up --assume NAME=VALUE`).
"""


_HEADER = "| line | when | in whose name | actions | resource | condition keys | source |\n|---|---|---|---|---|---|---|\n"


def _section(service: str, calls: Sequence[ServiceCall]) -> str:
    rows = "".join(
        f"| `{call.id}` | {call.when} | {call.role} | {_code(call.actions)} | {call.resource} | {_code(call.context)} | {_origin(call)} |\n"
        for call in calls
    )
    return f"\n## {service}\n\n{_HEADER}{rows}"


def _origin(call: ServiceCall) -> str:
    source = call.source if call.source == ASSUMED else f"[page]({call.source})"
    return f"{source}; switch `{call.switch}`" if call.switch else source


def _code(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "-"


if __name__ == "__main__":
    print(page(), end="")
