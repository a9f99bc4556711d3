"""What descriptions of jobs show although a request left it out, and images that another version runs."""

from types import SimpleNamespace

import pytest

from localaws.sagemaker.algorithm_images import MetricDefinition, has_version, version_note
from localaws.sagemaker.training_defaults import resources, with_defaults

ALGORITHM = SimpleNamespace(
    repository="trees",
    versions=("3.2-0",),
    similar_versions=("1.7-1", "3.0-5"),
    metric_definitions=[MetricDefinition(name="train:loss", regex="loss=(.*)")],
)
REQUEST = {
    "AlgorithmSpecification": {"TrainingImage": "i", "TrainingInputMode": "File"},
    "OutputDataConfig": {"S3OutputPath": "s3://b/o"},
    "StoppingCondition": {},
    "InputDataConfig": [{"ChannelName": "train", "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://b/i"}}}],
}


def test_members_that_clients_read_without_asking_are_there():
    shown = with_defaults(REQUEST, ALGORITHM)
    assert shown["OutputDataConfig"] == {"S3OutputPath": "s3://b/o", "KmsKeyId": "", "CompressionType": "GZIP"}
    assert shown["StoppingCondition"] == {"MaxRuntimeInSeconds": 86_400}
    assert shown["EnableNetworkIsolation"] is False
    assert shown["AlgorithmSpecification"]["MetricDefinitions"] == [{"Name": "train:loss", "Regex": "loss=(.*)"}]
    (channel,) = shown["InputDataConfig"]
    assert (channel["CompressionType"], channel["RecordWrapperType"]) == ("None", "None")
    assert channel["DataSource"]["S3DataSource"]["S3DataDistributionType"] == "FullyReplicated"


def test_what_the_request_names_is_kept():
    given = {
        **REQUEST,
        "EnableNetworkIsolation": True,
        "OutputDataConfig": {"S3OutputPath": "s3://b/o", "KmsKeyId": "key"},
        "StoppingCondition": {"MaxRuntimeInSeconds": 5},
    }
    shown = with_defaults(given, ALGORITHM)
    assert shown["EnableNetworkIsolation"] is True
    assert shown["OutputDataConfig"]["KmsKeyId"] == "key"
    assert shown["StoppingCondition"] == {"MaxRuntimeInSeconds": 5}


@pytest.mark.parametrize("member", ["ResourceConfig", "HyperParameterTuningResourceConfig"])
def test_a_tuning_jobs_instances_are_read_from_either_form(member):
    assert resources({member: {"InstanceType": "ml.m5.large"}}) == {"InstanceType": "ml.m5.large"}


@pytest.mark.parametrize(("tag", "runs", "is_noted"), [("3.2-0", True, False), ("1.7-1", True, True), ("1.2-2", False, False)])
def test_an_image_that_another_version_runs_is_noted(tag, runs, is_noted):
    image = f"123456789012.dkr.ecr.us-east-1.amazonaws.com/trees:{tag}"
    assert has_version(ALGORITHM, image) == runs
    note = version_note(ALGORITHM, image)
    assert (f"version {tag}" in note and "version 3.2-0" in note) == is_noted
    assert bool(note) == is_noted
