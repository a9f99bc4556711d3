"""A build's settings: the project's, with StartBuild's overrides.

CodePipeline passes its artifacts to a project, whatever its source is, by overrides, because AWS does not document its own way:
`sourceTypeOverride` S3 with `sourceLocationOverride` bucket/key, `secondarySourcesOverride`, `artifactsOverride` of type S3 (location,
path, name, packaging ZIP) or NO_ARTIFACTS, `secondaryArtifactsOverride`, `encryptionKeyOverride`, and `sourceVersion` for the revision.
The build's initiator comes from the name of the role session: `codepipeline-<pipeline>`, or `rule-<rule>` if an event started the build.
"""

import re
from collections.abc import Mapping
from typing import Any

from localaws.codebuild import refusals
from localaws.codebuild.environment_variables import merged
from localaws.codebuild.refusals import invalid

# StartBuild's member -> the setting that it replaces.
_REPLACED = {
    "secondarySourcesOverride": "secondarySources",
    "secondarySourcesVersionOverride": "secondarySourceVersions",
    "artifactsOverride": "artifacts",
    "secondaryArtifactsOverride": "secondaryArtifacts",
    "cacheOverride": "cache",
    "serviceRoleOverride": "serviceRole",
    "timeoutInMinutesOverride": "timeoutInMinutes",
    "queuedTimeoutInMinutesOverride": "queuedTimeoutInMinutes",
    "encryptionKeyOverride": "encryptionKey",
    "logsConfigOverride": "logsConfig",
}
_ENVIRONMENT = {"imageOverride": "image", "computeTypeOverride": "computeType"}
_COPIED = (
    *("source", "secondarySources", "secondarySourceVersions", "artifacts", "secondaryArtifacts", "cache", "environment"),
    *("serviceRole", "timeoutInMinutes", "queuedTimeoutInMinutes", "encryptionKey", "logsConfig"),
)


def is_from_pipeline(project: Mapping[str, Any], initiator: str) -> bool:
    """Whether the source is an artifact of a pipeline: the project says so, or a pipeline started the build."""
    return bool(project["source"]["type"] == "CODEPIPELINE") or initiator.startswith("codepipeline/")


def settings_of(project: Mapping[str, Any], request: Mapping[str, Any], *, from_pipeline: bool = False) -> dict[str, Any]:
    """All settings of the build. Raises AwsError for a combination that cannot run."""
    settings = {name: project[name] for name in _COPIED if name in project}
    settings |= {name: request[member] for member, name in _REPLACED.items() if member in request}
    if from_pipeline:
        settings.pop("secondarySourceVersions", None)
    if from_pipeline and request.get("secondarySourcesVersionOverride"):
        raise invalid("secondarySourcesVersionOverride is not honoured for the build of a pipeline")
    settings["source"] = _source(project["source"], request)
    if settings["artifacts"]["type"] == "CODEPIPELINE":  # the pipeline's action has no output artifacts
        settings["artifacts"] = {"type": "NO_ARTIFACTS"}
    environment = dict(project["environment"])
    environment |= {name: request[member] for member, name in _ENVIRONMENT.items() if member in request}
    override = request.get("environmentVariablesOverride", [])
    refusals.check_variables(override)
    environment["environmentVariables"] = merged(environment.get("environmentVariables", []), override)
    settings["environment"] = environment
    _check(settings)
    return settings


def initiator_of(caller_arn: str) -> str:
    """A user's name, `role/session` of a role, or the pipeline or rule that a session is named after."""
    kind, _, rest = caller_arn.rpartition(":")[2].partition("/")
    if kind != "assumed-role":
        return rest.rpartition("/")[2] or kind
    match = re.fullmatch(r"(codepipeline|rule)-(.+)", rest.rpartition("/")[2])
    return f"{match[1]}/{match[2]}" if match else rest


def _source(source: Mapping[str, Any], request: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(source)
    if "sourceTypeOverride" in request:
        found = {"type": request["sourceTypeOverride"], **{name: source[name] for name in ("buildspec",) if name in source}}
        if request["sourceTypeOverride"] == source["type"] and "location" in source:
            found["location"] = source["location"]
    if "sourceLocationOverride" in request:
        found["location"] = request["sourceLocationOverride"]
    if "buildspecOverride" in request:
        found["buildspec"] = request["buildspecOverride"]
    if found["type"] == "CODEPIPELINE":
        raise invalid(
            "A project with source type CODEPIPELINE is built by its pipeline. To start a build yourself, give sourceTypeOverride"
        )
    return found


def _check(settings: Mapping[str, Any]) -> None:
    refusals.check_project(settings)
    if any(source["type"] == "CODEPIPELINE" for source in settings.get("secondarySources", [])):
        raise invalid("Secondary sources of a build cannot be of type CODEPIPELINE: give secondarySourcesOverride")
    if any(artifacts["type"] != "S3" for artifacts in settings.get("secondaryArtifacts", [])):
        raise invalid("Secondary artifacts of a build must be of type S3: give secondaryArtifactsOverride")
