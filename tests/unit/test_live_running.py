"""How `make live` runs its steps, keeps AWS's answers, and what its clean-up refuses."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from live import account, buckets
from live.lab import Lab
from live.run_folder import RunFolder
from live.steps import Step, run_steps

from mlkit.cli.console import Elapsed
from mlkit.errors import MlkitError, UsageError


def lab(folder: Path, **members: Any) -> Lab:
    return cast(Lab, SimpleNamespace(folder=RunFolder(folder), say=Elapsed(), **members))


def step(name: str, error: BaseException | None = None, needs: tuple[str, ...] = ()) -> Step:
    def run(_: Lab) -> str:
        if error:
            raise error
        return f"{name} was run"

    return Step(name=name, title=name, run=run, minutes=1, needs=needs)


def statuses(*steps: Step, folder: Path) -> dict[str, str]:
    return {one.step.name: one.status for one in run_steps(lab(folder), steps)}


def test_a_failed_step_stops_those_that_need_it_and_no_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    failing = step("lake", MlkitError("no bucket", cure="Make one."))
    found = statuses(failing, step("pipeline", needs=("lake",)), step("run", needs=("pipeline",)), step("other"), folder=tmp_path)
    assert found == {"lake": "failed", "pipeline": "left out", "run": "left out", "other": "done"}
    printed = capsys.readouterr().err
    assert "no bucket" in printed
    assert "Make one." in printed


def test_a_defect_of_the_script_is_kept_and_shows_no_stack_trace(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (ended,) = run_steps(lab(tmp_path), [step("lake", KeyError("Stacks"))])
    assert ended.status == "failed"
    assert "KeyError" in (tmp_path / "errors" / "01-lake.txt").read_text()
    assert "Traceback" not in "".join(capsys.readouterr())


def test_after_ctrl_c_nothing_but_the_clean_up_follows(tmp_path: Path) -> None:
    assert statuses(step("a", KeyboardInterrupt()), step("b"), folder=tmp_path) == {"a": "failed", "b": "left out"}
    assert statuses(step("clean-up"), folder=tmp_path) == {"clean-up": "done"}


def test_an_answer_is_kept_once_and_without_credentials(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    model = SimpleNamespace(service_model=SimpleNamespace(service_name="sts"), name="AssumeRole")
    answer = {"Credentials": {"SecretAccessKey": "s3cr3t"}, "AssumedRoleUser": {"Arn": "arn"}, "ResponseMetadata": {"RequestId": "1"}}
    for _ in range(3):
        folder._keep(parsed=answer, model=model)
    (line,) = (tmp_path / "answers" / "00-account.jsonl").read_text().splitlines()
    assert json.loads(line)["answer"] == {"Credentials": "(hidden)", "AssumedRoleUser": {"Arn": "arn"}}


def test_a_bucket_without_the_initials_is_not_deleted(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="it was not deleted"):
        buckets.delete_bucket(lab(tmp_path, names=SimpleNamespace(initials="live1")), "live12-ml-id-lab")


def test_a_clean_up_takes_only_the_folder_of_its_own_run(tmp_path: Path) -> None:
    options = SimpleNamespace(account="123456789012", initials="live1", clean_up=str(tmp_path))
    subject = lab(tmp_path, options=options)
    with pytest.raises(UsageError, match="no folder of a run"):
        account.check_run(subject)
    subject.folder.note(account="123456789012", initials="live1")
    account.check_run(subject)
