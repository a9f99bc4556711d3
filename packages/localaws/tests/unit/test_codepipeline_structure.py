"""What CreatePipeline refuses, and by which name."""

import copy
import json
from typing import Any

import pytest

from localaws.codepipeline.structure import check
from localaws.kit.service import AwsError

ROLE = "arn:aws:iam::123456789012:role/pipeline"
SOURCE = {"ConnectionArn": "arn:aws:codeconnections:us-east-1:123456789012:connection/x", "FullRepositoryId": "a/b", "BranchName": "main"}
STACK = {"ActionMode": "CREATE_UPDATE", "StackName": "s", "RoleArn": ROLE, "TemplatePath": "Built::t.yaml"}


def action(name: str, kind: tuple[str, str, str], configuration: dict[str, str], **more: Any) -> dict[str, Any]:
    category, owner, provider = kind
    return {
        "name": name,
        "actionTypeId": {"category": category, "owner": owner, "provider": provider, "version": "1"},
        "configuration": configuration,
        **more,
    }


def pipeline() -> dict[str, Any]:
    source = action("Checkout", ("Source", "AWS", "CodeStarSourceConnection"), SOURCE, outputArtifacts=[{"name": "Code"}], namespace="Src")
    build = action(
        "Build",
        ("Build", "AWS", "CodeBuild"),
        {"ProjectName": "p", "EnvironmentVariables": json.dumps([{"name": "A", "value": "#{Src.CommitId} #{variables.who}"}])},
        inputArtifacts=[{"name": "Code"}],
        outputArtifacts=[{"name": "Built"}],
        namespace="Build",
        runOrder=1,
    )
    stack = action("Stack", ("Deploy", "AWS", "CloudFormation"), dict(STACK), inputArtifacts=[{"name": "Built"}], runOrder=2)
    ask = action("Ask", ("Approval", "AWS", "Manual"), {"CustomData": "#{Build.X} #{codepipeline.PipelineExecutionId}"}, timeoutInMinutes=5)
    return {
        "name": "p",
        "roleArn": ROLE,
        "artifactStore": {"type": "S3", "location": "bucket"},
        "pipelineType": "V2",
        "executionMode": "QUEUED",
        "variables": [{"name": "who", "defaultValue": "me"}],
        "stages": [
            {"name": "Source", "actions": [source]},
            {"name": "Build", "actions": [build, stack]},
            {"name": "Gate", "actions": [ask]},
        ],
    }


def refused(declaration: dict[str, Any]) -> AwsError:
    with pytest.raises(AwsError) as error:
        check(declaration, region="us-east-1")
    return error.value


def test_a_sound_pipeline_passes() -> None:
    check(pipeline(), region="us-east-1")


def change(path: str, value: Any) -> dict[str, Any]:
    """The pipeline with one value changed; the path's parts are keys and indices."""
    made = copy.deepcopy(pipeline())
    *parents, last = [int(part) if part.isdigit() else part for part in path.split("/")]
    target: Any = made
    for part in parents:
        target = target[part]
    if value is None:
        del target[last]
    else:
        target[last] = value
    return made


STRUCTURE, STAGE, ACTION = "InvalidStructureException", "InvalidStageDeclarationException", "InvalidActionDeclarationException"


@pytest.mark.parametrize(
    ("path", "value", "code", "text"),
    [
        ("stages", [pipeline()["stages"][0]], STRUCTURE, "Pipeline has only 1 stages. There should be a minimum of 2 stages in a pipeline"),
        ("stages/1/name", "Source", STRUCTURE, "Source is used twice"),
        ("stages/1/actions/1/name", "Build", STAGE, "Build has Build twice"),
        (
            "stages/0/actions",
            pipeline()["stages"][2]["actions"],
            STRUCTURE,
            "Pipeline should start with a stage that only contains source actions",
        ),
        ("stages/2", {"name": "More", "actions": pipeline()["stages"][0]["actions"]}, STRUCTURE, "source actions in its first stage only"),
        ("stages/2/actions", [], STAGE, "Gate has no actions"),
        ("stages/1/actions/0/actionTypeId/provider", "Jenkins", ACTION, "Provider: 'Jenkins'"),
        ("stages/1/actions/0/actionTypeId/version", "2", ACTION, "Version: '2'"),
        ("stages/1/actions/0/configuration/Colour", "red", ACTION, "contains unknown configuration 'Colour'"),
        ("stages/1/actions/0/configuration/ProjectName", None, ACTION, "missing required configuration 'ProjectName'"),
        ("stages/1/actions/0/configuration/BatchEnabled", "true", ACTION, "does not honour BatchEnabled"),
        ("stages/1/actions/0/configuration/EnvironmentVariables", "{}", ACTION, "not a list of objects"),
        ("stages/1/actions/0/configuration/PrimarySource", "Other", ACTION, "PrimarySource Other is not one of the input artifacts"),
        ("stages/0/actions/0/configuration/OutputArtifactFormat", "CODEBUILD_CLONE_REF", ACTION, "CODEBUILD_CLONE_REF"),
        ("stages/1/actions/1/configuration/ActionMode", "MAYBE", ACTION, "ActionMode MAYBE"),
        ("stages/1/actions/1/configuration/RoleArn", None, ACTION, "CREATE_UPDATE requires RoleArn"),
        (
            "stages/1/actions/1/configuration/TemplatePath",
            "Code::t.yaml",
            ACTION,
            "TemplatePath Code::t.yaml is not a file of an input artifact",
        ),
        ("stages/1/actions/0/inputArtifacts", [{"name": "None"}], ACTION, "Input Artifact Bundle None in action Build is not declared"),
        ("stages/1/actions/1/runOrder", 1, ACTION, "Input Artifact Bundle Built in action Stack is not declared"),
        ("stages/1/actions/0/outputArtifacts", [{"name": "Code"}], STRUCTURE, "Code has been used more than once"),
        ("stages/1/actions/0/inputArtifacts", [], ACTION, "declares 0 input artifacts, at least 1"),
        ("stages/2/actions/0/outputArtifacts", [{"name": "Out"}], ACTION, "declares 1 output artifacts, at most 0"),
        ("stages/1/actions/0/namespace", "Src", STRUCTURE, "Src is used more than once"),
        ("stages/1/actions/0/namespace", "Code", STRUCTURE, "Code is the name of an artifact as well"),
        ("stages/1/actions/0/namespace", "codepipeline", ACTION, "codepipeline of action 'Build' is reserved"),
        ("stages/2/actions/0/configuration/CustomData", "#{No.x}", ACTION, "VariableReferenceText=[No.x]"),
        ("stages/2/actions/0/configuration/CustomData", "#{Src.Colour}", ACTION, "referencing a key that does not exist"),
        ("stages/2/actions/0/configuration/CustomData", "#{Src}", ACTION, "VariableReferenceText=[Src]"),
        ("stages/2/actions/0/configuration/CustomData", "#{variables.what}", ACTION, "VariableReferenceText=[variables.what]"),
        ("stages/0/actions/0/configuration/BranchName", "#{Build.X}", ACTION, "VariableReferenceText=[Build.X]"),
        ("stages/1/actions/1/timeoutInMinutes", 5, ACTION, "timeoutInMinutes is for manual approvals only"),
        ("stages/1/actions/0/region", "eu-west-1", ACTION, "Build is in eu-west-1"),
        ("pipelineType", "V1", STRUCTURE, "type V1 have no variables"),
        ("executionMode", "PARALLEL", "ValidationException", "executionMode 'PARALLEL'"),
        ("artifactStores", {"us-east-1": {}}, "ValidationException", "artifactStores is not honoured"),
        ("stages/1/actions/0/commands", ["ls"], "ValidationException", "stages.actions.commands is not honoured"),
        ("stages/1/beforeEntry", {"conditions": [{"result": "FAIL"}]}, "ValidationException", "stages.beforeEntry is not honoured"),
        (
            "triggers",
            [{"providerType": "CodeStarSourceConnection", "gitConfiguration": {"sourceActionName": "Other"}}],
            STRUCTURE,
            "source action Other is not a source action",
        ),
    ],
)
def test_every_fault_is_named(path: str, value: Any, code: str, text: str) -> None:
    error = refused(change(path, value))
    assert (error.code, text in error.message) == (code, True), error.message


def test_an_action_beside_its_producer_may_not_read_its_variables() -> None:
    declaration = pipeline()
    declaration["stages"][1]["actions"][1]["runOrder"] = 1
    declaration["stages"][1]["actions"][1]["inputArtifacts"] = [{"name": "Code"}]
    declaration["stages"][1]["actions"][1]["configuration"] |= {"TemplatePath": "Code::t", "ParameterOverrides": '{"A": "#{Build.X}"}'}
    assert "VariableReferenceText=[Build.X]" in refused(declaration).message
