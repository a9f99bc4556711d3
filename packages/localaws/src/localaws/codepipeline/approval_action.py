"""Manual approval: a token, a message to the topic, and then somebody's decision or the end of the time."""

import json
from typing import Any

from localaws.codepipeline.action import Job
from localaws.kit.timestamps import moment


def ask(job: Job) -> None:
    """Publish the request, once, and show its token: nobody answers what nobody could be asked. PutApprovalResult ends the action."""
    topic = job.configuration.get("NotificationArn")
    if topic is not None and not job.work.get("notified"):
        subject = f"APPROVAL NEEDED: AWS CodePipeline {job.pipeline} for action {job.action['name']}"
        job.client("sns").publish(TopicArn=topic, Subject=subject[:100], Message=json.dumps(message(job)))
    job.remember(work={**job.work, "notified": True}, token=job.work["token"])


def message(job: Job) -> dict[str, Any]:
    """What the topic's subscribers get."""
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
