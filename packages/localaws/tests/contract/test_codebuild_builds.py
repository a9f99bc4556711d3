"""Builds on the running local AWS: what commands find, what is kept of them, under which rights."""

import json
import os
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from codebuild_building import LOGS, Builder, context, spec, statuses
from started import allow
from waiting import wait_until

LISTED_FOR_KEYS = ["kms:DescribeKey", "kms:Encrypt", "kms:ReEncryptFrom", "kms:ReEncryptTo"]


@pytest.fixture(scope="module")
def builder(local_aws):
    return Builder(local_aws)


def test_a_build_runs_its_source_and_keeps_its_artifact_its_variables_and_its_log(builder):
    buildspec = spec(
        ["cat words.txt", "mkdir dist; sh make.sh >dist/page.html; PAGES=$(ls dist | wc -l | tr -d ' ')"],
        env={"exported-variables": ["PAGES", "NEVER_SET"]},
        artifacts={"files": ["**/*"], "base-directory": "dist"},
    )
    files = {"buildspecs/site.yml": buildspec, "words.txt": "hello\n", "make.sh": "echo page\n"}
    build = builder.run(
        "",
        source={"type": "S3", "location": builder.put("site.zip", files), "buildspec": "buildspecs/site.yml"},
        artifacts={"type": "S3", "location": builder.bucket, "path": "out", "name": "site.zip", "packaging": "ZIP"},
    )
    assert build["buildStatus"] == "SUCCEEDED"
    assert build["currentPhase"] == "COMPLETED"
    assert set(statuses(build).values()) == {"SUCCEEDED", ""}
    assert build["exportedEnvironmentVariables"] == [{"name": "PAGES", "value": "1"}]
    assert builder.artifact("out/site.zip") == {"page.html": "page\n"}
    assert build["artifacts"]["location"] == f"arn:aws:s3:::{builder.bucket}/out/site.zip"
    assert builder.lines(build) == ["hello"]
    assert any(line.endswith("Running command cat words.txt") for line in builder.log(build))


def test_a_build_knows_itself_and_nothing_of_the_servers_environment(builder):
    build = builder.run(spec("env"), start={"environmentVariablesOverride": [{"name": "GIVEN", "value": "x"}]})
    found = dict(line.split("=", 1) for line in builder.lines(build) if "=" in line)
    assert found["CODEBUILD_BUILD_ID"] == build["id"]
    assert found["CODEBUILD_BUILD_ARN"] == build["arn"]
    assert found["CODEBUILD_BUILD_NUMBER"] == "1"
    assert found["CODEBUILD_BUILD_IMAGE"] == "aws/codebuild/standard:7.0"
    assert found["CODEBUILD_INITIATOR"] == build["initiator"] == "administrator"
    assert found["CODEBUILD_LOG_PATH"] == build["logs"]["streamName"]
    assert found["CODEBUILD_START_TIME"] == str(round(build["startTime"].timestamp() * 1000))
    assert found["AWS_REGION"] == found["AWS_DEFAULT_REGION"] == "us-east-1"
    assert found["GIVEN"] == "x"
    assert found["AWS_CONTAINER_AUTHORIZATION_TOKEN"] == "***"
    assert not {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"} & found.keys()
    assert found["CODEBUILD_PROJECT_ARN"].endswith(f":project/{build['projectName']}")
    assert build["id"].partition(":")[2] in found["CODEBUILD_BUILD_URL"]
    assert "CI" not in found
    assert not {"PYTHONPATH", "VIRTUAL_ENV", "SHELL", "PYTEST_CURRENT_TEST"} & found.keys()


def test_variables_of_start_build_go_before_the_projects_and_those_before_the_buildspecs(builder):
    build = builder.run(
        spec('echo "$A $B $C"', env={"variables": {"A": "spec", "B": "spec", "C": "spec"}}),
        environment={
            "type": "LINUX_CONTAINER",
            "image": "aws/codebuild/standard:7.0",
            "computeType": "BUILD_GENERAL1_SMALL",
            "environmentVariables": [{"name": name, "value": "project"} for name in "BC"],
        },
        start={"environmentVariablesOverride": [{"name": "C", "value": "start"}]},
    )
    assert builder.lines(build) == ["spec project start"]


def test_secrets_and_parameters_are_fetched_as_the_role_and_masked(builder, aws):
    name = f"team/{uuid.uuid4().hex}"
    aws("ssm").put_parameter(Name=f"/{name}", Value="par+ameter", Type="SecureString")
    aws("secretsmanager").create_secret(Name=name, SecretString=json.dumps({"user": "ann", "password": "s3cr3t"}))
    role = builder.role(LOGS, allow("ssm:GetParameters"), allow("secretsmanager:GetSecretValue"), allow("kms:Decrypt"))
    build = builder.run(
        spec(
            'echo "$P $S"; test "$P $S" = "par+ameter s3cr3t" && echo right',
            env={"parameter-store": {"P": f"/{name}"}, "secrets-manager": {"S": f"{name}:password"}, "exported-variables": ["P"]},
        ),
        role,
    )
    assert builder.lines(build) == ["*** ***", "right"]
    assert build["exportedEnvironmentVariables"] == []
    assert not any("s3cr3t" in line for line in builder.log(build))


@pytest.mark.parametrize(
    ("env", "statement", "code", "text"),
    [
        ({"parameter-store": {"P": "/not/there"}}, "ssm:*", "Decrypted Variables Error", "parameter does not exist: /not/there"),
        ({"parameter-store": {"P": "/x"}}, "logs:*", "Decrypted Variables Error", "not authorized to perform: ssm:GetParameters"),
        ({"secrets-manager": {"S": "nothing:key"}}, "secretsmanager:*", "Secrets Manager Error", "(S: nothing:key)"),
    ],
)
def test_a_reference_that_cannot_be_resolved_fails_the_build_with_its_name(builder, env, statement, code, text):
    build = builder.run(spec("echo not reached", env=env), builder.role(LOGS, allow(statement)))
    assert statuses(build)["DOWNLOAD_SOURCE"] == "FAILED"
    assert context(build, "DOWNLOAD_SOURCE")[0] == code
    assert text in context(build, "DOWNLOAD_SOURCE")[1]
    assert builder.lines(build) == []


def test_a_source_that_the_role_may_not_read_is_denied_with_action_and_resource(builder):
    location = builder.put("denied.zip", {"buildspec.yml": spec()})
    itself = allow(["s3:GetBucketAcl", "s3:GetBucketLocation"], f"arn:aws:s3:::{builder.bucket}")
    build = builder.run("", builder.role(LOGS, itself), source={"type": "S3", "location": location})
    assert (build["buildStatus"], statuses(build)["DOWNLOAD_SOURCE"]) == ("FAILED", "FAILED")
    code, message = context(build, "DOWNLOAD_SOURCE")
    assert code == "CLIENT_ERROR"
    assert "AccessDenied" in message
    assert "s3:GetObject" in message
    assert f"arn:aws:s3:::{location}" in message


def test_a_role_that_may_not_make_log_streams_builds_nothing(builder):
    build = builder.run(spec(), builder.role(allow("s3:*")))
    code, message = context(build, "PROVISIONING")
    assert code == "ACCESS_DENIED"
    assert "logs:CreateLogStream" in message
    assert build["buildStatus"] == "FAILED"
    assert "groupName" not in build["logs"]


def test_commands_act_as_the_role_and_with_its_rights_alone(builder):
    sts = "boto3.client('sts', endpoint_url='https://sts.us-east-1.amazonaws.com')"  # as SageMaker's SDK names it
    script = f"import boto3; print({sts}.get_caller_identity()['Arn']); boto3.client('s3').list_buckets()"
    role = builder.role(LOGS)
    build = builder.run(spec(f'{sys.executable} -c "{script}"'), role)
    text = "\n".join(builder.lines(build))
    assert f"assumed-role/{role.rpartition('/')[2]}/AWSCodeBuild-{build['id'].partition(':')[2]}" in text
    assert "s3:ListAllMyBuckets" in text
    assert context(build, "BUILD")[0] == "COMMAND_EXECUTION_ERROR"


def test_after_a_failed_command_come_its_finally_and_post_build_and_the_artifacts(builder):
    build = builder.run(
        spec(
            phases={
                "build": {
                    "commands": ["echo one", "sh -c 'exit 5'", "echo not reached"],
                    "finally": ["echo finally $CODEBUILD_BUILD_SUCCEEDING"],
                },
                "post_build": {"commands": ["echo post $CODEBUILD_BUILD_SUCCEEDING; echo x >x"]},
            },
            artifacts={"files": ["x"]},
        ),
        artifacts={"type": "S3", "location": builder.bucket, "name": "failed.zip", "packaging": "ZIP"},
    )
    assert builder.lines(build) == ["one", "finally 0", "post 0"]
    assert statuses(build)["BUILD"] == "FAILED"
    assert context(build, "BUILD") == ("COMMAND_EXECUTION_ERROR", "Error while executing command: sh -c 'exit 5'. Reason: exit status 5")
    assert statuses(build)["UPLOAD_ARTIFACTS"] == "SUCCEEDED"
    assert build["buildStatus"] == "FAILED"
    assert builder.artifact("failed.zip") == {"x": "x\n"}


def test_a_failed_installation_skips_everything_but_its_finally(builder):
    build = builder.run(spec("echo not reached", phases={"install": {"commands": ["exit 3"], "finally": ["echo finally"]}}))
    assert builder.lines(build) == ["finally"]
    assert [phase for phase in statuses(build) if phase in ("PRE_BUILD", "BUILD", "POST_BUILD", "UPLOAD_ARTIFACTS")] == []
    assert context(build, "INSTALL")[1].endswith("exit status 3")


def test_a_failed_phase_may_let_the_next_one_run_but_the_build_has_failed(builder):
    build = builder.run(spec("echo build", phases={"pre_build": {"on-failure": "CONTINUE", "commands": ["false"]}}))
    assert builder.lines(build) == ["build"]
    assert (statuses(build)["PRE_BUILD"], build["buildStatus"]) == ("FAILED", "FAILED")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("version: 0.2\nphases: {build: {commands: [echo ran], run-as: me}}\n", "phases.build.run-as"),
        ("version: 0.2\nbatch: {}\nphases: {build: {commands: [echo ran]}}\n", "batch"),
    ],
)
def test_a_key_that_is_not_honoured_is_refused_by_name_before_anything_runs(builder, text, named):
    build = builder.run("", source={"type": "S3", "location": builder.put("key.zip", {"buildspec.yml": text})})
    code, message = context(build, "DOWNLOAD_SOURCE")
    assert (code, build["buildStatus"]) == ("YAML_FILE_ERROR", "FAILED")
    assert named in message
    assert builder.lines(build) == []


@pytest.mark.parametrize(
    ("artifacts", "message"),
    [
        ({"files": ["nothing/*"]}, "no matching artifact paths found"),
        ({"files": ["*"], "base-directory": "dist"}, "no matching base directory path found for dist"),
    ],
)
def test_artifacts_that_are_not_there_fail_the_build_in_awss_words(builder, artifacts, message):
    build = builder.run(
        spec(artifacts=artifacts), artifacts={"type": "S3", "location": builder.bucket, "name": "none.zip", "packaging": "ZIP"}
    )
    assert context(build, "UPLOAD_ARTIFACTS") == ("CLIENT_ERROR", message)
    assert build["buildStatus"] == "FAILED"


def test_another_python_than_the_buildspec_names_is_said_beside_the_phase(builder):
    build = builder.run(spec("echo ran", phases={"install": {"runtime-versions": {"python": "3.99"}}}))
    assert context(build, "INSTALL")[0] == "LOCAL_DIFFERENCE"
    assert "3.99" in context(build, "INSTALL")[1]
    assert (builder.lines(build), build["buildStatus"]) == (["ran"], "SUCCEEDED")


def test_a_pipelines_build_takes_several_sources_and_gives_several_artifacts(builder, aws):
    key = aws("kms").create_key()["KeyMetadata"]["Arn"]
    everything = allow("s3:*", [f"arn:aws:s3:::{builder.bucket}", f"arn:aws:s3:::{builder.bucket}/*"])
    role = builder.role(LOGS, everything, allow(["kms:GenerateDataKey", "kms:Decrypt", *LISTED_FOR_KEYS]))
    buildspec = spec(
        [
            'cat a.txt "$CODEBUILD_SRC_DIR_Model/b.txt"',
            "echo $CODEBUILD_RESOLVED_SOURCE_VERSION $CODEBUILD_SOURCE_VERSION",
            "echo 1 >one; echo 2 >two",
        ],
        artifacts={"secondary-artifacts": {"One": {"files": ["one"]}, "Two": {"files": ["two"]}}},
    )
    files = {"ci.yml": buildspec, "a.txt": "a\n"}
    project = builder.project("", role, source={"type": "CODEPIPELINE", "buildspec": "ci.yml"}, artifacts={"type": "CODEPIPELINE"})
    place = {"type": "S3", "location": builder.bucket, "path": "p/out", "packaging": "ZIP", "namespaceType": "NONE"}
    build = builder.ended(
        builder.start(
            project,
            sourceTypeOverride="S3",
            sourceLocationOverride=builder.put("p/source/x1", files),
            secondarySourcesOverride=[{"type": "S3", "location": builder.put("p/model/x2", {"b.txt": "b\n"}), "sourceIdentifier": "Model"}],
            artifactsOverride={"type": "NO_ARTIFACTS"},
            secondaryArtifactsOverride=[{**place, "name": name, "artifactIdentifier": name} for name in ("One", "Two")],
            sourceVersion="0123abc",
            encryptionKeyOverride=key,
        )
    )
    assert build["buildStatus"] == "SUCCEEDED", build["phases"]
    assert builder.lines(build) == ["a", "b", f"0123abc arn:aws:s3:::{builder.bucket}/p/source/x1"]
    assert (builder.artifact("p/out/One"), builder.artifact("p/out/Two")) == ({"one": "1\n"}, {"two": "2\n"})
    assert build["resolvedSourceVersion"] == "0123abc"
    assert builder.s3.head_object(Bucket=builder.bucket, Key="p/out/One")["SSEKMSKeyId"] == key


def test_without_the_right_to_the_key_the_artifact_is_not_stored(builder, aws):
    key = aws("kms").create_key()["KeyMetadata"]["Arn"]
    objects = allow("s3:*", [f"arn:aws:s3:::{builder.bucket}", f"arn:aws:s3:::{builder.bucket}/*"])
    settings = {
        "artifacts": {"type": "S3", "location": builder.bucket, "name": "sealed.zip", "packaging": "ZIP"},
        "encryptionKey": key,
    }
    buildspec = spec("echo x >x", artifacts={"files": ["x"]})
    build = builder.run(buildspec, builder.role(LOGS, objects, allow(LISTED_FOR_KEYS)), **settings)
    assert "kms:GenerateDataKey" in context(build, "UPLOAD_ARTIFACTS")[1]
    build = builder.run(buildspec, builder.role(LOGS, objects, allow(["kms:GenerateDataKey", *LISTED_FOR_KEYS[1:]])), **settings)
    assert f"{LISTED_FOR_KEYS[0]} on resource: {key}" in context(build, "UPLOAD_ARTIFACTS")[1]


def test_a_test_report_is_read_and_shown_if_the_role_may_report(builder):
    xml = '<testsuite name=\\"s\\"><testcase name=\\"a\\"/><testcase name=\\"b\\"><failure message=\\"no\\"/></testcase></testsuite>'
    buildspec = spec(f'mkdir out; echo "{xml}" >out/r.xml', reports={"unit": {"files": ["*.xml"], "base-directory": "out"}})
    denied = builder.run(buildspec)
    assert "codebuild:CreateReportGroup" in context(denied, "UPLOAD_ARTIFACTS")[1]
    build = builder.run(buildspec, builder.role(LOGS, allow("codebuild:*")))
    assert build["buildStatus"] == "SUCCEEDED", build["phases"]
    report = builder.codebuild.batch_get_reports(reportArns=build["reportArns"])["reports"][0]
    assert (report["status"], report["testSummary"]["statusCounts"]["FAILED"]) == ("FAILED", 1)
    group = report["reportGroupArn"]
    assert group.endswith(f"report-group/{build['projectName']}-unit")
    assert builder.codebuild.list_reports_for_report_group(reportGroupArn=group)["reports"] == build["reportArns"]
    cases = builder.codebuild.describe_test_cases(reportArn=report["arn"])["testCases"]
    assert [(case["name"], case["status"]) for case in cases] == [("a", "SUCCEEDED"), ("b", "FAILED")]


@pytest.mark.parametrize("kind", ["S3", "LOCAL"])
def test_a_cache_brings_back_what_the_last_build_left(builder, kind):
    cache = {"type": "S3", "location": f"{builder.bucket}/cache"} if kind == "S3" else {"type": "LOCAL", "modes": ["LOCAL_CUSTOM_CACHE"]}
    command = "mkdir -p $HOME/.cache/tool; cat $HOME/.cache/tool/kept || true; echo kept >$HOME/.cache/tool/kept"
    project = builder.project(spec(f"{command} 2>/dev/null", cache={"paths": ["/root/.cache/tool/**/*"]}), cache=cache)
    first, second = builder.ended(builder.start(project)), builder.ended(builder.start(project))
    assert "kept" not in builder.lines(first)
    assert "kept" in builder.lines(second)


def test_a_deleted_project_takes_its_cache_along(builder):
    command = "mkdir -p $HOME/.cache/tool; cat $HOME/.cache/tool/kept || true; echo kept >$HOME/.cache/tool/kept"
    cached = spec(f"{command} 2>/dev/null", cache={"paths": ["/root/.cache/tool/**/*"]})
    cache = {"type": "LOCAL", "modes": ["LOCAL_CUSTOM_CACHE"]}
    project = builder.project(cached, cache=cache)
    builder.ended(builder.start(project))
    shared = builder.local_aws.home / "codebuild" / "shared"
    assert (shared / "cache" / project).is_dir()
    builder.local_aws.client("codebuild").delete_project(name=project)
    assert not (shared / "cache" / project).exists()
    wait_until(lambda: [*(shared / "forgotten").iterdir()], "the forgotten caches are deleted", ok=lambda left: not left)


def test_the_command_line_shows_a_build(builder):
    build = builder.run(spec())
    environment = {**os.environ, **builder.local_aws.environment}
    tool = Path(sys.executable).with_name("aws")
    answer = subprocess.run(
        [tool, "codebuild", "batch-get-builds", "--ids", build["id"]], env=environment, capture_output=True, text=True, check=True
    )
    assert json.loads(answer.stdout)["builds"][0]["buildStatus"] == "SUCCEEDED"
