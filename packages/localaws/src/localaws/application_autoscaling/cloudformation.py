"""AWS::ApplicationAutoScaling::ScalableTarget and ScalingPolicy. Each call is made with the deployment's own credentials."""

from collections.abc import Mapping
from typing import Any

from localaws.kit.properties import as_api, gone_is_fine, input_shape, retag, words
from localaws.kit.service import Provisioned, ResourceRequest, ResourceType
from localaws.kit.tags import tags_in

_TARGET = ("ServiceNamespace", "ResourceId", "ScalableDimension")


def _call(request: ResourceRequest, operation: str, method: str, members: Mapping[str, Any]) -> Any:
    client = request.client("application-autoscaling")
    shape = input_shape(client, operation)
    return getattr(client, method)(**as_api(shape, {name: value for name, value in members.items() if name in shape.members}))


def _target_of(physical_id: object) -> dict[str, str]:
    """The target's members from its Ref, `RESOURCE|DIMENSION|NAMESPACE`."""
    resource, dimension, namespace = str(physical_id).split("|")
    return dict(zip(_TARGET, (namespace, resource, dimension), strict=True))


def _register(request: ResourceRequest) -> Provisioned:
    members = {**request.properties, "Tags": tags_in(request.properties.get("Tags"))}
    if request.physical_id or not members["Tags"]:
        del members["Tags"]  # an update changes tags by calls of their own
    answer = _call(request, "RegisterScalableTarget", "register_scalable_target", members)
    namespace, resource, dimension = (str(request.properties[name]) for name in _TARGET)
    name = f"{resource}|{dimension}|{namespace}"
    return Provisioned(physical_id=name, attributes={"Id": name, "arn": answer["ScalableTargetARN"]})


def _update_target(request: ResourceRequest) -> Provisioned:
    found, client = _register(request), request.client("application-autoscaling")
    arn = found.attributes["arn"]
    retag(
        request,
        tag=lambda tags: client.tag_resource(ResourceARN=arn, Tags=tags),
        untag=lambda keys: client.untag_resource(ResourceARN=arn, TagKeys=keys),
    )
    return found


def _deregister(request: ResourceRequest) -> None:
    with gone_is_fine("ObjectNotFoundException"):
        _call(request, "DeregisterScalableTarget", "deregister_scalable_target", _target_of(request.physical_id))


def _put_policy(request: ResourceRequest) -> Provisioned:
    arn = str(_call(request, "PutScalingPolicy", "put_scaling_policy", _policy_members(request))["PolicyARN"])
    return Provisioned(physical_id=arn, attributes={"Arn": arn})


def _delete_policy(request: ResourceRequest) -> None:
    with gone_is_fine("ObjectNotFoundException"):
        _call(request, "DeleteScalingPolicy", "delete_scaling_policy", _policy_members(request))


def _policy_members(request: ResourceRequest) -> dict[str, Any]:
    """The policy names its target by ScalingTargetId, or by the three members of its own."""
    named = request.properties.get("ScalingTargetId")
    return {**request.properties, **(_target_of(named) if named else {})}


_POLICY = words("PolicyName ScalingTargetId ServiceNamespace ResourceId ScalableDimension")

RESOURCE_TYPES: Mapping[str, ResourceType] = {
    "AWS::ApplicationAutoScaling::ScalableTarget": ResourceType(
        properties=words("MinCapacity MaxCapacity RoleARN SuspendedState Tags") | set(_TARGET),
        replacing=frozenset(_TARGET),
        create=_register,
        update=_update_target,
        delete=_deregister,
    ),
    "AWS::ApplicationAutoScaling::ScalingPolicy": ResourceType(
        properties=_POLICY | words("PolicyType StepScalingPolicyConfiguration TargetTrackingScalingPolicyConfiguration"),
        replacing=_POLICY,
        create=_put_policy,
        update=_put_policy,
        delete=_delete_policy,
    ),
}
