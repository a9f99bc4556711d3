"""Versions of secrets have the ids that callers choose with ClientRequestToken, as in Secrets Manager; a repeated call changes nothing.

https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

Request = Mapping[str, Any]
Handler = Callable[[Request], Any]


def name_versions_by_token() -> None:
    """Let CreateSecret, PutSecretValue and UpdateSecret heed the token."""
    from ministack.services import secretsmanager

    secretsmanager._create_secret = _tokened(secretsmanager, "Name", secretsmanager._create_secret)
    secretsmanager._put_secret_value = _tokened(secretsmanager, "SecretId", secretsmanager._put_secret_value)
    secretsmanager._update_secret = _tokened(secretsmanager, "SecretId", secretsmanager._update_secret)


def _tokened(secretsmanager: Any, member: str, original: Handler) -> Handler:
    def write(request: Request) -> Any:
        token = request.get("ClientRequestToken")
        _, secret = secretsmanager._resolve(request[member])
        if token and secret and (version := secret["Versions"].get(token)):
            return _repeated(secretsmanager, request, secret, version)
        answer = original(request)
        if token and answer[0] < 400:
            _, secret = secretsmanager._resolve(request[member])
            return _renamed(secret, token, answer)
        return answer

    return write


def _repeated(secretsmanager: Any, request: Request, secret: Request, version: Request) -> Any:
    token = request["ClientRequestToken"]
    if any(request.get(name) != version.get(name) for name in ("SecretString", "SecretBinary")):
        text = f"You can't use ClientRequestToken {token} because that value is already in use for a version of secret {secret['ARN']}."
        return secretsmanager.error_response_json("ResourceExistsException", text, 400)
    answer = {"ARN": secret["ARN"], "Name": secret["Name"], "VersionId": token, "VersionStages": list(version["Stages"])}
    return secretsmanager.json_response(answer)


def _renamed(secret: dict[str, Any], token: str, answer: Any) -> Any:
    """The answer, and the secret, with the token as the id of the version that was made."""
    status, headers, body = answer
    members = json.loads(body)
    made = members.get("VersionId")
    if made and made != token and made in secret["Versions"]:
        secret["Versions"][token] = secret["Versions"].pop(made)
        members["VersionId"] = token
    return status, headers, json.dumps(members).encode()
