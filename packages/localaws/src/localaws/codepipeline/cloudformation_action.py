"""Deploy actions with CloudFormation: run the stack operations of each ActionMode with the action's role."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from localaws.codepipeline.action import CONFIGURATION, ActionFailed, ActionResult, Job
from localaws.codepipeline.artifact_store import zipped
from localaws.codepipeline.pipeline_records import names
from localaws.codepipeline.stack_parameters import Settings, stack_settings

_FAILED = ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED", "UPDATE_ROLLBACK_FAILED")
_GOOD = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "DELETE_COMPLETE")
_NOTHING_TO_DO = ("No updates are to be performed", "didn't contain changes")


def run(job: Job) -> ActionResult:
    """Run the operations of the ActionMode and wait for the stack."""
    return _MODES[job.configuration["ActionMode"]](Stack(job=job, client=job.client("cloudformation")))


@dataclass(frozen=True, kw_only=True)
class Stack:
    """The stack of the job's configuration. After a restart, an operation that was started before is only followed."""

    job: Job
    client: Any

    @property
    def name(self) -> str:
        return self.job.configuration["StackName"]

    @property
    def role(self) -> dict[str, str]:
        role = self.job.configuration.get("RoleArn")
        return {"RoleARN": role} if role else {}

    def describe(self, name: str | None = None) -> dict[str, Any] | None:
        """The stack's description, or None if the stack does not exist."""
        try:
            found: dict[str, Any] = self.client.describe_stacks(StackName=name or self.name)["Stacks"][0]
        except ClientError as error:
            if error.response["Error"]["Code"] == "ValidationError" and "does not exist" in error.response["Error"]["Message"]:
                return None
            raise
        return found

    def begin(self, verb: str, start: Callable[[], str]) -> None:
        """Start an operation, which returns the stack's id, and record that it was started."""
        started = time.time()
        stack_id = start()
        work = {**self.job.work, "stack": stack_id, "verb": verb, "started": started}
        url = f"https://console.aws.amazon.com/cloudformation/home?region={self.job.region}#/stacks/stackinfo?stackId={stack_id}"
        self.job.remember(work=work, external_id=stack_id, external_url=url)
        self.follow(work)

    def follow(self, work: Mapping[str, Any]) -> None:
        """Wait for the operation's end. Raises ActionFailed with the first failed resource's reason."""
        while (stack := self.describe(work["stack"])) is not None and stack["StackStatus"].endswith("_IN_PROGRESS"):
            self.job.pause()
        if stack is None and work["verb"] == "delete":
            return
        status = stack["StackStatus"] if stack else "DELETE_COMPLETE"
        if status not in _GOOD or (status == "DELETE_COMPLETE") != (work["verb"] == "delete"):
            raise ActionFailed(
                f"Stack {self.name} is in state {status}. {self._first_failure(work) or (stack or {}).get('StackStatusReason', '')}".strip()
            )

    def _first_failure(self, work: Mapping[str, Any]) -> str:
        """A text for the first failed resource since the operation began; empty if the role may not read the stack's events."""
        try:
            pages = self.client.get_paginator("describe_stack_events").paginate(StackName=work["stack"])
            events = [event for page in pages for event in page["StackEvents"] if event["Timestamp"].timestamp() >= work["started"] - 1]
        except ClientError:
            return ""
        for event in sorted(events, key=lambda event: event["Timestamp"]):
            reason = event.get("ResourceStatusReason", "")
            if (
                event["ResourceStatus"].endswith("_FAILED")
                and "cancelled" not in reason
                and event["PhysicalResourceId"] != event["StackId"]
            ):
                return f"The first resource that failed: {event['LogicalResourceId']} ({event['ResourceType']}): {reason}"
        return ""


def _deploy(stack: Stack, *, replace: bool) -> ActionResult:
    if "stack" in stack.job.work and stack.job.work["verb"] != "delete":
        stack.follow(stack.job.work)
        return _result(stack)
    settings = stack_settings(stack.job)
    known = stack.describe()
    if known and replace and known["StackStatus"] in _FAILED:
        _delete(stack)
        known = None
    if known is None or known["StackStatus"] == "REVIEW_IN_PROGRESS":
        stack.begin("create", lambda: _id(stack.client.create_stack(StackName=stack.name, **settings.members, **stack.role)))
    else:
        return _update(stack, settings, known["StackId"])
    return _result(stack)


def _update(stack: Stack, settings: Settings, stack_id: str) -> ActionResult:
    try:
        stack.begin("update", lambda: _id(stack.client.update_stack(StackName=stack.name, **settings.members, **stack.role)))
    except ClientError as error:
        if not _is_nothing(error.response["Error"]["Message"]):
            raise
        stack.job.remember(external_id=stack_id)
        return _result(stack, f"Stack {stack.name} is up to date: no updates are to be performed.")
    return _result(stack)


def _delete(stack: Stack) -> ActionResult:
    known = stack.describe()
    if known is None:
        return ActionResult(summary=f"Stack {stack.name} does not exist.")
    stack_id: str = known["StackId"]

    def start() -> str:
        stack.client.delete_stack(StackName=stack_id, **stack.role)
        return stack_id

    stack.begin("delete", start)
    return ActionResult(summary=f"Stack {stack.name} was deleted.")


def _delete_only(stack: Stack) -> ActionResult:
    if "stack" in stack.job.work:
        stack.follow(stack.job.work)
        return ActionResult(summary=f"Stack {stack.name} was deleted.")
    return _delete(stack)


def _replace_change_set(stack: Stack) -> ActionResult:
    """Delete the change set and create it again. A change set without changes is a success, as on AWS."""
    name, known = stack.job.configuration["ChangeSetName"], stack.describe()
    settings = stack_settings(stack.job)
    kind = "CREATE" if known is None or known["StackStatus"] == "REVIEW_IN_PROGRESS" else "UPDATE"
    if known is not None and _change_set(stack, name) is not None:
        stack.client.delete_change_set(StackName=stack.name, ChangeSetName=name)
    made = stack.client.create_change_set(StackName=stack.name, ChangeSetName=name, ChangeSetType=kind, **settings.members, **stack.role)
    stack.job.remember(external_id=made["Id"])
    while (found := stack.client.describe_change_set(ChangeSetName=made["Id"]))["Status"] in ("CREATE_PENDING", "CREATE_IN_PROGRESS"):
        stack.job.pause()
    if found["Status"] != "CREATE_COMPLETE" and not _is_nothing(found.get("StatusReason", "")):
        raise ActionFailed(f"Change set {name} is in state {found['Status']}. {found.get('StatusReason', '')}".strip())
    return ActionResult(summary=f"Change set {name} was created.")


def _execute_change_set(stack: Stack) -> ActionResult:
    if "stack" in stack.job.work:
        stack.follow(stack.job.work)
        return _result(stack)
    name = stack.job.configuration["ChangeSetName"]
    found = _change_set(stack, name)
    if found is None:
        raise ActionFailed(f"Change set {name} of stack {stack.name} does not exist", code=CONFIGURATION)
    if found["Status"] == "FAILED" and _is_nothing(found.get("StatusReason", "")):
        return ActionResult(summary=f"Change set {name} has no changes.")

    def start() -> str:
        stack.client.execute_change_set(StackName=stack.name, ChangeSetName=name)
        stack_id: str = found["StackId"]
        return stack_id

    stack.begin("change", start)
    return _result(stack)


def _change_set(stack: Stack, name: str) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = stack.client.describe_change_set(StackName=stack.name, ChangeSetName=name)
    except ClientError as error:
        if error.response["Error"]["Code"] in ("ChangeSetNotFound", "ChangeSetNotFoundException") or _is_missing_stack(error):
            return None
        raise
    return found


def _is_missing_stack(error: ClientError) -> bool:
    return error.response["Error"]["Code"] == "ValidationError" and "does not exist" in error.response["Error"]["Message"]


def _result(stack: Stack, summary: str | None = None) -> ActionResult:
    """The stack's outputs as variables. CodePipeline writes no output artifact without OutputFileName."""
    found = stack.describe() or {}
    outputs = {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", ())}
    file = stack.job.configuration.get("OutputFileName")
    for artifact in names(stack.job.action.get("outputArtifacts")):
        if file is not None:
            stack.job.artifacts.write(stack.job.outputs[artifact], zipped({file: json.dumps(outputs, indent=2).encode()}))
    return ActionResult(variables=outputs, summary=summary or f"Stack {stack.name} is in state {found.get('StackStatus', 'unknown')}.")


def _is_nothing(message: str) -> bool:
    return any(text in message for text in _NOTHING_TO_DO)


def _id(answer: Mapping[str, Any]) -> str:
    return str(answer["StackId"])


_MODES: Mapping[str, Callable[[Stack], ActionResult]] = {
    "CREATE_UPDATE": lambda stack: _deploy(stack, replace=False),
    "REPLACE_ON_FAILURE": lambda stack: _deploy(stack, replace=True),
    "DELETE_ONLY": _delete_only,
    "CHANGE_SET_REPLACE": _replace_change_set,
    "CHANGE_SET_EXECUTE": _execute_change_set,
}
