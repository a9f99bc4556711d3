"""SageMaker's built-in Linear Learner as its callers see it: trained, tuned and deployed by boto3."""

import io
import json
import re
import tarfile
import uuid
from typing import Any

import numpy as np
import pytest
from scipy.sparse import random_array
from sklearn.metrics import roc_auc_score
from started import allow
from waiting import wait_until

from sagemaker_formats.inference import RECORDIO, decode_recordio_predictions, encode_request
from sagemaker_formats.recordio import encode, from_csr

IMAGE = "382416733822.dkr.ecr.us-east-1.amazonaws.com/linear-learner:1"


def make_rows(n_rows, seed):
    draw = np.random.default_rng(seed)
    features = random_array((n_rows, 40), density=0.2, format="csr", dtype=np.float32, rng=draw)
    line = features @ np.random.default_rng(9).normal(0, 3, 40) + draw.normal(0, 0.5, n_rows)
    return from_csr(features, labels=(line > 0).astype(np.float32))


TEST = make_rows(200, 2)


@pytest.fixture
def bucket(aws):
    name, s3 = f"linear-{uuid.uuid4().hex[:12]}", aws("s3")
    s3.create_bucket(Bucket=name)
    for channel, rows in (("train", make_rows(600, 0)), ("validation", make_rows(200, 1)), ("test", TEST)):
        s3.put_object(Bucket=name, Key=f"{channel}/part-0", Body=encode(rows))
    return name


@pytest.fixture
def role(make_role, bucket):
    statements = allow("s3:*", [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]), allow("logs:*")
    return make_role(*statements, service="sagemaker.amazonaws.com")


def tune(sagemaker, bucket, role):
    """DescribeHyperParameterTuningJob of a tuning job of `wd` that has ended."""

    def channel(name):
        source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{bucket}/{name}/", "S3DataDistributionType": "FullyReplicated"}
        return {"ChannelName": name, "ContentType": RECORDIO, "DataSource": {"S3DataSource": source}}

    name = f"linear-{uuid.uuid4().hex[:8]}"
    sagemaker.create_hyper_parameter_tuning_job(
        HyperParameterTuningJobName=name,
        HyperParameterTuningJobConfig={
            "Strategy": "Bayesian",
            "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "validation:objective_loss"},
            "ResourceLimits": {"MaxNumberOfTrainingJobs": 2, "MaxParallelTrainingJobs": 2},
            "ParameterRanges": {"ContinuousParameterRanges": [{"Name": "wd", "MinValue": "0.0000001", "MaxValue": "1"}]},
            "RandomSeed": 3,
        },
        TrainingJobDefinition={
            "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
            "StaticHyperParameters": {"predictor_type": "binary_classifier"},
            "RoleArn": role,
            "InputDataConfig": [channel(name) for name in ("train", "validation", "test")],
            "OutputDataConfig": {"S3OutputPath": f"s3://{bucket}/models"},
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5},
            "StoppingCondition": {"MaxRuntimeInSeconds": 86_400},
        },
    )
    return ended(lambda: sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name), "HyperParameterTuningJobStatus")


def ended(describe, member):
    return wait_until(describe, f"{member} is in progress", ok=lambda answer: answer[member] not in ("InProgress", "Creating"))


def deploy(sagemaker, role, model_data_url):
    """DescribeEndpoint of a new endpoint, when it is in service or has failed."""
    name = f"linear-{uuid.uuid4().hex[:8]}"
    sagemaker.create_model(ModelName=name, ExecutionRoleArn=role, PrimaryContainer={"Image": IMAGE, "ModelDataUrl": model_data_url})
    variant = {"VariantName": "AllTraffic", "ModelName": name, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    return ended(lambda: sagemaker.describe_endpoint(EndpointName=name), "EndpointStatus")


def test_the_best_model_of_a_tuning_job_answers_at_an_endpoint_and_a_broken_one_does_not(aws, bucket, role):
    sagemaker, s3 = aws("sagemaker"), aws("s3")
    tuning = tune(sagemaker, bucket, role)
    assert tuning["HyperParameterTuningJobStatus"] == "Completed", tuning
    job = sagemaker.describe_training_job(TrainingJobName=tuning["BestTrainingJob"]["TrainingJobName"])
    metrics = {metric["MetricName"]: metric["Value"] for metric in job["FinalMetricDataList"]}
    assert tuning["BestTrainingJob"]["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] == pytest.approx(
        metrics["validation:objective_loss"], rel=1e-5
    )
    expressions = {item["Name"]: item["Regex"] for item in job["AlgorithmSpecification"]["MetricDefinitions"]}
    assert re.findall(expressions["test:roc_auc_score"], "#quality_metric: host=algo-1, test roc_auc_score <score>=0.9") == ["0.9"]

    url = job["ModelArtifacts"]["S3ModelArtifacts"]
    endpoint = deploy(sagemaker, role, url)
    assert endpoint["EndpointStatus"] == "InService", endpoint
    answer = aws("sagemaker-runtime").invoke_endpoint(
        EndpointName=endpoint["EndpointName"], ContentType=RECORDIO, Accept=RECORDIO, Body=encode_request(TEST)
    )
    predictions = decode_recordio_predictions(answer["Body"].read())
    assert (predictions.labels == TEST.labels).mean() == pytest.approx(metrics["test:binary_classification_accuracy"])
    assert roc_auc_score(TEST.labels, predictions.scores) == pytest.approx(metrics["test:roc_auc_score"], abs=1e-6)
    sagemaker.delete_endpoint(EndpointName=endpoint["EndpointName"])

    key = url.partition(f"{bucket}/")[2]
    body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(body)) as archive:
        assert archive.getnames() == ["model.json", "model.npz"]
        description: Any = archive.extractfile("model.json")
        about = json.load(description)
    assert (about["format"], about["feature_dim"]) == ("linear-learner", 40)
    s3.put_object(Bucket=bucket, Key="broken/model.tar.gz", Body=broken(about))
    failed = deploy(sagemaker, role, f"s3://{bucket}/broken/model.tar.gz")
    assert (failed["EndpointStatus"], "not a model of the local Linear Learner" in failed["FailureReason"]) == ("Failed", True), failed
    sagemaker.delete_endpoint(EndpointName=failed["EndpointName"])


def broken(about):
    """A model archive whose weights are missing."""
    packed, content = io.BytesIO(), json.dumps(about).encode()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        entry = tarfile.TarInfo("model.json")
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()
