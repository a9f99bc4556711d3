import json
from dataclasses import asdict

import pytest

from localaws.kit.service import AwsError
from localaws.sagemaker.endpoint_record import Endpoint, EndpointDeployment, Variant
from localaws.sagemaker.rollout import check_policy, policy_of


def deployment(name):
    variant = Variant(name="v", image="i", model_data_url="s3://b/k", role_arn="arn:r", weight=1.0, instance_count=1)
    return EndpointDeployment(id=name, config_name=name, started=1.0, variants=[variant])


def endpoint(*, serving=None):
    made = Endpoint(name="E", arn="arn:e", created=1.0, modified=1.0, config_name=serving or "new")
    if serving:
        made.deployment, made.status = deployment(serving), "InService"
    made.begin_update(deployment("new"), None, 2.0)
    return made


def test_a_new_endpoint_has_no_traffic_before_its_model_is_loaded():
    made = endpoint()
    assert (made.status, made.live) == ("Creating", None)
    made.shift_traffic()
    assert made.live.id == "new"
    assert made.complete(3.0) is None
    assert (made.status, made.config_name, made.pending) == ("InService", "new", None)


def test_an_update_names_the_old_configuration_until_it_is_complete():
    made = endpoint(serving="old")
    assert (made.status, made.live.id) == ("Updating", "old")
    made.shift_traffic()
    assert (made.live.id, made.describe()["EndpointConfigName"]) == ("new", "old")
    assert made.describe()["PendingDeploymentSummary"]["EndpointConfigName"] == "new"
    assert made.complete(3.0).id == "old"
    assert made.describe()["EndpointConfigName"] == "new"


def test_a_rollback_gives_the_traffic_back_and_ends_in_service():
    made = endpoint(serving="old")
    made.shift_traffic()
    made.begin_rollback(3.0)
    assert (made.status, made.live.id, made.is_busy) == ("RollingBack", "old", True)
    assert made.give_up("alarm", 4.0).id == "new"
    assert (made.status, made.config_name, made.failure_reason) == ("InService", "old", "alarm")


def test_a_creation_that_is_given_up_has_failed():
    made = endpoint()
    made.give_up("no model", 3.0)
    assert (made.status, made.live, made.describe()["FailureReason"]) == ("Failed", None, "no model")


def test_the_record_survives_json():
    made = endpoint(serving="old")
    assert Endpoint.from_json(**json.loads(json.dumps(asdict(made)))) == made


def test_both_waits_are_bake_time_and_must_end_before_the_limit():
    routing = {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 60}
    blue_green = {"TrafficRoutingConfiguration": routing, "TerminationWaitInSeconds": 540, "MaximumExecutionTimeoutInSeconds": 601}
    config = {"BlueGreenUpdatePolicy": blue_green, "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "a"}]}}
    policy = policy_of(config)
    assert (policy.bake_s, policy.timeout_s, policy.alarms) == (600, 601, ("a",))
    check_policy(config)
    check_policy({})
    blue_green["MaximumExecutionTimeoutInSeconds"] = 600
    with pytest.raises(AwsError, match="must be larger than the sum"):
        check_policy(config)
