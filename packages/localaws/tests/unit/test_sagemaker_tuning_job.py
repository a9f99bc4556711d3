import pytest

from localaws.sagemaker.log_metrics import Metric
from localaws.sagemaker.training_job import TrainingJob
from localaws.sagemaker.tuning_job import TuningJob


def tuning(kind):
    objective = {"Type": kind, "MetricName": "test:rate"}
    request = {"HyperParameterTuningJobConfig": {"HyperParameterTuningJobObjective": objective}, "TrainingJobDefinition": {}}
    return TuningJob(name="T", arn="arn", created=1.0, modified=1.0, request=request)


def job(name, value, status="Completed"):
    metrics = [] if value is None else [Metric(MetricName="test:rate", Value=value, Timestamp=1.0)]
    made = TrainingJob(name=name, arn=name, created=1.0, modified=1.0, request={}, metrics=metrics)
    made.enter(status, 1.0)
    return made


JOBS = [
    job("none", None),
    job("low", 0.1),
    job("high", 0.9),
    job("equal", 0.9),
    job("stopped", 5.0, "Stopped"),
    job("failed", -5.0, "Failed"),
]


@pytest.mark.parametrize(("kind", "best"), [("Maximize", "high"), ("Minimize", "low")])
def test_the_best_job_is_the_first_completed_one_with_the_best_objective(kind, best):
    assert tuning(kind).best(JOBS).name == best
    assert tuning(kind).best(JOBS[:1]) is None


def test_counters_tell_what_became_of_the_jobs():
    progress = tuning("Maximize")._progress([*JOBS, job("running", None, "Training")])
    counters = {"Completed": 4, "InProgress": 1, "RetryableError": 0, "NonRetryableError": 1, "Stopped": 1}
    assert progress["TrainingJobStatusCounters"] == counters
    assert progress["ObjectiveStatusCounters"] == {"Succeeded": 4, "Pending": 1, "Failed": 2}
