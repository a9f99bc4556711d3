"""A run whose parameter refers to a secret that cannot be had fails before the first cell that could use it."""

import json
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from mlkit.errors import AccessDenied, AwsUnavailable, MlkitError, NotFound, UsageError
from mlkit.evidence.run_record import RunRecord, Status
from mlkit.runner import RunOptions, run_notebook
from mlkit.runner.exit_errors import check_run


def run(folder: Path, parameters_cell: str, environment: dict[str, str], **given: str) -> RunRecord:
    """The record of a notebook that writes `worked` once its parameter `token` is there."""
    made = new_notebook()
    made.metadata["kernelspec"] = {"name": "python3", "language": "python", "display_name": "Python 3"}
    cells = [new_code_cell(parameters_cell, metadata={"tags": ["parameters"]}), new_code_cell("open('worked', 'w').write(str(len(token)))")]
    made.cells = cells
    source = folder / "source.ipynb"
    source.write_text(json.dumps(made))
    return run_notebook(source, folder / "executed.ipynb", given, RunOptions(environment=environment, cwd=folder))


def stamps(folder: Path) -> list[str]:
    cells = nbformat.read(folder / "executed.ipynb", 4).cells
    return [cell.metadata.papermill.status for cell in cells if "papermill" in cell.metadata and "status" in cell.metadata.papermill]


def failed(record: RunRecord, folder: Path, kind: type[MlkitError]) -> str:
    """The text of the error that the run ends with; asserts that record, notebook and exit code say the same."""
    assert record.status is Status.FAILED
    assert record.ended is not None
    assert record.failure is not None
    assert record.failure.ename == kind.__name__
    with pytest.raises(kind) as caught:
        check_run(record)
    assert caught.value.exit_code not in (0, None)
    assert not (folder / "worked").exists()
    assert stamps(folder)[-1] == "not run"
    errors = [output for cell in nbformat.read(folder / "executed.ipynb", 4).cells for output in cell.get("outputs", ())]
    assert [output.ename for output in errors if output.output_type == "error"] == [kind.__name__]
    return str(caught.value)


@pytest.mark.parametrize("service", ["ssm", "secretsmanager"])
@pytest.mark.parametrize("where", ["default", "given"])
def test_a_secret_that_does_not_exist_fails_the_run(local_aws, tmp_path, service, where):
    reference = f"{service}:lab/absent"
    declared, given = (f"token: str = {reference!r}", {}) if where == "default" else ("token: str = 'none'", {"token": reference})
    record = run(tmp_path, declared, local_aws.environment, **given)
    assert "lab/absent" in failed(record, tmp_path, NotFound)
    assert stamps(tmp_path)[-2] == "failed"


def test_one_of_two_that_does_not_exist_fails_the_run_and_the_other_stays_hidden(local_aws, aws, tmp_path):
    name = "lab/first"
    aws("ssm").put_parameter(Name=f"/{name}", Type="SecureString", Value="a-value-of-the-first")
    cell = f"first: str = 'ssm:/{name}'\ntoken: str = 'ssm:/{name}/absent'"
    failed(run(tmp_path, cell, local_aws.environment), tmp_path, NotFound)
    assert "a-value-of-the-first" not in (tmp_path / "executed.ipynb").read_text()


def test_a_key_that_the_secret_does_not_have_fails_the_run(local_aws, aws, tmp_path):
    name = "lab/database"
    aws("secretsmanager").create_secret(Name=name, SecretString=json.dumps({"user": "somebody-else"}))
    record = run(tmp_path, f"token: str = 'secretsmanager:{name}#password'", local_aws.environment)
    text = failed(record, tmp_path, NotFound)
    assert "has no key password" in text
    assert "somebody-else" not in text


def test_a_default_that_a_given_value_replaces_is_not_asked_for(local_aws, aws, tmp_path):
    aws("ssm").put_parameter(Name="/lab/given", Type="SecureString", Value="twelve-signs")
    record = run(tmp_path, "token: str = 'ssm:/lab/absent'", local_aws.environment, token="ssm:/lab/given")
    assert record.status is Status.COMPLETED
    assert (tmp_path / "worked").read_text() == "12"


def test_a_reference_that_is_malformed_fails_the_run(local_aws, tmp_path):
    failed(run(tmp_path, "token: str = 'ssm:/a b'", local_aws.environment), tmp_path, UsageError)


def test_a_caller_who_may_not_read_the_secret_fails_the_run(local_aws, make_role, aws, tmp_path):
    name = "lab/denied"
    aws("ssm").put_parameter(Name=f"/{name}", Type="SecureString", Value="out-of-reach")
    session = aws("sts").assume_role(RoleArn=make_role(), RoleSessionName="nobody")["Credentials"]
    names = {"AWS_ACCESS_KEY_ID": "AccessKeyId", "AWS_SECRET_ACCESS_KEY": "SecretAccessKey", "AWS_SESSION_TOKEN": "SessionToken"}
    environment = {**local_aws.environment, **{variable: session[member] for variable, member in names.items()}}
    failed(run(tmp_path, f"token: str = 'ssm:/{name}'", environment), tmp_path, AccessDenied)


def test_a_machine_without_credentials_fails_the_run(tmp_path):
    failed(run(tmp_path, "token: str = 'ssm:/a'", {"AWS_DEFAULT_REGION": "us-east-1"}), tmp_path, AwsUnavailable)


def test_a_secret_that_exists_takes_the_place_of_its_reference(local_aws, aws, tmp_path):
    name = "lab/present"
    aws("ssm").put_parameter(Name=f"/{name}", Type="SecureString", Value="the-value-itself")
    record = run(tmp_path, f"token: str = 'ssm:/{name}'", local_aws.environment)
    check_run(record)
    assert (tmp_path / "worked").read_text() == "16"
    assert record.parameters[0].value == f"ssm:/{name}"
