"""What is refused in a request beyond its model, without knowing any state.

Most rules are sentences of an API's reference. The others name what the local AWS does not honour.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import regex

from localaws.front.key_requests import check_key_request
from localaws.kit.service import AwsError

Members = Mapping[str, Any]
_RATE = re.compile(r"rate\(([1-9]\d*) (minute|hour|day)(s?)\)")
_PARAMETER = re.compile(r"/?[a-zA-Z0-9_.-]+(/[a-zA-Z0-9_.-]+)*|arn:.+")
_EVENT_TARGETS = ("sns", "codebuild", "codepipeline")
_SUBSCRIBERS = ("email", "email-json")
_LEVELS = 15
_LONGEST_MESSAGE = 256 * 1024  # bytes
_LONGEST_MATCH_S = 0.4  # others wait meanwhile
_EMPTY = "1 validation error detected: Value '' at 'value' failed to satisfy constraint: Member must have length greater than or equal to 1"


def check_rules(service: str, operation: str, members: Members) -> None:
    """Raises AwsError for the first rule that the request breaks."""
    for rule in _RULES.get(f"{service}:{operation}", ()):
        rule(members)
    if service == "kms":
        check_key_request(operation, members)


def _schedule(members: Members) -> None:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html"""
    expression = members.get("ScheduleExpression", "")
    if not expression and not members.get("EventPattern"):
        raise AwsError("ValidationException", "Parameter(s) EventPattern or ScheduleExpression must be specified.")
    rate = _RATE.fullmatch(expression)
    is_rate = rate is not None and (rate[1] == "1") == (rate[3] == "")
    if expression and not is_rate and not expression.startswith("cron("):
        raise AwsError("ValidationException", "Parameter ScheduleExpression is not valid.")


def _targets(members: Members) -> None:
    for target in members["Targets"]:
        if target["Arn"].split(":")[2:3] not in ([name] for name in _EVENT_TARGETS):
            raise AwsError("ValidationException", f"The local AWS delivers no events to {target['Arn']}.")
        if ":sns:" not in target["Arn"] and "RoleArn" not in target:
            raise AwsError("ValidationException", f"RoleArn is required for target {target['Id']}.")


def _subscription(members: Members) -> None:
    if members["Protocol"] not in _SUBSCRIBERS:
        raise AwsError("InvalidParameter", f"The local AWS delivers nothing to {members['Protocol']}: only e-mail is recorded.")


def _tested_event(members: Members) -> None:
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_TestEventPattern.html"""
    try:
        event = json.loads(members["Event"])
    except (ValueError, RecursionError):
        event = None
    needed = {"id", "account", "source", "time", "region", "resources", "detail-type"}
    if not isinstance(event, dict) or not needed <= set(event):
        raise AwsError("ValidationException", "Parameter Event is not valid.")


def _parameter_name(members: Members) -> None:
    """https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html"""
    name = members["Name"]
    if "/" in name and not name.startswith(("/", "arn:")):
        raise AwsError("ValidationException", "Parameter name must be a fully qualified name.")
    if not _PARAMETER.fullmatch(name):
        raise AwsError(
            "ValidationException",
            "Invalid parameter name. Please use only letters, numbers and the symbols '.', '-', '_', and '/' for separating hierarchies.",
        )
    if name.count("/") > _LEVELS:
        raise AwsError("HierarchyLevelLimitExceededException", f"Parameter name must have {_LEVELS} levels or fewer.")


def _parameter_value(members: Members) -> None:
    value, pattern = members["Value"], members.get("AllowedPattern", "")
    if not value:
        raise AwsError("ValidationException", _EMPTY)
    if members.get("DataType", "text") != "text":
        raise AwsError("ValidationException", f"The local AWS does not honour the DataType {members['DataType']} of PutParameter.")
    try:
        matches = regex.search(pattern, value, timeout=_LONGEST_MATCH_S)
    except regex.error as error:
        raise AwsError("InvalidAllowedPatternException", f"The AllowedPattern {pattern} is no regular expression.") from error
    except TimeoutError as error:
        raise AwsError("InvalidAllowedPatternException", f"The AllowedPattern {pattern} takes too long on this value.") from error
    if pattern and not matches:
        raise AwsError("ParameterPatternMismatchException", f"Parameter value, cannot be validated against allowedPattern: {pattern}")


def _parameter_path(members: Members) -> None:
    if not members["Path"].startswith("/"):
        raise AwsError(
            "ValidationException",
            'The parameter doesn\'t meet the parameter name requirements. The parameter name must begin with a forward slash "/". '
            'It can\'t be prefixed with \\"aws\\" or \\"ssm\\" (case-insensitive).',
        )


def _topic_name(members: Members) -> None:
    """https://docs.aws.amazon.com/sns/latest/api/API_CreateTopic.html"""
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,256}|[A-Za-z0-9_-]{1,251}\.fifo", members["Name"]):
        raise AwsError("InvalidParameter", "Invalid parameter: Topic Name")


def _message(members: Members) -> None:
    """https://docs.aws.amazon.com/sns/latest/api/API_Publish.html"""
    if not members["Message"]:
        raise AwsError("InvalidParameter", "Invalid parameter: Empty message")
    if len(members["Message"].encode()) > _LONGEST_MESSAGE:
        raise AwsError("InvalidParameter", "Invalid parameter: Message too long")
    subject = members.get("Subject", "x")
    if not 1 <= len(subject) <= 100 or not subject.isprintable():
        raise AwsError("InvalidParameter", "Invalid parameter: Subject")


def _alias_name(members: Members) -> None:
    """https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateAlias.html"""
    if members["AliasName"].startswith("alias/aws/"):
        raise AwsError("NotAuthorizedException", "The prefix alias/aws/ is reserved for keys of AWS's own.")


_RULES: Mapping[str, tuple[Callable[[Members], None], ...]] = {
    "events:PutRule": (_schedule,),
    "events:PutTargets": (_targets,),
    "sns:Subscribe": (_subscription,),
    "events:TestEventPattern": (_tested_event,),
    "ssm:PutParameter": (_parameter_name, _parameter_value),
    "ssm:GetParametersByPath": (_parameter_path,),
    "sns:CreateTopic": (_topic_name,),
    "sns:Publish": (_message,),
    "kms:CreateAlias": (_alias_name,),
}
