"""All cases by service, and the page that lists them."""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import athena_cases
import engine_cases
import events_cases
import glue_cases
import identity_cases
import key_cases
import logs_cases
import parameter_cases
import s3_cases
import stack_cases
import test_athena_sql
import test_template_evaluation as templates
from conformance_cases import AWS, Call, Case

from localaws.templates import NO_VALUE

_GUIDE = f"{AWS}/AWSCloudFormation/latest/UserGuide"

SERVICES = (
    s3_cases,
    glue_cases,
    athena_cases,
    logs_cases,
    events_cases,
    identity_cases,
    parameter_cases,
    key_cases,
    stack_cases,
    engine_cases,
)
CASES: Sequence[tuple[str, Case]] = [(module.SERVICE, one) for module in SERVICES for one in module.CASES]  # with the scene of each
SCENES: Mapping[str, Sequence[Call]] = {module.SERVICE: module.SCENE for module in SERVICES}


@dataclass(frozen=True)
class Row:
    service: str
    says: str
    answer: str
    source: str
    outcome: str


def rows() -> list[Row]:
    return [Row(one.service, one.says, _answer(one), one.source, one.outcome) for _, one in CASES] + _templates() + _expressions()


def _answer(one: Case) -> str:
    """The error, the refusal, or the values that the case looks at."""
    if one.gives is None:
        return one.error or one.refused or ""
    shown = (f"{path}: {'any' if value is ... else value}" for path, value in one.gives.items())
    return ", ".join(shown)


# Tests of templates with their page of AWS's guide.
_TEMPLATE_TESTS: Sequence[tuple[Callable[..., None], str]] = (
    (templates.test_a_wrong_call_is_refused_in_cloudformations_words, "intrinsic-function-reference"),
    (templates.test_a_condition_compares_text, "conditions-section-structure"),
    (templates.test_a_wrong_condition_is_refused, "conditions-section-structure"),
    (templates.test_a_wrong_parameter_is_refused, "parameters-section-structure"),
    (templates.test_a_parameter_has_a_text_or_a_list_of_texts, "parameters-section-structure"),
    (templates.test_a_reference_to_nothing_and_a_circle_are_refused, "intrinsic-function-reference-ref"),
    (templates.test_a_template_of_another_form_is_refused, "template-anatomy"),
    (templates.test_rules_refuse_values, "rules-section-structure"),
)


def _templates() -> list[Row]:
    """The cases of how templates are evaluated."""
    found = [
        _template_row(f"intrinsic-function-reference-{page}", [node], "refused" if isinstance(value, type) else value)
        for node, page, value in templates.VALUES
    ]
    for test, page in _TEMPLATE_TESTS:
        table = next(mark for mark in getattr(test, "pytestmark", ()) if mark.name == "parametrize")
        found += [_template_row(page, row[:-1], row[-1]) for row in table.args[1]]
    return found


def _template_row(page: str, given: Sequence[Any], expected: Any) -> Row:
    shown = ", ".join(_short(value) for value in given if value is not None)
    outcome = "refused by name" if "local AWS" in str(expected) or "does not honour" in str(expected) else "right"
    return Row("cloudformation templates", shown, _short(expected), f"{_GUIDE}/{page}.html", outcome)


def _short(value: Any) -> str:
    """A value of a template, or the words of a refusal, in a line."""
    if value is None or value is NO_VALUE:
        return "accepted" if value is None else "no value"
    text = value if isinstance(value, str) else json.dumps(value)
    return text.replace("\\", "") if len(text) < 100 else f"{text[:100]}..."


def _expressions() -> list[Row]:
    """The cases of Trino's expressions in Athena."""
    page = "https://trino.io/docs/current/functions.html"
    return [Row("athena expressions", sql, "NULL" if value is None else value, page, "right") for sql, value in test_athena_sql.VALUES]


def page(found: Sequence[Row]) -> str:
    """The page in Markdown: a table of cases for each service."""
    counts = Counter(row.outcome for row in found)
    lines = [
        "# Conformance",
        "",
        "What AWS answers to a call, where AWS says so, and whether the local AWS answers the same. The page is generated from the cases",
        "in `tests/conformance` and `tests/unit`, which the tests play. `make conformance` writes it again. The sources are documents;",
        "nothing here was compared with an account on AWS.",
        "",
        f"{len(found)} cases: {counts['right']} right, {counts['refused by name']} refused by name, {counts['wrong']} wrong.",
        "",
        "*Refused by name*: AWS does it, the local AWS refuses it with an error that names it. In an answer, `<name>` and the like stand",
        "for values of the test.",
    ]
    for service in dict.fromkeys(row.service for row in found):
        lines += ["", f"## {service}", "", "| case | answer | source | outcome |", "|---|---|---|---|"]
        lines += [
            f"| {_cell(row.says)} | {_cell(_short(row.answer))} | {_link(row.source)} | {row.outcome} |"
            for row in found
            if row.service == service
        ]
    return "\n".join(lines) + "\n"


def _link(source: str) -> str:
    """The source; an address by the name of its page."""
    return f"[{PurePosixPath(source).stem}]({source})" if source.startswith("https:") else source


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")
