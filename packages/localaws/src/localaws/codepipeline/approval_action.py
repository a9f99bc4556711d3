"""Manual approval: creates a token, notifies the topic, and waits for a decision or the time limit."""

import json
from typing import Any

from localaws.codepipeline.action import Job
from localaws.kit.timestamps import moment


def ask(job: Job) -> None:
    """Publish the request once, then record its token. PutApprovalResult ends the action.

    The order matters: an approval cannot be answered before its notification was sent.
    """
    topic = job.configuration.get("NotificationArn")
    if topic is not None and not job.work.get("notified"):
        subject = f"APPROVAL NEEDED: AWS CodePipeline {job.pipeline} for action {job.action['name']}"
        job.client("sns").publish(TopicArn=topic, Subject=subject[:100], Message=json.dumps(message(job)))
    job.remember(work={**job.work, "notified": True}, token=job.work["token"])


def message(job: Job) -> dict[str, Any]:
    """The message to the topic's subscribers."""
    console = f"https://console.aws.amazon.com/codepipeline/home?region={job.region}#/view/{job.pipeline}"
    token = job.work["token"]
    return {
        "region": job.region,
        "consoleLink": console,
        "approval": {
            "pipelineName": job.pipeline,
            "stageName": job.stage,
            "actionName": job.action["name"],
            "token": token,
            "expires": moment(job.work["expires"]).strftime("%Y-%m-%dT%H:%MZ"),
            "externalEntityLink": job.configuration.get("ExternalEntityLink"),
            "approvalReviewLink": f"{console}/{job.stage}/{job.action['name']}/approve/{token}",
            "customData": job.configuration.get("CustomData"),
        },
    }
