"""Models, endpoint configurations, endpoints and invocations, with an algorithm of a few lines."""

import io
import json
import random
import tarfile
import threading
import uuid
from typing import Any

import pytest
from started import allow
from tiny_algorithm import IMAGE, ServedHost, TinyAlgorithm, call, wait_while
from waiting import wait_until

from localaws.kit.service import AwsError
from localaws.sagemaker import SageMaker, SageMakerRuntime

BUSY = ("Creating", "Updating", "RollingBack")


@pytest.fixture
def role(make_role, bucket):
    return make_role(allow("s3:GetObject", f"arn:aws:s3:::{bucket}/*"), allow("cloudwatch:DescribeAlarms"), allow("logs:*"))


@pytest.fixture
def sagemaker(local_aws, tmp_path):
    service = SageMaker(ServedHost(local_aws, tmp_path / "home"), [TinyAlgorithm()])
    yield service
    service.stop()


@pytest.fixture
def runtime(sagemaker):
    return SageMakerRuntime(sagemaker, chance=random.Random(7))


@pytest.fixture
def make_model(sagemaker, aws, bucket, role):
    """`make_model(2.0)` is the name of a new model whose mean is 2."""

    def make(mean, *, body=None):
        name = f"model-{uuid.uuid4().hex[:8]}"
        put_model(aws, bucket, name, mean, body)
        container = {"Image": IMAGE, "ModelDataUrl": f"s3://{bucket}/{name}.tar.gz"}
        call(sagemaker, "CreateModel", ModelName=name, PrimaryContainer=container, ExecutionRoleArn=role)
        return name

    return make


@pytest.fixture
def make_config(sagemaker, make_model):
    """`make_config(2.0, 5.0)` is the name of a new configuration with the variants v0 and v1."""

    def make(*means, weights=None, bodies=(None, None)):
        name = f"config-{uuid.uuid4().hex[:8]}"
        variants = [
            {
                "VariantName": f"v{index}",
                "ModelName": make_model(mean, body=bodies[index]),
                "InitialInstanceCount": 1,
                "InstanceType": "ml.t2.medium",
                "InitialVariantWeight": (weights or [1.0] * len(means))[index],
            }
            for index, mean in enumerate(means)
        ]
        call(sagemaker, "CreateEndpointConfig", EndpointConfigName=name, ProductionVariants=variants)
        return name

    return make


@pytest.fixture
def make_endpoint(sagemaker, make_config):
    def make(*means, name=None, **options):
        name = name or f"Endpoint-{uuid.uuid4().hex[:8]}"
        call(sagemaker, "CreateEndpoint", EndpointName=name, EndpointConfigName=make_config(*means, **options))
        return settled(sagemaker, name)

    return make


def put_model(aws, bucket, name, mean, body=None):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        data = json.dumps({"mean": mean}).encode()
        entry = tarfile.TarInfo("mean.json")
        entry.size = len(data)
        tar.addfile(entry, io.BytesIO(data))
    aws("s3").put_object(Bucket=bucket, Key=f"{name}.tar.gz", Body=packed.getvalue() if body is None else body)


def settled(sagemaker, name):
    return wait_while(sagemaker, "DescribeEndpoint", "EndpointStatus", BUSY, EndpointName=name)


def ask(runtime, endpoint, number="1", **members):
    members = {"ContentType": "text/plain", **members}
    answer = call(runtime, "InvokeEndpoint", EndpointName=endpoint, Body=number.encode(), **members)
    return answer["Body"].decode(), answer["InvokedProductionVariant"]


def test_an_endpoint_answers_with_the_model_of_its_configuration(sagemaker, runtime, make_endpoint):
    endpoint = make_endpoint(2.0)
    assert endpoint["EndpointStatus"] == "InService"
    assert endpoint["ProductionVariants"][0]["DeployedImages"] == [{"SpecifiedImage": IMAGE}]
    assert ask(runtime, endpoint["EndpointName"], "21") == ("42.0", "v0")
    assert ask(runtime, endpoint["EndpointName"].lower(), "21") == ("42.0", "v0")


def test_variants_share_the_traffic_by_weight_and_a_caller_may_name_one(sagemaker, runtime, make_endpoint):
    name = make_endpoint(2.0, 5.0, weights=[1.0, 3.0])["EndpointName"]
    answers = [ask(runtime, name)[1] for _ in range(400)]
    assert 0.68 < answers.count("v1") / 400 < 0.82
    assert ask(runtime, name, TargetVariant="v0") == ("2.0", "v0")
    with pytest.raises(AwsError, match="Variant v9 not found for Request"):
        ask(runtime, name, TargetVariant="v9")
    weights = [{"VariantName": "v0", "DesiredWeight": 1.0}, {"VariantName": "v1", "DesiredWeight": 0.0}]
    call(sagemaker, "UpdateEndpointWeightsAndCapacities", EndpointName=name, DesiredWeightsAndCapacities=weights)
    assert {ask(runtime, name)[1] for _ in range(20)} == {"v0"}
    unknown = [{"VariantName": "v9", "DesiredWeight": 1.0}]
    with pytest.raises(AwsError, match="is/are not present within endpoint configuration"):
        call(sagemaker, "UpdateEndpointWeightsAndCapacities", EndpointName=name, DesiredWeightsAndCapacities=unknown)


def test_a_refusal_of_the_algorithm_is_a_logged_model_error_with_the_original_text(sagemaker, runtime, aws, make_endpoint):
    name = make_endpoint(2.0)["EndpointName"]
    with pytest.raises(AwsError) as error:
        ask(runtime, name, ContentType="image/png")
    assert (error.value.code, error.value.status) == ("ModelError", 424)
    assert error.value.members["OriginalStatusCode"] == 415
    assert error.value.members["OriginalMessage"] == "content type 'image/png' is unknown"
    assert error.value.message.startswith("Received client error (415) from primary with message")
    with pytest.raises(AwsError) as error:
        ask(runtime, name, "no number")
    assert error.value.members["OriginalStatusCode"] == 500
    events = aws("logs").filter_log_events(logGroupName=f"/aws/sagemaker/Endpoints/{name}")["events"]
    assert any("image/png" in event["message"] for event in events)


def test_invocations_are_counted_by_variant_and_by_its_configuration(sagemaker, runtime, make_endpoint, make_config):
    name, new = make_endpoint(2.0)["EndpointName"], make_config(3.0)
    old = sagemaker.endpoints.table.find(name).live.config_name
    ask(runtime, name)
    with pytest.raises(AwsError):
        ask(runtime, name, ContentType="image/png")
    call(sagemaker, "UpdateEndpoint", EndpointName=name, EndpointConfigName=new)
    settled(sagemaker, name)
    with pytest.raises(AwsError):
        ask(runtime, name, "no number")

    def total(metric, config):
        wanted = {"EndpointName": name, "VariantName": "v0", **({"EndpointConfigName": config} if config else {})}
        put = [item for item in sagemaker.host.metrics if item[:2] == ("AWS/SageMaker", metric)]
        return sum(value for *_, value, sets in put if wanted in sets)

    counted = ("Invocations", "Invocation4XXErrors", "Invocation5XXErrors")
    assert [[total(metric, config) for metric in counted] for config in (None, old, new)] == [[3, 1, 1], [2, 1, 0], [1, 0, 1]]


def test_an_unknown_endpoint_is_a_validation_error(sagemaker, runtime):
    with pytest.raises(AwsError) as error:
        ask(runtime, "nobody")
    assert (error.value.code, error.value.message) == ("ValidationError", "Endpoint nobody of account 123456789012 not found.")


def test_an_update_answers_every_request_and_ends_with_the_new_model(sagemaker, runtime, make_endpoint, make_config):
    endpoint, config = make_endpoint(2.0), make_config(5.0)
    name, answers, done = endpoint["EndpointName"], [], threading.Event()

    def keep_asking():
        while not done.is_set():
            answers.append(ask(runtime, name)[0])

    thread = threading.Thread(target=keep_asking)
    thread.start()
    policy = {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}}}
    call(sagemaker, "UpdateEndpoint", EndpointName=name, EndpointConfigName=config, DeploymentConfig=policy)
    updated = settled(sagemaker, name)
    after = ask(runtime, name)[0]
    done.set()
    thread.join()
    assert (updated["EndpointConfigName"], updated["EndpointStatus"], after) == (config, "InService", "5.0")
    assert set(answers) <= {"2.0", "5.0"}
    assert answers == sorted(answers)
    assert updated["LastDeploymentConfig"] == policy


def test_a_new_model_that_cannot_be_loaded_leaves_the_endpoint_on_the_old_configuration(sagemaker, runtime, make_endpoint, make_config):
    endpoint = make_endpoint(2.0)
    name = endpoint["EndpointName"]
    call(sagemaker, "UpdateEndpoint", EndpointName=name, EndpointConfigName=make_config(5.0, bodies=[b"no archive"]))
    after = settled(sagemaker, name)
    assert (after["EndpointStatus"], after["EndpointConfigName"]) == ("InService", endpoint["EndpointConfigName"])
    assert "is a valid tar.gz archive" in after["FailureReason"]
    assert ask(runtime, name)[0] == "2.0"


@pytest.fixture
def alarm(aws):
    name = f"alarm-{uuid.uuid4().hex[:8]}"
    aws("cloudwatch").put_metric_alarm(
        AlarmName=name,
        Namespace="test",
        MetricName="errors",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
    )
    aws("cloudwatch").set_alarm_state(AlarmName=name, StateValue="OK", StateReason="test")
    return name


def guarded(alarm, wait_s):
    routing = {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": wait_s}
    return {
        "BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing, "MaximumExecutionTimeoutInSeconds": 600},
        "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": alarm}]},
    }


def test_an_alarm_during_the_bake_brings_the_old_model_back(sagemaker, runtime, aws, alarm, make_endpoint, make_config):
    endpoint = make_endpoint(2.0)
    name = endpoint["EndpointName"]
    call(sagemaker, "UpdateEndpoint", EndpointName=name, EndpointConfigName=make_config(5.0), DeploymentConfig=guarded(alarm, 300))
    wait_until(lambda: ask(runtime, name)[0], "the new model answers", ok=lambda answer: answer == "5.0")
    during = call(sagemaker, "DescribeEndpoint", EndpointName=name)
    assert during["EndpointStatus"] == "Updating"
    assert during["EndpointConfigName"] == endpoint["EndpointConfigName"]
    with pytest.raises(AwsError, match="Cannot update in-progress endpoint"):
        call(sagemaker, "DeleteEndpoint", EndpointName=name)
    aws("cloudwatch").set_alarm_state(AlarmName=alarm, StateValue="ALARM", StateReason="test")
    after = settled(sagemaker, name)
    assert (after["EndpointStatus"], after["EndpointConfigName"]) == ("InService", endpoint["EndpointConfigName"])
    assert alarm in after["FailureReason"]
    assert ask(runtime, name)[0] == "2.0"


def test_an_alarm_that_does_not_exist_stops_the_update(sagemaker, runtime, make_endpoint, make_config):
    name = make_endpoint(2.0)["EndpointName"]
    call(sagemaker, "UpdateEndpoint", EndpointName=name, EndpointConfigName=make_config(5.0), DeploymentConfig=guarded("nothing", 0))
    assert "['nothing'] do not exist" in settled(sagemaker, name)["FailureReason"]
    assert ask(runtime, name)[0] == "2.0"


def test_an_endpoint_whose_model_is_gone_has_failed_and_can_only_be_deleted(sagemaker, runtime, aws, bucket, make_config):
    config = make_config(2.0)
    model = call(sagemaker, "DescribeEndpointConfig", EndpointConfigName=config)["ProductionVariants"][0]["ModelName"]
    aws("s3").delete_object(Bucket=bucket, Key=f"{model}.tar.gz")
    call(sagemaker, "CreateEndpoint", EndpointName="gone", EndpointConfigName=config)
    failed = settled(sagemaker, "gone")
    assert failed["EndpointStatus"] == "Failed"
    assert failed["FailureReason"].startswith('Failed to download model data for container "container_1" from URL: "s3://')
    with pytest.raises(AwsError, match="Endpoint gone of account"):
        ask(runtime, "gone")
    with pytest.raises(AwsError, match="Cannot update failed endpoint"):
        call(sagemaker, "UpdateEndpoint", EndpointName="gone", EndpointConfigName=config)
    call(sagemaker, "DeleteEndpoint", EndpointName="gone")
    with pytest.raises(AwsError, match='Could not find endpoint "arn:aws:sagemaker:us-east-1:123456789012:endpoint/gone"'):
        call(sagemaker, "DescribeEndpoint", EndpointName="gone")


def test_after_a_restart_an_endpoint_answers_even_if_model_and_configuration_are_gone(
    sagemaker, runtime, local_aws, aws, bucket, make_endpoint, tmp_path
):
    endpoint = make_endpoint(2.0)
    config = endpoint["EndpointConfigName"]
    model = call(sagemaker, "DescribeEndpointConfig", EndpointConfigName=config)["ProductionVariants"][0]["ModelName"]
    call(sagemaker, "DeleteEndpointConfig", EndpointConfigName=config)
    call(sagemaker, "DeleteModel", ModelName=model)
    aws("s3").delete_object(Bucket=bucket, Key=f"{model}.tar.gz")
    again = SageMaker(ServedHost(local_aws, tmp_path / "home"), [TinyAlgorithm()])
    again.load_state(json.loads(json.dumps(sagemaker.get_state())))
    assert call(again, "DescribeEndpoint", EndpointName=endpoint["EndpointName"]) == endpoint
    assert ask(SageMakerRuntime(again), endpoint["EndpointName"])[0] == "2.0"
    again.stop()


def test_an_update_that_a_restart_interrupts_leaves_the_old_model_in_service(
    sagemaker, runtime, local_aws, alarm, make_endpoint, make_config, tmp_path
):
    endpoint = make_endpoint(2.0)
    name = endpoint["EndpointName"]
    call(sagemaker, "UpdateEndpoint", EndpointName=name, EndpointConfigName=make_config(5.0), DeploymentConfig=guarded(alarm, 300))
    wait_until(lambda: ask(runtime, name)[0], "the new model answers", ok=lambda answer: answer == "5.0")
    state = json.loads(json.dumps(sagemaker.get_state()))
    sagemaker.stop()
    again = SageMaker(ServedHost(local_aws, tmp_path / "home"), [TinyAlgorithm()])
    again.load_state(state)
    after = call(again, "DescribeEndpoint", EndpointName=name)
    assert (after["EndpointStatus"], after["EndpointConfigName"]) == ("InService", endpoint["EndpointConfigName"])
    assert after["FailureReason"].startswith("InternalServerError")
    assert ask(SageMakerRuntime(again), name)[0] == "2.0"
    assert len(list((tmp_path / "home/sagemaker/endpoints").iterdir())) == 1
    again.stop()


def test_names_that_exist_and_names_that_do_not_are_said_in_awss_words(sagemaker, make_endpoint, make_config, role, bucket):
    name = make_endpoint(2.0)["EndpointName"]
    config = make_config(2.0)
    arn = "arn:aws:sagemaker:us-east-1:123456789012"
    with pytest.raises(AwsError, match=f'Cannot create already existing endpoint "{arn}:endpoint/{name.lower()}".'):
        call(sagemaker, "CreateEndpoint", EndpointName=name.upper(), EndpointConfigName=config)
    variants = call(sagemaker, "DescribeEndpointConfig", EndpointConfigName=config)["ProductionVariants"]
    with pytest.raises(AwsError, match=f'Cannot create already existing endpoint configuration "{arn}:endpoint-config/{config}".'):
        call(sagemaker, "CreateEndpointConfig", EndpointConfigName=config, ProductionVariants=variants)
    unknown = [{**variants[0], "ModelName": "No-Model"}]
    with pytest.raises(AwsError, match=f'Could not find model "{arn}:model/no-model".'):
        call(sagemaker, "CreateEndpointConfig", EndpointConfigName="other", ProductionVariants=unknown)
    with pytest.raises(AwsError, match=f'Could not find endpoint configuration "{arn}:endpoint-config/no-config".'):
        call(sagemaker, "CreateEndpoint", EndpointName="other", EndpointConfigName="No-Config")


def test_a_model_whose_data_the_role_cannot_read_is_refused(sagemaker, bucket, role, make_role, aws):
    put_model(aws, bucket, "there", 1.0)
    container = {"Image": IMAGE, "ModelDataUrl": f"s3://{bucket}/there.tar.gz"}
    with pytest.raises(AwsError, match="Could not access model data at s3://"):
        call(sagemaker, "CreateModel", ModelName="m", PrimaryContainer=container, ExecutionRoleArn=make_role(allow("logs:*")))
    missing = {**container, "ModelDataUrl": f"s3://{bucket}/missing.tar.gz"}
    with pytest.raises(AwsError, match="Could not access model data at s3://"):
        call(sagemaker, "CreateModel", ModelName="m", PrimaryContainer=missing, ExecutionRoleArn=role)


SHADOW = [{"VariantName": "s", "ModelName": "m", "InitialInstanceCount": 1, "InstanceType": "ml.t2.medium"}]
TOPICS = {"OutputConfig": {"S3OutputPath": "s3://b/o", "NotificationConfig": {"SuccessTopic": "arn:aws:sns:us-east-1:123456789012:t"}}}
ROLLING = {"RollingUpdatePolicy": {"MaximumBatchSize": {"Type": "INSTANCE_COUNT", "Value": 1}, "WaitIntervalInSeconds": 1}}
LINEAR = {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": {"Type": "LINEAR", "WaitIntervalInSeconds": 0}}}
REFUSED = [
    ("CreateModel", "VpcConfig", {"VpcConfig": {"SecurityGroupIds": ["sg-1"], "Subnets": ["s-1"]}}),
    ("CreateModel", "PrimaryContainer.Mode 'MultiModel'", {"PrimaryContainer": {"Image": IMAGE, "Mode": "MultiModel"}}),
    ("CreateModel", "The image 'x'", {"PrimaryContainer": {"Image": "x", "ModelDataUrl": "s3://b/k"}}),
    ("CreateEndpointConfig", "ShadowProductionVariants", {"ShadowProductionVariants": SHADOW}),
    ("CreateEndpointConfig", "AsyncInferenceConfig.OutputConfig.NotificationConfig", {"AsyncInferenceConfig": TOPICS}),
    ("CreateEndpoint", "DeploymentConfig.RollingUpdatePolicy", {"DeploymentConfig": ROLLING}),
    ("CreateEndpoint", "DeploymentConfig.BlueGreenUpdatePolicy.TrafficRoutingConfiguration.Type", {"DeploymentConfig": LINEAR}),
]


@pytest.mark.parametrize(("operation", "named", "members"), REFUSED, ids=[row[1] for row in REFUSED])
def test_a_request_that_is_not_honoured_is_refused_by_name(sagemaker, operation, named, members):
    role = "arn:aws:iam::123456789012:role/some"
    variants = [{"VariantName": "v", "ModelName": "m", "InitialInstanceCount": 1, "InstanceType": "ml.t2.medium"}]
    needed: dict[str, dict[str, Any]] = {
        "CreateModel": {"ModelName": "m", "ExecutionRoleArn": role},
        "CreateEndpointConfig": {"EndpointConfigName": "c", "ProductionVariants": variants},
        "CreateEndpoint": {"EndpointName": "e", "EndpointConfigName": "c"},
    }
    with pytest.raises(AwsError) as error:
        call(sagemaker, operation, **{**needed[operation], **members})
    assert error.value.code == "ValidationException"
    assert error.value.message.startswith(named)


def test_a_request_member_that_is_not_honoured_is_refused_by_the_runtime(runtime, make_endpoint):
    name = make_endpoint(2.0)["EndpointName"]
    with pytest.raises(AwsError, match="TargetModel is not honoured") as error:
        ask(runtime, name, TargetModel="m.tar.gz")
    assert error.value.code == "ValidationError"


def test_a_list_holds_every_model_once(sagemaker, make_model):
    names = {make_model(1.0) for _ in range(5)}
    found = [model["ModelName"] for model in call(sagemaker, "ListModels")["Models"]]
    assert sorted(found) == sorted(names)
    assert call(sagemaker, "ListModels", NameContains=next(iter(names))[-8:])["Models"][0]["ModelName"] == next(iter(names))


def test_retained_variant_properties_survive_an_update(sagemaker, make_endpoint, make_config):
    name = make_endpoint(2.0)["EndpointName"]
    wanted = [{"VariantName": "v0", "DesiredWeight": 4.0, "DesiredInstanceCount": 3}]
    call(sagemaker, "UpdateEndpointWeightsAndCapacities", EndpointName=name, DesiredWeightsAndCapacities=wanted)
    exclude = [{"VariantPropertyType": "DesiredInstanceCount"}]
    call(
        sagemaker,
        "UpdateEndpoint",
        EndpointName=name,
        EndpointConfigName=make_config(5.0),
        RetainAllVariantProperties=True,
        ExcludeRetainedVariantProperties=exclude,
    )
    variant = settled(sagemaker, name)["ProductionVariants"][0]
    assert (variant["CurrentWeight"], variant["CurrentInstanceCount"]) == (4.0, 1)
