"""The switches for open questions about AWS: what they accept, and what each changes."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from localaws import cli, lifecycle
from localaws.emulator import deliveries, event_inputs
from localaws.home import ASSUMPTIONS, Home
from localaws.kit import open_questions
from localaws.kit.open_questions import SWITCHES, WrongAssumption, assumed, assuming
from localaws.sagemaker.resource_tables import resource_arn

TOPIC = "arn:aws:sns:us-east-1:123456789012:t"
PAGE = (Path(__file__).parents[2] / "docs" / "local-aws.md").read_text()


def test_every_switch_accepts_its_default_and_the_page_lists_it() -> None:
    for switch in SWITCHES.values():
        assert switch.accepts(switch.default)
        assert switch.source.startswith("https://")
        row = f"| `{switch.name}` | {', '.join(f'`{value}`' if value != open_questions.NUMBER else value for value in switch.values)} "
        assert f"{row}| `{switch.default}` |" in PAGE, switch.name


@pytest.mark.parametrize("text", ["no-such-switch=1", "metric-delay=-1", "metric-delay=soon", "resource-name-case", "input-escape=maybe"])
def test_a_wrong_assumption_is_refused_with_the_list(text: str) -> None:
    with pytest.raises(WrongAssumption, match=re.escape(text.partition("=")[0])) as refused:
        open_questions.parsed([text])
    assert all(name in refused.value.cure for name in SWITCHES)


def test_only_answers_that_differ_from_the_default_are_kept() -> None:
    assert open_questions.parsed(["metric-delay=90", "resource-name-case=lower"]) == {"metric-delay": "90"}


def test_an_answer_holds_for_its_block() -> None:
    with assuming(metric_delay="7"):
        assert assumed("metric-delay") == "7"
    assert assumed("metric-delay") == "0"


def test_the_command_takes_answers_from_options_and_from_the_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given: list[Any] = []

    class Stopped(Exception):
        """The command got as far as starting."""

    def up(*_: Any, assume: Any, **__: Any) -> None:
        given.append(assume)
        raise Stopped

    monkeypatch.setattr(lifecycle, "up", up)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(open_questions.VARIABLE, raising=False)
    for options in ([], ["--assume", "metric-delay=3", "--assume", "input-escape=escaped"], ["--assume", ""]):
        with pytest.raises(Stopped):
            cli.main(["up", *options])
    monkeypatch.setenv(open_questions.VARIABLE, "metric-delay=4 resource-name-case=kept")
    with pytest.raises(Stopped):
        cli.main(["up"])
    named = {"metric-delay": "4", "resource-name-case": "kept"}
    assert given == [None, {"metric-delay": "3", "input-escape": "escaped"}, {}, named]
    with pytest.raises(SystemExit):
        cli.main(["up", "--assume", "nothing=1"])
    assert "nothing=1 is no assumption" in capsys.readouterr().err


def test_status_shows_the_answers_that_the_home_keeps(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Home(path=tmp_path).write(ASSUMPTIONS, {"metric-delay": "90"})
    cli.main(["status", "--home", str(tmp_path)])
    assert "assumed:   metric-delay=90\n" in capsys.readouterr().out


def test_a_name_keeps_its_case_in_arns_if_it_is_assumed_so() -> None:
    where = {"account": "123456789012", "region": "us-east-1"}
    assert resource_arn("model", "MyModel", **where).endswith(":model/mymodel")
    with assuming(resource_name_case="kept"):
        assert resource_arn("model", "MyModel", **where).endswith(":model/MyModel")


TARGET = {"Arn": TOPIC, "InputTransformer": {"InputPathsMap": {"why": "$.detail.why"}, "InputTemplate": '"It failed: <why>"'}}
OBJECT = {"Arn": TOPIC, "InputTransformer": {"InputPathsMap": {"why": "$.detail.why"}, "InputTemplate": '{"text": "It failed: <why>"}'}}


def text_of(target: dict[str, Any], why: str) -> str | None:
    from ministack.services import eventbridge

    event = {"source": "s", "detail-type": "d", "detail": {"why": why}}
    rule = {"Name": "r", "Arn": "arn:aws:events:us-east-1:123456789012:rule/r"}

    class View:
        @staticmethod
        def event_with_detail() -> dict[str, Any]:
            return event

        envelope = event_with_detail

    return event_inputs.transformed(eventbridge, target, event, rule, View())


@pytest.fixture(autouse=True)
def _escaping() -> None:
    from ministack.services import eventbridge

    event_inputs.escape_as_assumed(eventbridge)


@pytest.mark.parametrize("target", [TARGET, OBJECT])
@pytest.mark.parametrize("why", ['a "quoted" word', "two\nlines"])
def test_a_quote_or_a_line_break_loses_the_delivery_unless_the_text_is_escaped(target: dict[str, Any], why: str) -> None:
    assert not event_inputs.is_deliverable(target, text_of(target, why))
    assert event_inputs.is_deliverable(target, text_of(target, "plain"))
    with assuming(input_escape="escaped"):
        text = text_of(target, why)
        assert event_inputs.is_deliverable(target, text)
        assert why in json.dumps(json.loads(str(text)), ensure_ascii=False).encode().decode("unicode_escape")


def test_a_template_of_several_lines_of_strings_is_deliverable() -> None:
    target = {"Arn": TOPIC, "InputTransformer": {"InputPathsMap": {"why": "$.detail.why"}, "InputTemplate": '"One <why>"\n"Two"'}}
    assert event_inputs.is_deliverable(target, text_of(target, "x"))


def test_a_statement_with_a_condition_does_not_count_if_eventbridge_does_not_support_it() -> None:
    plain = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sns:Publish", "Resource": TOPIC}
    conditional = {**plain, "Condition": {"StringEquals": {"aws:SourceAccount": "123456789012"}}}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [conditional, plain]})
    assert json.loads(deliveries._read_by_events(policy))["Statement"] == [plain]
    assert json.loads(deliveries._read_by_events(json.dumps({"Statement": conditional})))["Statement"] == []
    with assuming(topic_policy_condition="honoured"):
        assert deliveries._read_by_events(policy) == policy
