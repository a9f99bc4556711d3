"""The service Application Auto Scaling: its operations with their permissions, its CloudFormation types, its state."""

import time
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from localaws.application_autoscaling.cloudformation import RESOURCE_TYPES
from localaws.application_autoscaling.scaling_records import ScalableTargets, check_kind, endpoint_of
from localaws.kit.permissions import Asked, anywhere, named, on
from localaws.kit.service import AwsError, Caller, Host, Members, Operation, Permission, pass_role
from localaws.kit.tags import changed, tags_of_request

_NAME = "application-autoscaling"
_PRINCIPAL = "application-autoscaling.amazonaws.com"


class ApplicationAutoScaling:
    """Records scalable targets and policies. The number of instances does not change: a model here needs none."""

    name = _NAME
    resource_types = RESOURCE_TYPES

    def __init__(self, host: Host) -> None:
        self._host, self._targets = host, ScalableTargets(account=host.account, region=host.region)
        self.operations: Mapping[str, Operation] = {
            **{
                name: Operation(handler=handler, permissions=self._on_target(name))
                for name, handler in (
                    ("RegisterScalableTarget", self._register),
                    ("DeregisterScalableTarget", self._deregister),
                    ("PutScalingPolicy", self._put_policy),
                    ("DeleteScalingPolicy", self._delete_policy),
                )
            },
            **{
                name: Operation(handler=handler, permissions=anywhere(f"{_NAME}:{name}"))
                for name, handler in (("DescribeScalableTargets", self._describe), ("DescribeScalingPolicies", self._describe_policies))
            },
            **{
                name: Operation(handler=handler, permissions=on(f"{_NAME}:{name}", named("ResourceARN"), tags_of=self._tags_of))
                for name, handler in (
                    ("TagResource", self._change_tags),
                    ("UntagResource", self._change_tags),
                    ("ListTagsForResource", self._list_tags),
                )
            },
        }

    def get_state(self) -> dict[str, Any]:
        return {"targets": self._targets.to_json()}

    def load_state(self, state: dict[str, Any]) -> None:
        self._targets.load_json(state.get("targets", []))

    def stop(self) -> None:
        """The service has no processes or threads."""

    def _on_target(self, action: str) -> Asked:
        def context(request: Members) -> Members:
            return {f"{_NAME}:service-namespace": request["ServiceNamespace"], f"{_NAME}:scalable-dimension": request["ScalableDimension"]}

        def passed(caller: Caller, request: Members) -> list[Permission]:
            return [pass_role(request["RoleARN"], _PRINCIPAL)] if "RoleARN" in request else []

        return on(
            f"{_NAME}:{action}",
            lambda caller, request: [self._targets.arn(request["ResourceId"])],
            tags_of=self._tags_of,
            context=context,
            tagging=f"{_NAME}:TagResource",
            passed=passed,
        )

    def _register(self, caller: Caller, request: Members) -> Members:
        check_kind(request)
        self._check_endpoint(caller, request["ResourceId"])
        with self._targets.lock:
            if self._targets.find(request["ResourceId"]) is not None and tags_of_request(request):
                raise AwsError("ValidationException", "The scalable target exists: change its tags by TagResource.")
            target = self._targets.register(request, time.time())
            target.tags |= tags_of_request(request)
        return {"ScalableTargetARN": target.arn}

    def _check_endpoint(self, caller: Caller, resource_id: str) -> None:
        """Look for the variant as the caller, who needs sagemaker:DescribeEndpoint for it on AWS too."""
        endpoint, variant = endpoint_of(resource_id)
        try:
            found = self._host.client("sagemaker", caller.credentials).describe_endpoint(EndpointName=endpoint)
        except ClientError as error:
            raise AwsError("ValidationException", f"{resource_id}: {error.response['Error']['Message']}") from error
        if variant not in [known["VariantName"] for known in found.get("ProductionVariants", [])]:
            raise AwsError("ValidationException", f"The endpoint {endpoint} has no variant {variant}.")

    def _deregister(self, caller: Caller, request: Members) -> Members:
        with self._targets.lock:
            self._targets.deregister(request["ResourceId"])
        return {}

    def _put_policy(self, caller: Caller, request: Members) -> Members:
        check_kind(request)
        if request.get("PolicyType") == "PredictiveScaling":
            raise AwsError("ValidationException", "PolicyType 'PredictiveScaling' is not honoured by the local AWS.")
        with self._targets.lock:
            return {"PolicyARN": self._targets.put_policy(request, time.time())["PolicyARN"], "Alarms": []}

    def _delete_policy(self, caller: Caller, request: Members) -> Members:
        with self._targets.lock:
            target = self._targets.find(request["ResourceId"])
            if target is None or target.policies.pop(request["PolicyName"], None) is None:
                raise AwsError("ObjectNotFoundException", f"No scaling policy found for {request['ResourceId']}: {request['PolicyName']}")
        return {}

    def _describe(self, caller: Caller, request: Members) -> Members:
        asked = request.get("ResourceIds")
        with self._targets.lock:
            chosen = [target for target in self._of_kind(request) if not asked or target.resource_id in asked]
            return {"ScalableTargets": [target.describe() for target in chosen]}

    def _describe_policies(self, caller: Caller, request: Members) -> Members:
        asked, resource = request.get("PolicyNames"), request.get("ResourceId")
        with self._targets.lock:
            chosen = [target for target in self._of_kind(request) if resource in (None, target.resource_id)]
            found = [target.describe_policy(name) for target in chosen for name in target.policies if not asked or name in asked]
            return {"ScalingPolicies": found}

    def _of_kind(self, request: Members) -> list[Any]:
        check_kind(request)
        return self._targets.all()

    def _tags_of(self, arn: str) -> Mapping[str, str]:
        return next((target.tags for target in self._targets.all() if target.arn == arn), {})

    def _change_tags(self, caller: Caller, request: Members) -> Members:
        with self._targets.lock:
            target = self._targets.by_arn(request["ResourceARN"])
            target.tags = changed(target.tags, request, refused="TooManyTagsException")
        return {}

    def _list_tags(self, caller: Caller, request: Members) -> Members:
        return {"Tags": dict(self._targets.by_arn(request["ResourceARN"]).tags)}
