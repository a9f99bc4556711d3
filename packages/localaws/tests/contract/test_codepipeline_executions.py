"""Executions on the running local AWS: sources, approvals, stages, stops and retries."""

import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from codepipeline_lab import Lab, action, make_lab, stage, statements
from git_folders import git
from started import LocalAws, allow, policy, wait_until_saved
from waiting import wait_until

from localaws.codeconnections import repositories


@pytest.fixture
def lab(local_aws: LocalAws, make_role: Callable[..., str], tmp_path: Path) -> Lab:
    bucket = f"artifacts-{uuid.uuid4().hex[:12]}"
    local_aws.client("s3").create_bucket(Bucket=bucket)
    role = make_role(*statements(bucket), allow("sns:Publish"), service="codepipeline.amazonaws.com")
    return make_lab(local_aws.home, tmp_path, local_aws.client, role, bucket, {"hello.txt": "hello"})


def mails(local_aws: LocalAws) -> list[dict[str, str]]:
    file = local_aws.home / "mail.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def wait_until_it_asks_again(lab: Lab, token: str) -> str:
    """The token with which the gate asks, once it is another than this one."""
    found: Any = wait_until(
        lambda: lab.state("Gate", "Ask").get("token"), "the gate asks again", ok=lambda found: found not in (None, token)
    )
    return str(found)


def code_of(error: pytest.ExceptionInfo[ClientError]) -> str:
    return str(error.value.response["Error"]["Code"])


def test_a_pipeline_takes_the_commit_and_waits_for_a_person(lab: Lab) -> None:
    lab.create(lab.source(), stage("Gate", lab.approval()))
    execution = lab.start()
    lab.answer("Approved", summary="looks good")
    found = lab.wait(execution)
    assert found["status"] == "Succeeded"
    assert found["artifactRevisions"][0]["revisionId"] == lab.commit
    run = lab.run(execution, "Checkout")
    assert run["output"]["outputVariables"]["CommitId"] == lab.commit
    assert run["output"]["outputVariables"]["CommitMessage"] == "The first commit"
    location = run["output"]["outputArtifacts"][0]["s3location"]
    assert location["key"].startswith(f"{lab.name[:20]}/Code/")
    assert lab.files(location) == {"hello.txt": b"hello"}
    asked = lab.run(execution, "Ask")
    assert (asked["status"], asked["output"]["executionResult"]["externalExecutionSummary"]) == ("Succeeded", "looks good")
    assert asked["updatedBy"].endswith("user/administrator")


def test_a_rejected_approval_fails_the_execution_and_a_retry_asks_again(lab: Lab) -> None:
    lab.create(lab.source(), stage("Gate", lab.approval()))
    execution = lab.start()
    first = lab.token()
    lab.answer("Rejected", token=first, summary="no")
    assert lab.wait(execution)["status"] == "Failed"
    assert lab.error(execution, "Ask")["message"].endswith("user/administrator: no")
    with pytest.raises(ClientError) as error:
        lab.answer("Approved", token=first)
    assert code_of(error) == "ApprovalAlreadyCompletedException"
    client = lab.client("codepipeline")
    client.retry_stage_execution(pipelineName=lab.name, stageName="Gate", pipelineExecutionId=execution, retryMode="FAILED_ACTIONS")
    second = lab.token()
    assert second != first
    lab.answer("Approved", token=second)
    assert lab.wait(execution)["status"] == "Succeeded"
    assert len(client.list_action_executions(pipelineName=lab.name)["actionExecutionDetails"]) == 3


def test_a_wrong_token_approves_nothing(lab: Lab) -> None:
    lab.create(lab.source(), stage("Gate", lab.approval()))
    lab.start()
    lab.token()
    with pytest.raises(ClientError) as error:
        lab.answer("Approved", token=str(uuid.uuid4()))
    assert code_of(error) == "InvalidApprovalTokenException"
    lab.client("codepipeline").delete_pipeline(name=lab.name)


def test_an_approval_needs_its_own_permission(lab: Lab, as_role: Callable[..., Callable[[str], Any]]) -> None:
    lab.create(lab.source(), stage("Gate", lab.approval()))
    execution = lab.start()
    token = lab.token()
    arn = f"arn:aws:codepipeline:us-east-1:123456789012:{lab.name}/Gate/Ask"
    with pytest.raises(ClientError) as error:
        lab.answer("Approved", token=token, client=as_role(allow("codepipeline:PutApprovalResult", f"{arn}Other"))("codepipeline"))
    assert code_of(error) == "AccessDeniedException"
    assert arn in error.value.response["Error"]["Message"]
    lab.answer("Approved", token=token, client=as_role(allow("codepipeline:PutApprovalResult", arn))("codepipeline"))
    assert lab.wait(execution)["status"] == "Succeeded"


def test_the_approval_request_is_published_with_its_variables(lab: Lab, local_aws: LocalAws) -> None:
    sns = lab.client("sns")
    topic = sns.create_topic(Name=lab.name)["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="reviewer@example.org")
    wanted = {"NotificationArn": topic, "CustomData": "commit #{Src.CommitId} of #{codepipeline.PipelineExecutionId}"}
    wanted["ExternalEntityLink"] = "https://console.example/#{Src.CommitId}"  # AWS's CDK puts a variable here too
    lab.create(lab.source(), stage("Gate", lab.approval(configuration=wanted)))
    execution = lab.start()
    token = lab.token()
    text = f"commit {lab.commit} of {execution}"
    assert lab.run(execution, "Ask")["input"]["resolvedConfiguration"]["CustomData"] == text
    mail = wait_until(lambda: [m for m in mails(local_aws) if m["topic"] == topic], "the topic's mail is sent")[0]
    asked = json.loads(mail["message"])["approval"]
    assert (mail["to"], asked["token"], asked["customData"]) == ("reviewer@example.org", token, text)
    assert asked["externalEntityLink"] == f"https://console.example/{lab.commit}"
    lab.answer("Approved")
    assert lab.wait(execution)["status"] == "Succeeded"


def test_an_approval_whose_topic_may_not_be_published_to_fails(lab: Lab, local_aws: LocalAws) -> None:
    local_aws.client("iam").put_role_policy(
        RoleName=lab.role.rpartition("/")[2],
        PolicyName="no-mail",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "sns:Publish", "Resource": "*"}]}),
    )
    topic = lab.client("sns").create_topic(Name=lab.name)["TopicArn"]
    lab.create(lab.source(), stage("Gate", lab.approval(configuration={"NotificationArn": topic})))
    execution = lab.start()
    assert lab.wait(execution)["status"] == "Failed"
    error = lab.error(execution, "Ask")
    assert error["code"] == "PermissionError"
    assert "sns:Publish" in error["message"]
    assert topic in error["message"]


def test_a_role_that_may_not_use_the_connection_fails_the_source(lab: Lab, make_role: Callable[..., str]) -> None:
    role = make_role(allow(["s3:GetObject", "s3:PutObject"]), service="codepipeline.amazonaws.com")
    declaration = {**lab.declaration(lab.source(), stage("Gate", lab.approval())), "roleArn": role}
    lab.client("codepipeline").create_pipeline(pipeline=declaration)
    execution = lab.start()
    assert lab.wait(execution)["status"] == "Failed"
    message = lab.error(execution, "Checkout")["message"]
    assert "UseConnection" in message
    assert lab.connection in message
    assert "AccessDenied" in message


def test_a_role_that_may_not_write_artifacts_fails_the_source(lab: Lab, make_role: Callable[..., str]) -> None:
    role = make_role(allow("codestar-connections:UseConnection"), service="codepipeline.amazonaws.com")
    declaration = {**lab.declaration(lab.source(), stage("Gate", lab.approval())), "roleArn": role}
    lab.client("codepipeline").create_pipeline(pipeline=declaration)
    execution = lab.start()
    assert lab.wait(execution)["status"] == "Failed"
    error = lab.error(execution, "Checkout")
    assert error["code"] == "PermissionError"
    assert "s3:PutObject" in error["message"]


def test_a_role_without_put_object_acl_fails_a_source_through_a_connection(lab: Lab, make_role: Callable[..., str]) -> None:
    allowed = [statement for statement in statements(lab.bucket) if "s3:PutObject" not in statement["Action"]]
    objects = allow(["s3:GetObject", "s3:PutObject"], f"arn:aws:s3:::{lab.bucket}/*")
    role = make_role(*allowed, objects, service="codepipeline.amazonaws.com")
    lab.create(lab.source(), stage("Gate", lab.approval()), roleArn=role)
    execution = lab.start()
    assert lab.wait(execution)["status"] == "Failed"
    error = lab.error(execution, "Checkout")
    assert error["code"] == "PermissionError"
    assert error["message"].startswith("[GitHub] Upload to S3 failed with the following error: ")
    assert f's3:PutObjectAcl on resource: "arn:aws:s3:::{lab.bucket}/' in error["message"]


def test_a_bucket_that_demands_tls_takes_the_source_because_services_call_so(lab: Lab) -> None:
    deny = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [f"arn:aws:s3:::{lab.bucket}", f"arn:aws:s3:::{lab.bucket}/*"],
    }
    insecure = {**deny, "Condition": {"Bool": {"aws:SecureTransport": "false"}}}
    lab.client("s3").put_bucket_policy(Bucket=lab.bucket, Policy=policy(insecure))
    lab.create(lab.source(), stage("Gate", lab.approval()))
    lab.start()
    assert lab.token()


def test_an_unknown_repository_and_a_missing_branch_are_named(lab: Lab) -> None:
    lab.create(lab.source(), stage("Gate", lab.approval()))
    git(lab.folder, "branch", "-m", "main", "other")
    assert lab.wait(execution := lab.start())["status"] == "Failed"
    assert lab.error(execution, "Checkout")["message"] == f"[GitHub] No Branch [main] found for FullRepositoryName [{lab.repository}]"
    source = lab.source()
    source["actions"][0]["configuration"]["FullRepositoryId"] = "nobody/nothing"
    lab.client("codepipeline").update_pipeline(pipeline=lab.declaration(source, stage("Gate", lab.approval())))
    assert lab.wait(execution := lab.start())["status"] == "Failed"
    assert "nobody/nothing" in lab.error(execution, "Checkout")["message"]


def test_uncommitted_files_are_taken_when_the_folder_is_registered_so(lab: Lab, local_aws: LocalAws) -> None:
    (lab.folder / ".gitignore").write_text("secret.txt\n")
    (lab.folder / "secret.txt").write_text("secret")
    (lab.folder / "new.txt").write_text("new")
    repositories.register(local_aws.home / "codeconnections", lab.repository, lab.folder, worktree=True)
    before = git(lab.folder, "count-objects")
    lab.create(lab.source(), stage("Gate", lab.approval()))
    execution = lab.start()
    lab.token()
    run = lab.run(execution, "Checkout")
    assert sorted(lab.files(run["output"]["outputArtifacts"][0]["s3location"])) == [".gitignore", "hello.txt", "new.txt"]
    assert run["output"]["outputVariables"]["CommitId"] != lab.commit
    assert (git(lab.folder, "count-objects"), git(lab.folder, "rev-parse", "HEAD")) == (before, lab.commit)
    lab.client("codepipeline").delete_pipeline(name=lab.name)


def test_an_execution_can_be_started_from_an_older_commit(lab: Lab) -> None:
    (lab.folder / "hello.txt").write_text("changed")
    git(lab.folder, "commit", "--quiet", "-a", "-m", "Another")
    lab.create(lab.source(), stage("Gate", lab.approval()))
    wanted = [{"actionName": "Checkout", "revisionType": "COMMIT_ID", "revisionValue": lab.commit}]
    execution = lab.start(sourceRevisions=wanted)
    lab.token()
    assert lab.run(execution, "Checkout")["output"]["outputVariables"]["CommitId"] == lab.commit
    lab.client("codepipeline").delete_pipeline(name=lab.name)


def test_the_token_source_of_the_first_generation_works_and_its_token_is_not_kept(lab: Lab, local_aws: LocalAws) -> None:
    owner, _, repository = lab.repository.partition("/")
    secret = f"ghp-{uuid.uuid4()}"
    configuration = {"Owner": owner, "Repo": repository, "Branch": "main", "OAuthToken": secret, "PollForSourceChanges": "true"}
    source = action("Checkout", "Source", "GitHub", configuration, owner="ThirdParty", outputs=["Code"], namespace="Src")
    lab.create(stage("Source", source), stage("Gate", lab.approval()))
    execution = lab.start()
    lab.token()
    assert lab.run(execution, "Checkout")["output"]["outputVariables"]["RepositoryName"] == repository
    shown = lab.client("codepipeline").get_pipeline(name=lab.name)["pipeline"]
    assert shown["stages"][0]["actions"][0]["configuration"]["OAuthToken"] == "****"
    wait_until_saved(local_aws)
    assert secret not in (local_aws.home / "state/codepipeline.json").read_text()
    lab.client("codepipeline").delete_pipeline(name=lab.name)


def test_a_newer_execution_supersedes_the_one_that_waits(lab: Lab) -> None:
    lab.create(lab.source(), stage("Gate", lab.approval()))
    first = lab.start()
    token = lab.token()
    second, third = lab.start(), lab.start()
    assert lab.wait(second)["status"] == "Superseded"
    states = lab.client("codepipeline").get_pipeline_state(name=lab.name)["stageStates"]
    wait_until(lambda: lab.run(third, "Checkout")["status"], "the third checkout succeeds", ok=lambda status: status == "Succeeded")
    lab.answer("Approved", token=token)
    assert lab.wait(first)["status"] == "Succeeded"
    assert lab.token() != token
    assert states[1]["latestExecution"]["pipelineExecutionId"] == first
    lab.client("codepipeline").delete_pipeline(name=lab.name)


def test_queued_executions_go_one_after_the_other(lab: Lab) -> None:
    lab.create(lab.source(), stage("Gate", lab.approval()), executionMode="QUEUED")
    first = lab.start()
    token = lab.token()
    second, third = lab.start(), lab.start()
    wait_until(lambda: lab.execution(third)["artifactRevisions"], "the third execution has its source")
    inbound = lab.client("codepipeline").get_pipeline_state(name=lab.name)["stageStates"][1]["inboundExecutions"]
    assert [item["pipelineExecutionId"] for item in inbound] == [second, third]
    lab.answer("Approved", token=token)
    lab.wait(first)
    wait_until_it_asks_again(lab, token)
    lab.answer("Rejected")
    assert lab.wait(second)["status"] == "Failed"
    lab.answer("Approved", token=lab.token())
    assert lab.wait(third)["status"] == "Succeeded"


def test_a_disabled_transition_holds_executions_back(lab: Lab) -> None:
    client = lab.client("codepipeline")
    lab.create(lab.source(), stage("Gate", lab.approval()))
    place = {"pipelineName": lab.name, "stageName": "Gate", "transitionType": "Inbound"}
    client.disable_stage_transition(**place, reason="holiday")
    execution = lab.start()
    wait_until(lambda: lab.execution(execution)["artifactRevisions"], "the execution has its source")
    gate = wait_until(
        lambda: client.get_pipeline_state(name=lab.name)["stageStates"][1],
        "the execution waits before the gate",
        ok=lambda state: state.get("inboundExecution"),
    )
    assert gate["inboundTransitionState"]["disabledReason"] == "holiday"
    assert "token" not in lab.state("Gate", "Ask")
    client.enable_stage_transition(**place)
    lab.answer("Approved")
    assert lab.wait(execution)["status"] == "Succeeded"


def test_stopping_waits_for_the_action_and_abandoning_does_not(lab: Lab) -> None:
    client = lab.client("codepipeline")
    lab.create(lab.source(), stage("Gate", lab.approval()), stage("After", lab.approval("Again")))
    execution = lab.start()
    token = lab.token()
    client.stop_pipeline_execution(pipelineName=lab.name, pipelineExecutionId=execution, reason="enough")
    assert lab.execution(execution)["status"] == "Stopping"
    lab.answer("Approved", token=token)
    assert lab.wait(execution)["status"] == "Stopped"
    summary = client.list_pipeline_executions(pipelineName=lab.name)["pipelineExecutionSummaries"][0]
    assert summary["stopTrigger"]["reason"] == "enough"
    second = lab.start()
    token = wait_until_it_asks_again(lab, token)
    client.stop_pipeline_execution(pipelineName=lab.name, pipelineExecutionId=second, abandon=True)
    assert lab.execution(second)["status"] == "Stopped"
    assert lab.run(second, "Ask")["status"] == "Abandoned"
    with pytest.raises(ClientError) as error:
        lab.answer("Approved", token=token)
    assert code_of(error) == "InvalidApprovalTokenException"
    with pytest.raises(ClientError) as error:
        client.stop_pipeline_execution(pipelineName=lab.name, pipelineExecutionId=second, abandon=True)
    assert code_of(error) == "PipelineExecutionNotStoppableException"


def test_an_update_of_the_stages_cancels_what_is_in_progress(lab: Lab) -> None:
    lab.create(lab.source(), stage("Gate", lab.approval()))
    execution = lab.start()
    lab.token()
    changed = lab.declaration(lab.source(), stage("Gate", lab.approval("Other")))
    assert lab.client("codepipeline").update_pipeline(pipeline=changed)["pipeline"]["version"] == 2
    assert lab.execution(execution)["status"] == "Cancelled"


def test_variables_of_the_pipeline_are_given_at_the_start(lab: Lab) -> None:
    variables = [{"name": "who", "defaultValue": "nobody"}, {"name": "what"}]
    gate = stage("Gate", lab.approval(configuration={"CustomData": "#{variables.who} #{variables.what}"}))
    lab.create(lab.source(), gate, variables=variables)
    with pytest.raises(ClientError, match="needs a value for the variable what"):
        lab.start()
    execution = lab.start(variables=[{"name": "what", "value": "it"}])
    lab.token()
    assert lab.run(execution, "Ask")["input"]["resolvedConfiguration"]["CustomData"] == "nobody it"
    assert {"name": "who", "resolvedValue": "nobody"} in lab.execution(execution)["variables"]
    lab.client("codepipeline").delete_pipeline(name=lab.name)


def test_the_same_request_token_starts_one_execution(lab: Lab) -> None:
    lab.create(lab.source(), stage("Gate", lab.approval()))
    token = str(uuid.uuid4())
    assert lab.start(clientRequestToken=token) == lab.start(clientRequestToken=token)
    lab.client("codepipeline").delete_pipeline(name=lab.name)


def test_a_request_that_is_not_honoured_is_refused_by_name(lab: Lab) -> None:
    client = lab.client("codepipeline")
    with pytest.raises(ClientError, match="Provider: 'Lambda'"):
        lab.create(lab.source(), stage("Gate", action("Call", "Invoke", "Lambda", {"FunctionName": "f"})))
    with pytest.raises(ClientError, match="executionMode 'PARALLEL'"):
        lab.create(lab.source(), stage("Gate", lab.approval()), executionMode="PARALLEL")
    with pytest.raises(ClientError, match=r"stages\.onFailure"):
        lab.create(lab.source(), {**stage("Gate", lab.approval()), "onFailure": {"result": "ROLLBACK"}})
    with pytest.raises(ClientError, match="codepipeline:RollbackStage"):
        client.rollback_stage(pipelineName=lab.name, stageName="Gate", targetPipelineExecutionId=str(uuid.uuid4()))


def test_a_role_that_does_not_trust_the_service_is_refused(lab: Lab, make_role: Callable[..., str]) -> None:
    role = make_role(allow("*"), service="codebuild.amazonaws.com")
    declaration = {**lab.declaration(lab.source(), stage("Gate", lab.approval())), "roleArn": role}
    with pytest.raises(ClientError, match=f"CodePipeline is not authorized to perform AssumeRole on role {role}"):
        lab.client("codepipeline").create_pipeline(pipeline=declaration)


def test_creating_a_pipeline_needs_pass_role(lab: Lab, as_role: Callable[..., Callable[[str], Any]]) -> None:
    client = as_role(allow(["codepipeline:*", "codeconnections:*"]))("codepipeline")
    with pytest.raises(ClientError, match=f"iam:PassRole on resource: {lab.role}"):
        client.create_pipeline(pipeline=lab.declaration(lab.source(), stage("Gate", lab.approval())))


def test_an_action_with_a_role_of_its_own_acts_as_that_role(lab: Lab, make_role: Callable[..., str], local_aws: LocalAws) -> None:
    other = make_role()
    local_aws.client("iam").put_role_policy(
        RoleName=lab.role.rpartition("/")[2],
        PolicyName="assume",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allow("sts:AssumeRole", other)]}),
    )
    topic = lab.client("sns").create_topic(Name=lab.name)["TopicArn"]
    lab.create(lab.source(), stage("Gate", lab.approval(configuration={"NotificationArn": topic}, roleArn=other)))
    execution = lab.start()
    assert lab.wait(execution)["status"] == "Failed"
    assert other.rpartition("/")[2] in lab.error(execution, "Ask")["message"]
