"""Checks of the pipeline: its stacks, the connection to the repository, the approver's subscription."""

from mlkit.aws import pipeline_source
from mlkit.doctor.account import Account
from mlkit.doctor.checking import Check
from mlkit.doctor.findings import CheckStatus, Finding, fail, ok, skipped, warn
from mlkit.doctor.stack_findings import judge_stack

_TOPIC = "ApprovalTopic"  # the template's logical id


def stack(account: Account) -> Finding:
    """The pipeline's stack and those that it imports from: the first failed one, otherwise the first with a warning."""
    stacks, pipeline = account.pipeline_stacks, account.names.pipeline_stack
    judged = [judge_stack(found, leave=account.deploy_pipeline) for found in stacks.values() if found]
    if failed := [finding for finding in judged if finding.outcome is CheckStatus.FAIL]:
        return failed[0]
    if stacks[pipeline] is None:
        return skipped(f"no stack {pipeline}", account.deploy_pipeline)
    if warned := [finding for finding in judged if finding.outcome is CheckStatus.WARN]:
        return warned[0]
    if missing := [name for name, found in stacks.items() if not found]:
        return warn(f"no stack {missing[0]}: an earlier mlkit deployed the pipeline", account.deploy_pipeline)
    return ok(f"{pipeline} and the {len(stacks) - 1} stacks that it imports from are complete")


def production(account: Account) -> Finding:
    """Whether the pipeline can deploy production: its action never replaces a stack whose creation failed, as QA's does."""
    if account.production_stack is None:
        return ok("no stack yet; the pipeline creates it after its first approval")
    undeploy = f"mlkit undeploy production --your-initials {account.names.initials} --bypass-pipeline production"
    again = "then retry the pipeline's stage Production"
    return judge_stack(account.production_stack, leave=f'`{undeploy} --reason "its creation failed"`, {again}')


def connection(account: Account) -> Finding:
    told, is_available = pipeline_source.connection_state(account.aws, _parameters(account))
    return ok(told) if is_available else fail(f"{told}: no push starts the pipeline", pipeline_source.FINISH_THE_HANDSHAKE)


def subscription(account: Account) -> Finding:
    """Whether somebody is notified of approvals. A subscription has no ARN until it is confirmed."""
    stack_name = account.names.pipeline_stack
    resource = account.aws.client("cloudformation").describe_stack_resource(StackName=stack_name, LogicalResourceId=_TOPIC)
    topic = resource["StackResourceDetail"]["PhysicalResourceId"]
    pages = account.aws.client("sns").get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic)
    found = [item for page in pages for item in page["Subscriptions"]]
    confirmed = [item["Endpoint"] for item in found if item["SubscriptionArn"].startswith("arn:")]
    waiting = [item["Endpoint"] for item in found if item["SubscriptionArn"] == "PendingConfirmation"]
    if waiting:
        told = f"{', '.join(waiting)} has not confirmed the subscription to approvals"
        return warn(told, "Click the link in the e-mail from AWS Notifications; it is valid for three days.")
    if not confirmed:
        return warn(
            "nobody is notified of approvals",
            f"Subscribe: `aws sns subscribe --protocol email --topic-arn {topic} --notification-endpoint you@example.com`",
        )
    return ok(f"{', '.join(confirmed)} is notified of approvals")


def _parameters(account: Account) -> dict[str, str]:
    found = account.pipeline_stacks[account.names.pipeline_stack]
    assert found is not None  # both checks need the stack
    return {item["ParameterKey"]: item.get("ParameterValue", "") for item in found.get("Parameters", [])}


CHECKS = (
    Check(name="pipeline stack", run=stack, needs=("identity",), optional=True),
    Check(name="production", run=production, needs=("pipeline stack",), optional=True),
    Check(name="connection", run=connection, needs=("pipeline stack",), optional=True),
    Check(name="subscription", run=subscription, needs=("pipeline stack",), optional=True),
)
