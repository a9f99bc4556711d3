"""AWS::SNS::Topic, Subscription and TopicPolicy, AWS::Logs::LogGroup, AWS::Events::Rule, AWS::CloudWatch::Alarm."""

from collections.abc import Mapping
from typing import Any

from localaws.kit.properties import as_api, as_json, changed, gone_is_fine, input_shape, name_of, picked, retag, undone_on_failure, words
from localaws.kit.service import Provisioned, ResourceRequest, ResourceType
from localaws.kit.tags import as_list, tags_in

_TOPIC_SETTINGS = ("DisplayName", "KmsMasterKeyId")
_SUBSCRIPTION_SETTINGS = ("FilterPolicy", "FilterPolicyScope", "RawMessageDelivery")
_ALARM = words(
    "ActionsEnabled AlarmActions AlarmDescription ComparisonOperator DatapointsToAlarm Dimensions EvaluationPeriods ExtendedStatistic "
    "InsufficientDataActions MetricName Namespace OKActions Period Statistic Threshold TreatMissingData Unit"
)


def _create_topic(request: ResourceRequest) -> Provisioned:
    sns, properties = request.client("sns"), request.properties
    name = name_of(request, properties.get("TopicName"), longest=256)
    tags = as_list(tags_in(properties.get("Tags")))
    arn = sns.create_topic(Name=name, Attributes=picked(properties, *_TOPIC_SETTINGS), Tags=tags)["TopicArn"]
    with undone_on_failure(lambda: sns.delete_topic(TopicArn=arn)):
        for subscription in properties.get("Subscription", ()):
            sns.subscribe(TopicArn=arn, Protocol=subscription["Protocol"], Endpoint=subscription["Endpoint"])
    return _topic(arn)


def _update_topic(request: ResourceRequest) -> Provisioned:
    sns, properties, arn = request.client("sns"), request.properties, str(request.physical_id)
    for name in _TOPIC_SETTINGS:
        if changed(request, name):
            sns.set_topic_attributes(TopicArn=arn, AttributeName=name, AttributeValue=properties.get(name, ""))
    old, new = ({(s["Protocol"], s["Endpoint"]) for s in p.get("Subscription", ())} for p in (request.old_properties, properties))
    for protocol, endpoint in sorted(new - old):
        sns.subscribe(TopicArn=arn, Protocol=protocol, Endpoint=endpoint)
    for known in sns.list_subscriptions_by_topic(TopicArn=arn)["Subscriptions"] if old - new else ():
        if (known["Protocol"], known["Endpoint"]) in old - new and known["SubscriptionArn"].startswith("arn:"):
            sns.unsubscribe(SubscriptionArn=known["SubscriptionArn"])
    retag(
        request,
        tag=lambda tags: sns.tag_resource(ResourceArn=arn, Tags=as_list(tags)),
        untag=lambda keys: sns.untag_resource(ResourceArn=arn, TagKeys=keys),
    )
    return _topic(arn)


def _topic(arn: str) -> Provisioned:
    return Provisioned(physical_id=arn, attributes={"TopicArn": arn, "TopicName": arn.rpartition(":")[2]})


def _delete_topic(request: ResourceRequest) -> None:
    with gone_is_fine("NotFound", "NotFoundException"):
        request.client("sns").delete_topic(TopicArn=request.physical_id)


def _create_subscription(request: ResourceRequest) -> Provisioned:
    properties = request.properties
    arn = request.client("sns").subscribe(
        TopicArn=properties["TopicArn"],
        Protocol=properties["Protocol"],
        Attributes={name: _as_text(properties[name]) for name in _SUBSCRIPTION_SETTINGS if name in properties},
        ReturnSubscriptionArn=True,
        **picked(properties, "Endpoint"),
    )["SubscriptionArn"]
    return Provisioned(physical_id=arn, attributes={"Arn": arn})


def _update_subscription(request: ResourceRequest) -> Provisioned:
    arn = str(request.physical_id)
    for name in _SUBSCRIPTION_SETTINGS:
        if changed(request, name):
            value = _as_text(request.properties.get(name, "false" if name == "RawMessageDelivery" else ""))
            request.client("sns").set_subscription_attributes(SubscriptionArn=arn, AttributeName=name, AttributeValue=value)
    return Provisioned(physical_id=arn, attributes={"Arn": arn})


def _as_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else as_json(value)


def _delete_subscription(request: ResourceRequest) -> None:
    with gone_is_fine("NotFound", "NotFoundException"):
        request.client("sns").unsubscribe(SubscriptionArn=request.physical_id)


def _put_topic_policy(request: ResourceRequest) -> Provisioned:
    for topic in request.properties["Topics"]:
        document = as_json(request.properties["PolicyDocument"])
        request.client("sns").set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=document)
    identifier = request.physical_id or request.generated_name
    return Provisioned(physical_id=identifier, attributes={"Id": identifier})


def _delete_topic_policy(request: ResourceRequest) -> None:
    """Restore the default policy of a new topic, which allows only the owner's account."""
    for topic in request.properties["Topics"]:
        owner = {"StringEquals": {"AWS:SourceOwner": topic.split(":")[4]}}
        actions = [f"SNS:{name}" for name in ("Publish", "Subscribe", "GetTopicAttributes", "SetTopicAttributes", "DeleteTopic")]
        statement = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": actions, "Resource": topic, "Condition": owner}
        document = as_json({"Version": "2008-10-17", "Statement": [statement]})
        with gone_is_fine("NotFound", "NotFoundException"):
            request.client("sns").set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=document)


def _create_log_group(request: ResourceRequest) -> Provisioned:
    logs, properties = request.client("logs"), request.properties
    name = name_of(request, properties.get("LogGroupName"), longest=512)
    more = {"kmsKeyId": properties["KmsKeyId"]} if "KmsKeyId" in properties else {}
    if tags := tags_in(properties.get("Tags")):
        more["tags"] = tags
    logs.create_log_group(logGroupName=name, **more)
    with undone_on_failure(lambda: logs.delete_log_group(logGroupName=name)):
        _retain(logs, name, request)
    return _log_group(logs, name)


def _retain(logs: Any, name: str, request: ResourceRequest) -> None:
    if changed(request, "RetentionInDays"):
        if days := request.properties.get("RetentionInDays"):
            logs.put_retention_policy(logGroupName=name, retentionInDays=int(days))
        else:
            logs.delete_retention_policy(logGroupName=name)


def _update_log_group(request: ResourceRequest) -> Provisioned:
    logs, name = request.client("logs"), str(request.physical_id)
    _retain(logs, name, request)
    if changed(request, "KmsKeyId"):
        if key := request.properties.get("KmsKeyId"):
            logs.associate_kms_key(logGroupName=name, kmsKeyId=key)
        else:
            logs.disassociate_kms_key(logGroupName=name)
    made = _log_group(logs, name)
    arn = made.attributes["Arn"].removesuffix(":*")
    retag(
        request,
        tag=lambda tags: logs.tag_resource(resourceArn=arn, tags=tags),
        untag=lambda keys: logs.untag_resource(resourceArn=arn, tagKeys=keys),
    )
    return made


def _log_group(logs: Any, name: str) -> Provisioned:
    groups = logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    return Provisioned(physical_id=name, attributes={"Arn": next(group["arn"] for group in groups if group["logGroupName"] == name)})


def _delete_log_group(request: ResourceRequest) -> None:
    with gone_is_fine("ResourceNotFoundException"):
        request.client("logs").delete_log_group(logGroupName=request.physical_id)


def _put_rule(request: ResourceRequest) -> Provisioned:
    events, properties = request.client("events"), request.properties
    name = name_of(request, properties.get("Name"), longest=64)
    more = picked(properties, "Description", "ScheduleExpression", "State", "RoleArn")
    if "EventPattern" in properties:
        more["EventPattern"] = as_json(properties["EventPattern"])
    arn = events.put_rule(Name=name, **more)["RuleArn"]
    with undone_on_failure(lambda: _remove_rule(events, name, properties) if request.physical_id is None else None):
        old, new = (p.get("Targets", ()) for p in (request.old_properties, properties))
        if gone := {target["Id"] for target in old} - {target["Id"] for target in new}:
            events.remove_targets(Rule=name, Ids=sorted(gone))
        if new:
            _put_targets(events, name, new)
    return Provisioned(physical_id=name, attributes={"Arn": arn})


def _put_targets(events: Any, name: str, targets: Any) -> None:
    failed = events.put_targets(Rule=name, Targets=list(targets))["FailedEntries"]
    if failed:
        raise ValueError(f"Targets of {name}: {failed[0].get('ErrorMessage', failed)}")


def _remove_rule(events: Any, name: str, properties: Mapping[str, Any]) -> None:
    with gone_is_fine("ResourceNotFoundException"):
        if targets := [target["Id"] for target in properties.get("Targets", ())]:
            events.remove_targets(Rule=name, Ids=targets)
        events.delete_rule(Name=name)


def _delete_rule(request: ResourceRequest) -> None:
    _remove_rule(request.client("events"), str(request.physical_id), request.properties)


def _put_alarm(request: ResourceRequest) -> Provisioned:
    cloudwatch, properties = request.client("cloudwatch"), request.properties
    name = name_of(request, properties.get("AlarmName"), longest=255)
    alarm = as_api(input_shape(cloudwatch, "PutMetricAlarm"), picked(properties, *_ALARM))
    if request.physical_id is None and (tags := tags_in(properties.get("Tags"))):
        alarm["Tags"] = as_list(tags)
    cloudwatch.put_metric_alarm(AlarmName=name, **alarm)
    arn = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]["AlarmArn"]
    if request.physical_id is not None:
        retag(
            request,
            tag=lambda tags: cloudwatch.tag_resource(ResourceARN=arn, Tags=as_list(tags)),
            untag=lambda keys: cloudwatch.untag_resource(ResourceARN=arn, TagKeys=keys),
        )
    return Provisioned(physical_id=name, attributes={"Arn": arn})


def _delete_alarm(request: ResourceRequest) -> None:
    request.client("cloudwatch").delete_alarms(AlarmNames=[request.physical_id])


def _type(properties: str, replacing: str, create: Any, update: Any, delete: Any) -> ResourceType:
    return ResourceType(properties=words(properties), replacing=words(replacing), create=create, update=update, delete=delete)


RESOURCE_TYPES: Mapping[str, ResourceType] = {
    "AWS::SNS::Topic": _type(
        "TopicName DisplayName KmsMasterKeyId Subscription Tags", "TopicName", _create_topic, _update_topic, _delete_topic
    ),
    "AWS::SNS::Subscription": _type(
        f"TopicArn Protocol Endpoint {' '.join(_SUBSCRIPTION_SETTINGS)}",
        "TopicArn Protocol Endpoint",
        _create_subscription,
        _update_subscription,
        _delete_subscription,
    ),
    "AWS::SNS::TopicPolicy": _type("PolicyDocument Topics", "", _put_topic_policy, _put_topic_policy, _delete_topic_policy),
    "AWS::Logs::LogGroup": _type(
        "LogGroupName RetentionInDays KmsKeyId Tags", "LogGroupName", _create_log_group, _update_log_group, _delete_log_group
    ),
    "AWS::Events::Rule": _type(
        "Name Description EventPattern ScheduleExpression State RoleArn Targets", "Name", _put_rule, _put_rule, _delete_rule
    ),
    "AWS::CloudWatch::Alarm": _type(f"AlarmName Tags {' '.join(sorted(_ALARM))}", "AlarmName", _put_alarm, _put_alarm, _delete_alarm),
}
