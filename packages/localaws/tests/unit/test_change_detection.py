"""Which pushes start which pipelines."""

from typing import Any

import pytest

from localaws.codeconnections.pushes import Push
from localaws.codepipeline.change_detection import Start, matches, starts
from localaws.codepipeline.object_polls import ObjectPolls
from localaws.codepipeline.pipeline_records import Pipeline
from localaws.kit.service import AwsError

CONNECTION = "arn:aws:codeconnections:us-east-1:123456789012:connection/x"
BY_CONNECTION = {"ConnectionArn": CONNECTION, "FullRepositoryId": "a/B", "BranchName": "main"}
BY_TOKEN = {"Owner": "a", "Repo": "b", "Branch": "main", "OAuthToken": "****"}
COMMIT_REPOSITORY = {"RepositoryName": "site", "BranchName": "main"}


def declaration(provider: str, configuration: dict[str, str], *triggers: dict[str, Any]) -> dict[str, Any]:
    action = {"name": "Get", "actionTypeId": {"category": "Source", "provider": provider}, "configuration": configuration}
    settings = [{"providerType": "CodeStarSourceConnection", "gitConfiguration": {"sourceActionName": "Get", **more}} for more in triggers]
    return {"stages": [{"name": "Source", "actions": [action]}], "triggers": settings}


def push(repository: str = "a/b", branch: str = "main", commit: str | None = "c", *paths: str) -> Push:
    return Push(repository=repository, branch=branch, old="o", commit=commit, paths=paths)


def started(declared: dict[str, Any], pushed: Push, webhook: str | None = None) -> list[str]:
    return [start.trigger_type for start in starts(declared, pushed, lambda action: webhook)]


@pytest.mark.parametrize(
    ("provider", "configuration", "pushed", "webhook", "expected"),
    [
        ("CodeStarSourceConnection", BY_CONNECTION, push(), None, ["WebhookV2"]),
        ("CodeStarSourceConnection", BY_CONNECTION, push(branch="dev"), None, []),
        ("CodeStarSourceConnection", BY_CONNECTION, push(commit=None), None, []),
        ("CodeStarSourceConnection", BY_CONNECTION, push("c/d"), None, []),
        ("CodeStarSourceConnection", {**BY_CONNECTION, "DetectChanges": "false"}, push(), None, []),
        ("GitHub", BY_TOKEN, push(), None, ["PollForSourceChanges"]),
        ("GitHub", {**BY_TOKEN, "PollForSourceChanges": "false"}, push(), None, []),
        ("GitHub", {**BY_TOKEN, "PollForSourceChanges": "false"}, push(), "arn:webhook", ["Webhook"]),
        ("GitHub", BY_TOKEN, push(branch="dev"), "arn:webhook", []),
        ("CodeCommit", COMMIT_REPOSITORY, push("site"), None, ["PollForSourceChanges"]),
        ("CodeCommit", {**COMMIT_REPOSITORY, "PollForSourceChanges": "false"}, push("site"), None, []),
        ("CodeCommit", COMMIT_REPOSITORY, push("site", "dev"), None, []),
        ("S3", {"S3Bucket": "site", "S3ObjectKey": "main"}, push("site"), None, []),
    ],
)
def test_a_push_starts_what_detects_it(provider: str, configuration: Any, pushed: Push, webhook: str | None, expected: list[str]) -> None:
    assert started(declaration(provider, configuration), pushed, webhook) == expected


@pytest.mark.parametrize(
    ("trigger", "pushed", "expected"),
    [
        ({}, push(), True),
        ({}, push(branch="dev"), False),
        ({"push": [{"branches": {"includes": ["feature/*"]}}]}, push(branch="feature/x"), True),
        ({"push": [{"branches": {"includes": ["feature/*"]}}]}, push(branch="feature/x/y"), False),
        ({"push": [{"branches": {"includes": ["**"], "excludes": ["wip*"]}}]}, push(branch="wip1"), False),
        ({"push": [{"branches": {"excludes": ["wip*"]}}]}, push(branch="dev"), True),
        ({"push": [{"filePaths": {"includes": ["src/**"]}}]}, push("a/b", "main", "c", "docs/a.md", "src/a/b.py"), True),
        ({"push": [{"filePaths": {"includes": ["src/**"]}}]}, push("a/b", "main", "c", "docs/a.md"), False),
        ({"push": [{"filePaths": {"excludes": ["docs/**"]}}]}, push("a/b", "main", "c", "docs/a.md", "x"), True),
        ({"push": [{"tags": {"includes": ["v*"]}}, {"branches": {"includes": ["dev"]}}]}, push(branch="dev"), True),
        ({"push": [{"tags": {"includes": ["**"]}}]}, push(), False),
        ({"pullRequest": [{"branches": {"includes": ["**"]}}]}, push(), False),
    ],
)
def test_a_trigger_decides_instead_of_the_branch(trigger: dict[str, Any], pushed: Push, expected: bool) -> None:
    found = list(starts(declaration("CodeStarSourceConnection", BY_CONNECTION, trigger), pushed, lambda action: None))
    assert found == [
        Start(action="Get", trigger_type="WebhookV2", trigger_detail=CONNECTION, branch=pushed.branch, commit="c") for _ in range(expected)
    ]


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        ("*.{js,ts}", "a.ts", True),
        ("*.{js,ts}", "a.py", False),
        ("**/a.md", "a.md", True),
        ("**/a.md", "x/y/a.md", True),
        ("v?", "v1", True),
    ],
)
def test_glob_patterns_of_triggers(pattern: str, name: str, expected: bool) -> None:
    assert matches(pattern, name) is expected


def test_a_new_version_of_a_polled_object_starts_the_pipeline_once() -> None:
    kept: list[Start] = []
    versions = iter(["v1", "v1", "v2", None, "v2", "v3"])
    declared = declaration("S3", {"S3Bucket": "b", "S3ObjectKey": "k.zip"})
    unpolled = declaration("S3", {"S3Bucket": "b", "S3ObjectKey": "k.zip", "PollForSourceChanges": "false"})
    pipelines = [
        Pipeline(name=name, arn="", created=0.0, updated=0.0, version=1, declarations={1: made})
        for name, made in (("gone", declared), ("p", declared), ("q", unpolled))
    ]

    class S3:
        def head_object(self, **place: str) -> dict[str, Any]:
            version = next(versions)
            return {"VersionId": version} if version else {}

    def client(pipeline: Pipeline, role: str | None) -> S3:
        if pipeline.name == "gone":
            raise AwsError("AccessDenied", "The role is gone.")
        return S3()

    polls = ObjectPolls(lambda: pipelines, client, lambda pipeline, start: kept.append(start))
    polls.stop()
    counts = []
    for _ in range(6):
        polls.poll()
        counts.append(len(kept))
    assert counts == [0, 0, 1, 1, 1, 2]
    assert {start.trigger_type for start in kept} == {"PollForSourceChanges"}
