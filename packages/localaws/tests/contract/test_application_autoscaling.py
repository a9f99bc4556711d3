"""Application Auto Scaling records targets and policies of endpoints' variants; each answer fits botocore's model."""

import json
import uuid
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from started import allow
from tiny_algorithm import call

from localaws.application_autoscaling import ApplicationAutoScaling
from localaws.application_autoscaling.cloudformation import RESOURCE_TYPES
from localaws.kit.service import AwsError, Caller, Credentials, ResourceRequest
from localaws.kit.service_models import service_model

KIND = {"ServiceNamespace": "sagemaker", "ScalableDimension": "sagemaker:variant:DesiredInstanceCount"}
RESOURCE = "endpoint/one/variant/AllTraffic"
TRACKING = {"TargetValue": 70.0, "PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"}}


class OneEndpoint:
    """A host whose SageMaker has the endpoint `one` with the variant AllTraffic."""

    account, region = "123456789012", "us-east-1"

    def client(self, service, credentials):
        return self

    def describe_endpoint(self, EndpointName):
        return {"ProductionVariants": [{"VariantName": "AllTraffic"}]}

    @property
    def caller(self):
        keys = Credentials(access_key_id="a", secret_access_key="b")
        return Caller(arn="arn:aws:iam::123456789012:user/u", account=self.account, region=self.region, credentials=keys)


def made():
    """The service; `call` asks its host for the caller."""
    service: Any = ApplicationAutoScaling(OneEndpoint())  # type: ignore[arg-type]  # no other member is asked
    service.host = service._host
    return service


@pytest.fixture
def scaling():
    return made()


def register(scaling, **members):
    return call(scaling, "RegisterScalableTarget", **{**KIND, "ResourceId": RESOURCE, **members})


def test_a_target_with_its_policy_is_described_changed_and_survives_a_restart(scaling):
    arn = register(scaling, MinCapacity=1, MaxCapacity=2, Tags={"team": "a"})["ScalableTargetARN"]
    register(scaling, MaxCapacity=4)
    policy = {"PolicyName": "p", "PolicyType": "TargetTrackingScaling", "TargetTrackingScalingPolicyConfiguration": TRACKING}
    policy_made = call(scaling, "PutScalingPolicy", **KIND, ResourceId=RESOURCE, **policy)
    again = made()
    again.load_state(json.loads(json.dumps(scaling.get_state())))
    (target,) = call(again, "DescribeScalableTargets", ServiceNamespace="sagemaker", ResourceIds=[RESOURCE])["ScalableTargets"]
    assert (target["MinCapacity"], target["MaxCapacity"], target["ScalableTargetARN"]) == (1, 4, arn)
    assert call(again, "ListTagsForResource", ResourceARN=arn)["Tags"] == {"team": "a"}
    (found,) = call(again, "DescribeScalingPolicies", ServiceNamespace="sagemaker", PolicyNames=["p"])["ScalingPolicies"]
    assert found["PolicyARN"] == policy_made["PolicyARN"]
    assert found["TargetTrackingScalingPolicyConfiguration"] == TRACKING
    call(again, "DeleteScalingPolicy", **KIND, ResourceId=RESOURCE, PolicyName="p")
    call(again, "DeregisterScalableTarget", **KIND, ResourceId=RESOURCE)
    assert call(again, "DescribeScalableTargets", ServiceNamespace="sagemaker")["ScalableTargets"] == []


REFUSED = [
    ({"MinCapacity": 1}, "MinCapacity and MaxCapacity are required"),
    ({"MinCapacity": 3, "MaxCapacity": 2}, "Maximum capacity cannot be less"),
    ({"ResourceId": "endpoint/one", "MinCapacity": 1, "MaxCapacity": 2}, "is not of the form endpoint/NAME/variant/NAME"),
    ({"ResourceId": "endpoint/one/variant/x", "MinCapacity": 1, "MaxCapacity": 2}, "has no variant x"),
    ({"ServiceNamespace": "ecs", "MinCapacity": 1, "MaxCapacity": 2}, "ServiceNamespace 'ecs' is not honoured"),
]


@pytest.mark.parametrize(("members", "text"), REFUSED)
def test_a_target_that_cannot_be_registered_is_refused(scaling, members, text):
    with pytest.raises(AwsError, match=text) as refused:
        register(scaling, **members)
    assert refused.value.code == "ValidationException"


@pytest.mark.parametrize("operation", ["DeregisterScalableTarget", "PutScalingPolicy", "DeleteScalingPolicy"])
def test_an_unknown_target_is_not_found(scaling, operation):
    members = {} if operation == "DeregisterScalableTarget" else {"PolicyName": "p"}
    with pytest.raises(AwsError) as refused:
        call(scaling, operation, **KIND, ResourceId=RESOURCE, **members)
    assert refused.value.code == "ObjectNotFoundException"


def test_a_caller_needs_the_right_on_the_target(as_role):
    client = as_role(allow("application-autoscaling:Describe*"))("application-autoscaling")
    assert "ScalableTargets" in client.describe_scalable_targets(ServiceNamespace="sagemaker")
    name = f"endpoint/{uuid.uuid4().hex[:8]}/variant/v"
    with pytest.raises(
        client.exceptions.ClientError, match=r"RegisterScalableTarget on resource: arn:aws:application-autoscaling:.*scalable-target/"
    ):
        client.register_scalable_target(**KIND, ResourceId=name, MinCapacity=1, MaxCapacity=2)


class Client:
    """A boto3 client's part that the resource types use; it calls the service's handlers."""

    def __init__(self, scaling):
        self.meta = SimpleNamespace(service_model=service_model("application-autoscaling"))
        self._scaling = scaling

    def __getattr__(self, method):
        operation = "".join(part.title() for part in method.split("_"))

        def answer(**members):
            try:
                return call(self._scaling, operation, **members)
            except AwsError as error:
                raise ClientError({"Error": {"Code": error.code, "Message": error.message}}, operation) from error

        return answer


def test_a_template_makes_a_target_and_a_policy_that_names_it_and_removes_both(scaling):
    target, policy = (RESOURCE_TYPES[f"AWS::ApplicationAutoScaling::{name}"] for name in ("ScalableTarget", "ScalingPolicy"))

    def request(physical_id=None, **properties):
        return ResourceRequest(generated_name="n", properties=properties, client=lambda service: Client(scaling), physical_id=physical_id)

    wanted = {**KIND, "ResourceId": RESOURCE, "MinCapacity": "1", "MaxCapacity": 3, "Tags": [{"Key": "a", "Value": "b"}]}
    made_target = target.create(request(**wanted))
    assert made_target.physical_id == f"{RESOURCE}|{KIND['ScalableDimension']}|sagemaker"
    named = {"PolicyName": "p", "PolicyType": "TargetTrackingScaling", "ScalingTargetId": made_target.physical_id}
    made_policy = policy.create(request(**named, TargetTrackingScalingPolicyConfiguration={**TRACKING, "TargetValue": "70"}))
    (found,) = call(scaling, "DescribeScalingPolicies", ServiceNamespace="sagemaker")["ScalingPolicies"]
    assert (found["PolicyARN"], found["TargetTrackingScalingPolicyConfiguration"]) == (made_policy.physical_id, TRACKING)
    assert target.update is not None
    target.update(request(made_target.physical_id, **{**wanted, "MaxCapacity": 5}))
    assert call(scaling, "DescribeScalableTargets", ServiceNamespace="sagemaker")["ScalableTargets"][0]["MaxCapacity"] == 5
    for kind, made_one, members in ((policy, made_policy, named), (target, made_target, wanted)):
        for _ in range(2):  # what is gone is gone
            kind.delete(request(made_one.physical_id, **members))
    assert call(scaling, "DescribeScalableTargets", ServiceNamespace="sagemaker")["ScalableTargets"] == []
