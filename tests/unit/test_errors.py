"""Errors as people and programs meet them: on the terminal, in a notebook's traceback, from the SDK and from the system."""

import errno
import re
import traceback
from pathlib import Path

import boto3
import pytest
import typer
from botocore.exceptions import ClientError, NoCredentialsError
from rich.console import Console

from localaws.errors import DiskFull, LocalAwsFailed
from localaws.front.disk_space import RESERVE_BYTES, check_room
from localaws.kit.service import AwsError
from mlkit import errors
from mlkit.aws.s3_objects import split_uri
from mlkit.aws.session import aws_errors
from mlkit.cli import console
from mlkit.cli.error_translation import as_error
from mlkit.cli.project_lock import alone
from mlkit.errors import AccessDenied, AwsUnavailable, MlkitError, NotFound, SaveFailed, UsageError, cure_told
from mlkit.settings import Project
from sagemaker_formats.errors import InvalidData as UnreadableData


def answered(code: str, text: str = "no", operation: str = "GetTable") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": text}}, operation)


def test_a_traceback_ends_with_the_next_step_and_gives_it_back():
    told = "".join(traceback.format_exception(NotFound("There is no lake", cure="Make one: `make lake`.")))
    assert told.splitlines()[-1] == "Next: Make one: `make lake`."
    assert cure_told(told) == "Make one: `make lake`."
    assert cure_told("\x1b[31mNext: \x1b[0mlook") == "look"
    assert cure_told("ValueError: Next: is no line of its own") == ""


def test_only_a_missing_resource_gets_the_cure_for_missing_ones():
    with pytest.raises(NotFound) as missing, aws_errors(missing="Deploy the lake."):
        raise answered("EntityNotFoundException")
    assert missing.value.cure == "Deploy the lake."
    with pytest.raises(AccessDenied) as denied, aws_errors(missing="Deploy the lake."):
        raise answered("AccessDeniedException")
    assert denied.value.cure == AccessDenied.cure
    with pytest.raises(AwsUnavailable) as nobody, aws_errors(missing="Deploy the lake."):
        raise NoCredentialsError
    assert "mlkit local up" in nobody.value.cure
    assert not nobody.value.retry


def transfer():
    """As boto3 does it."""
    try:
        raise answered("AccessDenied", operation="PutObject")
    except ClientError:
        raise boto3.exceptions.S3UploadFailedError("Failed to upload") from None


def test_an_error_of_boto3s_transfers_has_the_answer_of_aws():
    with pytest.raises(AccessDenied, match="PutObject: no"), aws_errors():
        transfer()


@pytest.mark.parametrize(
    ("problem", "kind"),
    [
        (NotFound("x"), NotFound),
        (OSError(errno.ENOSPC, "No space left on device", "a.csv"), SaveFailed),
        (OSError(errno.EROFS, "Read-only file system"), SaveFailed),
        (PermissionError(errno.EACCES, "Permission denied", "a.csv"), UsageError),
        (typer.Abort(), UsageError),
        (typer.BadParameter("no"), UsageError),
        (answered("ThrottlingException"), AwsUnavailable),
        (NoCredentialsError(), AwsUnavailable),
    ],
)
def test_an_exception_of_any_library_becomes_one_error_with_a_next_step(problem: Exception, kind: type[MlkitError]):
    error = as_error(problem)
    assert type(error) is kind
    assert error.cure


def test_errors_of_the_other_packages_get_the_librarys_exit_codes_and_commands():
    down = as_error(LocalAwsFailed("It is taken.", cure="Leave it, or `localaws down` in here."))
    assert (type(down), str(down), down.cure) == (errors.LocalAwsFailed, "It is taken.", "Leave it, or `mlkit local down` in here.")
    assert type(as_error(DiskFull("full"))) is SaveFailed
    unread = as_error(UnreadableData("record at byte 0: short", cure="Look at the file."))
    assert (type(unread), unread.cure) == (errors.InvalidData, "Look at the file.")


@pytest.mark.parametrize("problem", [ValueError("x"), KeyError("x"), FileNotFoundError(errno.ENOENT, "no", "x"), RuntimeError("x")])
def test_an_exception_that_only_a_defect_raises_keeps_its_stack_trace(problem: Exception):
    assert as_error(problem) is None


def test_a_terminal_s_lines_end_between_words_and_short_commands_stay_whole(capsys, monkeypatch):
    monkeypatch.setattr(
        console, "err", Console(stderr=True, highlight=False, soft_wrap=True, width=60, force_terminal=True, color_system=None)
    )
    console.show_error(UsageError("many words " * 12, cure="Type what follows here, and look: `mlkit local up` and `mlkit local env`."))
    lines = capsys.readouterr().err.splitlines()
    assert max(map(len, lines)) <= 60
    assert " ".join(" ".join(lines).split()) == (
        "Error: " + "many words " * 12 + "Next: Type what follows here, and look: `mlkit local up` and `mlkit local env`."
    )


def test_a_log_s_lines_do_not_end(capsys, monkeypatch):
    monkeypatch.setattr(console, "err", Console(stderr=True, highlight=False, soft_wrap=True, width=60, force_terminal=False))
    console.show_error(UsageError("many [words] " * 12, cure="Look."))
    assert capsys.readouterr().err.splitlines() == ["Error: " + ("many [words] " * 12), "  Next: Look."]


@pytest.mark.parametrize("address", ["bucket/key", "s3://", "s3:///key", "s3://a/key", "s3://Bucket/key", "https://bucket/key"])
def test_an_address_without_a_bucket_s_name_is_refused(address: str):
    with pytest.raises(UsageError):
        split_uri(address)


def test_an_address_is_a_bucket_and_a_key():
    assert split_uri("s3://my-bucket/a/b") == ("my-bucket", "a/b")
    assert split_uri("s3://my-bucket") == ("my-bucket", "")


def test_a_second_run_of_a_project_is_refused_and_the_next_one_is_not(tmp_path: Path):
    project = Project(root=tmp_path)
    with alone(project), pytest.raises(UsageError, match="Another run is in progress"), alone(project):
        pass
    with alone(project):
        pass


def test_a_full_disk_refuses_what_changes_and_nothing_else(tmp_path: Path, monkeypatch):
    free = RESERVE_BYTES + 100
    monkeypatch.setattr("shutil.disk_usage", lambda folder: type("Usage", (), {"free": free}))
    check_room(tmp_path, "PutObject", 100)
    for operation in ("GetObject", "ListBuckets", "DeleteObject", "StopTrainingJob"):
        check_room(tmp_path, operation, 10**9)
    with pytest.raises(AwsError, match="disk of the local AWS") as full:
        check_room(tmp_path, "PutObject", 101)
    assert full.value.status == 507  # which no SDK tries again


def test_every_class_is_documented_in_one_line():
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, MlkitError)]
    assert all((kind.__doc__ or "").strip() for kind in kinds)


def test_a_file_below_the_working_folder_is_named_from_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    console.show_error(
        NotFound(
            f"{tmp_path}/handoff/a.json does not exist; file://{tmp_path}/b and {tmp_path}-2/c do", cure=f"`mlkit run {tmp_path}/01.ipynb`"
        )
    )
    told = capsys.readouterr().err
    assert told == f"Error: handoff/a.json does not exist; file://{tmp_path}/b and {tmp_path}-2/c do\n  Next: `mlkit run 01.ipynb`\n"


def test_a_long_address_stands_behind_the_word_error(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setattr(console.err, "_force_terminal", True)
    monkeypatch.setattr(console.err, "no_color", True)
    console.show_error(NotFound(f"/{'a' * 100} does not exist", cure="look"))
    assert f"Error: /{'a' * 100}\ndoes not exist\n" in re.sub(r"\x1b\[\d*m", "", capsys.readouterr().err)
