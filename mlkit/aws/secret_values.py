"""Resolves references to secrets in Parameter Store and Secrets Manager."""

import json
import shlex

from botocore.exceptions import ClientError

from mlkit.aws.session import Session, aws_errors
from mlkit.errors import NotFound, UsageError
from mlkit.notebook import journal
from mlkit.screening.secret_references import Reference, is_reference, parse_reference


def resolve_secret(value: str, aws: Session | None = None) -> str:
    """The secret for `ssm:/path`, `secretsmanager:name` or `secretsmanager:name#key`; any other value unchanged.

    With `#key` the secret is JSON and the result is that member; without it, the whole text. The runner redacts exactly the returned
    text, so name a single member if you need one. Raises NotFound, AccessDenied, AwsUnavailable, and
    UsageError for a malformed reference or a secret without text.
    """
    if not is_reference(value):
        return value
    reference = parse_reference(value)
    secret = (_parameter if reference.service == "ssm" else _secret)(aws or Session(), reference)
    journal.keep_out_of_sight(secret)
    return secret


def _parameter(aws: Session, reference: Reference) -> str:
    name, quoted = reference.name, shlex.quote(reference.name)
    with aws_errors():
        try:
            answer = aws.client("ssm").get_parameter(Name=name, WithDecryption=True)
        except ClientError as error:
            if error.response["Error"]["Code"] not in ("ParameterNotFound", "ParameterVersionNotFound"):
                raise
            raise NotFound(
                f"There is no parameter {name} in {aws.region}",
                cure=f"Correct the reference, or create it: `aws ssm put-parameter --type SecureString --name {quoted} --value ...`",
            ) from error
    return str(answer["Parameter"]["Value"])


def _secret(aws: Session, reference: Reference) -> str:
    name, quoted = reference.name, shlex.quote(reference.name)
    with aws_errors():
        try:
            answer = aws.client("secretsmanager").get_secret_value(SecretId=name)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise
            raise NotFound(
                f"There is no secret {name} in {aws.region}, or it has no value yet",
                cure=f"Correct the reference, or create it: `aws secretsmanager create-secret --name {quoted} --secret-string ...`",
            ) from error
    if "SecretString" not in answer:
        raise UsageError(f"The secret {name} holds bytes, not text", cure="Store it with --secret-string.")
    text = str(answer["SecretString"])
    return text if reference.key is None else _member(text, reference.key, name)


def _member(text: str, key: str, name: str) -> str:
    """The member of a JSON secret. Errors hold neither text nor values, because the runner does not redact them yet."""
    try:
        members = json.loads(text)
    except ValueError:
        members = None
    if not isinstance(members, dict):
        raise UsageError(
            f"The secret {name} is not a JSON object, so it has no key {key}", cure=f"Refer to the whole secret: secretsmanager:{name}"
        )
    if key not in members:
        keys = ", ".join(sorted(members)) or "none"
        put = f"aws secretsmanager put-secret-value --secret-id {shlex.quote(name)} --secret-string ..."
        raise NotFound(f"The secret {name} has no key {key}; it has: {keys}", cure=f"Correct the reference, or add the key: `{put}`.")
    value = members[key]
    return value if isinstance(value, str) else json.dumps(value)
