"""Precedence of variables, references to secrets, masking."""

import pytest

from localaws.codebuild.build_log import BuildLog
from localaws.codebuild.buildspec import Buildspec
from localaws.codebuild.environment_variables import Declared, declared, merged, parse_secret
from localaws.kit.job_log import OutputFile


def plain(name, value):
    return {"name": name, "value": value, "type": "PLAINTEXT"}


def test_start_build_goes_before_the_project_and_the_project_before_the_buildspec():
    spec = Buildspec(variables={"A": "spec", "B": "spec", "C": "spec"}, parameter_store={"D": "/spec"})
    given = merged([plain("B", "project"), plain("C", "project")], [plain("C", "start"), plain("D", "start")])
    assert {item.name: item.value for item in declared(spec, given)} == {"A": "spec", "B": "project", "C": "start", "D": "start"}


def test_a_plain_override_of_a_reference_is_no_reference_any_more():
    spec = Buildspec(secrets_manager={"A": "secret"})
    assert declared(spec, [{"name": "A", "value": "x"}]) == [Declared(name="A", kind="PLAINTEXT", value="x")]


ARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:team/login-AbCdEf"


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("login", ("login", "", "", "")),
        ("login:user", ("login", "user", "", "")),
        ("login:user:AWSPREVIOUS", ("login", "user", "AWSPREVIOUS", "")),
        ("login:::a1", ("login", "", "", "a1")),
        (ARN, (ARN, "", "", "")),
        (f"{ARN}:user::a1", (ARN, "user", "", "a1")),
    ],
)
def test_a_reference_to_a_secret_is_taken_apart(reference, expected):
    secret = parse_secret(reference)
    assert (secret.secret_id, secret.json_key, secret.version_stage, secret.version_id) == expected


def log_of(tmp_path, *secrets):
    log = BuildLog(OutputFile(tmp_path / "output"), None)
    log.hide(secrets)
    return log


def test_secrets_are_shown_as_three_stars_also_within_other_text(tmp_path):
    assert log_of(tmp_path, "p@ss+word").mask("echo xp@ss+wordx") == "echo x***x"


def test_each_line_of_a_long_secret_is_masked_and_the_longest_match_wins(tmp_path):
    log = log_of(tmp_path, "-----BEGIN\nabcdef\n-----END", "abc")
    assert [log.mask(line) for line in ("-----BEGIN", "abcdef", "abc")] == ["***", "***", "***"]


def test_access_key_ids_are_masked_always(tmp_path):
    assert log_of(tmp_path).mask("key AKIAABCDEFGHIJKLMNOP.") == "key ***."
