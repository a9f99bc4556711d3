"""Doctor: how findings are made and told, and the checks of this machine."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import botocore.session
import pytest
from botocore.exceptions import ClientError
from waiting import HANG_S

import mlkit
from mlkit import errors
from mlkit.cli.console import wrapped_commands
from mlkit.cli.doctor import lines
from mlkit.doctor import (
    credential_checks,
    machine_checks,
    package_checks,
    pipeline_checks,
    quota_checks,
    role_checks,
    stack_findings,
)
from mlkit.doctor.account import Account
from mlkit.doctor.checking import Check, Group, examine, exit_code
from mlkit.doctor.findings import CheckStatus, Finding, fail, ok, skipped, warn
from mlkit.doctor.read_only_session import ReadingSession
from mlkit.naming import BUILDS_TEMPLATE, ENDPOINT_TEMPLATE, LabNames
from mlkit.settings import Project

ROOT = Path(__file__).parents[2]


def findings_of(*checks: Check, subject: object = None) -> dict[str, Finding]:
    return {finding.check: finding for finding in examine([Group(title="group", subject=subject, checks=checks)])}


def raising(error: Exception) -> Any:
    def run(_: object) -> Finding:
        raise error

    return run


def client_error(code: str, message: str, operation: str = "GetRole") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": 400}}, operation)  # type: ignore[typeddict-item]


DENIED = client_error("AccessDenied", "User: arn:aws:iam::1:user/u is not authorized to perform: iam:GetRole on resource: role r")


def test_checks_that_need_a_failed_check_are_skipped_and_name_it() -> None:
    found = findings_of(
        Check(name="a", run=lambda _: fail("no", "do")),
        Check(name="b", run=lambda _: ok("yes"), needs=("a",)),
        Check(name="c", run=lambda _: ok("yes"), needs=("b",)),
        Check(name="d", run=lambda _: ok("yes")),
    )
    assert [(item.outcome.value, item.detail) for item in found.values()] == [
        ("fail", "no"), ("skipped", "needs a"), ("skipped", "needs b"), ("ok", "yes")
    ]  # fmt: skip


def test_a_check_runs_if_the_check_that_it_needs_only_warns() -> None:
    found = findings_of(Check(name="a", run=lambda _: warn("w", "n")), Check(name="b", run=lambda _: ok("yes"), needs=("a",)))
    assert found["b"].outcome is CheckStatus.OK


def test_a_denied_call_fails_with_its_own_exit_code_and_does_not_stop_the_rest() -> None:
    found = findings_of(Check(name="a", run=raising(DENIED)), Check(name="b", run=lambda _: ok("yes")))
    assert (found["a"].outcome, found["a"].exit_code) == (CheckStatus.FAIL, errors.AccessDenied.exit_code)
    assert "iam:GetRole" in found["a"].detail
    assert found["a"].next_step
    assert found["b"].outcome is CheckStatus.OK


def test_a_denied_optional_call_is_skipped_with_the_action() -> None:
    found = findings_of(Check(name="a", run=raising(DENIED), optional=True))
    assert (found["a"].outcome, found["a"].detail) == (CheckStatus.SKIPPED, "no permission: iam:GetRole")


@pytest.mark.parametrize("code", ["UnknownOperationException", "InvalidAction", "NotImplemented"])
def test_a_check_of_an_operation_that_is_not_offered_is_skipped(code: str) -> None:
    found = findings_of(Check(name="a", run=raising(client_error(code, "no such thing"))))
    assert (found["a"].outcome, found["a"].detail) == (CheckStatus.SKIPPED, "not offered here: no such thing")


def test_a_mistake_in_a_check_is_a_finding_too() -> None:
    found = findings_of(Check(name="a", run=raising(KeyError("x"))), Check(name="b", run=lambda _: ok("yes")))
    assert "the check itself failed: KeyError: 'x'" in found["a"].detail
    assert found["a"].exit_code == errors.NotReady.exit_code
    assert found["b"].outcome is CheckStatus.OK


def test_the_exit_code_is_the_first_failure_s() -> None:
    assert exit_code([ok("a"), warn("b", "c"), skipped("d")]) == 0
    assert exit_code([warn("b", "c"), fail("d", "e", errors.NotFound), fail("f", "g", errors.InvalidData)]) == errors.NotFound.exit_code


def test_each_finding_has_the_time_that_it_took() -> None:
    ticks = iter([1.0, 3.5])
    group = Group(title="g", subject=None, checks=[Check(name="a", run=lambda _: ok("yes"))])
    (finding,) = examine([group], clock=lambda: next(ticks))
    assert finding.elapsed_s == 2.5


LONG = "abc-ml-lab-datalake-MovieLensExecutionRole-0123456789ABCDEF"


@pytest.mark.parametrize("detail", ["short", "some words " * 20, f"{LONG} is a role", f"s3://{LONG}/"])
@pytest.mark.parametrize("next_step", ["", f"`aws cloudformation deploy --stack-name {LONG} --capabilities CAPABILITY_IAM` or not " * 2])
@pytest.mark.parametrize("outcome", CheckStatus)
def test_lines_fit_80_columns_and_lose_no_word(detail: str, next_step: str, outcome: CheckStatus) -> None:
    told = [
        line.plain for line in lines(Finding(outcome=outcome, detail=detail, next_step=next_step, check="pipeline stack", elapsed_s=2.0))
    ]
    assert max(map(len, told)) <= 80
    words = " ".join(told).replace(" \\", "").split()
    assert words == f"{outcome} pipeline stack {detail} (2.0 s) {f'next: {next_step}' if next_step else ''}".split()


def test_a_command_over_several_lines_can_be_copied(tmp_path: Path) -> None:
    words = [f"--option-{number} value{number}" for number in range(12)]
    told = wrapped_commands(f"next: `echo {' '.join(words)}` and read on", 60)
    command = "\n".join(told).split("`")[1]
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    assert done.stdout.split() == " ".join(words).split()


NAMES = LabNames(initials="abc", dataset="shop")


@pytest.mark.parametrize(
    ("states", "outcome", "told"),
    [
        ({}, CheckStatus.SKIPPED, "no stack abc-ml-lab-pipeline"),
        (dict.fromkeys(NAMES.pipeline_stacks.values(), "UPDATE_COMPLETE"), CheckStatus.OK, "abc-ml-lab-pipeline and the 3 stacks"),
        ({"abc-ml-lab-pipeline": "CREATE_COMPLETE"}, CheckStatus.WARN, "no stack abc-ml-lab-pipeline-foundation"),
        ({"abc-ml-lab-pipeline-foundation": "CREATE_IN_PROGRESS"}, CheckStatus.SKIPPED, "no stack abc-ml-lab-pipeline"),
        (
            {"abc-ml-lab-pipeline-builds": "UPDATE_ROLLBACK_COMPLETE", "abc-ml-lab-pipeline": "CREATE_COMPLETE"},
            CheckStatus.WARN,
            "abc-ml-lab-pipeline-builds is UPDATE_ROLLBACK_COMPLETE",
        ),
        ({"abc-ml-lab-pipeline-builds": "ROLLBACK_COMPLETE"}, CheckStatus.FAIL, "abc-ml-lab-pipeline-builds is ROLLBACK_COMPLETE"),
    ],
)
def test_the_first_stack_of_the_pipeline_that_is_missing_or_failed_is_told(states: dict[str, str], outcome: CheckStatus, told: str) -> None:
    account = Account(names=NAMES, project=Project(root=ROOT))
    stacks = {name: {"StackName": name, "StackStatus": states[name]} if name in states else None for name in NAMES.pipeline_stacks.values()}
    vars(account)["pipeline_stacks"] = stacks
    found = pipeline_checks.stack(account)
    assert found.outcome is outcome
    assert found.detail.startswith(told)
    if told.startswith("no stack"):
        assert "`mlkit pipeline deploy --your-initials abc Email=" in found.next_step


def lock(folder: Path, text: str) -> Path:
    path = folder / "requirements.lock"
    path.write_text(text)
    return path


def test_packages_are_compared_with_their_pins(tmp_path: Path) -> None:
    path = lock(tmp_path, "a==1.0 \\\n    --hash=sha256:x\nb-c==2 ; sys_platform == 'win32' \\\nd==3 ; x < '1' \\\nd==4 ; x >= '1' \\\n")
    assert package_checks.differences(path, {"a": "1.0", "d": "4"}) == []
    assert package_checks.differences(path, {"a": "1.1", "b-c": "3", "d": "5"}) == [
        "a is 1.1, not 1.0",
        "b-c is 3, not 2",
        "d is 5, not 3 or 4",
    ]
    assert package_checks.differences(path, {"d": "3"}) == ["a is missing"]


def test_this_environment_is_as_pinned() -> None:
    project = Project(root=ROOT)
    assert package_checks.packages(project).outcome is CheckStatus.OK
    assert package_checks.versions(project).outcome is CheckStatus.OK


def test_a_package_for_notebooks_that_differs_fails_and_another_warns(tmp_path: Path) -> None:
    project = Project(root=tmp_path)
    (tmp_path / package_checks.BUILD).write_text("boto3==0.0.1 \\\n")
    lock(tmp_path, "boto3==0.0.1 \\\nnot-there==1 \\\n")
    assert package_checks.packages(project).outcome is CheckStatus.FAIL
    (tmp_path / package_checks.BUILD).write_text("")
    assert "not-there is missing" in package_checks.packages(project).detail
    assert package_checks.packages(project).outcome is CheckStatus.WARN


def test_mlkit_from_another_folder_is_told(tmp_path: Path) -> None:
    lock(tmp_path, (ROOT / package_checks.ALL).read_text())
    found = package_checks.versions(Project(root=tmp_path))
    assert found.outcome is CheckStatus.WARN
    assert "not from this project" in found.detail


def test_a_project_without_the_librarys_source_has_it_from_its_own_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "requirements.lock").write_text("")
    monkeypatch.setattr(mlkit, "__file__", str(tmp_path / ".venv/lib/python3.11/site-packages/mlkit/__init__.py"))
    assert package_checks.versions(Project(root=tmp_path)).outcome is CheckStatus.OK
    (tmp_path / "mlkit").mkdir()
    assert "not from this project" in package_checks.versions(Project(root=tmp_path)).detail


def git(folder: Path, *arguments: str) -> None:
    who = ["-c", "user.name=A", "-c", "user.email=a@example.com"]
    subprocess.run(["git", "-C", str(folder), *who, *arguments], check=True, capture_output=True)


def test_git_is_looked_at_from_no_repository_to_a_clean_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = Project(root=tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert machine_checks.git(project).exit_code == errors.UsageError.exit_code
    git(tmp_path, "init")
    assert "no commit" in machine_checks.git(project).detail
    git(tmp_path, "commit", "--allow-empty", "-m", "start")
    assert machine_checks.git(project).outcome is CheckStatus.OK
    (tmp_path / "new").touch()
    assert "1 file is not committed" in machine_checks.git(project).detail
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "not installed" in machine_checks.git(project).detail


@pytest.mark.parametrize(("free_gb", "outcome"), [(0.5, CheckStatus.FAIL), (2, CheckStatus.WARN), (50, CheckStatus.OK)])
def test_free_space_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free_gb: float, outcome: CheckStatus) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=free_gb * 1e9))
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "not" / "yet"))
    assert machine_checks.disk(Project(root=tmp_path)).outcome is outcome


def kernelspec(folder: Path, argv: list[str]) -> None:
    place = folder / "kernels" / "python3"
    place.mkdir(parents=True)
    (place / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "Python 3", "language": "python"}))


def test_the_kernel_starts_from_this_environment() -> None:
    found = machine_checks.kernel(Project(root=ROOT))
    assert (found.outcome, found.detail) == (CheckStatus.OK, "python3 starts, with this project's mlkit")


def test_a_kernelspec_that_does_not_start_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kernelspec(tmp_path, [sys.executable, "-c", "raise SystemExit(3)", "{connection_file}"])
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    found = machine_checks.kernel(Project(root=ROOT))
    assert found.outcome is CheckStatus.FAIL
    assert "does not start" in found.detail


def test_a_kernelspec_of_an_interpreter_that_is_gone_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kernelspec(tmp_path, [str(tmp_path / "gone" / "python"), "-m", "ipykernel_launcher", "-f", "{connection_file}"])
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    assert machine_checks.kernel(Project(root=ROOT)).outcome is CheckStatus.FAIL


NOW = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("date", "outcome"),
    [
        ("Fri, 02 Jan 2026 12:00:00 GMT", CheckStatus.OK),
        ("Fri, 02 Jan 2026 11:59:00 GMT", CheckStatus.WARN),
        ("Fri, 02 Jan 2026 12:10:00 GMT", CheckStatus.FAIL),
        ("", CheckStatus.SKIPPED),
    ],
)
def test_the_clock_is_compared_with_aws_s(date: str, outcome: CheckStatus) -> None:
    account: Any = SimpleNamespace(now=lambda: NOW, caller={"ResponseMetadata": {"HTTPHeaders": {"date": date}}})
    assert credential_checks.clock(account).outcome is outcome


@pytest.mark.parametrize(
    ("arn", "outcome", "told"),
    [
        ("arn:aws:iam::123456789012:user/team/ann", CheckStatus.OK, "account 123456789012, user team/ann"),
        ("arn:aws:sts::123456789012:assumed-role/Train/ann@x", CheckStatus.OK, "account 123456789012, role Train (session ann@x)"),
        ("arn:aws:iam::123456789012:root", CheckStatus.WARN, "account 123456789012, its root user"),
    ],
)
def test_the_caller_is_told_in_words(arn: str, outcome: CheckStatus, told: str) -> None:
    account: Any = SimpleNamespace(id="123456789012", caller={"Arn": arn})
    found = credential_checks.identity(account)
    assert (found.outcome, found.detail) == (outcome, told)


def signed_in(token: str | None = "t", **more: Any) -> SimpleNamespace:
    return SimpleNamespace(method="sso", get_frozen_credentials=lambda: SimpleNamespace(token=token), **more)


@pytest.mark.parametrize(
    ("found", "outcome", "told"),
    [
        (None, CheckStatus.FAIL, "none found"),
        (signed_in(None), CheckStatus.OK, "from sso, permanent"),
        (signed_in(), CheckStatus.OK, "from sso, temporary, expiry unknown"),
        (signed_in(_expiry_time=NOW + timedelta(hours=1)), CheckStatus.OK, "from sso, until 13:00 UTC, 60 minutes from now"),
        (signed_in(_expiry_time=NOW + timedelta(minutes=5)), CheckStatus.WARN, "from sso, until 12:05 UTC, 5 minutes from now"),
    ],
)
def test_credentials_tell_where_they_are_from_and_their_end(found: object, outcome: CheckStatus, told: str) -> None:
    boto_session = SimpleNamespace(get_credentials=lambda: found)
    account: Any = SimpleNamespace(now=lambda: NOW, aws=SimpleNamespace(boto_session=boto_session))
    finding = credential_checks.keys(account)
    assert (finding.outcome, finding.detail) == (outcome, told)


def test_a_shell_without_settings_points_to_no_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not credential_checks.points_to_aws()
    with monkeypatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
        assert credential_checks.points_to_aws()
    with monkeypatch.context() as patch:
        patch.setenv("AWS_PROFILE", "not-there")
        assert credential_checks.points_to_aws()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIA")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    assert credential_checks.points_to_aws()


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        ("CREATE_COMPLETE", CheckStatus.OK),
        ("UPDATE_COMPLETE", CheckStatus.OK),
        ("UPDATE_ROLLBACK_COMPLETE", CheckStatus.WARN),
        ("UPDATE_IN_PROGRESS", CheckStatus.WARN),
        ("ROLLBACK_COMPLETE", CheckStatus.FAIL),
        ("UPDATE_ROLLBACK_FAILED", CheckStatus.FAIL),
        ("DELETE_FAILED", CheckStatus.FAIL),
    ],
)
def test_a_stack_s_status_is_judged(status: str, outcome: CheckStatus) -> None:
    found: Any = {"StackName": "s", "StackStatus": status}
    assert stack_findings.judge_stack(found).outcome is outcome


def trust(account_id: str = "1", **changes: Any) -> CheckStatus:
    statement = {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole", **changes}
    role = {"Role": {"AssumeRolePolicyDocument": {"Statement": [statement]}}}
    iam = SimpleNamespace(get_role=lambda RoleName: role)
    account: Any = SimpleNamespace(id=account_id, execution_role="arn:aws:iam::1:role/p/r", aws=SimpleNamespace(client=lambda _: iam))
    return role_checks.trust(account).outcome


def test_the_role_s_trust_is_read() -> None:
    owner = {"StringEquals": {"aws:SourceAccount": "1"}}
    assert trust() is CheckStatus.OK
    assert trust(Condition=owner) is CheckStatus.OK
    assert trust(Principal={"Service": ["glue.amazonaws.com", "sagemaker.amazonaws.com"]}) is CheckStatus.OK
    assert trust("2", Condition=owner) is CheckStatus.FAIL
    assert trust(Principal={"Service": "glue.amazonaws.com"}) is CheckStatus.FAIL
    assert trust(Effect="Deny") is CheckStatus.FAIL


def with_builds(*parameters: tuple[str, str]) -> Account:
    """An account whose builds' stack has these parameters."""
    account = Account(names=NAMES, project=Project(root=ROOT))
    shown = [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters]
    builds = NAMES.pipeline_stacks[BUILDS_TEMPLATE]
    vars(account)["pipeline_stacks"] = {builds: {"StackName": builds, "Parameters": shown} if parameters else None}
    return account


@pytest.mark.parametrize("parameters", [(), (("TrainInstanceType", "notebook"), ("EndpointInstanceType", "notebook"))])
def test_the_instance_types_in_use_are_the_notebook_s_and_the_template_s(parameters: tuple[tuple[str, str], ...]) -> None:
    account = with_builds(*parameters)
    assert (account.train_instance_type, account.endpoint_instance_type) == ("ml.c5.xlarge", "ml.t2.medium")


def test_the_builds_stack_overrules_the_instance_types_of_notebook_and_template() -> None:
    account = with_builds(("TrainInstanceType", "ml.m5.large"), ("EndpointInstanceType", "ml.c5.large"))
    assert (account.train_instance_type, account.endpoint_instance_type) == ("ml.m5.large", "ml.c5.large")


def test_each_compute_type_of_the_templates_has_the_name_of_its_quota() -> None:
    assert quota_checks._compute_types(with_builds()) == {"Linux/Small", "Linux/Medium"}


@pytest.mark.parametrize(("region", "priced_in"), [("eu-west-3", "us-east-1"), ("cn-north-1", "cn-northwest-1"), ("us-gov-west-1", "")])
def test_the_price_list_is_asked_where_the_partition_has_one(region: str, priced_in: str) -> None:
    account = Account(names=NAMES, project=Project(root=ROOT), make_session=lambda: ReadingSession(boto3.Session(region_name=region)))
    assert account.price_list_region == priced_in
    if not priced_in:
        vars(account)["pipeline_stacks"] = dict.fromkeys(NAMES.pipeline_stacks.values())
        assert quota_checks.instance_types(account).outcome is CheckStatus.SKIPPED


@pytest.mark.parametrize(
    ("status", "outcome", "told"),
    [
        (None, CheckStatus.OK, ""),
        ("UPDATE_COMPLETE", CheckStatus.OK, ""),
        ("ROLLBACK_COMPLETE", CheckStatus.FAIL, "`mlkit undeploy production --your-initials abc --bypass-pipeline production --reason"),
        (
            "UPDATE_ROLLBACK_FAILED",
            CheckStatus.FAIL,
            "`aws cloudformation continue-update-rollback --stack-name abc-ml-lab-production-endpoint`",
        ),
    ],
)
def test_a_production_stack_that_blocks_the_pipeline_names_the_command_that_frees_it(
    status: str | None, outcome: CheckStatus, told: str
) -> None:
    account = Account(names=NAMES, project=Project(root=ROOT))
    vars(account)["production_stack"] = status and {"StackName": NAMES.endpoint_stack("production"), "StackStatus": status}
    found = pipeline_checks.production(account)
    assert found.outcome is outcome
    assert found.next_step.startswith(told)


@pytest.mark.parametrize(
    ("status", "command"),
    [
        ("ROLLBACK_COMPLETE", "`aws cloudformation delete-stack --stack-name s`, then deploy again"),
        ("ROLLBACK_FAILED", "`aws cloudformation delete-stack --stack-name s`, then deploy again"),
        ("CREATE_FAILED", "`aws cloudformation delete-stack --stack-name s`, then deploy again"),
        ("DELETE_FAILED", "`aws cloudformation delete-stack --stack-name s`, once its cause is gone"),
        ("UPDATE_FAILED", "`aws cloudformation rollback-stack --stack-name s`"),
        ("UPDATE_ROLLBACK_FAILED", "`aws cloudformation continue-update-rollback --stack-name s`"),
    ],
)
def test_a_stack_in_a_dead_end_names_the_command_that_leaves_it(status: str, command: str) -> None:
    found: Any = {"StackName": "s", "StackStatus": status}
    told = stack_findings.judge_stack(found)
    assert told.next_step.startswith(f"{command}. Before that, read the cause: `aws cloudformation describe-stack-events")


def test_every_failed_state_of_a_stack_that_cloudformation_knows_has_its_command() -> None:
    model = botocore.session.get_session().get_service_model("cloudformation")
    states = model.shape_for("StackStatus").enum  # type: ignore[attr-defined]
    failed = {state for state in states if state.endswith("_FAILED") and not state.startswith("IMPORT")}
    assert {"ROLLBACK_COMPLETE", *failed} == set(stack_findings._DEAD_ENDS)


def test_no_settings_and_no_local_aws_is_one_line_and_no_failure(tmp_path: Path) -> None:
    folder = tmp_path / "project"
    (folder / "CloudFormation").mkdir(parents=True)
    (folder / ENDPOINT_TEMPLATE).touch()
    (folder / "mlkit.yml").write_text((ROOT / "mlkit.yml").read_text())
    for name in (package_checks.ALL, package_checks.BUILD):
        (folder / name).write_text("")
    git(folder, "init")
    git(folder, "add", ".")
    git(folder, "commit", "-m", "start")
    program = "from mlkit.cli import main; main()"
    command = [sys.executable, "-c", program, "doctor", "--json"]
    environment = {**os.environ, "COLUMNS": "80"}
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment, timeout=HANG_S, check=False)
    report = json.loads(done.stdout)
    found = {item["check"]: item for item in report["findings"]}
    assert found["AWS"]["outcome"] == "skipped"
    assert "mlkit local up" in found["AWS"]["next_step"]
    assert found["local AWS"]["outcome"] == "skipped"
    assert not any("Credentials" in item["group"] for item in report["findings"])
    assert (done.returncode, report["exit_code"], report["counts"].get("fail", 0)) == (0, 0, 0)


def test_a_project_that_does_not_say_what_it_is_about_is_found_out_on_this_machine(tmp_path: Path) -> None:
    (check,) = [check for check in machine_checks.CHECKS if check.name == "project"]
    (found,) = examine([Group(title="This machine", subject=Project(root=tmp_path), checks=[check])])
    assert (found.outcome, found.exit_code) == (CheckStatus.FAIL, errors.NotFound.exit_code)
    assert "kind, dataset, table and source" in found.next_step
    (tmp_path / "mlkit.yml").write_text("{kind: astrology, dataset: stars, table: t, source: s}")
    (found,) = examine([Group(title="This machine", subject=Project(root=tmp_path), checks=[check])])
    assert "astrology" in found.detail
    assert "movielens, tabular" in found.next_step
