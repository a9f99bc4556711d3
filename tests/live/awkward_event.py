"""An event whose values hold quotes, backslashes and line breaks: does EventBridge deliver its mail, or count a failed invocation?"""

import json
from datetime import UTC, datetime, timedelta

from live.lab import Lab, TookTooLong
from mlkit.aws.notices import NOTEBOOK_FAILED
from mlkit.errors import MlkitError
from mlkit.naming import EVENT_SOURCE

AWKWARD = 'he said "no", then \\ and \\n,\na line break, a tab\t, <execution> and {"json": true}'
_RULE_METRICS = ("TriggeredRules", "MatchedEvents", "Invocations", "FailedInvocations")
_TOPIC_METRICS = ("NumberOfMessagesPublished", "NumberOfNotificationsDelivered", "NumberOfNotificationsFailed")


def send(lab: Lab) -> str:
    """Put the event as a build would, but without the clean-up of `mlkit.aws.notices`."""
    detail = {
        "pipeline": lab.folder.fact("pipeline"),
        "pipeline-execution-id": lab.folder.fact("first_execution"),
        **{name: f"{name}: {AWKWARD}" for name in ("action", "notebook", "heading", "status", "error")},
        "cell": 7,
    }
    entry = {"Source": EVENT_SOURCE, "DetailType": NOTEBOOK_FAILED, "Detail": json.dumps(detail)}
    lab.folder.note(awkward_at=datetime.now(UTC).isoformat())
    answer = lab.client("events").put_events(Entries=[entry])
    if answer["FailedEntryCount"]:
        raise MlkitError(f"EventBridge refused the event: {answer['Entries'][0]}", cure="Send back the answer.")
    return f"event {answer['Entries'][0]['EventId']} was accepted"


def outcome(lab: Lab) -> str:
    """What the metrics of rule and topic count since the event. Metrics arrive minutes late; this waits for one of the rule's."""
    resources = lab.stack_resources(lab.names.pipeline_stack)
    rule = resources["FailedNotebookRule"]["PhysicalResourceId"].rpartition("|")[2]
    topic = resources["ApprovalTopic"]["PhysicalResourceId"].rpartition(":")[2]

    def counted() -> dict[str, float]:
        of_rule = {name: _sum(lab, "AWS/Events", name, "RuleName", rule) for name in _RULE_METRICS}
        return of_rule | {name: _sum(lab, "AWS/SNS", name, "TopicName", topic) for name in _TOPIC_METRICS}

    try:
        found = lab.until(
            counted, "metrics of the event", ok=lambda seen: seen["Invocations"] + seen["FailedInvocations"], minutes=10, every_s=30
        )
    except TookTooLong as error:
        return f"no metric came: {error}"
    lab.folder.save("awkward_event.json", {"event_values": AWKWARD, "metrics": found})
    verdict = "EventBridge lost the mail" if found["FailedInvocations"] else "EventBridge delivered to the topic: look for the mail"
    return f"{verdict}. " + ", ".join(f"{name} {value:g}" for name, value in found.items())


def _sum(lab: Lab, namespace: str, metric: str, dimension: str, value: str) -> float:
    since = datetime.fromisoformat(lab.folder.fact("awkward_at"))
    answer = lab.client("cloudwatch").get_metric_statistics(
        Namespace=namespace,
        MetricName=metric,
        Dimensions=[{"Name": dimension, "Value": value}],
        StartTime=since.replace(second=0, microsecond=0),
        EndTime=datetime.now(UTC) + timedelta(minutes=1),
        Period=60,
        Statistics=["Sum"],
    )
    return float(sum(point["Sum"] for point in answer["Datapoints"]))
