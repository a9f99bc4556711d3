"""The table of conformance: the local AWS answers each call as AWS's documentation says, or refuses it by name."""

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.model import OperationModel
from conformance_cases import Case, Words, judged, new_words, play
from conformance_tables import CASES, SCENES, page, rows
from started import LocalAws

from localaws.front.shape_checks import answer_problems

PAGE = Path(__file__).parents[2] / "docs/conformance.md"


@pytest.fixture(scope="module")
def client(local_aws: LocalAws) -> Callable[[str], Any]:
    """A client that sends also what botocore would refuse, and compares each answer with the operation's model."""

    @functools.cache
    def made(service: str) -> Any:
        one = local_aws.client(service, parameter_validation=False)
        one.meta.events.register("after-call", _answer_fits_its_model)
        return one

    return made


def _answer_fits_its_model(model: OperationModel, parsed: dict[str, Any], **_: Any) -> None:
    if "Error" in parsed or model.output_shape is None or model.has_streaming_output:
        return
    answer = {name: value for name, value in parsed.items() if name != "ResponseMetadata"}
    problems = answer_problems(model.output_shape, answer)
    # botocore reads policies into objects; AWS answers empty lists where its models demand an item.
    assert [one for one in problems if "PolicyDocument" not in one and "Value '[]'" not in one] == [], model.name


@pytest.fixture(scope="module")
def scene(local_aws: LocalAws, client: Callable[[str], Any]) -> Callable[[str], Words]:
    """`scene("logs")` makes what the cases of a service need, once, and returns the names by which cases call it."""

    @functools.cache
    def played(service: str) -> Words:
        words = new_words(local_aws.account, {})
        play(SCENES.get(service, ()), client, words)
        return {word: value for word, value in words.items() if word != "name"} | {"scene": words["name"]}

    return played


@pytest.mark.parametrize(("stage", "one"), [pytest.param(*row, id=f"{row[1].service}: {row[1].says}") for row in CASES])
def test_the_answer_is_that_of_aws(
    local_aws: LocalAws, client: Callable[[str], Any], scene: Callable[[str], Words], stage: str, one: Case
) -> None:
    found, expected = judged(one, client, new_words(local_aws.account, scene(stage)))
    assert found == expected, f"{one.service}: {one.says}"


def test_the_page_lists_the_cases() -> None:
    """MLKIT_WRITE_REFERENCE=1 writes it."""
    if os.environ.get("MLKIT_WRITE_REFERENCE"):
        PAGE.write_text(page(rows()))
    assert PAGE.read_text() == page(rows()), "write the page again: make conformance"


def test_the_table_is_large_and_its_cases_differ() -> None:
    found = rows()
    assert len(found) >= 150
    assert len({(row.service, row.says, row.answer) for row in found}) == len(found)
    assert all(row.source for row in found)
