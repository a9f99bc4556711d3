"""One build without a server: whatever goes wrong in a phase, a command or a call to AWS, the build does not succeed."""

import io
import json
import time
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Event, RLock
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from git_folders import make_repository

from localaws.codebuild.build_record import Build
from localaws.codebuild.build_run import BuildRun
from localaws.codebuild.reports import Reports
from localaws.codeconnections import repositories
from localaws.kit.open_questions import assuming
from localaws.kit.service import AwsError, Credentials

ROLE = "arn:aws:iam::123456789012:role/build"
SUITE = "<testsuite name='s'><testcase name='t' classname='c'/></testsuite>"
Fault = tuple[str, str]  # service and operation


def denied(operation: str, code: str = "AccessDenied") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": f"no {operation}"}, "ResponseMetadata": {"HTTPStatusCode": 403}}, operation)  # type: ignore[typeddict-item]


def zipped(files: Mapping[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return buffer.getvalue()


class Aws:
    """AWS as a build meets it: objects and parameters in memory; what `faults` names raises. It is the engine's Host, too."""

    account, region = "123456789012", "us-east-1"

    registry = Path("/nowhere")

    def __init__(self, faults: Mapping[Fault, Exception]) -> None:
        self.faults = dict(faults)
        self.objects: dict[str, bytes] = {}
        self.parameters = {"/known": "value"}
        self.lines: list[str] = []

    def _may(self, service: str, operation: str) -> None:
        if (error := self.faults.get((service, operation))) is not None:
            raise error

    def client(self, service: str, credentials: Credentials) -> Any:
        self._may(service, "client")
        known = self.parameters
        operations: dict[str, Callable[..., Any]] = {
            "get_object": lambda Bucket, Key: {"Body": io.BytesIO(self._object(Key))},
            "put_object": lambda Bucket, Key, Body: self.objects.update({Key: Body.read()}),
            "get_parameters": lambda Names, WithDecryption: {"Parameters": [{"Value": known[name]} for name in Names if name in known]},
            "get_secret_value": lambda SecretId: {"SecretBinary": b"x"} if SecretId == "bytes" else {"SecretString": json.dumps({"a": 1})},
            "create_log_group": lambda logGroupName: None,
            "create_log_stream": lambda logGroupName, logStreamName: None,
            "put_log_events": lambda logEvents, **_: self.lines.extend(event["message"].removesuffix("\n") for event in logEvents),
        }

        def call(operation: str) -> Any:
            def made(**members: Any) -> Any:
                self._may(service, operation)
                return operations[operation](**members)

            return made

        return SimpleNamespace(meta=SimpleNamespace(endpoint_url="http://127.0.0.1:1"), **{name: call(name) for name in operations})

    def _object(self, key: str) -> bytes:
        if key not in self.objects:
            raise denied("GetObject", "NoSuchKey")
        return self.objects[key]

    def assume_role(self, role: str, **_: Any) -> Credentials:
        self._may("sts", "assume_role")
        return Credentials(access_key_id="ASIAEXAMPLEEXAMPLE00", secret_access_key="not-a-secret-key", session_token="not-a-session-token")

    def authorize(self, credentials: Credentials, permission: Any) -> None:
        self._may("iam", permission.action)

    def home(self, service: str) -> Path:
        return self.registry

    def publish_event(self, *_: Any) -> None:
        """Nobody listens."""

    def changed(self) -> None:
        """Nobody saves."""

    @property
    def said(self) -> list[str]:
        """What the commands printed."""
        return [line for line in self.lines if not line.startswith("[Container]")]


class World:
    """`run(buildspec)` runs one build to its end."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, aws: Aws, spec: Mapping[str, Any] | str, *, watch: Any = None, version: str | None = None, **settings: Any) -> Build:
        made = {
            "source": {"type": "NO_SOURCE", "buildspec": spec if isinstance(spec, str) else json.dumps({"version": 0.2, **spec})},
            "artifacts": {"type": "NO_ARTIFACTS"},
            "environment": {"type": "LINUX_CONTAINER", "image": "i", "computeType": "c", "environmentVariables": []},
            "serviceRole": ROLE,
            "timeoutInMinutes": 5,
            "encryptionKey": "alias/aws/s3",
            **settings,
        }
        build = Build(
            uuid="b",
            project="p",
            number=1,
            arn="arn:aws:codebuild:us-east-1:1:build/p:b",
            request={},
            settings=made,
            initiator="me",
            started=time.time(),
            source_version=version,
        )
        host: Any = aws
        execution = BuildRun(
            build=build,
            host=host,
            reports=Reports(host, RLock()),
            project_arn="arn:project",
            folder=self.folder / "build",
            shared=self.folder / "shared",
            lock=RLock(),
            grace_s=0.0,
            minute_s=60.0,
            shutdown=Event(),
        )
        if watch is not None:
            watch(execution)
        execution.run()
        assert build.is_complete
        assert not (self.folder / "build").exists()
        return build


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr("localaws.codebuild.build_machine._make_python", lambda target, shared: None)  # no command here needs a Python
    return World(tmp_path)


def phase(build: Build, name: str) -> tuple[str, str, str]:
    """Status, and code and text of the first context."""
    found = next(item for item in build.phases if item["phaseType"] == name)
    return found["phaseStatus"], found["contexts"][0]["statusCode"], found["contexts"][0]["message"]


def statuses(build: Build) -> dict[str, str]:
    return {item["phaseType"]: item["phaseStatus"] for item in build.phases if "phaseStatus" in item}


def commands(*build: str, **phases: Any) -> dict[str, Any]:
    return {"phases": {"build": {"commands": list(build)}, **phases}}


NAMES = ("install", "pre_build", "build", "post_build")
GOOD = {"phases": {name: {"commands": [f"echo {name}"], "finally": ["echo and", "true"]} for name in NAMES}}


def test_a_build_without_faults_succeeds(world: World) -> None:
    aws = Aws({})
    build = world.run(aws, GOOD)
    assert build.status == "SUCCEEDED"
    assert set(statuses(build).values()) == {"SUCCEEDED"}
    assert aws.said == ["install", "and", "pre_build", "and", "build", "and", "post_build", "and"]


# --- commands and their finally. AWS's buildspec reference: a phase succeeds when all its commands do, those of `finally` included.


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("lines", [["exit 3"], ["exit 3", "true"], ["true", "exit 3"]], ids=["only", "first", "last"])
def test_a_finally_that_fails_after_good_commands_fails_its_phase_and_the_build(world: World, name: str, lines: list[str]) -> None:
    spec = {"phases": {**GOOD["phases"], name: {"commands": ["true", "true"], "finally": lines}}}
    build = world.run(Aws({}), spec)
    assert build.status == "FAILED"
    reason = "Error while executing command: exit 3. Reason: exit status 3"
    assert phase(build, name.upper()) == ("FAILED", "COMMAND_EXECUTION_ERROR", reason)


@pytest.mark.parametrize("lines", [["exit 3"], ["exit 3", "true"], ["true", "exit 3"], ["true", "exit 3", "true"]])
def test_a_command_that_fails_fails_the_phase_whatever_stands_around_it(world: World, lines: list[str]) -> None:
    build = world.run(Aws({}), commands(build={"commands": lines, "finally": ["true"]}))
    assert (build.status, phase(build, "BUILD")[0]) == ("FAILED", "FAILED")


def test_no_command_follows_one_that_failed_but_all_of_finally_do(world: World) -> None:
    aws = Aws({})
    lines = {"commands": ["echo one", "exit 4", "echo two"], "finally": ["echo three", "exit 5", "echo $CODEBUILD_BUILD_SUCCEEDING"]}
    build = world.run(aws, commands(build=lines))
    assert aws.said == ["one", "three", "0"]
    assert "exit status 4" in phase(build, "BUILD")[2]


def test_after_a_failed_finally_the_build_no_longer_says_that_it_succeeds(world: World) -> None:
    aws = Aws({})
    spec = commands(build={"commands": ["true"], "finally": ["false"]}, post_build={"commands": ["echo $CODEBUILD_BUILD_SUCCEEDING"]})
    world.run(aws, spec)
    assert aws.said == ["0"]


def test_a_failed_phase_that_lets_the_build_go_on_does_not_make_it_good(world: World) -> None:
    aws = Aws({})
    spec = commands(install={"commands": ["false"], "on-failure": "CONTINUE"}, build={"commands": ["echo built"]})
    assert world.run(aws, spec).status == "FAILED"
    assert aws.said == ["built"]
    with assuming(on_failure_continue="SUCCEEDED"):
        assert world.run(aws, spec).status == "SUCCEEDED"
        spec = commands(install={"commands": ["false"], "on-failure": "CONTINUE"}, build={"commands": ["false"]})
        assert world.run(aws, spec).status == "FAILED"


@pytest.mark.parametrize("ending", ["kill -9 $$", "kill -9 $PPID; sleep 60", "set -e; false; echo not reached", "exec false"])
def test_a_shell_that_is_killed_or_replaced_fails_the_phase(world: World, ending: str) -> None:
    build = world.run(Aws({}), commands(ending))
    assert (build.status, phase(build, "BUILD")[1]) == ("FAILED", "COMMAND_EXECUTION_ERROR")


def test_a_shell_that_this_machine_does_not_have_fails_the_build(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("localaws.codebuild.build_machine._SYSTEM_PATH", "/nowhere")
    aws = Aws({})
    build = world.run(aws, {"env": {"shell": "bash"}, **commands("echo reached")})
    assert (build.status, phase(build, "INSTALL")[2], aws.said) == ("FAILED", "this machine has no bash", [])


# --- calls to AWS

SECRETS = {"env": {"parameter-store": {"GOOD": "/known", "BAD": "/known"}, "secrets-manager": {"S": "name:a"}}, **commands("echo reached")}
FAULTS = [
    (("sts", "assume_role"), AwsError("AccessDenied", "no"), "PROVISIONING", "ACCESS_DENIED"),
    (("logs", "create_log_group"), denied("CreateLogGroup", "ThrottlingException"), "PROVISIONING", "ACCESS_DENIED"),
    (("logs", "create_log_stream"), denied("CreateLogStream"), "PROVISIONING", "ACCESS_DENIED"),
    (("logs", "create_log_stream"), EndpointConnectionError(endpoint_url="http://x"), "PROVISIONING", "ACCESS_DENIED"),
    (("ssm", "get_parameters"), denied("GetParameters"), "DOWNLOAD_SOURCE", "Decrypted Variables Error"),
    (("ssm", "get_parameters"), EndpointConnectionError(endpoint_url="http://x"), "DOWNLOAD_SOURCE", "Decrypted Variables Error"),
    (("secretsmanager", "get_secret_value"), denied("GetSecretValue"), "DOWNLOAD_SOURCE", "Secrets Manager Error"),
    (("secretsmanager", "get_secret_value"), RuntimeError("unforeseen"), "DOWNLOAD_SOURCE", "INTERNAL_SERVICE_ERROR"),
]


@pytest.mark.parametrize(("fault", "error", "name", "code"), FAULTS)
def test_a_call_that_fails_before_the_commands_lets_none_of_them_run(
    world: World, fault: Fault, error: Exception, name: str, code: str
) -> None:
    aws = Aws({fault: error})
    build = world.run(aws, SECRETS)
    assert build.status in ("FAILED", "FAULT")
    assert phase(build, name)[:2] == (build.status, code)
    assert (build.status == "FAULT") == (code == "INTERNAL_SERVICE_ERROR")
    assert "reached" not in aws.said
    assert "BUILD" not in statuses(build)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (AwsError("ExpiredToken", "the session is over"), "ExpiredToken: the session is over"),
        (denied("AnyCall"), "AccessDenied: no AnyCall status code: 403"),
        (EndpointConnectionError(endpoint_url="http://x"), "Could not connect"),
    ],
)
def test_an_error_that_no_step_expects_fails_its_phase_with_awss_text(world: World, error: Exception, text: str) -> None:
    aws = Aws({("s3", "client"): error})
    build = world.run(aws, commands("echo reached"))
    assert (build.status, phase(build, "DOWNLOAD_SOURCE")[:2]) == ("FAILED", ("FAILED", "CLIENT_ERROR"))
    assert text in phase(build, "DOWNLOAD_SOURCE")[2]
    assert aws.said == []


def test_a_log_group_that_somebody_else_made_is_used(world: World) -> None:
    for code in ("ResourceAlreadyExistsException", "AccessDeniedException"):
        aws = Aws({("logs", "create_log_group"): denied("CreateLogGroup", code)})
        assert world.run(aws, commands("echo reached")).status == "SUCCEEDED"
        assert aws.said == ["reached"]


REFERENCES = [
    ({"parameter-store": {"A": "/known", "B": "/absent"}}, "parameter does not exist: /absent"),
    ({"parameter-store": {"A": "/absent", "B": "/known"}}, "parameter does not exist: /absent"),
    ({"secrets-manager": {"A": "name:a", "B": "name:b"}}, "has no key b"),
    ({"secrets-manager": {"A": "name:a", "B": "bytes"}}, "has no text value"),
]


@pytest.mark.parametrize(("env", "text"), REFERENCES)
def test_one_of_several_references_that_cannot_be_resolved_fails_the_build(world: World, env: dict[str, Any], text: str) -> None:
    aws = Aws({})
    build = world.run(aws, {"env": env, **commands("echo reached")})
    assert build.status == "FAILED"
    assert text in phase(build, "DOWNLOAD_SOURCE")[2]
    assert aws.said == []


def test_a_secret_is_masked_in_the_log_and_in_the_phases(world: World) -> None:
    aws = Aws({})
    aws.parameters["/known"] = "very-hidden"
    build = world.run(aws, {"env": {"parameter-store": {"TOKEN": "/known"}}, **commands('echo "$TOKEN"', "exit 3 # very-hidden")})
    assert aws.said == ["***"]
    assert "very-hidden" not in json.dumps(build.to_json()["phases"])
    assert "very-hidden" not in "".join(aws.lines)


@pytest.mark.parametrize("data", [None, b"no archive"], ids=["missing", "damaged"])
@pytest.mark.parametrize("which", ["primary", "second of two"])
def test_a_source_that_cannot_be_had_fails_the_build(world: World, data: bytes | None, which: str) -> None:
    aws = Aws({})
    aws.objects = {"good.zip": zipped({"a": "b"}), **({} if data is None else {"bad.zip": data})}
    spec = json.dumps({"version": 0.2, **commands("echo reached")})
    good, bad = ({"type": "S3", "location": f"bucket/{name}.zip"} for name in ("good", "bad"))
    settings: dict[str, Any] = {"source": {**(bad if which == "primary" else good), "buildspec": spec}}
    if which != "primary":
        settings["secondarySources"] = [{**good, "sourceIdentifier": "one"}, {**bad, "sourceIdentifier": "two"}]
    build = world.run(aws, spec, **settings)
    assert (build.status, phase(build, "DOWNLOAD_SOURCE")[1], aws.said) == ("FAILED", "CLIENT_ERROR", [])
    assert ("two" in phase(build, "DOWNLOAD_SOURCE")[2]) == (which != "primary")


# --- what is kept

KEPT = {"type": "S3", "location": "bucket", "name": "out", "packaging": "ZIP"}


def test_an_artifact_that_is_not_stored_fails_the_build(world: World) -> None:
    aws = Aws({("s3", "put_object"): denied("PutObject")})
    build = world.run(aws, {**commands("echo x >a"), "artifacts": {"files": ["a"]}}, artifacts=KEPT)
    assert (build.status, phase(build, "UPLOAD_ARTIFACTS")[:2]) == ("FAILED", ("FAILED", "CLIENT_ERROR"))
    assert build.artifacts == {}


@pytest.mark.parametrize("missing", ["one", "two"])
def test_one_of_several_artifacts_without_files_fails_the_build(world: World, missing: str) -> None:
    aws = Aws({})
    files = {name: {"files": ["absent" if name == missing else "a"]} for name in ("one", "two")}
    secondary = [{**KEPT, "name": name, "artifactIdentifier": name} for name in ("one", "two")]
    spec = {**commands("echo x >a"), "artifacts": {"files": ["a"], "secondary-artifacts": files}}
    build = world.run(aws, spec, artifacts=KEPT, secondaryArtifacts=secondary)
    assert (build.status, phase(build, "UPLOAD_ARTIFACTS")[0]) == ("FAILED", "FAILED")
    assert (build.artifacts, build.secondary_artifacts) == ({}, [])


@pytest.mark.parametrize("bad", ["first", "last"])
@pytest.mark.parametrize("file", ["absent.xml", "broken.xml", "empty.xml", "other.xml"], ids=["no file", "no XML", "no test", "no JUnit"])
def test_one_of_several_reports_that_cannot_be_made_fails_the_build_and_the_artifact_is_kept(world: World, bad: str, file: str) -> None:
    aws = Aws({})
    write = [f'printf "%s" "{SUITE}" >good.xml', "echo '<' >broken.xml", "echo '<testsuite/>' >empty.xml", "echo '<html/>' >other.xml"]
    order = {"good": "good.xml", "bad": file} if bad == "last" else {"bad": file, "good": "good.xml"}
    reports = {name: {"files": [path]} for name, path in order.items()}
    build = world.run(aws, {**commands(*write), "artifacts": {"files": ["good.xml"]}, "reports": reports}, artifacts=KEPT)
    assert (build.status, phase(build, "UPLOAD_ARTIFACTS")[0]) == ("FAILED", "FAILED")
    assert "bad: [" in phase(build, "UPLOAD_ARTIFACTS")[2]
    assert len(build.report_arns) == 1
    assert "out" in aws.objects


REPORT_ACTIONS = ["CreateReportGroup", "CreateReport", "BatchPutTestCases", "UpdateReport"]


@pytest.mark.parametrize("action", REPORT_ACTIONS)
def test_each_right_that_a_report_needs_is_asked_for(world: World, action: str) -> None:
    aws = Aws({("iam", f"codebuild:{action}"): AwsError("AccessDeniedException", f"no {action}")})
    build = world.run(aws, {**commands(f'printf "%s" "{SUITE}" >good.xml'), "reports": {"r": {"files": ["good.xml"]}}})
    assert build.status == "FAILED"
    assert f"AccessDeniedException: no {action}" in phase(build, "UPLOAD_ARTIFACTS")[2]
    assert build.report_arns == []


def test_a_group_of_another_name_that_does_not_exist_is_not_made(world: World) -> None:
    group = "arn:aws:codebuild:us-east-1:123456789012:report-group/other"
    build = world.run(Aws({}), {**commands(f'printf "%s" "{SUITE}" >good.xml'), "reports": {group: {"files": ["good.xml"]}}})
    assert (build.status, build.report_arns) == ("FAILED", [])
    assert "Report group does not exist" in phase(build, "UPLOAD_ARTIFACTS")[2]


def test_a_role_that_may_not_write_logs_is_told_about_and_loses_only_them(world: World) -> None:
    build = world.run(Aws({("logs", "put_log_events"): denied("PutLogEvents")}), commands("echo x"))
    assert (build.status, phase(build, "FINALIZING")[1]) == ("SUCCEEDED", "ACCESS_DENIED")


# --- ends from outside


def test_a_build_that_takes_too_long_is_timed_out_and_runs_no_finally(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = tmp_path / "started"
    clock = SimpleNamespace(time=time.time, monotonic=lambda: 301.0 if started.exists() else 0.0)
    monkeypatch.setattr("localaws.codebuild.build_run.time", clock)
    aws = Aws({})
    lines = {"commands": [f"touch {started}; sleep 600"], "finally": ["echo finally"]}
    build = world.run(aws, commands(build=lines, post_build={"commands": ["echo post"]}))
    assert (build.status, phase(build, "BUILD")[:2]) == ("TIMED_OUT", ("TIMED_OUT", "BUILD_TIMED_OUT"))
    assert aws.said == []
    assert "POST_BUILD" not in statuses(build)


ENDS = [("stop", "STOPPED", "BUILD_STOPPED"), ("shutdown", "FAULT", "INTERNAL_SERVICE_ERROR")]


@pytest.mark.parametrize(("event", "status", "code"), ENDS)
def test_a_build_that_is_stopped_has_not_succeeded(world: World, event: str, status: str, code: str) -> None:
    aws = Aws({})
    build = world.run(aws, commands("echo reached"), watch=lambda execution: getattr(execution, event).set())
    assert (build.status, phase(build, "PROVISIONING")[:2]) == (status, (status, code))
    assert aws.said == []


UNSOUND = ["version: 0.2", "phases: {build: {commands: [true]}}"]


@pytest.mark.parametrize("text", UNSOUND)
def test_a_buildspec_that_would_not_be_executed_as_written_fails_the_build(world: World, text: str) -> None:
    build = world.run(Aws({}), text, source={"type": "NO_SOURCE", "buildspec": f"{text}\n"})
    assert (build.status, phase(build, "DOWNLOAD_SOURCE")[1]) == ("FAILED", "YAML_FILE_ERROR")


# --- what is not as on AWS, or was not in version 0.2


def test_what_is_skipped_or_unknown_is_told_and_the_build_succeeds(world: World) -> None:
    aws, reports = Aws({}), {"coverage": {"files": ["c.xml"], "file-format": "COBERTURAXML"}}
    build = world.run(aws, {**commands("true"), "reports": reports, "x-common": {}})
    told = "report coverage was skipped: the local AWS reads JUNITXML, not COBERTURAXML"
    assert (build.status, phase(build, "INSTALL")) == ("SUCCEEDED", ("SUCCEEDED", "LOCAL_DIFFERENCE", told))
    warned = ["In the section buildspec", "\tThe following keys cannot be identified:", "\t\tx-common"]
    assert [line for line in aws.lines if line in warned] == warned


def test_a_language_that_the_machine_lacks_fails_the_installation(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("localaws.codebuild.runtimes._which", lambda program: None)
    aws = Aws({})
    build = world.run(aws, commands("echo ran", install={"runtime-versions": {"golang": "1.x"}}))
    status, code, message = phase(build, "INSTALL")
    assert (status, code, aws.said) == ("FAILED", "YAML_FILE_ERROR", [])
    assert "this machine has no go" in message


def test_commands_of_version_0_1_share_nothing(world: World) -> None:
    aws, lines = Aws({}), ["A=1; export B=2; cd /", 'echo "$A$B$C $(basename $PWD)"', "exit 0", "echo end"]
    spec = json.dumps({"version": "0.1", "environment_variables": {"plaintext": {"C": "3"}}, **commands(*lines)})
    assert world.run(aws, spec).status == "SUCCEEDED"
    assert aws.said == ["3 00", "end"]


@pytest.mark.parametrize(
    ("kind", "location", "version"),
    [
        ("GITHUB", "https://github.com/a/B.git", None),
        ("GITHUB", "https://github.com/a/b", "refs/heads/main"),
        ("CODECOMMIT", "https://git-codecommit.us-east-1.amazonaws.com/v1/repos/site", "main"),
        ("CODECOMMIT", "file:///anywhere/site.git", None),
    ],
)
def test_a_source_in_git_is_a_clone_of_the_registered_folder(
    world: World, tmp_path: Path, kind: str, location: str, version: str | None
) -> None:
    commit = make_repository(tmp_path / "folder", {"a.txt": "a"})
    aws = Aws({})
    aws.registry = tmp_path / "registry"
    for name in ("a/b", "site"):
        repositories.register(aws.registry, name, tmp_path / "folder")
    lines = ["cat a.txt; echo", "git rev-parse HEAD", "echo $CODEBUILD_RESOLVED_SOURCE_VERSION $CODEBUILD_SOURCE_REPO_URL"]
    text = json.dumps({"version": 0.2, **commands(*lines)})
    build = world.run(aws, "", source={"type": kind, "location": location, "buildspec": text}, version=version)
    assert build.status == "SUCCEEDED", build.phases
    assert aws.said == ["a", commit, f"{commit} {location}"]
    assert build.resolved_source_version == commit


def test_a_repository_that_nobody_registered_and_a_version_that_is_not_there_fail_the_build(world: World, tmp_path: Path) -> None:
    make_repository(tmp_path / "folder", {"a.txt": "a"})
    aws = Aws({})
    aws.registry = tmp_path / "registry"
    repositories.register(aws.registry, "a/b", tmp_path / "folder")
    for name, version, told in (("a/c", None, "localaws repository a/c"), ("a/b", "nowhere", "git clone of")):
        source = {"type": "GITHUB", "location": f"https://github.com/{name}", "buildspec": json.dumps({"version": 0.2, **commands("true")})}
        build = world.run(aws, "", source=source, version=version)
        assert (build.status, phase(build, "DOWNLOAD_SOURCE")[1]) == ("FAILED", "CLIENT_ERROR")
        assert told in phase(build, "DOWNLOAD_SOURCE")[2]
