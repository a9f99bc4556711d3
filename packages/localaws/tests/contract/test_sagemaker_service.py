"""SageMaker as its callers see it: signed requests over HTTP, IAM, CloudFormation, the Python SDK, a kill; with Factorization Machines."""

import contextlib
import json
import os
import signal
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from botocore.exceptions import ClientError
from processes import wait_until_ended
from started import allow, start_local_aws, wait_until_saved
from waiting import wait_for_stack, wait_until

from localaws import lifecycle
from sagemaker_formats import recordio

IMAGE = "382416733822.dkr.ecr.us-east-1.amazonaws.com/factorization-machines:1"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
HYPERPARAMETERS = {"feature_dim": "8", "num_factors": "2", "predictor_type": "binary_classifier", "mini_batch_size": "64", "epochs": "2"}


# Hyperparameters with which a job is not done before a test is; its epochs are long, so that its log is short.
ENDLESS = {"epochs": "100000", "num_factors": "64"}


def rows(repeats):
    """Ratings of four users for four films, some times over; who likes what alternates."""
    keys = np.array([[user, 4 + movie] for user in range(4) for movie in range(4)] * repeats, dtype=np.int64)
    return recordio.Rows(
        values=np.ones(keys.size, np.float32),
        keys=keys.ravel(),
        indptr=np.arange(0, keys.size + 1, 2, dtype=np.int64),
        feature_dim=8,
        labels=(keys.sum(axis=1) % 2).astype(np.float32),
    )


def set_up(client):
    """A bucket with data, and an execution role: (bucket, role ARN)."""
    bucket = f"service-{uuid.uuid4().hex[:12]}"
    client("s3").create_bucket(Bucket=bucket)
    for channel, repeats in (("train", 16), ("test", 16), ("slow", 4000)):
        client("s3").put_object(Bucket=bucket, Key=f"{channel}/part-0", Body=recordio.encode(rows(repeats)))
    role = client("iam").create_role(RoleName=f"Execution-{bucket}", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    statements = [
        allow("s3:*", [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]),
        allow("logs:*"),
        allow("cloudwatch:DescribeAlarms"),
    ]
    document = json.dumps({"Version": "2012-10-17", "Statement": statements})
    client("iam").put_role_policy(RoleName=f"Execution-{bucket}", PolicyName="p", PolicyDocument=document)
    return bucket, role


def training_request(bucket, role, *, name=None, data="train", **hyperparameters):
    def channel(name):
        folder = data if name == "train" else name
        source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{bucket}/{folder}/", "S3DataDistributionType": "FullyReplicated"}
        return {"ChannelName": name, "ContentType": "application/x-recordio-protobuf", "DataSource": {"S3DataSource": source}}

    return {
        "TrainingJobName": name or f"fm-{uuid.uuid4().hex[:8]}",
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        "RoleArn": role,
        "InputDataConfig": [channel("train"), channel("test")],
        "OutputDataConfig": {"S3OutputPath": f"s3://{bucket}/models"},
        "ResourceConfig": {"InstanceType": "ml.c4.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 5},
        "StoppingCondition": {"MaxRuntimeInSeconds": 86_400},
        "HyperParameters": {**HYPERPARAMETERS, **hyperparameters},
    }


def ended(sagemaker, name):
    return wait_until(
        lambda: sagemaker.describe_training_job(TrainingJobName=name),
        f"job {name} ends",
        ok=lambda job: job["TrainingJobStatus"] not in ("InProgress", "Stopping"),
    )


@pytest.fixture(scope="module")
def world(local_aws):
    """(bucket, role, URL of a trained model)."""
    bucket, role = set_up(local_aws.client)
    sagemaker, request = local_aws.client("sagemaker"), training_request(bucket, role)
    sagemaker.create_training_job(**request)
    job = ended(sagemaker, request["TrainingJobName"])
    assert job["TrainingJobStatus"] == "Completed", job
    return bucket, role, job["ModelArtifacts"]["S3ModelArtifacts"]


def template(model_url, role, *, endpoint_name, wait_s=0):
    variant = {
        "VariantName": "AllTraffic",
        "ModelName": {"Fn::GetAtt": ["Model", "ModelName"]},
        "InstanceType": "ml.t2.medium",
        "InitialInstanceCount": "1",
        "InitialVariantWeight": "1",
    }
    routing = {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": str(wait_s)}
    resources = {
        "Model": {
            "Type": "AWS::SageMaker::Model",
            "Properties": {"ExecutionRoleArn": role, "PrimaryContainer": {"Image": IMAGE, "ModelDataUrl": model_url}},
        },
        "Config": {"Type": "AWS::SageMaker::EndpointConfig", "Properties": {"ProductionVariants": [variant]}},
        "Endpoint": {
            "Type": "AWS::SageMaker::Endpoint",
            "Properties": {
                "EndpointName": endpoint_name,
                "EndpointConfigName": {"Fn::GetAtt": ["Config", "EndpointConfigName"]},
                "DeploymentConfig": {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing}},
            },
        },
    }
    outputs = {
        "Config": {"Value": {"Fn::GetAtt": ["Config", "EndpointConfigName"]}},
        "Ref": {"Value": {"Ref": "Endpoint"}},
        "Name": {"Value": {"Fn::GetAtt": ["Endpoint", "EndpointName"]}},
    }
    return json.dumps({"Resources": resources, "Outputs": outputs})


def stack_status(cloudformation, name):
    stack = wait_for_stack(cloudformation, name)
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}
    return stack["StackStatus"], outputs


def score(runtime, endpoint_name):
    body = json.dumps({"instances": [{"data": {"features": {"keys": [1, 5], "shape": [8], "values": [1, 1]}}}]})
    answer = runtime.invoke_endpoint(EndpointName=endpoint_name, ContentType="application/json", Body=body)
    return json.loads(answer["Body"].read())["predictions"][0]["score"]


def test_a_stack_brings_an_endpoint_up_updates_it_in_place_and_takes_it_down(aws, world):
    bucket, role, url = world
    cloudformation, sagemaker, runtime = aws("cloudformation"), aws("sagemaker"), aws("sagemaker-runtime")
    name = f"Stack-{uuid.uuid4().hex[:8]}"
    cloudformation.create_stack(StackName=name, TemplateBody=template(url, role, endpoint_name=name))
    status, first = stack_status(cloudformation, name)
    assert status == "CREATE_COMPLETE"
    assert first["Ref"] == f"arn:aws:sagemaker:us-east-1:123456789012:endpoint/{name.lower()}"
    assert first["Name"] == name
    assert 0 < score(runtime, name) < 1
    other = url.replace("model.tar.gz", "other.tar.gz")
    aws("s3").copy_object(Bucket=bucket, Key=other.partition(f"{bucket}/")[2], CopySource=url.removeprefix("s3://"))
    cloudformation.update_stack(StackName=name, TemplateBody=template(other, role, endpoint_name=name))
    status, second = stack_status(cloudformation, name)
    assert status == "UPDATE_COMPLETE"
    assert second["Config"] != first["Config"]
    assert sagemaker.describe_endpoint(EndpointName=name)["EndpointConfigName"] == second["Config"]
    with pytest.raises(ClientError, match="Could not find endpoint configuration"):
        sagemaker.describe_endpoint_config(EndpointConfigName=first["Config"])
    cloudformation.delete_stack(StackName=name)
    with pytest.raises(ClientError, match="does not exist"):
        stack_status(cloudformation, name)
    with pytest.raises(ClientError, match="Could not find endpoint"):
        sagemaker.describe_endpoint(EndpointName=name)


def test_a_stack_update_whose_model_does_not_load_rolls_back_and_the_endpoint_still_answers(aws, world):
    bucket, role, url = world
    cloudformation, runtime = aws("cloudformation"), aws("sagemaker-runtime")
    name = f"stack-{uuid.uuid4().hex[:8]}"
    cloudformation.create_stack(StackName=name, TemplateBody=template(url, role, endpoint_name=name))
    _, first = stack_status(cloudformation, name)
    before = score(runtime, name)
    aws("s3").put_object(Bucket=bucket, Key="broken/model.tar.gz", Body=b"no archive")
    cloudformation.update_stack(StackName=name, TemplateBody=template(f"s3://{bucket}/broken/model.tar.gz", role, endpoint_name=name))
    status, _ = stack_status(cloudformation, name)
    assert status == "UPDATE_ROLLBACK_COMPLETE"
    described = aws("sagemaker").describe_endpoint(EndpointName=name)
    assert (described["EndpointStatus"], described["EndpointConfigName"]) == ("InService", first["Config"])
    assert score(runtime, name) == before
    events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
    assert any("valid tar.gz archive" in event.get("ResourceStatusReason", "") for event in events)


def test_a_stack_whose_endpoint_fails_leaves_nothing_behind(aws, world):
    bucket, role, _ = world
    cloudformation, name = aws("cloudformation"), f"stack-{uuid.uuid4().hex[:8]}"
    aws("s3").put_object(Bucket=bucket, Key="broken/model.tar.gz", Body=b"no archive")
    body = template(f"s3://{bucket}/broken/model.tar.gz", role, endpoint_name=name)
    cloudformation.create_stack(StackName=name, TemplateBody=body)
    assert stack_status(cloudformation, name)[0] == "ROLLBACK_COMPLETE"
    with pytest.raises(ClientError, match="Could not find endpoint"):
        aws("sagemaker").describe_endpoint(EndpointName=name)


@pytest.mark.parametrize(
    ("missing", "action", "resource"),
    [
        ("create", "sagemaker:CreateTrainingJob", "training-job/fm-denied"),
        ("pass", "iam:PassRole", "role/Execution-"),
        ("prefix", "sagemaker:CreateTrainingJob", "training-job/fm-denied"),
        ("tags", "sagemaker:AddTags", "training-job/fm-denied"),
    ],
)
def test_a_caller_without_a_permission_gets_awss_denial(as_role, world, missing, action, resource):
    bucket, role, _ = world
    jobs = "arn:aws:sagemaker:us-east-1:123456789012:training-job/"
    granted = {
        "create": [allow("iam:PassRole", role)],
        "pass": [allow("sagemaker:CreateTrainingJob", f"{jobs}*")],
        "prefix": [allow("iam:PassRole", role), allow("sagemaker:CreateTrainingJob", f"{jobs}other-*")],
        "tags": [allow("iam:PassRole", role), allow("sagemaker:CreateTrainingJob", f"{jobs}*")],
    }
    request = training_request(bucket, role, name="fm-denied")
    if missing == "tags":
        request["Tags"] = [{"Key": "k", "Value": "v"}]
    with pytest.raises(ClientError) as error:
        as_role(*granted[missing])("sagemaker").create_training_job(**request)
    assert error.value.response["Error"]["Code"] == "AccessDeniedException"
    assert action in str(error.value)
    assert resource in str(error.value)


def test_a_role_may_be_passed_to_the_service_that_its_policy_names_only(as_role, world):
    bucket, role, _ = world
    to_codebuild = allow("iam:PassRole", role, Condition={"StringEquals": {"iam:PassedToService": "codebuild.amazonaws.com"}})
    with pytest.raises(ClientError, match="iam:PassRole"):
        as_role(to_codebuild, allow("sagemaker:*"))("sagemaker").create_training_job(**training_request(bucket, role))


def test_jobs_can_be_stopped_by_their_tags(aws, as_role, world):
    bucket, role, _ = world
    mine = {**training_request(bucket, role, data="slow", **ENDLESS), "Tags": [{"Key": "run", "Value": "7"}]}
    yours = training_request(bucket, role, data="slow", **ENDLESS)
    for request in (mine, yours):
        aws("sagemaker").create_training_job(**request)
    sweeper = as_role(allow("sagemaker:StopTrainingJob", "*", Condition={"StringEquals": {"aws:ResourceTag/run": "7"}}))("sagemaker")
    with pytest.raises(ClientError, match="sagemaker:StopTrainingJob"):
        sweeper.stop_training_job(TrainingJobName=yours["TrainingJobName"])
    sweeper.stop_training_job(TrainingJobName=mine["TrainingJobName"])
    assert ended(aws("sagemaker"), mine["TrainingJobName"])["TrainingJobStatus"] == "Stopped"
    aws("sagemaker").stop_training_job(TrainingJobName=yours["TrainingJobName"])
    assert ended(aws("sagemaker"), yours["TrainingJobName"])["TrainingJobStatus"] == "Stopped"


def test_an_endpoint_is_invoked_with_a_permission_on_it_and_a_model_error_says_the_original(aws, as_role, world):
    _, role, url = world
    sagemaker, name = aws("sagemaker"), f"e-{uuid.uuid4().hex[:8]}"
    sagemaker.create_model(ModelName=name, PrimaryContainer={"Image": IMAGE, "ModelDataUrl": url}, ExecutionRoleArn=role)
    variant = {"VariantName": "AllTraffic", "ModelName": name, "InitialInstanceCount": 1, "InstanceType": "ml.t2.medium"}
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    sagemaker.get_waiter("endpoint_in_service").wait(EndpointName=name, WaiterConfig={"Delay": 1})
    runtime = as_role(allow("sagemaker:InvokeEndpoint", f"arn:aws:sagemaker:us-east-1:123456789012:endpoint/{name}"))("sagemaker-runtime")
    assert 0 < score(runtime, name) < 1
    with pytest.raises(ClientError, match="sagemaker:InvokeEndpoint on resource: arn:aws:sagemaker:us-east-1:123456789012:endpoint/other"):
        score(runtime, "other")
    with pytest.raises(ClientError) as error:
        runtime.invoke_endpoint(EndpointName=name, ContentType="image/png", Body=b"x")
    answer: Any = error.value.response
    assert answer["Error"]["Code"] == "ModelError"
    assert answer["OriginalStatusCode"] >= 400
    assert answer["LogStreamArn"].endswith(f"/aws/sagemaker/Endpoints/{name}")
    sagemaker.delete_endpoint(EndpointName=name)


def test_a_role_that_trusts_another_service_is_refused(aws, world, make_role):
    bucket, _, _ = world
    with pytest.raises(ClientError, match="Could not assume role"):
        aws("sagemaker").create_training_job(**training_request(bucket, make_role(allow("s3:*"), service="codebuild.amazonaws.com")))


def test_an_operation_that_is_not_honoured_is_refused_by_name(aws):
    with pytest.raises(ClientError, match="CreateProcessingJob"):
        aws("sagemaker").create_processing_job(
            ProcessingJobName="p",
            ProcessingResources={"ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.t3.medium", "VolumeSizeInGB": 1}},
            AppSpecification={"ImageUri": "i"},
            RoleArn="arn:aws:iam::123456789012:role/some-role",
        )


@pytest.fixture
def sdk(local_aws, monkeypatch, tmp_path):
    """The SageMaker Python SDK's session against the local AWS, set up as a notebook's environment is."""
    for key, value in {**local_aws.environment, "SAGEMAKER_VALIDATE_ROLE": "false", "HOME": str(tmp_path)}.items():
        monkeypatch.setenv(key, value)
    monkeypatch.chdir(tmp_path)
    import boto3

    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    return boto3.Session()


@pytest.mark.filterwarnings("ignore")
def test_the_python_sdk_trains_tunes_deploys_and_invokes(sdk, world):
    from sagemaker.core import resources
    from sagemaker.core.helper.session_helper import Session
    from sagemaker.core.parameter import ContinuousParameter, IntegerParameter
    from sagemaker.core.shapes import ContainerDefinition, OutputDataConfig, ProductionVariant
    from sagemaker.train import ModelTrainer
    from sagemaker.train.configs import Compute, InputData, StoppingCondition
    from sagemaker.train.tuner import HyperparameterTuner

    bucket, role, url = world
    trainer = ModelTrainer(
        training_image=IMAGE,
        role=role,
        base_job_name="fm-sdk",
        sagemaker_session=Session(boto_session=sdk, default_bucket=bucket),
        compute=Compute(instance_type="ml.c4.xlarge", instance_count=1, volume_size_in_gb=5),
        stopping_condition=StoppingCondition(max_runtime_in_seconds=600),
        output_data_config=OutputDataConfig(s3_output_path=f"s3://{bucket}/sdk"),
        hyperparameters=dict(HYPERPARAMETERS),
    )
    data = [InputData(channel_name=name, data_source=f"s3://{bucket}/{name}/") for name in ("train", "test")]
    trainer.train(input_data_config=data, wait=False, logs=False)
    job = trainer._latest_training_job
    job.wait(poll=1, logs=False)
    job.refresh()
    assert job.training_job_status == "Completed"
    assert {metric.metric_name for metric in job.final_metric_data_list} >= {"test:binary_classification_accuracy"}

    tuner = HyperparameterTuner(
        model_trainer=trainer,
        objective_metric_name="test:binary_classification_accuracy",
        hyperparameter_ranges={"epochs": IntegerParameter(1, 4), "factors_lr": ContinuousParameter(1e-4, 1e-2)},
        max_jobs=2,
        max_parallel_jobs=2,
    )
    tuner.tune(inputs=data, wait=False)
    tuning = resources.HyperParameterTuningJob.get(tuner._current_job_name)
    tuning.wait(poll=1)
    assert tuning.best_training_job.training_job_name.startswith(tuner._current_job_name)

    name = f"sdk-{uuid.uuid4().hex[:8]}"
    container = ContainerDefinition(image=IMAGE, model_data_url=url)
    resources.Model.create(model_name=name, primary_container=container, execution_role_arn=role)
    variant = ProductionVariant(variant_name="AllTraffic", model_name=name, initial_instance_count=1, instance_type="ml.t2.medium")
    resources.EndpointConfig.create(endpoint_config_name=name, production_variants=[variant])
    endpoint = resources.Endpoint.create(endpoint_name=name, endpoint_config_name=name)
    endpoint.wait_for_status("InService", poll=1)
    body = json.dumps({"instances": [{"features": [1, 0, 0, 0, 1, 0, 0, 0]}]})
    answer = endpoint.invoke(body=body, content_type="application/json", accept="application/json")
    assert "score" in json.loads(answer.body.read())["predictions"][0]
    endpoint.delete()


def test_a_killed_server_leaves_no_process_and_its_job_has_failed_after_the_restart(tmp_path):
    aws = start_local_aws(tmp_path / "home")
    try:
        bucket, role = set_up(aws.client)
        request = training_request(bucket, role, data="slow", **ENDLESS)
        name = request["TrainingJobName"]
        sagemaker = aws.client("sagemaker")
        sagemaker.create_training_job(**request)
        pidfile = next_file(tmp_path / "home", f"{name}/pid")
        job_pid = int(pidfile.read_text())
        wait_until(
            lambda: sagemaker.describe_training_job(TrainingJobName=name)["SecondaryStatus"],
            "the job trains",
            ok=lambda status: status == "Training",
        )
        assert psutil.Process(job_pid).nice() == 10
        if (group := Path(f"/proc/{job_pid}/autogroup")).exists():
            assert group.read_text().split()[-1] == "10"
        wait_until_saved(aws)
        os.kill(lifecycle.up(tmp_path / "home", port=0).pid, signal.SIGKILL)
        wait_until_ended(job_pid)
        aws = start_local_aws(tmp_path / "home")
        job = ended(aws.client("sagemaker"), name)
        assert (job["TrainingJobStatus"], job["FailureReason"].partition(":")[0]) == ("Failed", "InternalServerError")
        wait_until(lambda: list((tmp_path / "home").rglob(f"{name}*")), "the job's files are gone", ok=lambda left: not left)
    finally:
        lifecycle.down(tmp_path / "home")


def next_file(folder: Path, ending: str) -> Path:
    found: list[Path] = []

    def look() -> bool:
        with contextlib.suppress(OSError):
            found.extend(path for path in folder.rglob("pid") if str(path).endswith(ending) and path.read_text())
        return bool(found)

    wait_until(look, f"there is a file {ending}")
    return found[0]
