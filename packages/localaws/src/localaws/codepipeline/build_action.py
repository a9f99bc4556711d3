"""Build and Test actions: start a CodeBuild build of the input artifacts and follow it, with the action's role."""

import json
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from localaws.codepipeline.action import ActionFailed, ActionResult, Job, describe, failure
from localaws.codepipeline.pipeline_records import names


def run(job: Job) -> ActionResult:
    """Start the build, or find the build that was started before a restart, and wait for its end."""
    codebuild = job.client("codebuild")
    build_id = job.work.get("build") or _start(job, codebuild)
    while (build := _describe(codebuild, build_id))["buildStatus"] == "IN_PROGRESS":
        job.pause()
    if build["buildStatus"] != "SUCCEEDED":
        raise ActionFailed(failure_text(build))
    for artifact, key in job.outputs.items():
        if job.artifacts.is_missing(key):
            raise ActionFailed(f"The build ended without the output artifact [{artifact}]")
    exported = {item["name"]: item.get("value", "") for item in build.get("exportedEnvironmentVariables", ())}
    return ActionResult(variables=exported)


def start_request(job: Job) -> dict[str, Any]:
    """StartBuild's members. They override the project's sources and artifacts by the pipeline's."""
    inputs, wanted = names(job.action.get("inputArtifacts")), job.configuration
    primary = wanted.get("PrimarySource", inputs[0])
    bucket = job.artifacts.bucket
    request: dict[str, Any] = {
        "projectName": wanted["ProjectName"],
        "sourceTypeOverride": "S3",
        "sourceLocationOverride": f"{bucket}/{job.inputs[primary]}",
        "secondarySourcesOverride": [
            {"type": "S3", "location": f"{bucket}/{job.inputs[name]}", "sourceIdentifier": name} for name in inputs if name != primary
        ],
        **_artifacts(job),
    }
    if commit := job.commits.get(primary) or next(iter(job.commits.values()), None):
        request["sourceVersion"] = commit
    if "EnvironmentVariables" in wanted:
        request["environmentVariablesOverride"] = [{"type": "PLAINTEXT", **item} for item in json.loads(wanted["EnvironmentVariables"])]
    if job.artifacts.kms_key:
        request["encryptionKeyOverride"] = job.artifacts.kms_key
    return request


def failure_text(build: Mapping[str, Any]) -> str:
    """The failure text for the first failed phase.

    "Build terminated with state: FAILED. Phase: BUILD, Code: COMMAND_EXECUTION_ERROR, Message: ..."
    """
    text = f"Build terminated with state: {build['buildStatus']}"
    for phase in build.get("phases", ()):
        if phase.get("phaseStatus", "SUCCEEDED") not in ("SUCCEEDED", "IN_PROGRESS"):
            context: Mapping[str, Any] = next((item for item in phase.get("contexts", ()) if item.get("message")), {})
            code, message = context.get("statusCode") or phase["phaseStatus"], context.get("message", "")
            return f"{text}. Phase: {phase['phaseType']}, Code: {code}, Message: {message}"
    return text


def _artifacts(job: Job) -> dict[str, Any]:
    """A single output artifact is the build's primary one. Several are its secondary artifacts by name, as in buildspecs."""
    declared = names(job.action.get("outputArtifacts"))
    if not declared:
        return {"artifactsOverride": {"type": "NO_ARTIFACTS"}, "secondaryArtifactsOverride": []}
    places = {name: {"type": "S3", "packaging": "ZIP", "namespaceType": "NONE", **_place(job, name)} for name in declared}
    if len(declared) == 1:
        return {"artifactsOverride": places[declared[0]], "secondaryArtifactsOverride": []}
    secondary = [{**place, "artifactIdentifier": name} for name, place in places.items()]
    return {"artifactsOverride": {"type": "NO_ARTIFACTS"}, "secondaryArtifactsOverride": secondary}


def _place(job: Job, artifact: str) -> dict[str, Any]:
    path, _, name = job.outputs[artifact].rpartition("/")
    return {"location": job.artifacts.bucket, "path": path, "name": name, "overrideArtifactName": False}


def _start(job: Job, codebuild: Any) -> str:
    try:
        build = codebuild.start_build(**start_request(job))["build"]
    except ClientError as error:
        found = failure(error)
        raise ActionFailed(f"Error calling startBuild: {describe(error)}", code=found.code) from error
    build_id: str = build["id"]
    url = f"https://console.aws.amazon.com/codebuild/home?region={job.region}#/builds/{build_id}/view/new"
    job.remember(work={"build": build_id}, external_id=build_id, external_url=url)
    return build_id


def _describe(codebuild: Any, build_id: str) -> dict[str, Any]:
    try:
        found = codebuild.batch_get_builds(ids=[build_id])["builds"]
    except ClientError as error:
        raise ActionFailed(f"Error calling batchGetBuilds: {describe(error)}", code=failure(error).code) from error
    if not found:
        raise ActionFailed(f"The build {build_id} no longer exists")
    build: dict[str, Any] = found[0]
    return build
