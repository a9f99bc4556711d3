"""Secrets by reference, under roles that may and may not: Parameter Store and Secrets Manager, with AWS's keys and a customer's."""

import json
import uuid

import boto3
import pytest
from botocore.exceptions import ClientError
from started import allow

import mlkit
from mlkit.aws.secret_values import resolve_secret
from mlkit.aws.session import Session
from mlkit.errors import AccessDenied, NotFound, UsageError
from mlkit.notebook import journal

REGION = "us-east-1"
PARAMETER = f"arn:aws:ssm:{REGION}:123456789012:parameter"


@pytest.fixture
def told(monkeypatch):
    """What the runner was told to keep out of sight."""
    values = []
    monkeypatch.setattr(journal, "keep_out_of_sight", values.append)
    return values


@pytest.fixture
def session(local_aws, monkeypatch):
    """`session(aws)` is an mlkit session with the clients of a role, or of the administrator."""

    def make(client):
        made = Session(boto3.Session("x", "y", region_name=local_aws.region))
        monkeypatch.setattr(made, "client", client)
        return made

    return make


@pytest.fixture
def name():
    return f"lab-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def key(aws):
    return aws("kms").create_key()["KeyMetadata"]["Arn"]


@pytest.fixture
def parameter(aws, name):
    """A SecureString under AWS's own key: its path."""
    aws("ssm").put_parameter(Name=f"/{name}/token", Type="SecureString", Value="hunter2")
    return f"/{name}/token"


@pytest.fixture
def secret(aws, name):
    """A JSON secret: its name."""
    aws("secretsmanager").create_secret(Name=name, SecretString=json.dumps({"user": "me", "password": "pass word", "port": 5432}))
    return name


def test_a_value_that_is_no_reference_comes_back_without_a_call(told):
    assert resolve_secret("s3://bucket/key") == "s3://bucket/key"
    assert told == []


def test_a_parameter_is_decrypted_and_kept_out_of_sight(session, aws, parameter, told):
    assert resolve_secret(f"ssm:{parameter}", session(aws)) == "hunter2"
    assert told == ["hunter2"]


def test_versions_and_arns_of_parameters(session, aws, parameter, told):
    aws("ssm").put_parameter(Name=parameter, Type="SecureString", Value="hunter3", Overwrite=True)
    assert resolve_secret(f"ssm:{parameter}:1", session(aws)) == "hunter2"
    assert resolve_secret(f"ssm:{PARAMETER}{parameter}", session(aws)) == "hunter3"


def test_one_key_of_a_secret_or_all_of_it(session, aws, secret, told):
    assert resolve_secret(f"secretsmanager:{secret}#password", session(aws)) == "pass word"
    assert resolve_secret(f"secretsmanager:{secret}#port", session(aws)) == "5432"
    assert json.loads(resolve_secret(f"secretsmanager:{secret}", session(aws)))["user"] == "me"
    assert told[:2] == ["pass word", "5432"]
    assert json.loads(told[2]) == {"user": "me", "password": "pass word", "port": 5432}


def test_it_is_a_public_name():
    assert mlkit.resolve_secret is resolve_secret


def test_a_missing_secret_is_named_with_the_command_that_creates_it(session, aws, secret, told):
    with pytest.raises(NotFound, match="There is no parameter /no/such in us-east-1") as error:
        resolve_secret("ssm:/no/such", session(aws))
    assert "`aws ssm put-parameter --type SecureString --name /no/such --value ...`" in error.value.cure
    with pytest.raises(NotFound, match="There is no secret no/such") as error:
        resolve_secret("secretsmanager:no/such#key", session(aws))
    assert "`aws secretsmanager create-secret --name no/such --secret-string ...`" in error.value.cure
    with pytest.raises(NotFound, match=f"The secret {secret} has no key pasword; it has: password, port, user") as error:
        resolve_secret(f"secretsmanager:{secret}#pasword", session(aws))
    assert f"aws secretsmanager put-secret-value --secret-id {secret}" in error.value.cure
    assert told == []


def test_a_version_that_is_missing(session, aws, parameter):
    with pytest.raises(NotFound, match=f"There is no parameter {parameter}:7"):
        resolve_secret(f"ssm:{parameter}:7", session(aws))


@pytest.mark.parametrize("text", ["not JSON: hunter2", '["hunter2"]', '"hunter2"'])
def test_a_secret_that_is_no_json_object_has_no_keys_and_stays_unsaid(session, aws, name, text):
    aws("secretsmanager").create_secret(Name=name, SecretString=text)
    with pytest.raises(UsageError, match=f"The secret {name} is not a JSON object, so it has no key password") as error:
        resolve_secret(f"secretsmanager:{name}#password", session(aws))
    shown = ""
    problem: BaseException | None = error.value
    while problem is not None:
        shown, problem = shown + repr(problem) + repr(vars(problem)), problem.__cause__ or problem.__context__
    assert "hunter2" not in shown


def test_bytes_are_no_text(session, aws, name):
    aws("secretsmanager").create_secret(Name=name, SecretBinary=b"\x00\x01")
    with pytest.raises(UsageError, match="holds bytes, not text"):
        resolve_secret(f"secretsmanager:{name}", session(aws))


def test_a_malformed_reference_is_refused_before_anybody_is_asked():
    with pytest.raises(UsageError, match="'secretsmanager:name#' is not a reference"):
        resolve_secret("secretsmanager:name#")


def test_a_role_reads_the_parameter_of_its_policy_and_is_told_what_it_lacks(session, as_role, aws, name, parameter, told):
    aws("ssm").put_parameter(Name=f"/{name}/other", Type="SecureString", Value="x")
    role = session(as_role(allow("ssm:GetParameter", f"{PARAMETER}{parameter}")))
    assert resolve_secret(f"ssm:{parameter}", role) == "hunter2"
    assert resolve_secret(f"ssm:{parameter}:1", role) == "hunter2"
    assert resolve_secret(f"ssm:{PARAMETER}{parameter}", role) == "hunter2"
    with pytest.raises(AccessDenied, match=f"ssm:GetParameter on resource: {PARAMETER}/{name}/other"):
        resolve_secret(f"ssm:/{name}/other", role)


def test_a_role_reads_the_secret_of_its_policy_and_is_told_what_it_lacks(session, as_role, aws, name, secret, told):
    arn = aws("secretsmanager").describe_secret(SecretId=secret)["ARN"]
    role = session(as_role(allow("secretsmanager:GetSecretValue", arn)))
    assert resolve_secret(f"secretsmanager:{secret}#user", role) == "me"
    assert resolve_secret(f"secretsmanager:{arn}#user", role) == "me"
    other = aws("secretsmanager").create_secret(Name=f"{name}-other", SecretString="x")["ARN"]
    with pytest.raises(AccessDenied, match=f"secretsmanager:GetSecretValue on resource: {other}"):
        resolve_secret(f"secretsmanager:{name}-other", role)


def test_a_secure_string_under_a_customers_key_asks_for_the_key(session, as_role, aws, name, key, told):
    read = allow("ssm:GetParameter", f"{PARAMETER}/{name}")
    aws("ssm").put_parameter(Name=f"/{name}", Type="SecureString", Value="hunter2", KeyId=key)
    with pytest.raises(
        AccessDenied, match=f"kms:Decrypt on resource: {key} because no identity-based policy allows the kms:Decrypt action"
    ):
        resolve_secret(f"ssm:/{name}", session(as_role(read)))
    via = {"StringEquals": {"kms:ViaService": f"ssm.{REGION}.amazonaws.com"}}
    role = as_role(read, allow("kms:Decrypt", key, Condition=via))
    assert resolve_secret(f"ssm:/{name}", session(role)) == "hunter2"
    assert role("ssm").get_parameter(Name=f"/{name}")["Parameter"]["Value"] != "hunter2"
    as_role(read)("ssm").get_parameter(Name=f"/{name}")  # what stays encrypted asks for no key


def test_a_secret_under_a_customers_key_asks_for_the_key(session, as_role, aws, name, key, told):
    alias = f"alias/{name}"
    aws("kms").create_alias(AliasName=alias, TargetKeyId=key)
    arn = aws("secretsmanager").create_secret(Name=name, SecretString="hunter2", KmsKeyId=alias)["ARN"]
    read = allow("secretsmanager:GetSecretValue", arn)
    with pytest.raises(AccessDenied, match=f"kms:Decrypt on resource: {key}"):
        resolve_secret(f"secretsmanager:{name}", session(as_role(read)))
    via = {"StringEquals": {"kms:ViaService": f"secretsmanager.{REGION}.amazonaws.com"}}
    assert resolve_secret(f"secretsmanager:{name}", session(as_role(read, allow("kms:Decrypt", key, Condition=via)))) == "hunter2"


def denial(call, **members):
    with pytest.raises(ClientError) as error:
        call(**members)
    assert error.value.response["Error"]["Code"] == "AccessDeniedException"
    return error.value.response["Error"]["Message"]


def test_who_writes_under_a_customers_key_needs_the_key(as_role, name, key):
    writer = as_role(allow(["ssm:PutParameter", "secretsmanager:CreateSecret", "secretsmanager:PutSecretValue"]))
    secure = {"Name": f"/{name}", "Type": "SecureString", "Value": "x", "KeyId": key}
    assert f"kms:Encrypt on resource: {key}" in denial(writer("ssm").put_parameter, **secure)
    writer("ssm").put_parameter(**secure | {"Type": "String", "Name": f"/{name}/plain"} | {"KeyId": "alias/aws/ssm"})
    assert f"kms:Decrypt on resource: {key}" in denial(writer("secretsmanager").create_secret, Name=name, SecretString="x", KmsKeyId=key)
    half = as_role(allow("secretsmanager:*"), allow("kms:Decrypt", key))("secretsmanager")
    assert f"kms:GenerateDataKey on resource: {key}" in denial(half.create_secret, Name=name, SecretString="x", KmsKeyId=key)
    whole = as_role(allow("secretsmanager:*"), allow(["kms:Decrypt", "kms:GenerateDataKey"], key))("secretsmanager")
    whole.create_secret(Name=name, SecretString="x", KmsKeyId=key)
    assert f"on resource: {key}" in denial(writer("secretsmanager").put_secret_value, SecretId=name, SecretString="y")


def test_each_of_several_parameters_is_checked(as_role, aws, name):
    for end in ("a", "b"):
        aws("ssm").put_parameter(Name=f"/{name}/{end}", Type="SecureString", Value=end)
    some = as_role(allow("ssm:GetParameters", f"{PARAMETER}/{name}/a"))("ssm")
    assert some.get_parameters(Names=[f"/{name}/a"], WithDecryption=True)["Parameters"][0]["Value"] == "a"
    assert f"ssm:GetParameters on resource: {PARAMETER}/{name}/b" in denial(some.get_parameters, Names=[f"/{name}/a", f"/{name}/b"])
    below = as_role(allow("ssm:GetParametersByPath", f"{PARAMETER}/{name}"))("ssm")
    assert len(below.get_parameters_by_path(Path=f"/{name}")["Parameters"]) == 2
    assert f"ssm:GetParametersByPath on resource: {PARAMETER}/" in denial(below.get_parameters_by_path, Path="/")


def test_several_secrets_in_one_call_are_refused_by_name(aws, secret):
    with pytest.raises(ClientError, match="BatchGetSecretValue"):
        aws("secretsmanager").batch_get_secret_value(SecretIdList=[secret])
