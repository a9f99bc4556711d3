import pytest

from localaws.sagemaker.training_job import TrainingJob, failure_reason


def job(**changes):
    request = {"OutputDataConfig": {"S3OutputPath": "s3://b/out/"}, "HyperParameters": {}, "StoppingCondition": {"MaxRuntimeInSeconds": 1}}
    made = TrainingJob(name="Job", arn="arn", created=1.0, modified=1.0, request=request, **changes)
    made.enter("Starting", 1.0)
    return made


def statuses(made):
    return [transition["Status"] for transition in made.transitions]


def test_each_transition_ends_when_the_next_begins():
    made = job()
    for second, status in enumerate(("Downloading", "Training", "Uploading", "Completed"), start=2):
        made.enter(status, float(second))
    assert [(t["StartTime"], t["EndTime"]) for t in made.transitions] == [(1, 2), (2, 3), (3, 4), (4, 5), (5, 5)]
    described = made.describe()
    assert (described["TrainingStartTime"].timestamp(), described["TrainingEndTime"].timestamp()) == (2, 5)
    assert described["BillableTimeInSeconds"] == described["TrainingTimeInSeconds"] == 3
    assert described["ModelArtifacts"]["S3ModelArtifacts"] == "s3://b/out/Job/output/model.tar.gz"


@pytest.mark.parametrize("ending", ["Completed", "Failed", "Stopped", "MaxRuntimeExceeded"])
def test_a_job_that_has_ended_stays_as_it_ended(ending):
    made = job()
    made.enter(ending, 2.0)
    made.enter("Training", 3.0)
    made.fail("late", 3.0)
    assert statuses(made) == ["Starting", ending]
    assert made.failure_reason is None
    assert made.ended == 2.0


def test_a_job_that_is_being_stopped_can_only_end():
    made = job()
    made.enter("Stopping", 2.0)
    made.enter("Uploading", 3.0)
    made.enter("Stopping", 3.0)
    made.enter("Stopped", 4.0)
    assert statuses(made)[-2:] == ["Stopping", "Stopped"]


def test_members_without_a_value_are_left_out():
    described = job().describe()
    absent = {"FailureReason", "FinalMetricDataList", "TrainingStartTime", "TrainingEndTime", "HyperParameters", "TuningJobArn"}
    assert not absent & described.keys()


@pytest.mark.parametrize(
    ("text", "code", "reason"),
    [
        ("", 137, "AlgorithmError: , exit code: 137"),
        ("bad\n", 1, "AlgorithmError: bad, exit code: 1"),
        ("ClientError: bad", 2, "ClientError: bad, exit code: 2"),
        ("AlgorithmError: bad", 1, "AlgorithmError: bad, exit code: 1"),
    ],
)
def test_a_failure_reads_as_sagemaker_words_it(text, code, reason):
    assert failure_reason(text, code) == reason


def test_a_long_failure_keeps_its_exit_code():
    reason = failure_reason("x" * 5000, 1)
    assert len(reason) == 1024
    assert reason.endswith(", exit code: 1")
