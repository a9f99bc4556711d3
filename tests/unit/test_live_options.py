"""`make live` begins only with account, region and initials, and only when the account's number is given again."""

import re
from pathlib import Path

import numpy as np
import pytest
from live import costs, question, training_log
from live.__main__ import LAST, STEPS
from live.options import Options, parse

from localaws.factorization_machines import metrics
from mlkit.errors import UsageError

ROOT = Path(__file__).parents[2]
GIVEN = {
    "account": "123456789012",
    "region": "us-east-1",
    "initials": "live1",
    "email": "you@example.com",
    "repository": "you/mlkit",
    "connection": "arn:aws:codeconnections:us-east-1:123456789012:connection/1",
}


def options(**changed: str) -> Options:
    return parse([f"--{name}={value}" for name, value in {**GIVEN, **changed}.items()])


@pytest.mark.parametrize("name", ["account", "region", "initials"])
def test_without_one_of_the_three_nothing_begins(name: str) -> None:
    with pytest.raises(UsageError, match=f"{name.upper()} missing; nothing was done"):
        options(**{name: ""})


@pytest.mark.parametrize(
    ("name", "value"), [("account", "1234"), ("initials", "A"), ("repository", "mlkit"), ("reviewer", "with a space"), ("connection", "")]
)
def test_a_malformed_value_is_refused(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_TOKEN", raising=False)
    with pytest.raises(UsageError):
        options(**{name: value})


def test_a_token_comes_from_the_environment_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "ghp-of-a-test")
    assert options(connection="").token == "ghp-of-a-test"
    assert options().token == ""


@pytest.mark.parametrize("confirm", ["", "yes", "123456789013", "12345678901"])
def test_only_the_whole_account_number_confirms(confirm: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UsageError, match="nothing was created"):
        question.confirm(options(confirm=confirm), STEPS)
    assert "USD" in capsys.readouterr().out
    question.confirm(options(confirm=GIVEN["account"]), STEPS)


def test_every_step_needs_only_earlier_ones() -> None:
    names = [step.name for step in (*STEPS, *LAST)]
    assert len(names) == len(set(names))
    for number, step in enumerate(STEPS):
        assert set(step.needs) <= set(names[:number]), step.name
    assert not any(step.needs for step in LAST)


def test_the_page_of_the_first_hour_has_the_costs_and_the_duration_of_the_script() -> None:
    page = (ROOT / "docs" / "live.md").read_text()
    assert costs.table() in page
    assert f"about {sum(step.minutes for step in (*STEPS, *LAST)):.0f} minutes" in page
    assert costs.AS_OF in page


def test_the_make_target_hands_on_every_option() -> None:
    target = re.search(r"^live:.*?\n\n", (ROOT / "Makefile").read_text(), re.M | re.S)
    assert target
    assert set(re.findall(r"--([a-z-]+)", target[0])) == {name.replace("_", "-") for name in Options.__annotations__} - {"token"}


def test_the_log_s_metrics_are_read_per_epoch_and_stand_beside_ours() -> None:
    lines = metrics.quality_lines(np.array([4, 2.0, 0, 1, 1, 1]), "epoch=3, train", is_classifier=True)
    noise = metrics.quality_lines(np.array([4, 9.0, 0, 1, 1, 1]), "epoch=3, batch=0 train", is_classifier=True)
    found = training_log.parse([f"[11/30/2026 07:00:00 INFO 7] {line}" for line in (*noise, *lines)])
    assert found[3]["binary_classification_cross_entropy"] == 0.5
    table = training_log.table(found, {3: {"binary_classification_cross_entropy": 0.25}})
    assert "| 3 | 0.500000 | - | 0.500000 | 0.250000 | 0.500000 | - |" in table
