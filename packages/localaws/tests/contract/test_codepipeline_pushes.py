"""Pushes to registered folders and to repositories of CodeCommit start pipelines; sources in S3 and CodeCommit are read."""

import io
import subprocess
import uuid
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from codepipeline_lab import Lab, action, make_lab, stage, statements
from git_folders import git
from started import LocalAws, allow, policy
from waiting import wait_for_stack, wait_until

from localaws import cli

TEMPLATE = """
Parameters: {Name: {Type: String}, Bucket: {Type: String}, Role: {Type: String}, EventRole: {Type: String}}
Resources:
  CDKMetadata: {Type: "AWS::CDK::Metadata", Properties: {Analytics: "v2:deflate64:x"}}
  Repository:
    Type: AWS::CodeCommit::Repository
    Properties: {RepositoryName: !Ref Name, RepositoryDescription: A site, Code: {S3: {Bucket: !Ref Bucket, Key: site.zip}}}
  Pipeline:
    Type: AWS::CodePipeline::Pipeline
    Properties:
      Name: !Ref Name
      RoleArn: !Ref Role
      ArtifactStore: {Type: S3, Location: !Ref Bucket}
      Stages:
        - Name: Source
          Actions:
            - Name: Get
              ActionTypeId: {Category: Source, Owner: AWS, Provider: CodeCommit, Version: "1"}
              Configuration: {RepositoryName: !GetAtt Repository.Name, BranchName: main, PollForSourceChanges: false}
              OutputArtifacts: [{Name: Code}]
        - {Name: Gate, Actions: [{Name: Ask, ActionTypeId: {Category: Approval, Owner: AWS, Provider: Manual, Version: "1"}}]}
  Rule:
    Type: AWS::Events::Rule
    Properties:
      EventPattern:
        source: [aws.codecommit]
        detail-type: [CodeCommit Repository State Change]
        resources: [!GetAtt Repository.Arn]
        detail: {event: [referenceCreated, referenceUpdated], referenceType: [branch], referenceName: [main]}
      Targets:
        - {Id: p, RoleArn: !Ref EventRole, Arn: !Sub "arn:aws:codepipeline:${AWS::Region}:${AWS::AccountId}:${Pipeline}"}
Outputs: {Url: {Value: !GetAtt Repository.CloneUrlHttp}, Rule: {Value: !GetAtt Rule.Arn}}
"""


def zipped(**files: str) -> bytes:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return body.getvalue()


@pytest.fixture
def lab(local_aws: LocalAws, make_role: Callable[..., str], tmp_path: Path) -> Lab:
    bucket = f"artifacts-{uuid.uuid4().hex[:12]}"
    s3 = local_aws.client("s3")
    s3.create_bucket(Bucket=bucket)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    role = make_role(*statements(bucket), allow("codecommit:*"), service="codepipeline.amazonaws.com")
    return make_lab(local_aws.home, tmp_path, local_aws.client, role, bucket, {"hello.txt": "hello"})


def executions(lab: Lab, count: int) -> list[dict[str, Any]]:
    """The executions of the lab's pipeline, the newest first, once there are so many."""
    client = lab.client("codepipeline")
    return wait_until(
        lambda: client.list_pipeline_executions(pipelineName=lab.name)["pipelineExecutionSummaries"],
        f"there are {count} executions",
        ok=lambda found: len(found) >= count,
    )


def finish(lab: Lab, execution: dict[str, Any]) -> dict[str, Any]:
    """The run of the source action, once it has ended; the execution is then abandoned."""
    identifier = execution["pipelineExecutionId"]
    name = lab.client("codepipeline").get_pipeline(name=lab.name)["pipeline"]["stages"][0]["actions"][0]["name"]
    run = ended_run(lab, identifier, name)
    lab.client("codepipeline").delete_pipeline(name=lab.name)
    assert run["status"] == "Succeeded", run
    return run


def ended_run(lab: Lab, execution: str, name: str = "Get") -> dict[str, Any]:
    return wait_until(lambda: lab.run(execution, name), "the source was read", ok=lambda run: run["status"] != "InProgress")


def test_a_commit_in_a_registered_folder_starts_the_pipeline(lab: Lab, local_aws: LocalAws, capsys: pytest.CaptureFixture[str]) -> None:
    lab.create(lab.source(), stage("Gate", lab.approval()))
    cli.main(["repository", lab.repository, "--folder", str(lab.folder), "--home", str(local_aws.home)])
    assert "starts those that detect changes" in capsys.readouterr().out
    git(lab.folder, "commit", "--quiet", "--allow-empty", "-m", "Pushed")
    (execution,) = executions(lab, 1)
    assert execution["trigger"] == {"triggerType": "WebhookV2", "triggerDetail": lab.connection}
    assert finish(lab, execution)["output"]["outputVariables"]["CommitMessage"] == "Pushed"


def test_a_push_to_codecommit_starts_the_pipeline_by_its_rule(lab: Lab, make_role: Callable[..., str], tmp_path: Path) -> None:
    lab.client("s3").put_object(Bucket=lab.bucket, Key="site.zip", Body=zipped(**{"index.html": "first", "css/a.css": "x"}))
    event_role = make_role(allow("codepipeline:StartPipelineExecution"), service="events.amazonaws.com")
    parameters = {"Name": lab.name, "Bucket": lab.bucket, "Role": lab.role, "EventRole": event_role}
    cloudformation = lab.client("cloudformation")
    cloudformation.create_stack(
        StackName=lab.name,
        TemplateBody=TEMPLATE,
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
    )
    stack = wait_for_stack(cloudformation, lab.name)
    assert stack["StackStatus"] == "CREATE_COMPLETE", stack
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    clone, codecommit = tmp_path / "clone", lab.client("codecommit")
    subprocess.run(["git", "clone", "--quiet", outputs["Url"], str(clone)], check=True)
    (clone / "index.html").write_text("second")
    git(clone, "commit", "--quiet", "--all", "-m", "A second page")
    git(clone, "push", "--quiet", "origin", "main")
    commit = git(clone, "rev-parse", "HEAD")
    client = lab.client("codepipeline")

    def pushed() -> list[dict[str, Any]]:
        """The executions that read the new commit. The first commit may have started one too, if its event came after the rule."""
        found = client.list_pipeline_executions(pipelineName=lab.name)["pipelineExecutionSummaries"]
        return [item for item in found if any(source.get("revisionId") == commit for source in item.get("sourceRevisions", ()))]

    execution = wait_until(pushed, "the pushed commit was read")[0]
    assert execution["trigger"] == {"triggerType": "CloudWatchEvent", "triggerDetail": outputs["Rule"]}
    run = finish(lab, execution)
    assert run["output"]["outputVariables"]["RepositoryName"] == lab.name
    assert lab.files(run["output"]["outputArtifacts"][0]["s3location"]) == {"index.html": b"second", "css/a.css": b"x"}
    cloudformation.delete_stack(StackName=lab.name)

    def listed() -> list[str]:
        return [found["repositoryName"] for found in codecommit.list_repositories()["repositories"]]

    wait_until(listed, "the repository is gone", ok=lambda found: lab.name not in found)


def test_an_archive_in_s3_is_a_source(lab: Lab) -> None:
    s3 = lab.client("s3")
    first = s3.put_object(Bucket=lab.bucket, Key="in/site.zip", Body=zipped(a="1"))["VersionId"]
    second = s3.put_object(Bucket=lab.bucket, Key="in/site.zip", Body=zipped(a="2"))["VersionId"]
    role = {"Effect": "Allow", "Action": ["s3:GetBucketVersioning", "s3:GetObject*"], "Resource": "*"}
    lab.client("iam").put_role_policy(RoleName=lab.role.rpartition("/")[2], PolicyName="source", PolicyDocument=policy(role))
    configuration = {"S3Bucket": lab.bucket, "S3ObjectKey": "in/site.zip", "PollForSourceChanges": "false"}
    lab.create(stage("Source", action("Get", "Source", "S3", configuration, outputs=["Code"])), stage("Gate", lab.approval()))
    newest = lab.start()
    wanted = [{"actionName": "Get", "revisionType": "S3_OBJECT_VERSION_ID", "revisionValue": first}]
    lab.token()
    older = lab.start(sourceRevisions=wanted)
    runs = [ended_run(lab, execution) for execution in (newest, older)]
    assert [run["output"]["outputVariables"]["VersionId"] for run in runs] == [second, first]
    assert lab.files(runs[1]["output"]["outputArtifacts"][0]["s3location"]) == {"a": b"1"}
    lab.client("codepipeline").delete_pipeline(name=lab.name)


def test_files_and_branches_of_codecommit(local_aws: LocalAws) -> None:
    client, name = local_aws.client("codecommit"), f"site-{uuid.uuid4().hex[:8]}"
    made = client.create_repository(repositoryName=name, repositoryDescription="A site", tags={"team": "a"})["repositoryMetadata"]
    assert "defaultBranch" not in made
    first = client.put_file(repositoryName=name, branchName="main", filePath="a/b.txt", fileContent=b"one", name="N", email="n@example.org")
    more = {"repositoryName": name, "branchName": "main"}
    with pytest.raises(ClientError, match="ParentCommitIdOutdated"):
        client.put_file(**more, filePath="c", fileContent=b"", parentCommitId="f" * 40)
    second = client.create_commit(
        **more,
        parentCommitId=first["commitId"],
        putFiles=[{"filePath": "run.sh", "fileMode": "EXECUTABLE", "fileContent": b"exit"}],
        deleteFiles=[{"filePath": "a/b.txt"}],
    )
    assert [item["absolutePath"] for item in second["filesDeleted"]] == ["a/b.txt"]
    assert client.get_branch(**more)["branch"] == {"branchName": "main", "commitId": second["commitId"]}
    assert client.get_repository(repositoryName=name)["repositoryMetadata"]["defaultBranch"] == "main"
    found = client.get_file(repositoryName=name, filePath="a/b.txt", commitSpecifier=first["commitId"])
    assert (found["fileContent"], found["fileSize"]) == (b"one", 3)
    listed = client.get_folder(repositoryName=name, folderPath="/")
    assert [(item["absolutePath"], item["fileMode"]) for item in listed["files"]] == [("run.sh", "EXECUTABLE")]
    commit = client.get_commit(repositoryName=name, commitId=first["commitId"])["commit"]
    assert (commit["author"]["name"], commit["parents"], commit["message"]) == ("N", [], "Put a/b.txt")
    client.create_branch(repositoryName=name, branchName="dev", commitId=first["commitId"])
    assert client.list_branches(repositoryName=name)["branches"] == ["dev", "main"]
    assert client.delete_branch(repositoryName=name, branchName="dev")["deletedBranch"]["commitId"] == first["commitId"]
    with pytest.raises(ClientError, match="DefaultBranchCannotBeDeleted"):
        client.delete_branch(repositoryName=name, branchName="main")
    assert client.list_tags_for_resource(resourceArn=made["Arn"])["tags"] == {"team": "a"}
    assert client.delete_repository(repositoryName=name)["repositoryId"] == made["repositoryId"]
    with pytest.raises(ClientError, match="RepositoryDoesNotExist"):
        client.get_branch(**more)


def test_no_file_leaves_a_repository(local_aws: LocalAws) -> None:
    client, name = local_aws.client("codecommit"), f"site-{uuid.uuid4().hex[:8]}"
    client.create_repository(repositoryName=name)
    for path in ("../x", "a/../../x", ".git/hooks/x"):
        with pytest.raises(ClientError, match="InvalidPath"):
            client.put_file(repositoryName=name, branchName="main", filePath=path, fileContent=b"x")
    client.delete_repository(repositoryName=name)
