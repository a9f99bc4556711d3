"""What a build is: the project with StartBuild's overrides, and who started it."""

import pytest

from localaws.codebuild import output_artifacts, overrides
from localaws.kit.service import AwsError

SPEC = "version: 0.2\nphases: {build: {commands: [x]}}\n"


def project(**changes):
    return {
        "name": "train",
        "source": {"type": "S3", "location": "bucket/source.zip", "buildspec": "buildspecs/train.yml"},
        "artifacts": {"type": "NO_ARTIFACTS"},
        "environment": {"type": "LINUX_CONTAINER", "image": "aws/codebuild/standard:7.0", "computeType": "BUILD_GENERAL1_SMALL"},
        "serviceRole": "arn:aws:iam::123456789012:role/build",
        "timeoutInMinutes": 60,
        **changes,
    }


def test_without_overrides_the_settings_are_the_projects():
    settings = overrides.settings_of(project(), {})
    assert settings["source"] == project()["source"]
    assert settings["timeoutInMinutes"] == 60


def test_overrides_take_the_place_of_the_projects_settings():
    settings = overrides.settings_of(
        project(),
        {
            "buildspecOverride": SPEC,
            "timeoutInMinutesOverride": 5,
            "sourceLocationOverride": "bucket/other.zip",
            "imageOverride": "aws/codebuild/standard:8.0",
            "environmentVariablesOverride": [{"name": "A", "value": "1"}],
        },
    )
    assert settings["source"] == {"type": "S3", "location": "bucket/other.zip", "buildspec": SPEC}
    assert (settings["timeoutInMinutes"], settings["environment"]["image"]) == (5, "aws/codebuild/standard:8.0")
    assert settings["environment"]["environmentVariables"] == [{"type": "PLAINTEXT", "name": "A", "value": "1"}]


def test_a_pipelines_build_takes_its_artifacts_and_keeps_the_projects_buildspec():
    pipelines = project(source={"type": "CODEPIPELINE", "buildspec": "buildspecs/train.yml"}, artifacts={"type": "CODEPIPELINE"})
    target = {"type": "S3", "location": "artifacts", "path": "p/Build", "name": "abc", "packaging": "ZIP"}
    settings = overrides.settings_of(
        pipelines, {"sourceTypeOverride": "S3", "sourceLocationOverride": "artifacts/p/Source/xyz", "artifactsOverride": target}
    )
    assert settings["source"] == {"type": "S3", "location": "artifacts/p/Source/xyz", "buildspec": "buildspecs/train.yml"}
    assert settings["artifacts"] == target
    assert overrides.is_from_pipeline(pipelines, "administrator")
    assert overrides.is_from_pipeline(project(), "codepipeline/p")
    assert not overrides.is_from_pipeline(project(), "administrator")


def test_a_pipelines_build_forgets_the_versions_of_the_projects_own_sources():
    own = project(secondarySourceVersions=[{"sourceIdentifier": "A", "sourceVersion": "v"}])
    assert "secondarySourceVersions" not in overrides.settings_of(own, {}, from_pipeline=True)
    assert "secondarySourceVersions" in overrides.settings_of(own, {})


@pytest.mark.parametrize(
    ("changes", "request_members", "named"),
    [
        ({"source": {"type": "CODEPIPELINE"}}, {}, "CODEPIPELINE"),
        ({}, {"sourceTypeOverride": "NO_SOURCE"}, "inline"),
        ({}, {"sourceLocationOverride": "bucket"}, "bucket/key"),
        ({}, {"imageOverride": "python:3.12"}, "python:3.12"),
        ({}, {"secondarySourcesOverride": [{"type": "S3", "location": "b/k"}]}, "sourceIdentifier"),
        ({}, {"environmentVariablesOverride": [{"name": "CODEBUILD_INITIATOR", "value": "x"}]}, "CODEBUILD_INITIATOR"),
        ({}, {"environmentVariablesOverride": [{"name": "A B", "value": "x"}]}, "'A B'"),
        ({}, {"artifactsOverride": {"type": "S3"}}, "location"),
        ({}, {"artifactsOverride": {"type": "S3", "location": "bucket/folder"}}, "'bucket/folder'"),
        ({}, {"artifactsOverride": {"type": "NO_ARTIFACTS", "name": "x"}}, "'x'"),
        ({}, {"sourceTypeOverride": "GITHUB", "sourceLocationOverride": "https://gitlab.com/a/b"}, "gitlab"),
        ({}, {"sourceTypeOverride": "CODECOMMIT", "sourceLocationOverride": "https://github.com/a/b"}, "CODECOMMIT"),
        ({}, {"cacheOverride": {"type": "LOCAL", "modes": ["LOCAL_DOCKER_LAYER_CACHE"]}}, "LOCAL_DOCKER_LAYER_CACHE"),
    ],
)
def test_settings_that_cannot_build_are_refused_before_the_start(changes, request_members, named):
    with pytest.raises(AwsError) as error:
        overrides.settings_of(project(**changes), request_members)
    assert error.value.code == "InvalidInputException"
    assert named in error.value.message


@pytest.mark.parametrize(
    ("arn", "initiator"),
    [
        ("arn:aws:iam::123456789012:user/administrator", "administrator"),
        ("arn:aws:iam::123456789012:user/team/ann", "ann"),
        ("arn:aws:sts::123456789012:assumed-role/Deploy/session-1", "Deploy/session-1"),
        ("arn:aws:sts::123456789012:assumed-role/Pipeline/codepipeline-movies-prod", "codepipeline/movies-prod"),
        ("arn:aws:sts::123456789012:assumed-role/Events/rule-sweeper", "rule/sweeper"),
    ],
)
def test_the_initiator_is_made_of_the_callers_arn(arn, initiator):
    assert overrides.initiator_of(arn) == initiator


@pytest.mark.parametrize(
    ("settings", "name", "prefix", "key"),
    [
        ({"path": "p/Build", "name": "abc"}, None, None, "p/Build/abc"),
        ({"path": "MyArtifacts", "namespaceType": "BUILD_ID", "name": "x.zip"}, None, None, "MyArtifacts/uuid/x.zip"),
        ({"name": "/"}, None, None, ""),
        ({"name": "x", "overrideArtifactName": True}, "site-1", None, "site-1"),
        ({"name": "x"}, "site-1", None, "x"),
        ({"name": "x", "namespaceType": "BUILD_ID"}, None, "releases", "releases/uuid/x"),
        ({"name": "x", "namespaceType": "NONE"}, None, "releases", "x"),
    ],
)
def test_an_artifacts_key_is_made_of_path_build_and_name(settings, name, prefix, key):
    place = output_artifacts.place_of({"location": "arn:aws:s3:::bucket", **settings}, build_uuid="uuid", name=name, s3_prefix=prefix)
    assert (place.bucket, place.key) == ("bucket", key)
