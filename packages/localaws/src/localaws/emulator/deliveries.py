"""Delivers events from the default bus to their targets as AWS does, and records e-mail.

The emulator ignores a topic's policy when it delivers an event to SNS, cannot start builds, and does not keep messages.
"""

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from localaws.kit import service_calls

PRINCIPAL = "events.amazonaws.com"
StartBuild = Callable[[str, str, str, Mapping[str, Any]], None]
NotePublish = Callable[[str, bool], None]
RecordMail = Callable[[Mapping[str, str]], None]
_log = logging.getLogger("localaws")


def install(eventbridge: Any, start_build: StartBuild, note_publish: NotePublish) -> None:
    """Deliver events through our code. It calls `start_build(project_arn, role_arn, rule_arn, overrides)` on the event loop.

    So `start_build` must not block. `note_publish(topic_arn, is_allowed)` records that EventBridge asks to publish.
    """
    invoke = eventbridge._invoke_target
    if getattr(invoke, "is_ours", False):
        return

    def invoke_target(target: Mapping[str, Any], event: Mapping[str, Any], rule: Mapping[str, Any], view: Any = None) -> None:
        service = target.get("Arn", "").split(":")[2:3]
        if service == ["sns"]:
            is_allowed = _topic_lets_in(target["Arn"], rule)
            note_publish(target["Arn"], is_allowed)
            if is_allowed:
                invoke(target, event, rule, view)
            else:
                _log.warning("events: nothing was delivered to %s: its policy does not let %s publish", target["Arn"], PRINCIPAL)
        elif service == ["codebuild"]:
            overrides = _overrides(eventbridge, target, event, rule, view)
            if overrides is not None:
                start_build(target["Arn"], target["RoleArn"], rule["Arn"], overrides)
        else:
            invoke(target, event, rule, view)

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
    policy = topic.get("attributes", {}).get("Policy") or ""
    return bool(policy and evaluate_resource_policy(policy, context, service=PRINCIPAL).decision == "Allow")


def _overrides(eventbridge: Any, target: Mapping[str, Any], event: Any, rule: Any, view: Any) -> Mapping[str, Any] | None:
    """StartBuild's members from the target's input: empty if the input is the event itself, None if it is not a JSON object."""
    if target.get("InputTransformer"):
        text = eventbridge._apply_input_transformer(target["InputTransformer"], rule, view or eventbridge._pattern_event_view(event))
    elif target.get("Input"):
        text = target["Input"]
    else:
        return {}
    try:
        members = json.loads(text)
    except ValueError:
        members = None
    if not isinstance(members, dict):
        _log.warning("events: %s started no build: its input is not a JSON object: %s", rule["Arn"], text)
        return None
    return members
