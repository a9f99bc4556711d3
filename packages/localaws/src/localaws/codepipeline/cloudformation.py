"""AWS::CodePipeline::Pipeline and Webhook. Each call is made with the deployment's own credentials."""

from collections.abc import Mapping
from typing import Any

from localaws.kit.properties import as_api, as_bool, gone_is_fine, input_shape, name_of, retag, undone_on_failure, words
from localaws.kit.service import Provisioned, ResourceRequest, ResourceType
from localaws.kit.tags import as_list, tags_in

_PIPELINE = words("ArtifactStore ExecutionMode PipelineType RoleArn Stages Triggers Variables")
_WEBHOOK = words("TargetPipeline TargetAction Filters Authentication AuthenticationConfiguration")
_RECORDED = words("DisableInboundStageTransitions RestartExecutionOnUpdate Tags")


def _declaration(client: Any, name: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    """The pipeline in the API's form. Raises ValueError for a configuration value that is not text, a number or a boolean."""
    shape = input_shape(client, "CreatePipeline").members["pipeline"]
    return {"name": name, **as_api(shape, {key: value for key, value in properties.items() if key in _PIPELINE})}


def _create_pipeline(request: ResourceRequest) -> Provisioned:
    client, properties = request.client("codepipeline"), request.properties
    name = name_of(request, properties.get("Name"), longest=100)
    tags = as_list(tags_in(properties.get("Tags")), lower=True)
    client.create_pipeline(pipeline=_declaration(client, name, properties), **({"tags": tags} if tags else {}))
    with undone_on_failure(lambda: client.delete_pipeline(name=name)):
        _set_transitions(request, name)
    return _pipeline(client, name)


def _update_pipeline(request: ResourceRequest) -> Provisioned:
    client, name = request.client("codepipeline"), str(request.physical_id)
    if all(request.properties.get(key) == request.old_properties.get(key) for key in _PIPELINE):
        return _update_rest(request, client, name)
    client.update_pipeline(pipeline=_declaration(client, name, request.properties))
    with undone_on_failure(lambda: client.update_pipeline(pipeline=_declaration(client, name, request.old_properties))):
        return _update_rest(request, client, name)


def _update_rest(request: ResourceRequest, client: Any, name: str) -> Provisioned:
    _set_transitions(request, name)
    provisioned = _pipeline(client, name)
    arn = provisioned.attributes["Arn"]
    retag(
        request,
        tag=lambda tags: client.tag_resource(resourceArn=arn, tags=as_list(tags, lower=True)),
        untag=lambda keys: client.untag_resource(resourceArn=arn, tagKeys=keys),
    )
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
    shape = input_shape(client, "PutWebhook").members["webhook"]
    webhook = {"name": name, **as_api(shape, {key: value for key, value in properties.items() if key in _WEBHOOK})}
    tags = as_list(tags_in(properties.get("Tags")), lower=True)
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
