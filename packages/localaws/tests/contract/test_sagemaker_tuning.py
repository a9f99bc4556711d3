"""Tuning jobs with an algorithm of a few lines: proposals, counters, the best job, failures, stop, restart."""

import json
import uuid

import pytest
from started import allow
from tiny_algorithm import IMAGE, ServedHost, TinyAlgorithm, call, wait_while
from waiting import HANG_S

from localaws.kit.service import AwsError
from localaws.sagemaker import SageMaker


@pytest.fixture
def bucket(aws):
    name = f"tiny-{uuid.uuid4().hex[:12]}"
    aws("s3").create_bucket(Bucket=name)
    aws("s3").put_object(Bucket=name, Key="train/part-0", Body=b"1\n2\n")
    return name


@pytest.fixture
def role(make_role, bucket):
    return make_role(allow("s3:*", [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]), allow("logs:*"))


@pytest.fixture
def sagemaker(local_aws, tmp_path):
    service = SageMaker(ServedHost(local_aws, tmp_path / "home"), [TinyAlgorithm()], grace_s=HANG_S)
    yield service
    service.stop()


def tuning_request(bucket, role, *, static=None, ranges=None, jobs=3, parallel=2, **config):
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{bucket}/train/"}
    shift = {"ContinuousParameterRanges": [{"Name": "shift", "MinValue": "0", "MaxValue": "3", "ScalingType": "Linear"}]}
    return {
        "HyperParameterTuningJobName": f"Tune-{uuid.uuid4().hex[:8]}",
        "HyperParameterTuningJobConfig": {
            "Strategy": "Bayesian",
            "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "test:loss"},
            "ResourceLimits": {"MaxNumberOfTrainingJobs": jobs, "MaxParallelTrainingJobs": parallel},
            "ParameterRanges": ranges or shift,
            "RandomSeed": 5,
            **config,
        },
        "TrainingJobDefinition": {
            "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
            "StaticHyperParameters": static or {},
            "RoleArn": role,
            "InputDataConfig": [{"ChannelName": "train", "DataSource": {"S3DataSource": source}}],
            "OutputDataConfig": {"S3OutputPath": f"s3://{bucket}/models"},
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5},
            "StoppingCondition": {"MaxRuntimeInSeconds": 86_400},
        },
    }


def tune(sagemaker, request):
    call(sagemaker, "CreateHyperParameterTuningJob", **request)
    return over(sagemaker, request["HyperParameterTuningJobName"])


def over(sagemaker, name):
    busy = ("InProgress", "Stopping")
    return wait_while(sagemaker, "DescribeHyperParameterTuningJob", "HyperParameterTuningJobStatus", busy, HyperParameterTuningJobName=name)


def jobs_of(sagemaker, name, **members):
    answer = call(sagemaker, "ListTrainingJobsForHyperParameterTuningJob", HyperParameterTuningJobName=name, **members)
    return answer["TrainingJobSummaries"]


def test_a_tuning_job_finds_the_best_of_its_training_jobs(sagemaker, bucket, role):
    request = tuning_request(bucket, role, jobs=4, parallel=2) | {"Tags": [{"Key": "run", "Value": "7"}]}
    name = request["HyperParameterTuningJobName"]
    tuning = tune(sagemaker, request)
    assert tuning["HyperParameterTuningJobStatus"] == "Completed"
    assert tuning["TrainingJobStatusCounters"]["Completed"] == 4
    assert tuning["ObjectiveStatusCounters"] == {"Succeeded": 4, "Pending": 0, "Failed": 0}
    jobs = jobs_of(sagemaker, name, SortBy="FinalObjectiveMetricValue")
    losses = [job["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] for job in jobs]
    assert losses == sorted(losses)
    assert len(set(losses)) == 4
    assert tuning["BestTrainingJob"] == jobs[0]
    best = jobs[0]
    assert best["TrainingJobName"].startswith(f"{name}-00")
    training = call(sagemaker, "DescribeTrainingJob", TrainingJobName=best["TrainingJobName"])
    assert training["TuningJobArn"] == tuning["HyperParameterTuningJobArn"]
    assert training["HyperParameters"] == {"_tuning_objective_metric": "test:loss", **best["TunedHyperParameters"]}
    assert (1.5 + float(best["TunedHyperParameters"]["shift"]) - 3) ** 2 == pytest.approx(losses[0])
    assert call(sagemaker, "ListTags", ResourceArn=training["TrainingJobArn"])["Tags"] == request["Tags"]


def test_the_same_seed_proposes_the_same_values(sagemaker, bucket, role):
    def values(strategy):
        request = tuning_request(bucket, role, jobs=2, parallel=1, Strategy=strategy)
        tune(sagemaker, request)
        return [job["TunedHyperParameters"] for job in jobs_of(sagemaker, request["HyperParameterTuningJobName"])]

    assert values("Random") == values("Random")


def test_one_unusable_job_does_not_end_the_tuning(sagemaker, bucket, role):
    ranges = {"CategoricalParameterRanges": [{"Name": "failure", "Values": ["", "broken"]}]}
    tuning = tune(sagemaker, tuning_request(bucket, role, ranges=ranges, jobs=6, parallel=2))
    counters = tuning["TrainingJobStatusCounters"]
    assert counters["NonRetryableError"] > 0
    assert counters["Completed"] + counters["NonRetryableError"] == 6
    assert tuning["HyperParameterTuningJobStatus"] == "Completed"
    assert tuning["BestTrainingJob"]["TunedHyperParameters"] == {"failure": ""}


def test_when_all_jobs_fail_the_tuning_job_has_failed(sagemaker, bucket, role):
    tuning = tune(sagemaker, tuning_request(bucket, role, static={"failure": "never"}, jobs=2))
    assert tuning["HyperParameterTuningJobStatus"] == "Failed"
    assert tuning["FailureReason"].startswith("All training jobs failed.")


def test_jobs_without_the_objective_are_failed_objectives(sagemaker, bucket, role):
    tuning = tune(sagemaker, tuning_request(bucket, role, static={"silent": "1"}, jobs=2))
    assert tuning["TrainingJobStatusCounters"]["Completed"] == 2
    assert tuning["ObjectiveStatusCounters"]["Failed"] == 2
    assert tuning["FailureReason"].startswith("No objective metrics found after running 2 training jobs.")


def test_a_stopped_tuning_job_stops_its_training_jobs(sagemaker, bucket, role):
    request = tuning_request(bucket, role, static={"sleep": "100000"}, jobs=5, parallel=3)
    name = request["HyperParameterTuningJobName"]
    call(sagemaker, "CreateHyperParameterTuningJob", **request)
    wait_while(sagemaker, "DescribeHyperParameterTuningJob", "TrainingJobStatusCounters", [_counters(0)], HyperParameterTuningJobName=name)
    call(sagemaker, "StopHyperParameterTuningJob", HyperParameterTuningJobName=name)
    tuning = over(sagemaker, name)
    assert tuning["HyperParameterTuningJobStatus"] == "Stopped"
    assert {job["TrainingJobStatus"] for job in jobs_of(sagemaker, name)} == {"Stopped"}
    with pytest.raises(AwsError, match="is in status Stopped"):
        call(sagemaker, "StopHyperParameterTuningJob", HyperParameterTuningJobName=name)


def _counters(in_progress):
    return {"Completed": 0, "InProgress": in_progress, "RetryableError": 0, "NonRetryableError": 0, "Stopped": 0}


def test_a_restart_goes_on_with_the_jobs_that_are_left(sagemaker, local_aws, bucket, role, tmp_path):
    request = tuning_request(bucket, role, jobs=2, parallel=1)
    tune(sagemaker, request)
    state = json.loads(json.dumps(sagemaker.get_state()))
    record = state["tuning_jobs"][0]
    record |= {"status": "InProgress", "ended": None}
    record["request"]["HyperParameterTuningJobConfig"]["ResourceLimits"]["MaxNumberOfTrainingJobs"] = 4
    again = SageMaker(ServedHost(local_aws, tmp_path / "again"), [TinyAlgorithm()])
    again.load_state(state)
    tuning = over(again, request["HyperParameterTuningJobName"])
    assert tuning["TrainingJobStatusCounters"]["Completed"] == 4
    shifts = [job["TunedHyperParameters"]["shift"] for job in jobs_of(again, request["HyperParameterTuningJobName"])]
    assert len(set(shifts)) == 4
    again.stop()


UNKNOWN_METRIC = {"HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "test:auc"}}
EMPTY_RANGE = {"ParameterRanges": {"ContinuousParameterRanges": [{"Name": "shift", "MinValue": "2", "MaxValue": "1"}]}}
REFUSED = [
    ("HyperParameterTuningJobConfig.Strategy 'Grid'", {"Strategy": "Grid"}),
    ("HyperParameterTuningJobConfig.Strategy 'Hyperband'", {"Strategy": "Hyperband"}),
    ("HyperParameterTuningJobConfig.TrainingJobEarlyStoppingType 'Auto'", {"TrainingJobEarlyStoppingType": "Auto"}),
    (
        "HyperParameterTuningJobConfig.TuningJobCompletionCriteria",
        {"TuningJobCompletionCriteria": {"TargetObjectiveMetricValue": 1.0}},
    ),
    ("The objective metric for the hyperparameter tuning job, [test:auc], isn't valid for the [tiny] algorithm", UNKNOWN_METRIC),
    ("shift: MinValue must not be greater", EMPTY_RANGE),
]


@pytest.mark.parametrize(("named", "config"), REFUSED, ids=[row[0] for row in REFUSED])
def test_a_request_that_is_not_honoured_is_refused_by_name(sagemaker, bucket, role, named, config):
    with pytest.raises(AwsError) as error:
        call(sagemaker, "CreateHyperParameterTuningJob", **tuning_request(bucket, role, **config))
    assert error.value.code == "ValidationException"
    assert error.value.message.startswith(named)
    assert call(sagemaker, "ListHyperParameterTuningJobs")["HyperParameterTuningJobSummaries"] == []
