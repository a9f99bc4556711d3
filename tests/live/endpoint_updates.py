"""Updates of production's stack: one that changes only the bake time, and one whose rollback an alarm forces."""

import time
from typing import Any

from botocore.exceptions import ClientError

from live.lab import Lab
from mlkit.errors import MlkitError

_BAKE_S = "180"
_WEIGHT = "InitialVariantWeight: "  # another weight needs a new endpoint configuration, and no more instances
_REFUSALS = ("ValidationError", "ValidationException")


def bake_only(lab: Lab) -> str:
    """Change BakeSeconds and record what CloudFormation and SageMaker make of it. Any end is an answer."""
    before = _endpoint(lab)
    told = _update(lab, {"UsePreviousTemplate": True})
    if not told:
        told = lab.until(lambda: _stack(lab)["StackStatus"], "the update ends", ok=_is_settled, minutes=40)
    after = _endpoint(lab)
    lab.folder.save("bake_only.json", {"cloudformation": told, "before": before, "after": after, "events": _events(lab)})
    policy = after.get("LastDeploymentConfig", {}).get("BlueGreenUpdatePolicy", {}).get("TrafficRoutingConfiguration", {})
    touched = "was updated" if after["LastModifiedTime"] != before["LastModifiedTime"] else "was not touched"
    same = "same" if after["EndpointConfigName"] == before["EndpointConfigName"] else "new"
    return f"CloudFormation: {told}; the endpoint {touched}, {same} configuration, wait {policy.get('WaitIntervalInSeconds', 'not shown')}"


def alarm(lab: Lab) -> str:
    """Update to a new endpoint configuration and force the alarm while SageMaker deploys. Raises MlkitError unless it rolls back."""
    before = _endpoint(lab)
    ringing = lab.stack_resources(_name(lab))["ServerErrors"]["PhysicalResourceId"]
    if told := _update(lab, {"TemplateBody": _other_weight(lab)}):
        raise MlkitError(f"CloudFormation refused the update: {told}", cure="Send back the answer.")
    seen = _watch(lab, ringing)
    after, stack = _endpoint(lab), _stack(lab)["StackStatus"]
    lab.client("cloudwatch").set_alarm_state(AlarmName=ringing, StateValue="OK", StateReason="the first hour on AWS: over")
    lab.folder.save("alarm.json", {"seen": seen, "before": before, "after": after, "stack": stack, "events": _events(lab)})
    is_back = (after["EndpointStatus"], after["EndpointConfigName"]) == ("InService", before["EndpointConfigName"])
    times = ", ".join(f"{item['endpoint']}/{item['stack']} at {item['seconds']:.0f} s" for item in seen)
    if stack != "UPDATE_ROLLBACK_COMPLETE" or not is_back:
        raise MlkitError(
            f"The alarm rolled nothing back: {stack}, endpoint {after['EndpointStatus']}. {times}", cure="Send back alarm.json."
        )
    return f"rolled back to the old configuration: {times}"


def _watch(lab: Lab, ringing: str) -> list[dict[str, Any]]:
    """Each state of endpoint and stack with its time. Sets the alarm while the endpoint updates: CloudWatch's next evaluation resets it."""
    began, seen = time.monotonic(), list[dict[str, Any]]()

    def look() -> str:
        endpoint, stack = _endpoint(lab)["EndpointStatus"], _stack(lab)["StackStatus"]
        if endpoint == "Updating":
            reason = "the first hour on AWS: forced"
            lab.client("cloudwatch").set_alarm_state(AlarmName=ringing, StateValue="ALARM", StateReason=reason)
        if not seen or (seen[-1]["endpoint"], seen[-1]["stack"]) != (endpoint, stack):
            seen.append({"seconds": time.monotonic() - began, "endpoint": endpoint, "stack": stack})
        return f"{endpoint} {stack}"

    lab.until(look, "endpoint and stack", ok=lambda state: _is_settled(state.split()[1]), minutes=60, every_s=5)
    return seen


def _update(lab: Lab, template: dict[str, Any]) -> str:
    """Update the stack with the longer bake time. Returns CloudFormation's refusal, or "" if it accepted."""
    given = [
        {"ParameterKey": item["ParameterKey"], "UsePreviousValue": True}
        for item in _stack(lab)["Parameters"]
        if item["ParameterKey"] != "BakeSeconds"
    ]
    given.append({"ParameterKey": "BakeSeconds", "ParameterValue": _BAKE_S})
    try:
        lab.client("cloudformation").update_stack(StackName=_name(lab), Parameters=given, **template)
    except ClientError as error:
        if error.response["Error"]["Code"] not in _REFUSALS:
            raise
        return str(error.response["Error"]["Message"])
    return ""


def _other_weight(lab: Lab) -> str:
    body = lab.client("cloudformation").get_template(StackName=_name(lab))["TemplateBody"]
    if f"{_WEIGHT}1" not in body:
        raise MlkitError("The endpoint's template has no weight to change", cure="Adapt tests/live/endpoint_updates.py to the template.")
    return str(body.replace(f"{_WEIGHT}1", f"{_WEIGHT}2"))


def _name(lab: Lab) -> str:
    return lab.names.endpoint_stack("production")


def _endpoint(lab: Lab) -> dict[str, Any]:
    found: dict[str, Any] = lab.client("sagemaker").describe_endpoint(EndpointName=lab.names.endpoint("production"))
    found.pop("ResponseMetadata")
    return found


def _stack(lab: Lab) -> dict[str, Any]:
    found: dict[str, Any] = lab.client("cloudformation").describe_stacks(StackName=_name(lab))["Stacks"][0]
    return found


def _events(lab: Lab) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = lab.client("cloudformation").describe_stack_events(StackName=_name(lab))["StackEvents"]
    return found


def _is_settled(status: str) -> bool:
    return not status.endswith("_IN_PROGRESS")
