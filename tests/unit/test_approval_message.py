"""The approval's message: what it says first, and that it fits whatever the names are."""

from dataclasses import replace
from typing import Any

import pytest
from sealed_evidence import PIPELINE, compared, evidence, outcome, record, reviewed

from mlkit.aws.approval_message import LONGEST, approval_message, change_in_words
from mlkit.evidence.manifest import Seal
from mlkit.evidence.run_record import Activity, Origin
from mlkit.review import Decision, Reviewed

SEAL = Seal(s3_uri="s3://evidence/manifest.json", sha256="a" * 64)
PAGE = "https://console.example/review.html"


def page(**parts: Any) -> Reviewed:
    whole: dict[str, Any] = {"tested": outcome(champion=compared()), "champion": Seal(s3_uri="s3://x", sha256="1" * 64), **parts}
    return replace(reviewed(evidence(**whole)), decision=Decision(production="version 3"))


def test_the_message_says_result_notes_change_page_and_seal_in_this_order() -> None:
    loud = {"01_prep": record("01_prep", activity=Activity(warnings=("eight rows dropped",)))}
    assert approval_message(page(records=loud), SEAL, PAGE) == (
        "PASS: match rate 0.6984, at least 0.65 is required; as good as production's version 3 (0.6990 on the same rows, "
        "difference -0.0006, within the margin 0.02). 1 note: 01_prep.ipynb warned. "
        "commit 8b35d7eb8e by Ada Keller: Sixty-four factors again, after the trial with thirty-two. "
        f"Page: {PAGE} Seal {'a' * 64}. Evidence: s3://evidence/manifest.json"
    )


def test_a_run_without_aws_is_told_in_the_message() -> None:
    local = {"02_train": record("02_train", origin=Origin(endpoint_url="http://10.0.0.1"))}
    assert ". 1 problem: This run of 02_train.ipynb was a rehearsal" in approval_message(page(records=local), SEAL, PAGE)


@pytest.mark.parametrize("length", [10, 150, 260])
def test_the_longest_message_fits_and_keeps_page_seal_and_evidence(length: int) -> None:
    unsure = outcome(champion=compared(difference=(-0.01, -0.03, 0.01)))
    loud = {"02_train": record("02_train", origin=Origin(endpoint_url="http://10.0.0.1"))}
    message = approval_message(page(tested=unsure, records=loud), replace(SEAL, s3_uri=f"s3://{'e' * length}"), f"https://{'p' * length}")
    assert len(message) <= LONGEST
    assert message.endswith(f" Page: https://{'p' * length} Seal {'a' * 64}. Evidence: s3://{'e' * length}")
    assert message.startswith(
        "PASS: match rate 0.6984, at least 0.65 is required; cannot tell whether it is as good as production's version 3"
    )
    assert ("did not use AWS but the endpoint in AWS_ENDPOINT_URL." in message) == (length < 200)
    assert " 1 problem" in message
    assert "Ada Keller" in message


def test_nobody_can_write_a_link_into_the_message() -> None:
    problem = {"model_s3_uri": "s3://b/m", "problem": "see https://evil.example/now"}
    message = approval_message(page(tested=outcome(champion=problem), message="http://evil.example"), SEAL, PAGE)
    assert "evil" not in message
    assert "not compared with production's version 3: see [link]" in message
    assert PIPELINE not in message


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({}, "commit unknown: "),
        ({"CommitId": "0123456789ab", "AuthorEmail": "ada@example.com"}, "commit 0123456789 by ada@example.com: "),
        ({"CommitId": "1", "AuthorDisplayName": "A" * 41, "AuthorEmail": "e"}, f"commit 1 by {'A' * 40}: "),
        ({"CommitId": "1", "CommitMessage": "Read\n  https://evil.example now, www.evil.example"}, "commit 1: Read [link] now, [link]"),
        ({"CommitId": "1", "CommitMessage": "x" * 61}, f"commit 1: {'x' * 60}"),
    ],
)
def test_the_change_is_told_on_one_line_without_links(variables: dict[str, str], told: str) -> None:
    assert change_in_words(variables) == told
