import pytest

from mlkit.errors import UsageError
from mlkit.screening.secret_references import Reference, is_reference, parse_reference


@pytest.mark.parametrize(
    ("text", "service", "name", "key"),
    [
        ("ssm:/lab/token", "ssm", "/lab/token", None),
        ("ssm:token", "ssm", "token", None),
        ("ssm:/lab/token:3", "ssm", "/lab/token:3", None),
        (
            "ssm:arn:aws:ssm:us-east-1:123456789012:parameter/lab/token",
            "ssm",
            "arn:aws:ssm:us-east-1:123456789012:parameter/lab/token",
            None,
        ),
        ("secretsmanager:lab/db", "secretsmanager", "lab/db", None),
        ("secretsmanager:lab/db#password", "secretsmanager", "lab/db", "password"),
        ("secretsmanager:lab/db#a key # with signs", "secretsmanager", "lab/db", "a key # with signs"),
        (
            "secretsmanager:arn:aws:secretsmanager:us-east-1:123456789012:secret:db-AbCdEf#user",
            "secretsmanager",
            "arn:aws:secretsmanager:us-east-1:123456789012:secret:db-AbCdEf",
            "user",
        ),
    ],
)
def test_a_reference_names_service_secret_and_key(text, service, name, key):
    assert is_reference(text)
    assert parse_reference(text) == Reference(service=service, name=name, key=key)


@pytest.mark.parametrize("value", ["", "hunter2", "s3://b/k", "SSM:/x", " ssm:/x", "my-ssm:/x", "secretsmanager", None, 3, True, b"ssm:/x"])
def test_anything_else_is_no_reference(value):
    assert not is_reference(value)


@pytest.mark.parametrize(
    "text", ["ssm:", "ssm:/a b", "ssm:/a#key", "secretsmanager:", "secretsmanager:#key", "secretsmanager:name#", "other:x"]
)
def test_a_malformed_reference_is_refused_with_the_forms_that_there_are(text):
    with pytest.raises(UsageError, match="is not a reference to a secret") as error:
        parse_reference(text)
    assert "secretsmanager:name#key" in error.value.cure
