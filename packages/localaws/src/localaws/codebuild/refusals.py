"""Refuses settings of a project and of StartBuild that are not honoured, by name, before anything is created."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from localaws.codebuild import git_sources
from localaws.codebuild.build_objects import parse_location
from localaws.codebuild.buildspec import is_inline
from localaws.codebuild.environment_variables import RESERVED
from localaws.kit.members import ANY, Honoured, only, refuse_unhonoured
from localaws.kit.service import AwsError

INVALID = "InvalidInputException"

# Amazon's images for Linux, also the old ones for one language. They are recorded only: a build runs on this machine.
_IMAGE = re.compile(r"aws/codebuild/(?!windows|.*lambda)[a-z0-9][\w.-]*:[\w.-]+")
_COMPUTE = only("BUILD_GENERAL1_SMALL", "BUILD_GENERAL1_MEDIUM", "BUILD_GENERAL1_LARGE", "BUILD_GENERAL1_XLARGE", "BUILD_GENERAL1_2XLARGE")

_SOURCE: Mapping[str, Honoured] = {
    "type": only("CODEPIPELINE", "S3", "NO_SOURCE", *git_sources.TYPES),
    "location": ANY,
    "buildspec": ANY,
    "sourceIdentifier": ANY,
    # Recorded only: a clone is a local one, so it needs no token, and nobody gets the status.
    "gitCloneDepth": ANY,
    "auth": ANY,
    "reportBuildStatus": ANY,
    "gitSubmodulesConfig": {"fetchSubmodules": only(False)},
    "insecureSsl": only(False),
}
_ARTIFACTS: Mapping[str, Honoured] = {
    "type": only("CODEPIPELINE", "S3", "NO_ARTIFACTS"),
    "location": ANY,
    "path": ANY,
    "namespaceType": ANY,
    "name": ANY,
    "packaging": ANY,
    "overrideArtifactName": ANY,
    "encryptionDisabled": ANY,
    "artifactIdentifier": ANY,
    "bucketOwnerAccess": only("NONE"),
}
_CACHE: Mapping[str, Honoured] = {
    "type": ANY,
    "location": ANY,
    "modes": ANY,  # see _check_cache
}
_VARIABLES: Mapping[str, Honoured] = {"name": ANY, "value": ANY, "type": ANY}
_LOGS: Mapping[str, Honoured] = {
    "cloudWatchLogs": {"status": ANY, "groupName": ANY, "streamName": ANY},
    "s3Logs": {"status": only("DISABLED"), "encryptionDisabled": ANY},
}
_VERSIONS: Mapping[str, Honoured] = {"sourceIdentifier": ANY, "sourceVersion": ANY}

PROJECT: Mapping[str, Honoured] = {
    "name": ANY,
    "description": ANY,
    "source": _SOURCE,
    "secondarySources": _SOURCE,
    "sourceVersion": ANY,
    "secondarySourceVersions": _VERSIONS,
    "artifacts": _ARTIFACTS,
    "secondaryArtifacts": _ARTIFACTS,
    "cache": _CACHE,
    "environment": {
        "type": only("LINUX_CONTAINER"),
        "image": ANY,  # see check_image
        "computeType": _COMPUTE,  # recorded only: the build runs on this machine
        "environmentVariables": _VARIABLES,
        "privilegedMode": only(False),
        "imagePullCredentialsType": only("CODEBUILD"),
    },
    "serviceRole": ANY,
    "timeoutInMinutes": ANY,
    "queuedTimeoutInMinutes": ANY,
    "encryptionKey": ANY,
    "tags": {"key": ANY, "value": ANY},
    "badgeEnabled": only(False),
    "logsConfig": _LOGS,
    "concurrentBuildLimit": ANY,
    "autoRetryLimit": only(0),
}

START: Mapping[str, Honoured] = {
    "projectName": ANY,
    "secondarySourcesOverride": _SOURCE,
    "secondarySourcesVersionOverride": _VERSIONS,
    "sourceVersion": ANY,
    "artifactsOverride": _ARTIFACTS,
    "secondaryArtifactsOverride": _ARTIFACTS,
    "environmentVariablesOverride": _VARIABLES,
    "sourceTypeOverride": only("S3", "NO_SOURCE", *git_sources.TYPES),
    "sourceLocationOverride": ANY,
    "buildspecOverride": ANY,
    "insecureSslOverride": only(False),
    "reportBuildStatusOverride": only(False),
    "environmentTypeOverride": only("LINUX_CONTAINER"),
    "imageOverride": ANY,
    "computeTypeOverride": _COMPUTE,
    "cacheOverride": _CACHE,
    "serviceRoleOverride": ANY,
    "privilegedModeOverride": only(False),
    "timeoutInMinutesOverride": ANY,
    "queuedTimeoutInMinutesOverride": ANY,
    "encryptionKeyOverride": ANY,
    "idempotencyToken": ANY,
    "logsConfigOverride": _LOGS,
    "imagePullCredentialsTypeOverride": only("CODEBUILD"),
    "debugSessionEnabled": only(False),
    "autoRetryLimitOverride": only(0),
}


def invalid(message: str) -> AwsError:
    return AwsError(INVALID, message)


def check_members(request: Mapping[str, Any], honoured: Mapping[str, Honoured]) -> None:
    refuse_unhonoured(request, honoured, code=INVALID)


def check_project(project: Mapping[str, Any]) -> None:
    """Check a project. Raises AwsError for settings with which it could not build."""
    check_source(project["source"])
    _check_identified(project.get("secondarySources", []), "sourceIdentifier", "secondary source")
    for source in project.get("secondarySources", []):
        check_source(source, secondary=True)
    _check_identified(project.get("secondaryArtifacts", []), "artifactIdentifier", "secondary artifact")
    for artifacts in (project["artifacts"], *project.get("secondaryArtifacts", [])):
        _check_artifacts(artifacts)
    check_image(project["environment"]["image"])
    check_variables(project["environment"].get("environmentVariables", []))
    _check_cache(project.get("cache", {"type": "NO_CACHE"}))


def check_pipeline_types(project: Mapping[str, Any]) -> None:
    """Check that source and artifacts both come from a pipeline, or neither. Raises AwsError."""
    source, artifacts = project["source"]["type"], project["artifacts"]["type"]
    if (source == "CODEPIPELINE") != (artifacts == "CODEPIPELINE"):
        text = f"the source is of type {source} and the artifacts are of type {artifacts}"
        raise invalid(f"Invalid project: source and artifacts must both be of type CODEPIPELINE, or neither; {text}")
    for member in ("secondarySources", "secondaryArtifacts"):
        if any(item["type"] == "CODEPIPELINE" for item in project.get(member, [])):
            raise invalid(f"Invalid {member}: only the primary one can be of type CODEPIPELINE; a pipeline adds the others")


def _check_artifacts(artifacts: Mapping[str, Any]) -> None:
    location, name = artifacts.get("location", ""), artifacts.get("name", "")
    if artifacts["type"] == "S3" and not location:
        raise invalid("Invalid artifacts: artifacts of type S3 need a location, the name of a bucket")
    if artifacts["type"] == "S3" and "/" in location.removeprefix("arn:aws:s3:::"):
        raise invalid(f"Invalid artifacts: location is the name of a bucket, not {location!r}; the folder belongs in path")
    if artifacts["type"] == "NO_ARTIFACTS" and name:
        raise invalid(f"Invalid artifacts: artifacts of type NO_ARTIFACTS have no name, not {name!r}")


def check_source(source: Mapping[str, Any], *, secondary: bool = False) -> None:
    if source["type"] == "S3":
        try:
            parse_location(source.get("location", ""))
        except ValueError as error:
            raise invalid(f"Invalid source location: {error}") from error
    if source["type"] in git_sources.TYPES:
        try:
            git_sources.check_location(source)
        except ValueError as error:
            raise invalid(f"Invalid source location: {error}") from error
    if source["type"] == "NO_SOURCE":
        if secondary:
            raise invalid("Invalid secondary source: it cannot be of type NO_SOURCE")
        if not is_inline(source.get("buildspec", "")):
            raise invalid("Invalid project source: a buildspec is required inline when the source type is NO_SOURCE")


def check_image(image: str) -> None:
    if not _IMAGE.fullmatch(image):
        raise invalid(f"environment.image {image!r} is not honoured by the local AWS, which runs no images; aws/codebuild/standard:7.0 is")


def check_variables(variables: Iterable[Mapping[str, str]]) -> None:
    seen: set[str] = set()
    for variable in variables:
        name = variable["name"]
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            raise invalid(f"Invalid environment variable name: {name!r}")
        if name in RESERVED:
            raise invalid(f"The environment variable {name} is set by CodeBuild itself")
        if name in seen:
            raise invalid(f"Duplicate environment variable: {name}")
        seen.add(name)


def _check_identified(items: Iterable[Mapping[str, Any]], member: str, what: str) -> None:
    """Check the identifiers. They may contain hyphens, because a pipeline uses the names of its artifacts."""
    seen: set[str] = set()
    for item in items:
        identifier = item.get(member, "")
        if not re.fullmatch(r"[A-Za-z0-9_-]+", identifier):
            raise invalid(f"Invalid {what}: it needs a {member} of letters, digits, underscores and hyphens, not {identifier!r}")
        if identifier in seen:
            raise invalid(f"Duplicate {member}: {identifier}")
        seen.add(identifier)


def _check_cache(cache: Mapping[str, Any]) -> None:
    modes = set(cache.get("modes", []))
    if cache["type"] == "LOCAL":
        if not modes:
            raise invalid("Invalid cache: modes are required when the cache type is LOCAL")
        if "LOCAL_DOCKER_LAYER_CACHE" in modes:
            raise invalid("cache.modes LOCAL_DOCKER_LAYER_CACHE is not honoured by the local AWS: it has no Docker")
    elif cache["type"] == "S3" and not cache.get("location"):
        raise invalid("Invalid cache: a location is required when the cache type is S3")
