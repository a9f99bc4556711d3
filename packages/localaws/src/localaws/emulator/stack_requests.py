"""Corrects requests and answers of the emulator's CloudFormation: retries by token, roles, reasons, empty members."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from localaws import templates
from localaws.emulator import exports
from localaws.emulator.template_engine import with_defaults

Answer = tuple[int, Any, Any]
Handler = Callable[[Any], Answer]

# A retry of an operation has the token of the first request, whose event on the stack has this status.
_STARTED = {"CreateStack": "CREATE_IN_PROGRESS", "UpdateStack": "UPDATE_IN_PROGRESS"}
# Members that AWS leaves out where they would be empty.
_EMPTY = re.compile(r"<(ResourceStatusReason|StackStatusReason|Description)></\1>")


def install(role_of: Callable[[str], str | None]) -> None:
    """Replace the handlers of operations. Call it after the template engine was installed."""
    from ministack.services.cloudformation import handlers

    actions: dict[str, Handler] = handlers._ACTION_HANDLERS
    for name in _STARTED:
        actions[name] = _retried(name, actions[name])
    actions["DeleteStack"] = _checked_deletion(actions["DeleteStack"])
    for name in ("UpdateStack", "CreateChangeSet"):
        actions[name] = _reworded(actions[name], _with_arn)
    actions["DescribeStacks"] = _reworded(actions["DescribeStacks"], lambda text: _with_values(_with_roles(text, role_of)))
    for name in ("DescribeStacks", "DescribeStackEvents", "DescribeStackResource", "DescribeStackResources", "ListStackResources"):
        actions[name] = _reworded(actions[name], lambda text: _EMPTY.sub("", text))
    for name in ("ValidateTemplate", "GetTemplateSummary"):
        actions[name] = _reworded(actions[name], lambda text: _EMPTY.sub("", _without_defaults(text)))


def _reworded(original: Handler, change: Callable[[str], str]) -> Handler:
    def handle(parameters: Any) -> Answer:
        status, headers, body = original(parameters)
        return status, headers, change(body if isinstance(body, str) else body.decode()).encode()

    return handle


def _retried(action: str, original: Handler) -> Handler:
    """Answer a retry, which has the token of an earlier request, as the first request was answered."""

    def handle(parameters: Any) -> Answer:
        from ministack.services.cloudformation import handlers, helpers

        token, stack = helpers._p(parameters, "ClientRequestToken"), handlers._resolve_stack(helpers._p(parameters, "StackName"))
        statuses = _statuses_with(token, stack) if token and stack and stack["StackStatus"] != "DELETE_COMPLETE" else []
        if _STARTED[action] in statuses:
            result = f"<{action}Result><StackId>{stack['StackId']}</StackId></{action}Result>"
            answer: Answer = helpers._xml(200, f"{action}Response", result)
            return answer
        if statuses:
            message = f"Token already exists with a different request: {token}"
            refusal: Answer = helpers._error("TokenAlreadyExistsException", message)
            return refusal
        return original(parameters)

    return handle


def _statuses_with(token: str, stack: Mapping[str, Any]) -> list[str]:
    """The stack's own statuses in the operation that has the token."""
    from ministack.services import cloudformation

    events = cloudformation._stack_events.get(stack["StackId"], ())
    return [
        event["ResourceStatus"]
        for event in events
        if event.get("ClientRequestToken") == token and event["LogicalResourceId"] == stack["StackName"]
    ]


def _checked_deletion(original: Handler) -> Handler:
    def handle(parameters: Any) -> Answer:
        from ministack.services.cloudformation import helpers

        try:
            exports.check_deletion(helpers._p(parameters, "StackName"))
        except templates.TemplateError as error:
            refusal: Answer = helpers._error("ValidationError", str(error))
            return refusal
        return original(parameters)

    return handle


def _with_arn(text: str) -> str:
    """The refusal to update a stack whose creation failed as AWS words it: with the stack's ARN."""
    from ministack.services import cloudformation

    def worded(match: re.Match[str]) -> str:
        stack = cloudformation._stacks.get(match[1])
        return f"Stack:{stack['StackId'] if stack else match[1]} is in {match[2]} state and can not be updated."

    return re.sub(r"Stack \[([^\]]+)\] is in (\w+) state and cannot be updated\.?", worded, text)


def _with_roles(text: str, role_of: Callable[[str], str | None]) -> str:
    """The answer of DescribeStacks with each stack's role."""

    def worded(match: re.Match[str]) -> str:
        role = role_of(match[1])
        return f"{match[0]}<RoleARN>{role}</RoleARN>" if role else match[0]

    return re.sub("<StackName>([^<]+)</StackName>", worded, text)


def _with_values(text: str) -> str:
    """The answer of DescribeStacks with the name of each SSM parameter, and its value as ResolvedValue."""
    from ministack.services import cloudformation
    from ministack.services.cloudformation import helpers

    def worded(match: re.Match[str]) -> str:
        found = match[0]
        for name, parameter in cloudformation._stacks[match[1]].get("_resolved_params", {}).items():
            if "SsmName" in parameter and not parameter["NoEcho"]:
                value = f"<ParameterKey>{name}</ParameterKey><ParameterValue>{helpers._esc(parameter['Value'])}</ParameterValue>"
                known = f"<ParameterKey>{name}</ParameterKey><ParameterValue>{helpers._esc(parameter['SsmName'])}</ParameterValue>"
                found = found.replace(value, f"{known}<ResolvedValue>{helpers._esc(parameter['Value'])}</ResolvedValue>")
        return found

    return re.sub(r"<StackName>([^<]+)</StackName>.*?</Parameters>", worded, text, flags=re.DOTALL)


def _without_defaults(text: str) -> str:
    """The answer of ValidateTemplate without the empty defaults of parameters that have none."""
    found = with_defaults()

    def worded(match: re.Match[str]) -> str:
        return match[0] if match[1] in found else match[0].replace("<DefaultValue></DefaultValue>", "")

    return re.sub(r"<ParameterKey>([^<]+)</ParameterKey><DefaultValue></DefaultValue>", worded, text)
