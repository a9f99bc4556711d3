"""All cases by service, and the page that lists them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import events_cases
import glue_cases
import identity_cases
import logs_cases
import parameter_cases
import s3_cases
from conformance_cases import Call, Case

SERVICES = (s3_cases, glue_cases, logs_cases, events_cases, identity_cases, parameter_cases)
CASES: Sequence[tuple[str, Case]] = [(module.SERVICE, one) for module in SERVICES for one in module.CASES]  # with the scene of each
SCENES: Mapping[str, Sequence[Call]] = {module.SERVICE: module.SCENE for module in SERVICES}


@dataclass(frozen=True)
class Row:
    service: str
    says: str
    source: str
    outcome: str


def rows() -> list[Row]:
    return [Row(one.service, one.says, one.source, one.outcome) for _, one in CASES]


def page(found: Sequence[Row]) -> str:
    """The Markdown page of the rows, by service."""
    counts = Counter(row.outcome for row in found)
    lines = [
        "# Conformance",
        "",
        "What AWS answers to a call, where AWS says so, and whether the local AWS answers the same. The page is generated from the cases",
        "in `tests/conformance` and `tests/unit`, which the tests play. `make conformance` writes it again.",
        "",
        f"{len(found)} cases: {counts['right']} right, {counts['refused by name']} refused by name, {counts['wrong']} wrong.",
        "",
        "*Refused by name*: AWS does it, the local AWS refuses it with an error that names it.",
    ]
    for service in dict.fromkeys(row.service for row in found):
        lines += ["", f"## {service}", "", "| case | source | outcome |", "|---|---|---|"]
        lines += [f"| {_cell(row.says)} | {_link(row.source)} | {row.outcome} |" for row in found if row.service == service]
    return "\n".join(lines) + "\n"


def _link(source: str) -> str:
    """The source; an address by the name of its page."""
    return f"[{PurePosixPath(source).stem}]({source})" if source.startswith("https:") else source


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")
