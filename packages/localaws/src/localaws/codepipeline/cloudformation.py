"""AWS::CodePipeline::Pipeline and Webhook. Each call is made with the deployment's own credentials."""

from collections.abc import Mapping
from typing import Any

from localaws.resources.making import as_bool, gone_is_fine, name_of, tag_changes, tags_as_map, undone_on_failure, words
from localaws.service import Provisioned, ResourceRequest, ResourceType

_AS_THEY_ARE = ("Configuration",)  # a map whose keys are the provider's own
_NUMBERS = ("runOrder", "timeoutInMinutes")
_PIPELINE = words("ArtifactStore ExecutionMode PipelineType RoleArn Stages Triggers Variables")
_WEBHOOK = words("TargetPipeline TargetAction Filters Authentication AuthenticationConfiguration")
_RECORDED = words("DisableInboundStageTransitions RestartExecutionOnUpdate Tags")


def declaration(name: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    """The pipeline as its API has it. Raises ValueError for a configuration value that is neither text, number nor boolean."""
    members: dict[str, Any] = _lowered({key: value for key, value in properties.items() if key in _PIPELINE})
    return {"name": name, **members}


def _lowered(value: Any) -> Any:
    if isinstance(value, Mapping):
        found = {}
        for key, item in value.items():
            name = key[:1].lower() + key[1:]
            found[name] = _configuration(item) if key in _AS_THEY_ARE else int(item) if name in _NUMBERS else _lowered(item)
        return found
    if isinstance(value, list):
        return [_lowered(item) for item in value]
    return _text(value)


def _configuration(values: Mapping[str, Any]) -> dict[str, str]:
    found = {}
    for key, value in values.items():
        if isinstance(value, Mapping | list):
            raise ValueError(f"Value of property {key} of Configuration must be of type String")  # noqa: TRY004
        found[key] = _text(value)
    return found


def _text(value: Any) -> str:
    """A template's scalar: YAML reads a version of 1 as a number."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _create_pipeline(request: ResourceRequest) -> Provisioned:
    client, properties = request.client("codepipeline"), request.properties
    name = name_of(request, properties.get("Name"), longest=100)
    tags = _tags(tags_as_map(properties.get("Tags")))
    client.create_pipeline(pipeline=declaration(name, properties), **({"tags": tags} if tags else {}))
    with undone_on_failure(lambda: client.delete_pipeline(name=name)):
        _set_transitions(request, name)
    return _pipeline(client, name)


def _update_pipeline(request: ResourceRequest) -> Provisioned:
    client, name = request.client("codepipeline"), str(request.physical_id)
    if all(request.properties.get(key) == request.old_properties.get(key) for key in _PIPELINE):
        return _update_rest(request, client, name)
    client.update_pipeline(pipeline=declaration(name, request.properties))
    with undone_on_failure(lambda: client.update_pipeline(pipeline=declaration(name, request.old_properties))):
        return _update_rest(request, client, name)


def _update_rest(request: ResourceRequest, client: Any, name: str) -> Provisioned:
    _set_transitions(request, name)
    provisioned = _pipeline(client, name)
    changed, removed = tag_changes(request)
    if removed:
        client.untag_resource(resourceArn=provisioned.attributes["Arn"], tagKeys=removed)
    if changed:
        client.tag_resource(resourceArn=provisioned.attributes["Arn"], tags=_tags(changed))
    if as_bool(request.properties.get("RestartExecutionOnUpdate", False)):
        client.start_pipeline_execution(name=name)
    return provisioned


def _set_transitions(request: ResourceRequest, name: str) -> None:
    client = request.client("codepipeline")
    old, new = (
        {entry["StageName"]: entry["Reason"] for entry in properties.get("DisableInboundStageTransitions", ())}
        for properties in (request.old_properties, request.properties)
    )
    for stage in sorted(old.keys() - new.keys()):
        client.enable_stage_transition(pipelineName=name, stageName=stage, transitionType="Inbound")
    for stage, reason in new.items():
        if old.get(stage) != reason:
            client.disable_stage_transition(pipelineName=name, stageName=stage, transitionType="Inbound", reason=reason)


def _pipeline(client: Any, name: str) -> Provisioned:
    found = client.get_pipeline(name=name)
    attributes = {"Version": str(found["pipeline"]["version"]), "Arn": found["metadata"]["pipelineArn"]}
    return Provisioned(physical_id=name, attributes=attributes)


def _delete_pipeline(request: ResourceRequest) -> None:
    request.client("codepipeline").delete_pipeline(name=request.physical_id)


def _put_webhook(request: ResourceRequest) -> Provisioned:
    client, properties = request.client("codepipeline"), request.properties
    name = name_of(request, properties.get("Name"), longest=100)
    webhook = {
        "name": name,
        "targetPipeline": properties["TargetPipeline"],
        "targetAction": properties["TargetAction"],
        "filters": _lowered(properties["Filters"]),
        "authentication": properties["Authentication"],
        "authenticationConfiguration": dict(properties["AuthenticationConfiguration"]),
    }
    tags = _tags(tags_as_map(properties.get("Tags")))
    url = client.put_webhook(webhook=webhook, **({"tags": tags} if tags else {}))["webhook"]["url"]
    if as_bool(properties.get("RegisterWithThirdParty", False)):
        client.register_webhook_with_third_party(webhookName=name)
    return Provisioned(physical_id=name, attributes={"Url": url, "Id": name})


def _delete_webhook(request: ResourceRequest) -> None:
    client, name = request.client("codepipeline"), request.physical_id
    with gone_is_fine("WebhookNotFoundException"):
        if as_bool(request.properties.get("RegisterWithThirdParty", False)):
            client.deregister_webhook_with_third_party(webhookName=name)
    client.delete_webhook(name=name)


def _tags(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in tags.items()]


RESOURCE_TYPES: Mapping[str, ResourceType] = {
    "AWS::CodePipeline::Pipeline": ResourceType(
        properties=_PIPELINE | _RECORDED | {"Name"},
        replacing=words("Name"),
        create=_create_pipeline,
        update=_update_pipeline,
        delete=_delete_pipeline,
    ),
    "AWS::CodePipeline::Webhook": ResourceType(
        properties=_WEBHOOK | words("Name RegisterWithThirdParty TargetPipelineVersion Tags"),
        replacing=words("Name"),
        create=_put_webhook,
        update=_put_webhook,
        delete=_delete_webhook,
    ),
}
