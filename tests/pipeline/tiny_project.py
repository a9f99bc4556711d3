"""What a pipeline needs to train and serve in a second: a repository, 256 rows, a job's request; and ways to deploy and wait."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from waiting import wait_for_stack

from mlkit.aws.pipeline_stacks import plan
from mlkit.naming import LabNames
from sagemaker_formats import recordio

ROOT = Path(__file__).parents[2]
TEMPLATES = ROOT / "CloudFormation"
IMAGE = "382416733822.dkr.ecr.us-east-1.amazonaws.com/factorization-machines:1"
PREDICTION = json.dumps({"instances": [{"features": [1.0] * 8}]})
_GIT = ["git", "-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main", "-c", "commit.gpgsign=false"]


def shard() -> bytes:
    """Four users rate four films, sixteen times over; who likes what alternates."""
    keys = np.array([[user, 4 + film] for user in range(4) for film in range(4)] * 16, dtype=np.int64)
    return recordio.encode(
        recordio.Rows(
            values=np.ones(keys.size, np.float32),
            keys=keys.ravel(),
            indptr=np.arange(0, keys.size + 1, 2, dtype=np.int64),
            feature_dim=8,
            labels=(keys.sum(axis=1) % 2).astype(np.float32),
        )
    )


def training_job(name: str, role: str, data: str, output: str) -> dict[str, Any]:
    """CreateTrainingJob's members; `data` and `output` are s3:// prefixes."""
    source = {"S3DataType": "S3Prefix", "S3Uri": data, "S3DataDistributionType": "FullyReplicated"}
    return {
        "TrainingJobName": name,
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        "RoleArn": role,
        "InputDataConfig": [
            {"ChannelName": "train", "ContentType": "application/x-recordio-protobuf", "DataSource": {"S3DataSource": source}}
        ],
        "OutputDataConfig": {"S3OutputPath": output},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 86_400},
        "HyperParameters": {"feature_dim": "8", "num_factors": "2", "predictor_type": "binary_classifier", "epochs": "1"},
    }


def make_repository(folder: Path, files: Mapping[str, str | bytes]) -> None:
    """One commit on branch main that holds the files."""
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    for arguments in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "-m", "Tiny"]):
        subprocess.run([*_GIT, "-C", str(folder), *arguments], check=True, capture_output=True)


def deploy(cloudformation: Any, name: str, template: str, **parameters: str) -> dict[str, Any]:
    """The stack, created or updated; a rollback fails the test with the events' reasons."""
    given = [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()]
    request = {"StackName": name, "TemplateBody": template, "Parameters": given, "Capabilities": ["CAPABILITY_IAM"]}
    try:
        cloudformation.describe_stacks(StackName=name)
    except cloudformation.exceptions.ClientError:
        cloudformation.create_stack(**request)
    else:
        cloudformation.update_stack(**request)
    stack = wait_for_stack(cloudformation, name)
    assert stack["StackStatus"] in ("CREATE_COMPLETE", "UPDATE_COMPLETE"), failures(cloudformation, name)
    return stack


def deploy_pipeline(cloudformation: Any, initials: str, **parameters: str) -> dict[str, str]:
    """The outputs of the pipeline's stack, after it and the stacks that it imports from were created or updated.

    Unless they are given, the tools that seal have a digest that is nobody's, because nothing runs.
    """
    names = LabNames(initials=initials, dataset="movielens")
    session: Any = SimpleNamespace(client={"cloudformation": cloudformation}.__getitem__, poll_s=lambda _: 0.5)
    stacks = [stack.deploy(session, ROOT) for stack in plan(ROOT, names, {"ToolsSha256": "0" * 64, **parameters})]
    return dict(stacks[-1].outputs)


def pipeline_resources(cloudformation: Any, initials: str) -> dict[str, str]:
    """Physical ids by logical ids, of all stacks of the pipeline."""
    stacks = LabNames(initials=initials).pipeline_stacks.values()
    return {key: value for stack in stacks for key, value in resources(cloudformation, stack).items()}


def delete(cloudformation: Any, name: str) -> list[str]:
    """Delete the stack; the logical ids of what is retained."""
    stack_id = cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackId"]
    cloudformation.delete_stack(StackName=name)
    assert wait_for_stack(cloudformation, stack_id)["StackStatus"] == "DELETE_COMPLETE", failures(cloudformation, stack_id)
    events = cloudformation.describe_stack_events(StackName=stack_id)["StackEvents"]
    return sorted({event["LogicalResourceId"] for event in events if event["ResourceStatus"] == "DELETE_SKIPPED"})


def failures(cloudformation: Any, name: str) -> dict[str, str]:
    events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
    return {
        event["LogicalResourceId"]: event.get("ResourceStatusReason", "") for event in events if event["ResourceStatus"].endswith("_FAILED")
    }


def resources(cloudformation: Any, name: str) -> dict[str, str]:
    """Physical ids by logical ids."""
    found = cloudformation.describe_stack_resources(StackName=name)["StackResources"]
    return {item["LogicalResourceId"]: item["PhysicalResourceId"] for item in found}


def outputs(stack: Mapping[str, Any]) -> dict[str, str]:
    return {item["OutputKey"]: item["OutputValue"] for item in stack.get("Outputs", ())}
