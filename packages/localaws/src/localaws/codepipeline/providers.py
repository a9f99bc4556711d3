"""The action types that are honoured: the keys of their configuration, the numbers of their artifacts, and what runs them."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from localaws.codeconnections.repositories import Repositories
from localaws.codepipeline import build_action, cloudformation_action, object_source, source_action
from localaws.codepipeline.action import ActionResult, Job
from localaws.codepipeline.pipeline_records import names

_CONNECTION_VARIABLES = frozenset({"AuthorDate", "BranchName", "CommitId", "CommitMessage", "ConnectionArn", "FullRepositoryName"})
_TOKEN_VARIABLES = frozenset({"AuthorDate", "BranchName", "CommitId", "CommitMessage", "CommitUrl", "CommitterDate", "RepositoryName"})
_CODECOMMIT_VARIABLES = _TOKEN_VARIABLES - {"CommitUrl"}
_STACK_MODES: Mapping[str, frozenset[str]] = {
    "CREATE_UPDATE": frozenset({"TemplatePath", "RoleArn"}),
    "REPLACE_ON_FAILURE": frozenset({"TemplatePath", "RoleArn"}),
    "DELETE_ONLY": frozenset({"RoleArn"}),
    "CHANGE_SET_REPLACE": frozenset({"TemplatePath", "RoleArn", "ChangeSetName"}),
    "CHANGE_SET_EXECUTE": frozenset({"ChangeSetName"}),
}
_VARIABLE_TYPES = ("PLAINTEXT", "PARAMETER_STORE", "SECRETS_MANAGER")


@dataclass(frozen=True, kw_only=True)
class Provider:
    """`inputs` and `outputs` are the minimum and maximum numbers of artifacts. `variables` is None if a build or a stack defines them.

    `run` performs the action; it is None if a person decides. `problems` finds errors in the action's declaration that the sets of keys
    cannot express.
    """

    required: frozenset[str]
    optional: frozenset[str]
    inputs: tuple[int, int]
    outputs: tuple[int, int]
    variables: frozenset[str] | None
    run: Callable[[Job, Repositories], ActionResult] | None
    problems: Callable[[Mapping[str, Any]], Sequence[str]] = lambda action: ()


def provider_of(action: Mapping[str, Any]) -> Provider | None:
    """The action's provider, or None if it is not honoured."""
    kind = action["actionTypeId"]
    if kind["version"] != "1":
        return None
    return PROVIDERS.get((kind["category"], kind["owner"], kind["provider"]))


def _format_problems(action: Mapping[str, Any]) -> list[str]:
    wanted = action.get("configuration", {}).get("OutputArtifactFormat", "CODE_ZIP")
    return [] if wanted == "CODE_ZIP" else [f"the local AWS does not honour OutputArtifactFormat {wanted}, only CODE_ZIP"]


def _object_problems(action: Mapping[str, Any]) -> list[str]:
    configuration = action.get("configuration", {})
    key, found = configuration.get("S3ObjectKey", ""), []
    if not key.endswith(object_source.ARCHIVES) and "#{" not in key:
        found.append(f"S3ObjectKey {key} is no archive: it must end with {', '.join(object_source.ARCHIVES)}")
    if configuration.get("AllowOverrideForS3ObjectKey", "false").lower() != "false":
        found.append("the local AWS does not honour AllowOverrideForS3ObjectKey")
    return found


def _connection_problems(action: Mapping[str, Any]) -> list[str]:
    configuration, found = action.get("configuration", {}), _format_problems(action)
    if "/" not in configuration.get("FullRepositoryId", "/"):
        found.append("A repository Id must be in the format <account>/<repository-name>")
    return found


def _build_problems(action: Mapping[str, Any]) -> list[str]:
    configuration, inputs, found = action.get("configuration", {}), names(action.get("inputArtifacts")), []
    primary = configuration.get("PrimarySource")
    if len(inputs) > 1 and primary is None:
        found.append("PrimarySource is required when there is more than one input artifact")
    if primary is not None and primary not in inputs:
        found.append(f"PrimarySource {primary} is not one of the input artifacts")
    if configuration.get("BatchEnabled", "false").lower() != "false":
        found.append("the local AWS does not honour BatchEnabled")
    elif configuration.get("CombineArtifacts", "false").lower() != "false":
        found.append("CombineArtifacts is for batch builds only, which the local AWS does not honour. Leave it out")
    if "EnvironmentVariables" in configuration:
        found += _environment_problems(configuration["EnvironmentVariables"])
    return found


def _environment_problems(text: str) -> list[str]:
    try:
        variables = json.loads(text)
    except ValueError:
        return ["EnvironmentVariables is not JSON"]
    if not isinstance(variables, list) or not all(isinstance(item, dict) and {"name", "value"} <= item.keys() for item in variables):
        return ["EnvironmentVariables is not a list of objects with name and value"]
    found = [
        f"EnvironmentVariables has the unknown key {key}" for item in variables for key in item if key not in ("name", "value", "type")
    ]
    kinds = [item.get("type", "PLAINTEXT") for item in variables]
    return found + [f"EnvironmentVariables has the unknown type {kind}" for kind in kinds if kind not in _VARIABLE_TYPES]


def _stack_problems(action: Mapping[str, Any]) -> list[str]:
    configuration, found = action.get("configuration", {}), []
    mode = configuration.get("ActionMode", "")
    if mode not in _STACK_MODES:
        return [f"ActionMode {mode} is not one of {', '.join(_STACK_MODES)}"]
    found += [f"ActionMode {mode} requires {key}" for key in sorted(_STACK_MODES[mode] - configuration.keys())]
    inputs = names(action.get("inputArtifacts"))
    for key in ("TemplatePath", "TemplateConfiguration"):
        artifact, separator, file = configuration.get(key, "").partition("::")
        if key in configuration and (not separator or not file or artifact not in inputs):
            found.append(f"{key} {configuration[key]} is not a file of an input artifact (Artifact::file)")
    return found


_STACK = Provider(
    required=frozenset({"ActionMode", "StackName"}),
    optional=frozenset(
        {"Capabilities", "ChangeSetName", "OutputFileName", "ParameterOverrides", "RoleArn", "TemplateConfiguration", "TemplatePath"}
    ),
    inputs=(0, 10),
    outputs=(0, 1),
    variables=None,
    run=lambda job, _: cloudformation_action.run(job),
    problems=_stack_problems,
)
_BUILD = Provider(
    required=frozenset({"ProjectName"}),
    optional=frozenset({"PrimarySource", "BatchEnabled", "CombineArtifacts", "EnvironmentVariables"}),
    inputs=(1, 5),
    outputs=(0, 5),
    variables=None,
    run=lambda job, _: build_action.run(job),
    problems=_build_problems,
)

PROVIDERS: Mapping[tuple[str, str, str], Provider] = {
    ("Source", "AWS", "CodeStarSourceConnection"): Provider(
        required=frozenset({"ConnectionArn", "FullRepositoryId", "BranchName"}),
        optional=frozenset({"OutputArtifactFormat", "DetectChanges"}),
        inputs=(0, 0),
        outputs=(1, 1),
        variables=_CONNECTION_VARIABLES,
        run=source_action.from_connection,
        problems=_connection_problems,
    ),
    ("Source", "ThirdParty", "GitHub"): Provider(
        required=frozenset({"Owner", "Repo", "Branch", "OAuthToken"}),
        optional=frozenset({"PollForSourceChanges"}),
        inputs=(0, 0),
        outputs=(1, 1),
        variables=_TOKEN_VARIABLES,
        run=source_action.from_token,
    ),
    ("Source", "AWS", "CodeCommit"): Provider(
        required=frozenset({"RepositoryName", "BranchName"}),
        optional=frozenset({"PollForSourceChanges", "OutputArtifactFormat"}),
        inputs=(0, 0),
        outputs=(1, 1),
        variables=_CODECOMMIT_VARIABLES,
        run=source_action.from_codecommit,
        problems=_format_problems,
    ),
    ("Source", "AWS", "S3"): Provider(
        required=frozenset({"S3Bucket", "S3ObjectKey"}),
        optional=frozenset({"PollForSourceChanges", "AllowOverrideForS3ObjectKey"}),
        inputs=(0, 0),
        outputs=(1, 1),
        variables=frozenset({"BucketName", "ETag", "ObjectKey", "VersionId"}),
        run=object_source.from_bucket,
        problems=_object_problems,
    ),
    ("Build", "AWS", "CodeBuild"): _BUILD,
    ("Test", "AWS", "CodeBuild"): _BUILD,
    ("Deploy", "AWS", "CloudFormation"): _STACK,
    ("Approval", "AWS", "Manual"): Provider(
        required=frozenset(),
        optional=frozenset({"NotificationArn", "CustomData", "ExternalEntityLink"}),
        inputs=(0, 0),
        outputs=(0, 0),
        variables=frozenset(),
        run=None,
    ),
}
