"""A build's environment variables: the order of declarations, the values of references, and the secrets to mask.

Source: AWS CodeBuild User Guide, "Environment variables in build environments" and `env` in the buildspec reference.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from localaws.codebuild.buildspec import Buildspec
from localaws.codebuild.phase_failures import PhaseFailed, described

PLAINTEXT, PARAMETER_STORE, SECRETS_MANAGER = "PLAINTEXT", "PARAMETER_STORE", "SECRETS_MANAGER"

# Only CodeBuild sets these. A user's value would give wrong information about the build.
RESERVED = frozenset(
    {
        "CODEBUILD_BUILD_ARN",
        "CODEBUILD_BUILD_ID",
        "CODEBUILD_BUILD_IMAGE",
        "CODEBUILD_BUILD_NUMBER",
        "CODEBUILD_BUILD_SUCCEEDING",
        "CODEBUILD_BUILD_URL",
        "CODEBUILD_CONTAINER_NAME",
        "CODEBUILD_INITIATOR",
        "CODEBUILD_KMS_KEY_ID",
        "CODEBUILD_LOG_PATH",
        "CODEBUILD_PROJECT_ARN",
        "CODEBUILD_RESOLVED_SOURCE_VERSION",
        "CODEBUILD_SOURCE_REPO_URL",
        "CODEBUILD_SOURCE_VERSION",
        "CODEBUILD_SRC_DIR",
        "CODEBUILD_START_TIME",
    }
)
_PARAMETER_ERROR, _SECRET_ERROR = "Decrypted Variables Error", "Secrets Manager Error"


@dataclass(frozen=True, kw_only=True)
class Declared:
    """A declared variable. `value` is the text itself, or a reference to a parameter or a secret."""

    name: str
    kind: str
    value: str


@dataclass(frozen=True, kw_only=True)
class Secret:
    """`secret-id:json-key:version-stage:version-id`. The id may be an ARN; the other parts are optional."""

    secret_id: str
    json_key: str
    version_stage: str
    version_id: str


def declared(buildspec: Buildspec, given: Sequence[Mapping[str, str]]) -> list[Declared]:
    """The effective declarations: `given` (the project's with StartBuild's overrides) before the buildspec's."""
    groups = ((PLAINTEXT, buildspec.variables), (PARAMETER_STORE, buildspec.parameter_store), (SECRETS_MANAGER, buildspec.secrets_manager))
    found = {name: Declared(name=name, kind=kind, value=value) for kind, group in groups for name, value in group.items()}
    found |= {item["name"]: Declared(name=item["name"], kind=item.get("type", PLAINTEXT), value=item["value"]) for item in given}
    return list(found.values())


def merged(project: Sequence[Mapping[str, str]], override: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    """The project's variables with StartBuild's overrides, each with its type."""
    found = {item["name"]: {"type": PLAINTEXT, **item} for item in (*project, *override)}
    return list(found.values())


def resolve(variables: Sequence[Declared], client: Callable[[str], Any]) -> dict[str, str]:
    """The values, read under the build's role. Raises PhaseFailed with AWS's text and the name of the parameter or secret."""
    return {variable.name: _value(variable, client) for variable in variables}


def _value(variable: Declared, client: Callable[[str], Any]) -> str:
    if variable.kind == PLAINTEXT:
        return variable.value
    code = _PARAMETER_ERROR if variable.kind == PARAMETER_STORE else _SECRET_ERROR
    try:
        if variable.kind == PARAMETER_STORE:
            return _parameter(client("ssm"), variable.value)
        return _secret(client("secretsmanager"), variable.value)
    except (ClientError, BotoCoreError) as error:
        text = described(error)
        raise PhaseFailed(code, text if variable.value in text else f"{text} ({variable.name}: {variable.value})") from error


def _parameter(ssm: Any, name: str) -> str:
    answer = ssm.get_parameters(Names=[name], WithDecryption=True)
    if not answer["Parameters"]:
        raise PhaseFailed(_PARAMETER_ERROR, f"parameter does not exist: {name}")
    return str(answer["Parameters"][0]["Value"])


def parse_secret(reference: str) -> Secret:
    parts = reference.split(":")
    length = 7 if reference.startswith("arn:") else 1
    json_key, stage, version = [*parts[length : length + 3], "", "", ""][:3]
    return Secret(secret_id=":".join(parts[:length]), json_key=json_key, version_stage=stage, version_id=version)


def _secret(secretsmanager: Any, reference: str) -> str:
    secret = parse_secret(reference)
    version = {"VersionStage": secret.version_stage, "VersionId": secret.version_id}
    answer = secretsmanager.get_secret_value(SecretId=secret.secret_id, **{name: value for name, value in version.items() if value})
    if "SecretString" not in answer:
        raise PhaseFailed(_SECRET_ERROR, f"the secret {secret.secret_id} has no text value")
    text = str(answer["SecretString"])
    if not secret.json_key:
        return text
    try:
        found = json.loads(text)[secret.json_key]
    except (ValueError, TypeError, KeyError) as error:
        raise PhaseFailed(_SECRET_ERROR, f"the secret {secret.secret_id} has no key {secret.json_key}") from error
    return found if isinstance(found, str) else json.dumps(found)
