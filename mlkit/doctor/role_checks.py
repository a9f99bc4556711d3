"""Checks of rights: the execution role, its trust policy, and IAM's simulation of a run's calls."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from mlkit.doctor.account import Account
from mlkit.doctor.checking import Check
from mlkit.doctor.findings import Finding, fail, ok, skipped
from mlkit.errors import AccessDenied, NotFound

if TYPE_CHECKING:
    from types_boto3_iam.type_defs import ContextEntryTypeDef

_SAGEMAKER = "sagemaker.amazonaws.com"
Question = tuple[str, str, Mapping[str, str]]  # action, resource, context of the call


def execution_role(account: Account) -> Finding:
    try:
        return ok(account.execution_role.rpartition("/")[2])
    except NotFound:
        if account.is_new:
            return skipped("comes with the lake")
        raise


def trust(account: Account) -> Finding:
    """Whether SageMaker may assume the execution role for this account's jobs."""
    name = account.execution_role.rpartition("/")[2]
    role = account.aws.client("iam").get_role(RoleName=name)["Role"]
    document = role["AssumeRolePolicyDocument"]
    if isinstance(document, str):
        document = json.loads(unquote(document))
    if any(_trusts_sagemaker(statement, account.id) for statement in _listed(document["Statement"])):
        return ok(f"{_SAGEMAKER} may assume it for account {account.id}")
    return fail(
        f"{name} does not trust {_SAGEMAKER} for account {account.id}",
        "Allow sts:AssumeRole to that service in the role's trust policy, as CloudFormation/datalake.yaml does.",
        AccessDenied,
    )


def caller_may_train(account: Account) -> Finding:
    """The calls of 02_train under the caller's identity."""
    job = f"arn:{account.partition}:sagemaker:{account.aws.region}:{account.id}:training-job/ml-doctor"
    questions: list[Question] = [
        ("sagemaker:CreateTrainingJob", job, {}),
        ("iam:PassRole", account.execution_role, {"iam:PassedToService": _SAGEMAKER}),
    ]
    return _simulate(account, _simulated_caller(account), questions, "you")


def role_may_work(account: Account) -> Finding:
    """The calls of a training job under the execution role."""
    bucket = f"arn:{account.partition}:s3:::{account.names.bucket}"
    questions: list[Question] = [
        ("s3:ListBucket", bucket, {}),
        ("s3:GetObject", f"{bucket}/prepared/train", {}),
        ("s3:PutObject", f"{bucket}/models/model.tar.gz", {}),
        ("s3:GetObject", f"{bucket}/models/model.tar.gz", {}),
    ]
    return _simulate(account, account.execution_role, questions, "the role")


def _simulated_caller(account: Account) -> str:
    """The ARN of the caller's user or role; empty for root. A session's ARN does not hold the role's path."""
    arn = str(account.caller["Arn"])
    kind, _, name = arn.split(":", 5)[5].partition("/")
    if kind == "assumed-role":
        return str(account.aws.client("iam").get_role(RoleName=name.partition("/")[0])["Role"]["Arn"])
    return arn if kind == "user" else ""


def _simulate(account: Account, who: str, questions: list[Question], name: str) -> Finding:
    """IAM's policy simulation. It knows the identity's policies, boundaries and organisation, not a bucket's or a key's policy."""
    if not who:
        return skipped("IAM simulates users and roles only")
    iam = account.aws.client("iam")
    refused = []
    for action, resource, context in questions:
        entries: list[ContextEntryTypeDef] = [
            {"ContextKeyName": key, "ContextKeyValues": [value], "ContextKeyType": "string"} for key, value in context.items()
        ]
        answer = iam.simulate_principal_policy(PolicySourceArn=who, ActionNames=[action], ResourceArns=[resource], ContextEntries=entries)
        refused += [f"{action} on {resource}" for result in answer["EvaluationResults"] if result["EvalDecision"] != "allowed"]
    if refused:
        return fail(f"{name} may not {'; '.join(refused)}", f"Add the action on that resource to {who}.", AccessDenied)
    return ok(f"{name} may {', '.join(dict.fromkeys(action for action, *_ in questions))} (simulated)")


def _trusts_sagemaker(statement: Mapping[str, Any], account: str) -> bool:
    principal = statement.get("Principal", {})
    services = _listed(principal.get("Service", [])) if isinstance(principal, Mapping) else [principal]
    named = {str(key).lower(): value for values in statement.get("Condition", {}).values() for key, value in values.items()}
    owners = _listed(named.get("aws:sourceaccount", account))
    return (
        statement["Effect"] == "Allow"
        and "sts:AssumeRole" in _listed(statement.get("Action", []))
        and _SAGEMAKER in services
        and account in owners
    )


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


CHECKS = (
    Check(name="execution role", run=execution_role, needs=("identity",)),
    Check(name="trust", run=trust, needs=("execution role",), optional=True),
    Check(name="you may train", run=caller_may_train, needs=("execution role",), optional=True),
    Check(name="role may work", run=role_may_work, needs=("execution role",), optional=True),
)
