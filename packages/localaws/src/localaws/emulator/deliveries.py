"""Delivers events from the default bus to their targets as AWS does, and records e-mail.

The emulator ignores a topic's policy when it delivers an event to SNS, cannot start builds and pipelines, and does not keep messages.
"""

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from localaws.emulator import event_inputs
from localaws.kit import service_calls
from localaws.kit.open_questions import assumed

PRINCIPAL = "events.amazonaws.com"
StartTarget = Callable[[str, str, str, Mapping[str, Any]], None]
FAILED = "FailedInvocations"
Count = Callable[[str, str], None]
NotePublish = Callable[[str, bool], None]
RecordMail = Callable[[Mapping[str, str]], None]


class _NotDelivered(Exception):
    """EventBridge could not deliver an event to a target."""


_log = logging.getLogger("localaws")


def install(eventbridge: Any, start_target: StartTarget, note_publish: NotePublish, count: Count) -> None:
    """Deliver events through our code. It calls `start_target(arn, role_arn, rule_arn, overrides)` on the event loop.

    So `start_target` must not block. `note_publish(topic_arn, is_allowed)` records that EventBridge asks to publish, and
    `count(rule_name, metric)` counts a delivery.
    """
    invoke = eventbridge._invoke_target
    if getattr(invoke, "is_ours", False):
        return

    def deliver(target: Mapping[str, Any], event: Mapping[str, Any], rule: Mapping[str, Any], view: Any) -> None:
        service, text = target.get("Arn", "").split(":")[2:3], event_inputs.transformed(eventbridge, target, event, rule, view)
        if not event_inputs.is_deliverable(target, text):
            raise _NotDelivered(f"its input is not JSON: {text}")
        if service == ["sns"]:
            is_allowed = _topic_lets_in(target["Arn"], rule)
            note_publish(target["Arn"], is_allowed)
            if not is_allowed:
                raise _NotDelivered(f"its policy does not let {PRINCIPAL} publish")
        if service in (["codebuild"], ["codepipeline"]):
            start_target(target["Arn"], target["RoleArn"], rule["Arn"], _overrides(target, text) if service == ["codebuild"] else {})
        else:
            invoke(target, event, rule, view)

    def invoke_target(target: Mapping[str, Any], event: Mapping[str, Any], rule: Mapping[str, Any], view: Any = None) -> None:
        count(rule["Name"], "Invocations")
        try:
            deliver(target, event, rule, view)
        except _NotDelivered as error:
            count(rule["Name"], FAILED)
            _log.warning("events: rule %s delivered nothing to %s: %s", rule["Name"], target.get("Arn"), error)

    event_inputs.escape_as_assumed(eventbridge)
    invoke_target.is_ours = True  # type: ignore[attr-defined]
    eventbridge._invoke_target = invoke_target


def install_mail(sns: Any, record: RecordMail) -> None:
    """Pass each e-mail to `record`, on the event loop, so `record` must be quick."""
    fan_out = sns._fanout
    if getattr(fan_out, "is_ours", False):
        return

    def record_and_fan_out(topic_arn: str, message_id: str, message: str, subject: str, *more: Any, **others: Any) -> None:
        topic = sns._topic_by_arn_any_scope(topic_arn)
        attributes = others.get("message_attributes") or (more[1] if len(more) > 1 else None) or {}
        for subscription in topic["subscriptions"] if topic else ():
            is_mail = subscription.get("protocol") in ("email", "email-json")
            if is_mail and sns._matches_filter_policy(subscription, attributes, message):
                record({"to": subscription["endpoint"], "topic": topic_arn, "subject": subject or "", "message": message, "id": message_id})
        fan_out(topic_arn, message_id, message, subject, *more, **others)

    record_and_fan_out.is_ours = True  # type: ignore[attr-defined]
    sns._fanout = record_and_fan_out


def put(eventbridge: Any, *, source: str, detail_type: str, detail: Mapping[str, Any], resources: Sequence[str]) -> None:
    """Put one event of an AWS service on the default bus. Call it on the event loop, within the emulator's scope."""
    entry = {"Source": source, "DetailType": detail_type, "Detail": json.dumps(detail), "Resources": list(resources)}
    eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)


def _topic_lets_in(topic_arn: str, rule: Mapping[str, Any]) -> bool:
    """Whether the topic's policy lets EventBridge publish. The default policy of a new topic names only the topic's owner."""
    from ministack.core.iam_evaluator import EvalContext, evaluate_resource_policy
    from ministack.services import sns

    topic = sns._topic_by_arn_any_scope(topic_arn)
    if topic is None:
        return False
    parts = rule["Arn"].split(":")
    context = EvalContext(
        principal_arn="*",
        principal_type="Service",
        principal_account="",
        action=service_calls.ledger()["events-topic"].actions[0],
        resource_arn=topic_arn,
        region=parts[3],
        service_context={"aws:sourcearn": rule["Arn"], "aws:sourceaccount": parts[4]},
    )
    policy = _read_by_events(topic.get("attributes", {}).get("Policy") or "")
    return bool(policy and evaluate_resource_policy(policy, context, service=PRINCIPAL).decision == "Allow")


def _read_by_events(policy: str) -> str:
    """The topic's policy as EventBridge reads it: without the permissions that have a Condition, if it does not support them."""
    if not policy or assumed("topic-policy-condition") == "honoured":
        return policy
    document = json.loads(policy)
    statements = document["Statement"] if isinstance(document["Statement"], list) else [document["Statement"]]
    return json.dumps(
        {
            **document,
            "Statement": [statement for statement in statements if statement["Effect"] == "Deny" or not statement.get("Condition")],
        }
    )


def _overrides(target: Mapping[str, Any], transformed: str | None) -> Mapping[str, Any]:
    """StartBuild's members from the target's input; none if the input is the event itself. Raises _NotDelivered if it is no object."""
    text = transformed if transformed is not None else target.get("Input")
    if text is None:
        return {}
    try:
        members = json.loads(text)
    except ValueError:
        members = None
    if not isinstance(members, dict):
        raise _NotDelivered(f"it started no build, because its input is not a JSON object: {text}")
    return members
