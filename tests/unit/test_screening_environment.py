import base64
import subprocess
import sys
import threading

import pytest

from mlkit.screening import Screener, secret_variables

VALUE = base64.b64encode(bytes(range(7, 37))).decode()


@pytest.mark.parametrize(
    "name",
    [
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN",
        "GITHUB_TOKEN",
        "DB_PASSWORD",
        "MYSQL_PWD",
        "db_passwd",
        "OPENAI_API_KEY",
        "APIKEY",
        "SSH_PRIVATE_KEY",
        "GOOGLE_CREDENTIALS",
        "CLIENT_SECRET",
        "SIGNING_KEY",
        "DB_PASS",
        "GITHUB_PAT",
    ],
)
def test_variables_named_like_secrets_are_secret(name):
    assert secret_variables({name: f" {VALUE}\n", "HOME": "x" * 20}) == {f"{name} in the environment": VALUE}


@pytest.mark.parametrize(
    "name",
    [
        "PWD",
        "OLDPWD",
        "PATH",
        "AWS_ACCESS_KEY_ID",
        "GPG_KEY",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "SECRET_NAME",
        "COMPASS",
        "AUTHOR",
        "KEYBOARD",
    ],
)
def test_other_variables_are_not(name):
    assert secret_variables({name: VALUE}) == {}


@pytest.mark.parametrize(
    "value",
    [
        "",
        "five5",
        "true",
        "FALSE",
        "123456789",
        "3.14159",
        "/tmp",
        "ssm:/mlkit/key",
        "secretsmanager:a#b",
        "arn:aws:iam::1:role/x",
        "testing",
    ],
)
def test_values_that_are_no_secrets_are_left_out(value):
    assert secret_variables({"DB_PASSWORD": value}) == {}


def test_an_existing_path_is_no_secret(tmp_path):
    assert secret_variables({"DB_PASSWORD": str(tmp_path), "API_TOKEN": str(tmp_path / "none")}) == {
        "API_TOKEN in the environment": str(tmp_path / "none")
    }


def test_the_password_in_a_url_is_secret():
    environ = {
        "HTTPS_PROXY": "http://ann:blue%21horse@proxy:3128",
        "DATABASE_URL": "postgres://db:5432/x",
        "NO_USER": "redis://:green-horse@h/0",
    }
    assert secret_variables(environ) == {"HTTPS_PROXY in the environment": "blue!horse", "NO_USER in the environment": "green-horse"}


def test_the_screener_redacts_the_values_of_secret_variables():
    screener = Screener(secret_variables({"DB_PASSWORD": VALUE}))
    assert screener.text(f"is {VALUE}", "log")[0] == "is [redacted: DB_PASSWORD in the environment]"


def test_values_may_be_added_from_other_threads():
    screener = Screener()
    values = {f"rule {number}": f"{VALUE}{number:04}" for number in range(40)}
    threads = [threading.Thread(target=screener.add, args=item) for item in values.items()]
    for thread in threads:
        thread.start()
        screener.text("some text", "log")
    for thread in threads:
        thread.join()
    for rule, value in values.items():
        assert screener.text(f"is {value}!", "log")[0] == f"is [redacted: {rule}]!"


def test_the_scanner_is_imported_when_it_is_used():
    code = "import sys, mlkit.screening; assert not {'detect_secrets', 'requests', 'papermill', 'boto3', 'nbformat'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
