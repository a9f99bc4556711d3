"""The roles of the templates hold what is needed and no less: each permission that is taken away stops the action that needs it.

One execution of the real pipeline goes on by retries. Only the builds are replaced: what notebooks ask of AWS, the command line asks here.
What AWS's services ask for by themselves comes from the local AWS's ledger of such calls; the record of API calls says which this pipeline
causes, and each of them is taken away or has its reason not to be.
"""

import io
import json
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import pytest
from tiny_project import (
    IMAGE,
    PREDICTION,
    TEMPLATES,
    deploy,
    deploy_pipeline,
    make_repository,
    outputs,
    pipeline_resources,
    shard,
    training_job,
)
from waiting import wait_until

from localaws.codeconnections import repositories
from localaws.kit.api_record import ApiRecord
from mlkit.evidence.layout import tools_object
from mlkit.evidence.manifest import sha256_of

LAKE = "perm-ml-id-lab"
TRAIN = """
version: 0.2
env: {exported-variables: [TUNED]}
phases:
  build:
    commands:
      - export TUNED=false
      - START="aws athena start-query-execution --work-group perm-ml-lab --query QueryExecutionId --output text"
      - QUERY=$($START --query-string 'SELECT count(*) FROM "perm-ml-lab-movielens".u_data')
      - ASK="aws athena get-query-execution --query-execution-id $QUERY --output text --query QueryExecution.Status"
      - while STATE=$($ASK.State) && [ "$STATE" = QUEUED -o "$STATE" = RUNNING ]; do sleep 0.2; done
      - test "$STATE" = SUCCEEDED || { $ASK.StateChangeReason; false; }
      - aws glue get-table --database-name perm-ml-lab-movielens --name u_data
      - aws s3api list-objects-v2 --bucket "${STAGING#s3://}" --prefix "steps/$PIPELINE_EXECUTION_ID/"
      - aws s3 cp --no-progress job.json "$STAGING/$PIPELINE_EXECUTION_ID/Build_and_Train.ModelTraining/1/job.json"
      - aws s3 cp --no-progress train.recordio s3://perm-ml-id-lab/prepared/train.recordio
      - aws sagemaker list-training-jobs --name-contains fm-perm --status-equals Completed
      - aws sagemaker create-training-job --cli-input-json file://job.json
      - DESCRIBE="aws sagemaker describe-training-job --training-job-name ml-perm --query TrainingJobStatus --output text"
      - while STATUS=$($DESCRIBE) && [ "$STATUS" = InProgress ]; do sleep 0.2; done
      - test "$STATUS" = Completed
artifacts:
  secondary-artifacts:
    Trained: {files: [job.json]}
    Configuration: {base-directory: CloudFormation, files: [configuration_*.json]}
"""
TEST = """
version: 0.2
env: {exported-variables: [VERDICT, METRIC, VALUE, LOW, HIGH, ROWS]}
phases:
  build:
    commands:
      - aws sagemaker-runtime invoke-endpoint --endpoint-name perm-ml-lab-$ENVIRONMENT --content-type application/json
        --body fileb://prediction.json answer.json
      - export VERDICT=PASS METRIC=AUC VALUE=0.7 LOW=0.6 HIGH=0.8 ROWS=1
artifacts: {files: [answer.json]}
"""
# In place of mlkit, in the tools that seal and verify.
TOOL = """
set -e
HISTORY="aws codepipeline list-action-executions --pipeline-name $PIPELINE --filter pipelineExecutionId=$PIPELINE_EXECUTION_ID"
case "$2" in
seal)
    $HISTORY > history.json
    aws s3api list-object-versions --bucket "${STAGING#s3://}" --prefix "$PIPELINE_EXECUTION_ID/"
    STAGED="$PIPELINE_EXECUTION_ID/Build_and_Train.ModelTraining/1/job.json"
    aws s3api get-object --bucket "${STAGING#s3://}" --key "$STAGED" job.json
    KEY="$PIPELINE/$PIPELINE_EXECUTION_ID/$ACTION/$CODEBUILD_BUILD_NUMBER.json"
    aws s3api put-object --bucket "${EVIDENCE#s3://}" --key "$KEY" --body job.json --if-none-match '*'
    echo "export EVIDENCE_URI=$EVIDENCE/$KEY SEAL_SHA256=$(sha256sum job.json | cut -d' ' -f1)" > exports.env
    echo "export REVIEW_PAGE=page MESSAGE=none" >> exports.env ;;
verify-approval)
    $HISTORY > history.json
    aws s3api get-object --bucket "$(echo $SEAL_URI | cut -d/ -f3)" --key "$(echo $SEAL_URI | cut -d/ -f4-)" sealed.json
    echo "$SEAL_SHA256  sealed.json" | sha256sum --check
    mkdir "$4"
    cp "$CODEBUILD_SRC_DIR"/CloudFormation/* "$4" ;;
esac
"""
INSTALL = "mkdir -p environment/bin && cp tool environment/bin/mlkit && chmod +x environment/bin/mlkit"


def tools() -> bytes:
    """A tools object that makes the calls of mlkit's, and no more."""
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as archive:
        archive.writestr(zipfile.ZipInfo("install.sh"), INSTALL)  # with no time, so that the bytes are the same
        archive.writestr(zipfile.ZipInfo("tool"), f"#!/bin/sh{TOOL}")
    return body.getvalue()


@dataclass(frozen=True)
class Taken:
    """A permission, the role or managed policy and its statement that hold it, and the action of the pipeline that needs it."""

    permission: str
    holder: str
    statement: str
    action: str


# In the order in which the pipeline asks for them.
TAKEN = (
    Taken("codeconnections:UseConnection", "PipelineRole", "ReadsTheRepository", "Source.Source"),
    Taken("s3:GetBucketAcl", "PipelineRole", "FindsArtifacts", "Source.Source"),
    Taken("s3:PutObjectAcl", "PipelineRole", "TakesAndGivesArtifacts", "Source.Source"),
    Taken("s3:PutObject", "PipelineRole", "TakesAndGivesArtifacts", "Source.Source"),
    Taken("kms:GenerateDataKey", "PipelineRole", "UsesTheKey", "Source.Source"),
    Taken("codebuild:StartBuild", "PipelineRole", "Builds", "Build_and_Train.ModelTraining"),
    Taken("logs:CreateLogStream", "ModelTrainingRole", "WritesItsLog", "Build_and_Train.ModelTraining"),
    Taken("s3:GetBucketAcl", "BuildPolicy", "FindsArtifacts", "Build_and_Train.ModelTraining"),
    Taken("s3:GetBucketLocation", "BuildPolicy", "FindsArtifacts", "Build_and_Train.ModelTraining"),
    Taken("kms:Decrypt", "BuildPolicy", "UsesTheKey", "Build_and_Train.ModelTraining"),
    Taken("s3:GetObject", "ModelTrainingRole", "TakesArtifacts", "Build_and_Train.ModelTraining"),
    Taken("athena:StartQueryExecution", "ModelTrainingRole", "Queries", "Build_and_Train.ModelTraining"),
    Taken("glue:GetDatabase", "ModelTrainingRole", "LetsAthenaFindOrMakeItsDefaultDatabase", "Build_and_Train.ModelTraining"),
    Taken("glue:GetDatabases", "ModelTrainingRole", "LetsAthenaFindOrMakeItsDefaultDatabase", "Build_and_Train.ModelTraining"),
    Taken("glue:CreateDatabase", "ModelTrainingRole", "LetsAthenaFindOrMakeItsDefaultDatabase", "Build_and_Train.ModelTraining"),
    Taken("glue:GetDatabase", "ModelTrainingRole", "ReadsTheTable", "Build_and_Train.ModelTraining"),
    Taken("glue:GetTable", "ModelTrainingRole", "ReadsTheTable", "Build_and_Train.ModelTraining"),
    Taken("s3:ListBucket", "ModelTrainingRole", "FindsItsFinishedSteps", "Build_and_Train.ModelTraining"),
    Taken("s3:PutObject", "ModelTrainingRole", "KeepsEvidenceWhileItRuns", "Build_and_Train.ModelTraining"),
    Taken("s3:PutObject", "ModelTrainingRole", "WritesPreparedDataAndIndex", "Build_and_Train.ModelTraining"),
    Taken("sagemaker:ListTrainingJobs", "ModelTrainingRole", "FindsFinishedJobs", "Build_and_Train.ModelTraining"),
    Taken("sagemaker:CreateTrainingJob", "ModelTrainingRole", "TrainsAndTunes", "Build_and_Train.ModelTraining"),
    Taken("iam:PassRole", "ModelTrainingRole", "HandsJobsTheirRole", "Build_and_Train.ModelTraining"),
    Taken("s3:GetObject", "PipelineRole", "TakesAndGivesArtifacts", "QA.LaunchEndpoint"),
    Taken("kms:Decrypt", "PipelineRole", "UsesTheKey", "QA.LaunchEndpoint"),
    Taken("cloudformation:DescribeStacks", "PipelineRole", "DeploysEndpoints", "QA.LaunchEndpoint"),
    Taken("iam:PassRole", "PipelineRole", "HandsStacksTheirRole", "QA.LaunchEndpoint"),
    Taken("cloudformation:CreateStack", "PipelineRole", "DeploysEndpoints", "QA.LaunchEndpoint"),
    Taken("iam:PassRole", "EndpointStackRole", "HandsModelsTheirRole", "QA.LaunchEndpoint"),
    Taken("sagemaker:CreateModel", "EndpointStackRole", "MakesModels", "QA.LaunchEndpoint"),
    Taken("sagemaker:CreateEndpointConfig", "EndpointStackRole", "MakesConfigurations", "QA.LaunchEndpoint"),
    Taken("cloudwatch:PutMetricAlarm", "EndpointStackRole", "MakesAlarms", "QA.LaunchEndpoint"),
    Taken("sagemaker:CreateEndpoint", "EndpointStackRole", "MakesEndpoints", "QA.LaunchEndpoint"),
    Taken("sagemaker:InvokeEndpoint", "TestEndpointRole", "AsksForPredictions", "QA.TestEndpoint"),
    Taken("s3:GetObject", "TestEndpointRole", "TakesArtifacts", "QA.TestEndpoint"),
    Taken("s3:PutObject", "TestEndpointRole", "GivesArtifacts", "QA.TestEndpoint"),
    *(
        Taken(f"kms:{action}", "BuildPolicy", "UsesTheKey", "QA.TestEndpoint")
        for action in ("GenerateDataKey", "DescribeKey", "Encrypt", "ReEncryptFrom", "ReEncryptTo")
    ),
    Taken("s3:GetObject", "SealEvidenceRole", "TakesArtifacts", "QA.SealEvidence"),
    Taken("s3:GetObject", "SealEvidenceRole", "WritesEvidenceAndReadsWhatIsThereAlready", "QA.SealEvidence"),
    Taken("codepipeline:ListActionExecutions", "SealEvidenceRole", "ReadsTheHistory", "QA.SealEvidence"),
    Taken("s3:ListBucketVersions", "SealEvidenceRole", "ListsWhatIsStaged", "QA.SealEvidence"),
    Taken("s3:GetObject", "SealEvidenceRole", "ReadsWhatIsStaged", "QA.SealEvidence"),
    Taken("s3:PutObject", "SealEvidenceRole", "WritesEvidenceAndReadsWhatIsThereAlready", "QA.SealEvidence"),
    Taken("sagemaker:DeleteEndpoint", "EndpointStackRole", "MakesEndpoints", "QA.RemoveEndpoint"),
    Taken("cloudformation:DeleteStack", "PipelineRole", "DeploysEndpoints", "QA.RemoveEndpoint"),
    Taken("sns:Publish", "PipelineRole", "AsksForApproval", "Production.ApprovalGate"),
    Taken("codebuild:BatchGetBuilds", "PipelineRole", "Builds", "Production.VerifyApproval"),
    Taken("s3:GetObject", "VerifyApprovalRole", "TakesArtifacts", "Production.VerifyApproval"),
    Taken("s3:GetObject", "VerifyApprovalRole", "ReadsEvidence", "Production.VerifyApproval"),
    Taken("codepipeline:ListActionExecutions", "VerifyApprovalRole", "ReadsTheHistory", "Production.VerifyApproval"),
    Taken("s3:PutObject", "VerifyApprovalRole", "GivesArtifacts", "Production.VerifyApproval"),
)


STEPS = ("ModelTrainingRole", "TestEndpointRole")
SHARED = {"BuildPolicy": (*STEPS, "SealEvidenceRole", "VerifyApprovalRole"), "StepPolicy": STEPS}
# What services ask for in the name of our roles and what is not taken away above, with the reason.
_AS = "the statement is the same as ModelTrainingRole's"
_LOG = {
    "logs:CreateLogGroup": "not granted: the stack makes the log group, and CodeBuild goes on",
    "logs:PutLogEvents": "a build goes on without its log",
}
_SAME_LOG = {**_LOG, "logs:CreateLogStream": _AS}
_LIKE = "a resource of the stack, as the endpoint is"
NOT_TAKEN = {
    "PipelineRole": {
        "codestar-connections:UseConnection": "the older name of codeconnections:UseConnection, which goes with it",
        "cloudformation:DescribeStackEvents": "it only explains why a stack failed",
    },
    "ModelTrainingRole": _LOG,
    "TestEndpointRole": _SAME_LOG,
    "SealEvidenceRole": _SAME_LOG,
    "VerifyApprovalRole": _SAME_LOG,
    "EndpointStackRole": {
        **dict.fromkeys(("sagemaker:DeleteModel", "sagemaker:DeleteEndpointConfig", "cloudwatch:DeleteAlarms"), _LIKE),
        "sagemaker:AddTags": "it is asked for with CreateModel and CreateEndpointConfig, which tag what they make",
        "sagemaker:DescribeEndpoint": "without it a rollback leaves the endpoint, which blocks the retry",
        "cloudwatch:DescribeAlarms": "only production's stack is updated, and its handler looks at the alarm then",
    },
}


class Deployed:
    """The stacks, and one execution of their pipeline."""

    def __init__(self, local_aws, scratch):
        self.client, self.home = local_aws.client, local_aws.home
        self.cloudformation = self.client("cloudformation")
        with suppress(self.client("glue").exceptions.EntityNotFoundException):
            self.client("glue").delete_database(Name="default")  # no new account has it
        lake = deploy(self.cloudformation, "perm-lake", (TEMPLATES / "datalake.yaml").read_text(), YourInitials="perm")
        make_repository(scratch, files(outputs(lake)["ExecutionRole"]))
        repositories.register(local_aws.home / "codeconnections", "perm/tiny", scratch)
        connection = self.client("codeconnections").create_connection(ConnectionName="perm", ProviderType="GitHub")["ConnectionArn"]
        given = {"Email": "perm@example.org", "GitHubUser": "perm", "Repo": "tiny", "ConnectionArn": connection}
        given |= {"BakeSeconds": "0", "ToolsSha256": sha256_of(tools())}
        self.pipeline = deploy_pipeline(self.cloudformation, "perm", **given)["Pipeline"]
        self.resources = pipeline_resources(self.cloudformation, "perm")
        address = tools_object(self.resources["EvidenceBucket"], sha256_of(tools())).partition("/")
        self.client("s3").put_object(Bucket=address[0], Key=address[2], Body=tools(), IfNoneMatch="*")
        self.codepipeline, self.iam = self.client("codepipeline"), self.client("iam")
        self.execution = None

    @contextmanager
    def without(self, taken: Taken) -> Iterator[None]:
        before = self.document(taken.holder)
        self.replace(taken.holder, less(before, taken))
        yield
        self.replace(taken.holder, before)

    def document(self, holder: str) -> dict[str, Any]:
        """The inline policy of a role, or the managed policy."""
        name = self.resources[holder]
        if not name.startswith("arn:"):
            return self.iam.get_role_policy(RoleName=name, PolicyName="only-this")["PolicyDocument"]
        version = self.iam.get_policy(PolicyArn=name)["Policy"]["DefaultVersionId"]
        return self.iam.get_policy_version(PolicyArn=name, VersionId=version)["PolicyVersion"]["Document"]

    def replace(self, holder: str, document: dict[str, Any]) -> None:
        name = self.resources[holder]
        if not name.startswith("arn:"):
            self.iam.put_role_policy(RoleName=name, PolicyName="only-this", PolicyDocument=json.dumps(document))
            return
        replaced = self.iam.get_policy(PolicyArn=name)["Policy"]["DefaultVersionId"]
        self.iam.create_policy_version(PolicyArn=name, PolicyDocument=json.dumps(document), SetAsDefault=True)
        self.iam.delete_policy_version(PolicyArn=name, VersionId=replaced)

    def go_on(self) -> str:
        """Start the execution, or retry the stage that failed; the status at its end."""
        if self.execution is None:
            self.execution = self.codepipeline.start_pipeline_execution(name=self.pipeline)["pipelineExecutionId"]
        else:
            stage = self.failed()["stageName"]
            self.codepipeline.retry_stage_execution(
                pipelineName=self.pipeline, pipelineExecutionId=self.execution, stageName=stage, retryMode="FAILED_ACTIONS"
            )
        status = wait_until(self.status_at_the_end, "the execution ends")
        assert status is not None
        return status

    def status_at_the_end(self) -> str | None:
        self.approve()
        found = self.codepipeline.get_pipeline_execution(pipelineName=self.pipeline, pipelineExecutionId=self.execution)
        status: str = found["pipelineExecution"]["status"]
        return None if status == "InProgress" else status

    def approve(self) -> None:
        gate = self.codepipeline.get_pipeline_state(name=self.pipeline)["stageStates"][3]["actionStates"][0]
        if token := gate.get("latestExecution", {}).get("token"):
            result = {"status": "Approved", "summary": "seen"}
            answer = {"stageName": "Production", "actionName": "ApprovalGate", "token": token, "result": result}
            self.codepipeline.put_approval_result(pipelineName=self.pipeline, **answer)

    def failed(self) -> dict[str, Any]:
        """The latest run that failed."""
        answer = self.codepipeline.list_action_executions(pipelineName=self.pipeline, filter={"pipelineExecutionId": self.execution})
        return next(run for run in answer["actionExecutionDetails"] if run["status"] == "Failed")

    def mails(self) -> list[dict[str, str]]:
        """What the people of this pipeline got."""
        lines = (self.home / "mail.jsonl").read_text().splitlines()
        return [mail for mail in map(json.loads, lines) if mail["to"] == "perm@example.org"]

    def asked_by_services(self) -> set[tuple[str, str]]:
        """The roles of the stacks, and what AWS's services asked for in their names: logical id and action."""
        logical = {name: key for key, name in self.resources.items()}
        found = set()
        for call in ApiRecord(self.home / "calls").all():
            role = logical.get(call.principal.split("/")[1]) if ":assumed-role/" in call.principal else None
            if role is not None:
                found |= {(role, check.action) for check in call.checks if check.via or call.invoked_by}
        return found

    def reason(self, run: dict[str, Any]) -> str:
        """What the action says, and the log of its build."""
        result = run["output"]["executionResult"]
        text: str = result["errorDetails"]["message"]
        if run["input"]["actionTypeId"]["provider"] == "CodeBuild" and (build := result.get("externalExecutionId")):
            where = self.client("codebuild").batch_get_builds(ids=[build])["builds"][0]["logs"]
            if "streamName" in where:
                pages = self.client("logs").get_paginator("filter_log_events")
                found = pages.paginate(logGroupName=where["groupName"], logStreamNames=[where["streamName"]])
                text += "".join(event["message"] for page in found for event in page["events"])
        return text


def files(role: str) -> dict[str, str | bytes]:
    """The tiny repository: the same buildspecs by name, the same endpoint template, 256 rows."""
    job = training_job("ml-perm", role, f"s3://{LAKE}/prepared/", f"s3://{LAKE}/models/")
    model = f"s3://{LAKE}/models/ml-perm/output/model.tar.gz"
    configurations = {
        f"CloudFormation/configuration_{environment}.json": json.dumps(
            {
                "Parameters": {
                    "EndpointName": f"perm-ml-lab-{environment}",
                    "ImageUri": IMAGE,
                    "ModelDataUrl": model,
                    "ExecutionRoleArn": role,
                    "BakeSeconds": "0",
                }
            }
        )
        for environment in ("qa", "production")
    }
    return {
        "buildspecs/build_and_train.yml": TRAIN,
        "buildspecs/test_endpoint.yml": TEST,
        "CloudFormation/sagemaker_prediction_endpoint.yaml": (TEMPLATES / "sagemaker_prediction_endpoint.yaml").read_bytes(),
        "job.json": json.dumps(job),
        "prediction.json": PREDICTION,
        "train.recordio": shard(),
        **configurations,
    }


def less(policy: dict[str, Any], taken: Taken) -> dict[str, Any]:
    """The policy without this one permission."""
    statements = []
    for statement in policy["Statement"]:
        actions = [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]
        # Both names of a connection's service count: AWS asks for either.
        gone = {taken.permission, taken.permission.replace("codeconnections:", "codestar-connections:")}
        kept = [action for action in actions if statement["Sid"] != taken.statement or action not in gone]
        statements += [{**statement, "Action": kept}] if kept else []
    assert statements != policy["Statement"], taken
    return {**policy, "Statement": statements}


@pytest.fixture
def deployed(local_aws, tmp_path):
    return Deployed(local_aws, tmp_path / "tiny")


def test_every_permission_that_is_taken_away_stops_the_action_that_needs_it_and_a_retry_goes_on(deployed):
    # The sweeper would look after each failure; nothing is left running here.
    deployed.client("events").disable_rule(Name=deployed.resources["EndedExecutionRule"].rpartition("/")[2])
    stopped = []
    for taken in TAKEN:
        with deployed.without(taken):
            assert deployed.go_on() == "Failed", taken
        run = deployed.failed()
        reason = deployed.reason(run)
        assert re.search("AccessDenied|AuthorizationError|Insufficient permissions|Permission denied", reason), (taken, reason)
        assert f"perform: {taken.permission}" in reason, (taken, reason)
        stopped.append(f"{run['stageName']}.{run['actionName']}")
    assert stopped == [taken.action for taken in TAKEN]
    assert deployed.go_on() == "Succeeded"
    tried = {(role, taken.permission) for taken in TAKEN for role in SHARED.get(taken.holder, (taken.holder,))}
    asked = deployed.asked_by_services()
    assert {(role, action) for role, reasons in NOT_TAKEN.items() for action in reasons} == asked - tried
    told = {"Action {1} of stage {0} failed".format(*action.split(".")) for action in stopped}
    wait_until(
        lambda: [mail["message"] for mail in deployed.mails()],
        f"mails tell {told}",
        ok=lambda messages: all(any(text in message for message in messages) for text in told),
    )
