"""All cases by service, and the page that lists them."""

import json
import re
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
from case_sources import TRINO, TRINO_TESTS, Says, declared_codes, kind_of, says
from conformance_cases import QUERY, Call, Case, template_page

from localaws.templates import NO_VALUE

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
    checked: Says  # what the source was found to say


def rows() -> list[Row]:
    return [_row(one) for _, one in CASES] + _templates() + _expressions()


def _row(one: Case) -> Row:
    checked = says(one.service, one.says, one.source, is_error=_asks_more_than_a_declared_code(one))
    return Row(one.service, one.says, _answer(one), one.source, one.outcome, checked)


def _asks_more_than_a_declared_code(one: Case) -> bool:
    """Whether the case expects a text of an error, or a code that AWS's model of the operation lacks."""
    if not one.error:
        return False
    code, _, text = one.error.partition(":")
    return bool(text.strip()) or one.calls[-1].operation == QUERY or code not in declared_codes(one.model)


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


# Those whose rows end with a value; the other rows end with the text of an error, or with None where the template is accepted.
_WITH_VALUES = (templates.test_a_condition_compares_text, templates.test_a_parameter_has_a_text_or_a_list_of_texts)
_OUTCOMES = ("right", "refused by name")


def _templates() -> list[Row]:
    """The cases of how templates are evaluated."""
    found = []
    for node, name, value in templates.VALUES:
        is_error = isinstance(value, type)
        found.append(_template_row(f"intrinsic-function-reference-{name}", [node], "refused" if is_error else value, is_error))
    for test, name in _TEMPLATE_TESTS:
        table = next(mark for mark in getattr(test, "pytestmark", ()) if mark.name == "parametrize")
        is_error = test not in _WITH_VALUES
        found += [_template_row(name, row[:-1], row[-1], is_error and row[-1] is not None) for row in table.args[1]]
    return found


def _template_row(page: str, given: Sequence[Any], expected: Any, is_error: bool) -> Row:
    shown = ", ".join(_short(value) for value in given if value is not None)
    is_refused = "local AWS" in str(expected) or "does not honour" in str(expected)
    checked = says("cloudformation templates", shown, template_page(page), is_error=is_error and not is_refused)
    return Row("cloudformation templates", shown, _short(expected), template_page(page), _OUTCOMES[is_refused], checked)


def _short(value: Any) -> str:
    """A value of a template, or the words of a refusal, in a line."""
    if value is None or value is NO_VALUE:
        return "accepted" if value is None else "no value"
    text = value if isinstance(value, str) else json.dumps(value)
    return text.replace("\\", "") if len(text) < 100 else f"{text[:100]}..."


# The page of Trino's documentation by what an expression looks like; the first that fits. It says nothing about some values of doubles.
_DOUBLES = f"{TRINO_TESTS}/TestDoubleOperators.java"
_OF_DOUBLES = r"nan\(\) (?!AS real|<> CAST)|nan\(\)$|e-?\d+ AS (varchar|bigint)|infinity\(\) AS"
_TRINO_PAGES = (
    ("conditional", r"^try\("),
    ("binary", r"^to_hex|big_endian|^crc32|base64|^X'"),
    ("comparison", r"[<>]|nan\(\) |BETWEEN|LIKE|^greatest|^least"),
    ("conversion", r"CAST|^typeof"),
    ("datetime", r"date|unixtime|EXTRACT|^now"),
    ("array", r"ARRAY|^sequence"),
    ("regexp", r"^regexp"),
    ("bitwise", r"^bitwise"),
    ("string", r"\|\||^concat|^substr|^split_part|^strpos|^position|^length|^trim|^[lr]pad"),
    ("decimal", r"^[-\d */+]*\d\.\d[-.\d */+]*$"),
    ("math", ""),
)


def _expressions() -> list[Row]:
    """The cases of Trino's expressions in Athena."""
    found = []
    for sql, value in test_athena_sql.VALUES:
        page = f"{TRINO}/{next(name for name, form in _TRINO_PAGES if re.search(form, sql))}.html"
        source = _DOUBLES if re.search(_OF_DOUBLES, sql) else page
        checked = says("athena expressions", sql, source, is_error=False)
        found.append(Row("athena expressions", sql, "NULL" if value is None else value, source, "right", checked))
    return found


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
        *_sources(found),
    ]
    for service in dict.fromkeys(row.service for row in found):
        lines += ["", f"## {service}", "", "| case | answer | source | says | outcome |", "|---|---|---|---|---|"]
        lines += [
            f"| {_cell(row.says)} | {_cell(_short(row.answer))} | {_link(row.source)} | {row.checked} | {row.outcome} |"
            for row in found
            if row.service == service
        ]
    return "\n".join(lines) + "\n"


def _sources(found: Sequence[Row]) -> list[str]:
    """How many sources were read, and what they say, by their kinds."""
    counts = Counter((kind_of(row.source), row.checked) for row in found)
    kinds = dict.fromkeys(kind_of(row.source) for row in found)
    return [
        "",
        "## Sources",
        "",
        "What a source says of its case, as far as it was read. A test compares each page of an API reference, and each code of an error,",
        "with botocore's models. Pages of guides, Trino's pages and threads were read by hand, in archived copies of 2023 to 2026.",
        "`tests/conformance/case_sources.py` has the findings.",
        "",
        "- *this*: the source says it.",
        "- *the rule*: the source says the rule, and not the code or the text of the error, which come from other reports.",
        "- *not this*: the source is about the matter and does not say it.",
        "- *not read*: nobody has compared the source with the case.",
        "",
        "| source | addresses | " + " | ".join(Says) + " |",
        "|---|---|" + "---|" * len(Says),
        *(
            f"| {kind} | {len({row.source for row in found if kind_of(row.source) == kind})} | "
            + " | ".join(str(counts[kind, one]) for one in Says)
            + " |"
            for kind in kinds
        ),
    ]


def _link(source: str) -> str:
    """The source; an address by the name of its page."""
    return f"[{PurePosixPath(source).stem}]({source})" if source.startswith("https:") else source


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")
