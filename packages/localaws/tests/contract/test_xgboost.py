"""SageMaker's built-in XGBoost as its callers see it: trained, tuned and deployed by boto3, beside the library called directly."""

import io
import json
import tarfile
import uuid
from typing import Any

import numpy as np
import pytest
import xgboost
from botocore.exceptions import ClientError
from waiting import wait_until

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:3.2-0"
TRUST = {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
HYPERPARAMETERS = {"num_round": "8", "objective": "binary:logistic", "eval_metric": "auc,logloss", "max_depth": "3", "seed": "1"}


def make_rows(n_rows, seed):
    draw = np.random.default_rng(seed)
    features = draw.normal(size=(n_rows, 3))
    labels = features[:, 0] * features[:, 1] + draw.normal(0, 0.3, n_rows) > 0
    return np.column_stack([labels, features]).astype(np.float32)


TRAIN, VALIDATION = make_rows(300, 0), make_rows(150, 1)


def csv(rows):
    return "".join(",".join(map(repr, row)) + "\n" for row in rows.tolist()).encode()


def matrix(rows):
    return xgboost.DMatrix(rows[:, 1:], label=rows[:, 0], nthread=1)


@pytest.fixture(scope="module")
def bucket(local_aws):
    name, s3 = f"xgboost-{uuid.uuid4().hex[:12]}", local_aws.client("s3")
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="train/part.csv", Body=csv(TRAIN))
    s3.put_object(Bucket=name, Key="validation/part.csv", Body=csv(VALIDATION))
    return name


@pytest.fixture(scope="module")
def role(local_aws, bucket):
    iam, name = local_aws.client("iam"), f"Execution-{bucket}"
    trust = json.dumps({"Version": "2012-10-17", "Statement": [TRUST]})
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    statements = [
        {"Effect": "Allow", "Action": "s3:*", "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]},
        {"Effect": "Allow", "Action": "logs:*", "Resource": "*"},
    ]
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": statements}))
    return arn


def definition(bucket, role, *, image=IMAGE, channels=("train", "validation")):
    def channel(name):
        source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{bucket}/{name}/", "S3DataDistributionType": "FullyReplicated"}
        return {"ChannelName": name, "ContentType": "text/csv", "DataSource": {"S3DataSource": source}}

    return {
        "AlgorithmSpecification": {"TrainingImage": image, "TrainingInputMode": "File"},
        "RoleArn": role,
        "InputDataConfig": [channel(name) for name in channels],
        "OutputDataConfig": {"S3OutputPath": f"s3://{bucket}/models"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5},
        "StoppingCondition": {"MaxRuntimeInSeconds": 86_400},
        "EnableNetworkIsolation": True,
    }


def wait(describe, member, busy):
    return wait_until(describe, f"{member} is none of {busy}", ok=lambda answer: answer[member] not in busy)


def train(sagemaker, bucket, role, hyperparameters, **more):
    name = f"xgb-{uuid.uuid4().hex[:8]}"
    sagemaker.create_training_job(TrainingJobName=name, HyperParameters=hyperparameters, **definition(bucket, role, **more))
    return wait(lambda: sagemaker.describe_training_job(TrainingJobName=name), "TrainingJobStatus", ("InProgress",))


@pytest.fixture(scope="module")
def job(local_aws, bucket, role):
    found = train(local_aws.client("sagemaker"), bucket, role, HYPERPARAMETERS)
    assert found["TrainingJobStatus"] == "Completed", found
    return found


@pytest.fixture(scope="module")
def plain():
    """The library's own model, and its metrics."""
    metrics = {}
    booster = xgboost.train(
        {"objective": "binary:logistic", "eval_metric": ["auc", "logloss"], "max_depth": 3, "seed": 1, "nthread": 1},
        matrix(TRAIN),
        8,
        evals=[(matrix(TRAIN), "train"), (matrix(VALIDATION), "validation")],
        evals_result=metrics,
        verbose_eval=False,
    )
    return booster, metrics


def test_a_training_job_is_the_librarys_training(aws, bucket, job, plain):
    booster, metrics = plain
    assert {metric["MetricName"]: round(metric["Value"], 5) for metric in job["FinalMetricDataList"]} == {
        f"{data}:{name}": round(metrics[data][name][-1], 5) for data in ("train", "validation") for name in ("auc", "logloss")
    }
    key = job["ModelArtifacts"]["S3ModelArtifacts"].partition(f"{bucket}/")[2]
    body = aws("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(body)) as archive:
        assert archive.getnames() == ["xgboost-model"]
        assert archive.extractfile("xgboost-model").read() == booster.save_raw("ubj")


def test_the_log_shows_each_round_as_cloudwatch_does(aws, job, plain):
    metrics = plain[1]
    logs, group = aws("logs"), "/aws/sagemaker/TrainingJobs"
    stream = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=job["TrainingJobName"])["logStreams"][0]["logStreamName"]
    lines = [event["message"] for event in logs.get_log_events(logGroupName=group, logStreamName=stream, startFromHead=True)["events"]]
    first = "".join(f"#011{data}-{name}:{metrics[data][name][0]:.5f}" for data in ("train", "validation") for name in ("auc", "logloss"))
    assert f"[0]{first}" in lines
    assert sum(line.startswith("[") and "#011" in line for line in lines) == 8


def test_an_endpoint_answers_what_the_library_predicts(aws, job, role, plain):
    sagemaker, runtime, name = aws("sagemaker"), aws("sagemaker-runtime"), f"xgb-{uuid.uuid4().hex[:8]}"
    container = {"Image": IMAGE, "ModelDataUrl": job["ModelArtifacts"]["S3ModelArtifacts"]}
    sagemaker.create_model(ModelName=name, ExecutionRoleArn=role, PrimaryContainer=container, EnableNetworkIsolation=True)
    variant = {"VariantName": "AllTraffic", "ModelName": name, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    endpoint = wait(lambda: sagemaker.describe_endpoint(EndpointName=name), "EndpointStatus", ("Creating",))
    assert endpoint["EndpointStatus"] == "InService", endpoint
    body, expected = csv(VALIDATION[:5, 1:]), plain[0].predict(matrix(VALIDATION[:5])).astype(float).tolist()

    answer = runtime.invoke_endpoint(EndpointName=name, ContentType="text/csv", Body=body)
    assert (answer["ContentType"], answer["InvokedProductionVariant"]) == ("text/csv", "AllTraffic")
    assert [float(line) for line in answer["Body"].read().splitlines()] == expected
    answer = runtime.invoke_endpoint(EndpointName=name, ContentType="text/csv", Accept="application/json", Body=body)
    assert json.loads(answer["Body"].read()) == {"predictions": [{"score": score} for score in expected]}
    with pytest.raises(ClientError) as caught:
        runtime.invoke_endpoint(EndpointName=name, ContentType="text/csv", Body=b"1,2")
    error: Any = caught.value.response
    assert (error["Error"]["Code"], error["OriginalStatusCode"]) == ("ModelError", 400)
    assert "Feature size of csv inference data 2 is not consistent with feature size of trained model 3." in error["OriginalMessage"]
    sagemaker.delete_endpoint(EndpointName=name)


def test_a_tuning_job_maximises_validation_auc(aws, bucket, role):
    sagemaker, name = aws("sagemaker"), f"xgb-{uuid.uuid4().hex[:8]}"
    sagemaker.create_hyper_parameter_tuning_job(
        HyperParameterTuningJobName=name,
        HyperParameterTuningJobConfig={
            "Strategy": "Bayesian",
            "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "validation:auc"},
            "ResourceLimits": {"MaxNumberOfTrainingJobs": 2, "MaxParallelTrainingJobs": 2},
            "ParameterRanges": {
                "IntegerParameterRanges": [{"Name": "max_depth", "MinValue": "1", "MaxValue": "4"}],
                "ContinuousParameterRanges": [{"Name": "eta", "MinValue": "0.1", "MaxValue": "0.5"}],
            },
            "RandomSeed": 3,
        },
        TrainingJobDefinition={**definition(bucket, role), "StaticHyperParameters": {"num_round": "4", "objective": "binary:logistic"}},
    )
    describe = lambda: sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)  # noqa: E731
    tuning = wait(describe, "HyperParameterTuningJobStatus", ("InProgress",))
    assert tuning["ObjectiveStatusCounters"] == {"Succeeded": 2, "Pending": 0, "Failed": 0}, tuning
    best = tuning["BestTrainingJob"]
    tuned = best["TunedHyperParameters"]
    settings = {"objective": "binary:logistic", "eval_metric": "auc", "eta": float(tuned["eta"]), "max_depth": int(tuned["max_depth"])}
    metrics = {}
    evaluated = [(matrix(VALIDATION), "validation")]
    xgboost.train({**settings, "nthread": 1}, matrix(TRAIN), 4, evals=evaluated, evals_result=metrics, verbose_eval=False)
    value = best["FinalHyperParameterTuningJobObjectiveMetric"]["Value"]
    assert value == pytest.approx(metrics["validation"]["auc"][-1], abs=5.1e-6)
    jobs = sagemaker.list_training_jobs_for_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)["TrainingJobSummaries"]
    assert value == max(found["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] for found in jobs)


@pytest.mark.parametrize(
    ("hyperparameters", "more", "reason"),
    [
        ({**HYPERPARAMETERS, "depth": "3"}, {}, "ClientError: Extraneous hyperparameter found: depth"),
        ({"objective": "binary:logistic"}, {}, "ClientError: Missing required hyperparameter: num_round"),
        (
            {**HYPERPARAMETERS, "objective": "rank:ndcg"},
            {},
            "ClientError: Hyperparameter objective: rank:ndcg is not honoured by the local",
        ),
        (HYPERPARAMETERS, {"channels": ["validation"]}, "ClientError: Missing required channel: train"),
    ],
)
def test_a_job_that_cannot_train_has_a_failure_reason(aws, bucket, role, hyperparameters, more, reason):
    job = train(aws("sagemaker"), bucket, role, hyperparameters, **more)
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith(reason)


def test_data_that_cannot_be_read_fails_the_job_with_the_containers_text(aws, bucket, role):
    aws("s3").put_object(Bucket=bucket, Key="headed/train/part.csv", Body=b"label,a,b,c\n" + csv(TRAIN))
    request = definition(bucket, role, channels=["train"])
    request["InputDataConfig"][0]["DataSource"]["S3DataSource"]["S3Uri"] = f"s3://{bucket}/headed/train/"
    sagemaker, name = aws("sagemaker"), f"xgb-{uuid.uuid4().hex[:8]}"
    sagemaker.create_training_job(TrainingJobName=name, HyperParameters=HYPERPARAMETERS, **request)
    job = wait(lambda: sagemaker.describe_training_job(TrainingJobName=name), "TrainingJobStatus", ("InProgress",))
    assert job["FailureReason"].startswith("ClientError: Non-numeric value 'label' found in the header line 'label,a,b,c...' of file")
    assert job["FailureReason"].endswith(", exit code: 1")


@pytest.mark.parametrize("version", [":1.2-2", ":latest", "", "@sha256:ab12"])
def test_other_versions_of_the_image_are_refused_by_name(aws, bucket, role, version):
    image = IMAGE.removesuffix(":3.2-0") + version
    with pytest.raises(ClientError, match=r"of sagemaker-xgboost it has version 3\.2-0 and runs it for 1\.3-1, .* 3\.0-5\.") as caught:
        train(aws("sagemaker"), bucket, role, HYPERPARAMETERS, image=image)
    assert caught.value.response["Error"]["Code"] == "ValidationException"


def test_the_old_image_is_not_taken_for_the_new_one(aws, bucket, role):
    with pytest.raises(ClientError, match=r"algorithms it has: factorization-machines, linear-learner, sagemaker-xgboost:3\.2-0"):
        train(aws("sagemaker"), bucket, role, HYPERPARAMETERS, image="811284229777.dkr.ecr.us-east-1.amazonaws.com/xgboost:1")


def test_the_image_is_the_one_that_the_sdk_names():
    from sagemaker.core import image_uris

    assert image_uris.retrieve("xgboost", "us-east-1", version="3.2-0") == IMAGE
