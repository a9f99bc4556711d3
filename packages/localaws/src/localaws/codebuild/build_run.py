"""One build from PROVISIONING to COMPLETED."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, RLock
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from localaws.codebuild import (
    build_events,
    build_machine,
    build_results,
    build_sources,
    buildspec,
    environment_variables,
    git_sources,
    globs,
    phases,
    runtimes,
)
from localaws.codebuild.build_cache import Cache
from localaws.codebuild.build_log import BuildLog
from localaws.codebuild.build_objects import encryption_of
from localaws.codebuild.build_projects import PRINCIPAL, default_key
from localaws.codebuild.build_record import Build
from localaws.codebuild.buildspec import Buildspec, Phase
from localaws.codebuild.buildspec_yaml import BuildspecError
from localaws.codebuild.commands import Commands
from localaws.codebuild.credential_endpoint import CredentialEndpoint
from localaws.codebuild.phase_failures import Halted, PhaseFailed, described
from localaws.codebuild.phases import FAILED, FAULT, STOPPED, SUCCEEDED, TIMED_OUT
from localaws.codebuild.reports import Reports
from localaws.codebuild.workspace import Workspace
from localaws.kit import sandbox, service_calls
from localaws.kit.job_log import LogStream, OutputFile, make_log_stream
from localaws.kit.open_questions import assumed
from localaws.kit.sandbox import Sandbox
from localaws.kit.service import AwsError, Credentials, Host

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

T = TypeVar("T")


@dataclass(kw_only=True)
class BuildRun:
    """Runs one build. `stop` and `shutdown` may be set at any time; `minute_s` is the length of a minute of the time limits."""

    build: Build
    host: Host
    reports: Reports
    project_arn: str
    folder: Path
    shared: Path
    lock: RLock
    grace_s: float
    minute_s: float
    shutdown: Event
    stop: Event = field(default_factory=Event)

    def run(self) -> None:
        """Run the build. Never raises: a failure is recorded in the build's phases."""
        self._deadline = time.monotonic() + self.build.settings["timeoutInMinutes"] * self.minute_s
        self._space = Workspace(self.folder)
        self._commands: Commands | None = None
        self._endpoint: CredentialEndpoint | None = None
        self._log = BuildLog(OutputFile(self._space.output), None)
        self._spec = Buildspec()
        phase = "PROVISIONING"
        while phase not in ("FINALIZING", "COMPLETED"):
            status = self._phase(phase, self._step(phase))
            halted = status in (STOPPED, TIMED_OUT, FAULT)
            on_failure = self._spec.phases.get(phase.lower(), Phase()).on_failure
            if status == FAILED and on_failure == "CONTINUE" and assumed("on-failure-continue") == SUCCEEDED:
                self.build.forgiven.append(phase)
            phase = "FINALIZING" if halted else phases.following(phase, failed=status != SUCCEEDED, on_failure=on_failure)
        self._phase("FINALIZING", self._finalise)
        with self.lock:
            self.build.enter("COMPLETED", time.time())
        build_events.publish_state(self.host, self.build)
        self.host.changed()
        build_machine.clean(self.folder)  # an environment has some 60,000 files, and nobody waits for them

    def _step(self, phase: str) -> Callable[[], list[tuple[str, str]]]:
        steps = {
            "PROVISIONING": self._provision,
            "DOWNLOAD_SOURCE": self._download,
            "INSTALL": self._install,
            "UPLOAD_ARTIFACTS": self._upload,
        }
        return steps.get(phase, lambda: self._run_commands(phase.lower()))

    def _phase(self, name: str, step: Callable[[], list[tuple[str, str]]]) -> str:
        """Run a phase and return its status. Its contexts are in the build's record."""
        with self.lock:
            self.build.enter(name, time.time())
        self.host.changed()
        try:
            if name != "FINALIZING":
                self._check()
            contexts, status = step(), SUCCEEDED
        except PhaseFailed as error:
            contexts, status = [(error.status_code, error.message)], error.status
        except AwsError as error:
            contexts, status = [("CLIENT_ERROR", f"{error.code}: {error.message}")], phases.FAILED
        except (ClientError, BotoCoreError) as error:
            contexts, status = [("CLIENT_ERROR", described(error))], phases.FAILED
        except Exception as error:
            contexts, status = [("INTERNAL_SERVICE_ERROR", f"{type(error).__name__}: {error}")], FAULT
        contexts = [(code, self._log.mask(message)) for code, message in contexts]
        with self.lock:
            self.build.leave(status, time.time(), contexts)
        self._log.container(f"Phase complete: {name} State: {status}")
        for code, message in contexts or [("", "")]:
            self._log.container(f"Phase context status code: {code} Message: {message}")
        if name != "FINALIZING":
            self._log.flush()
        build_events.publish_phase(self.host, self.build)
        self.host.changed()
        return status

    # --- the phases -------------------------------------------------------------------------------------------------------

    def _provision(self) -> list[tuple[str, str]]:
        build = self.build
        session = f"AWSCodeBuild-{build.uuid}"
        role = build.settings["serviceRole"]
        try:
            self._credentials: Credentials = self.host.assume_role(
                role, service_principal=PRINCIPAL, source_arn=self.project_arn, session_name=session
            )
        except AwsError as error:
            raise PhaseFailed("ACCESS_DENIED", f"CodeBuild is not authorized to perform: sts:AssumeRole on {role}") from error
        build_machine.clean(self.folder)
        build_machine.prepare(self.folder, shared=self.shared)
        self._open_log()
        self._log.container(f"Running on the local AWS: commands run on this machine, not in a container; {sandbox.described()}")
        return []

    def _download(self) -> list[tuple[str, str]]:
        build, space, s3 = self.build, self._space, self._client("s3")
        settings = build.settings
        for source in (settings["source"], *settings.get("secondarySources", [])):
            self._require_bucket(source)
        fetched = [self._fetch(s3, settings["source"], 0)]
        fetched += [self._fetch(s3, source, index) for index, source in enumerate(settings.get("secondarySources", []), start=1)]
        self._source = fetched[0].folder
        if fetched[0].commit is not None:
            with self.lock:
                build.resolved_source_version = fetched[0].commit
        for source in fetched:
            self._log.container(f"CODEBUILD_SRC_DIR{f'_{source.identifier}' if source.identifier else ''}={source.folder}")
        place, text = build_sources.buildspec_text(s3, settings["source"].get("buildspec"), self._source, space.scratch)
        self._log.container(f"YAML location is {place}")
        try:
            self._spec = buildspec.parse(text)
        except BuildspecError as error:
            raise PhaseFailed("YAML_FILE_ERROR", str(error)) from error
        if self._spec.warnings:
            self._log.container("\n".join(("Found possible syntax errors in buildspec:", *self._spec.warnings)))
        self._environment = self._resolved_environment(fetched)
        self._cache = Cache(
            settings.get("cache", {}),
            self._spec.cache_paths,
            project=build.project,
            source=self._source,
            home=space.home,
            shared=self.shared / "cache",
        )
        self._log.container(self._cache.restore(s3, space.scratch))
        self._sandbox = space.sandbox(self.host.home(""), caches=self._cache.kept)
        return []

    def _resolved_environment(self, fetched: list[build_sources.Fetched]) -> dict[str, str]:
        """The shell's variables. From now on the log masks the secrets among them. Raises PhaseFailed."""
        self._log.container("Processing environment variables")
        declared = environment_variables.declared(self._spec, self.build.settings["environment"]["environmentVariables"])
        given = environment_variables.resolve(declared, self._client)
        self._secret_names = {item.name for item in declared if item.kind != environment_variables.PLAINTEXT}
        self._endpoint = CredentialEndpoint(self._credentials, self.build.settings["serviceRole"])
        keys = (self._credentials.secret_access_key, self._credentials.session_token or "", self._endpoint.token)
        self._log.hide((*keys, *(given[name] for name in self._secret_names)))
        aws = self._space.aws_variables(self._client("s3").meta.endpoint_url, self.host.region, self._endpoint)
        return self._space.environment(self.build, fetched, given, aws=aws)

    def _install(self) -> list[tuple[str, str]]:
        self._commands = Commands(
            self._spec,
            self._space,
            self._log,
            source=self._source,
            environment=self._environment,
            check=self._check,
            grace_s=lambda: 0.0 if self.shutdown.is_set() else self.grace_s,
            sandbox=self._sandbox,
        )
        try:
            differences = self._differences()
        except BuildspecError as error:
            raise PhaseFailed("YAML_FILE_ERROR", str(error)) from error
        self._run_commands("install")
        return differences

    def _run_commands(self, name: str) -> list[tuple[str, str]]:
        """Run the commands of a phase. Afterwards the exported variables have their values at the end of the phase."""
        commands = self._commands
        assert commands is not None
        try:
            commands.run(name)
        finally:
            if not self._is_halted():
                exported = commands.export([name for name in self._spec.exported_variables if name not in self._secret_names])
                with self.lock:
                    self.build.exported = exported
        return []

    def _upload(self) -> list[tuple[str, str]]:
        keeper = build_results.Results(
            build=self.build,
            spec=self._spec,
            source=self._source,
            scratch=self._space.scratch,
            environment={**self._environment, **self._space.final_environment()},
            client=self._client,
            encryption=encryption_of(self.build.settings["encryptionKey"], account_default=default_key(self.host)),
            say=self._log.container,
            authorize=lambda permission: self.host.authorize(self._credentials, permission),
            reports=self.reports,
            confine=self._confine,
        )
        assert self._commands is not None
        self._require_artifacts()
        self._log.container(self._cache.save(self._client("s3"), self._space.scratch, keeper.encryption, self._confine))
        failure = keeper.store_reports()
        self._check()
        artifacts, secondary = keeper.store_artifacts(self._commands.evaluated)
        with self.lock:
            self.build.artifacts, self.build.secondary_artifacts = artifacts, secondary
        if failure is not None:
            raise failure
        return []

    def _confine(self, work: Callable[[], T]) -> T:
        """Do what reads the build's files with the build's own rights, and write only the archive."""
        own = Sandbox(readable=self._sandbox.readable, writable=(*self._sandbox.writable, str(self._space.folder)))
        return sandbox.confined(own, work)

    def _finalise(self) -> list[tuple[str, str]]:
        if self._commands is not None:
            self._commands.end()
        if self._endpoint is not None:
            self._endpoint.close()
        self._log.read(ended=True)
        self._log.flush()
        refused = self._log.stream.refused if self._log.stream is not None else None
        return [("ACCESS_DENIED", f"the log is not complete: {refused}")] if refused else []

    def _check(self) -> None:
        """Raises Halted if the build must end early."""
        if self.shutdown.is_set():
            raise Halted(FAULT, "INTERNAL_SERVICE_ERROR", "The local AWS was stopped while the build ran")
        if self.stop.is_set():
            raise Halted(STOPPED, "BUILD_STOPPED", "Build has been stopped")
        if time.monotonic() >= self._deadline:
            raise Halted(TIMED_OUT, "BUILD_TIMED_OUT", "Build has timed out.")

    def _is_halted(self) -> bool:
        try:
            self._check()
        except Halted:
            return True
        return False

    # --- surroundings -----------------------------------------------------------------------------------------------------

    def _client(self, service: str) -> Any:
        return self.host.client(service, self._credentials)

    def _require(self, line: str, resource: str) -> None:
        """Check the permissions of a line of the ledger of service-made calls. Raises AwsError."""
        for permission in service_calls.permissions(line, resource):
            self.host.authorize(self._credentials, permission)

    def _require_bucket(self, place: Mapping[str, Any]) -> None:
        """Check the role's permissions on the bucket of a source or of artifacts. Raises AwsError."""
        if place["type"] == "S3":
            bucket = str(place["location"]).removeprefix("arn:aws:s3:::").partition("/")[0]
            self._require("codebuild-bucket", f"arn:aws:s3:::{bucket}")

    def _require_artifacts(self) -> None:
        """Check the role's permissions on the artifacts' buckets, and on the customer's key. Raises AwsError."""
        settings = self.build.settings
        places = [place for place in (settings["artifacts"], *settings.get("secondaryArtifacts", [])) if place["type"] == "S3"]
        for place in places:
            self._require_bucket(place)
        if places and ":key/" in (key := settings["encryptionKey"]):
            self._require("codebuild-key", key)

    def _fetch(self, s3: "S3Client", source: dict[str, Any], index: int) -> build_sources.Fetched:
        self._check()
        build, identifier = self.build, source.get("sourceIdentifier")
        versions = {item["sourceIdentifier"]: item["sourceVersion"] for item in build.settings.get("secondarySourceVersions", [])}
        version = None if build.from_pipeline else (versions.get(identifier) if identifier else build.source_version)
        if source["type"] == "CODECOMMIT":
            arn = f"arn:aws:codecommit:{self.host.region}:{self.host.account}:{git_sources.name_of(source)}"
            self._require("codebuild-codecommit", arn)
        folder, registry = self._space.source_folder(index), self.host.home("codeconnections")
        return build_sources.fetch_source(s3, source, folder, version_id=version, registry=registry)

    def _differences(self) -> list[tuple[str, str]]:
        """Differences from the buildspec's settings, as contexts of the phase. They do not stop the build."""
        wanted = {name: globs.expand(version, self._environment) for name, version in self._spec.runtimes.items()}
        notes = [
            build_machine.runtime_difference(version) if name == "python" else runtimes.add(name, version, self._space.folder / "bin")
            for name, version in wanted.items()
        ]
        notes += [
            f"report {report.group} was skipped: the local AWS reads JUNITXML, not {report.file_format}"
            for report in self._spec.reports
            if report.file_format != "JUNITXML"
        ]
        found = [note for note in notes if note is not None]
        for note in found:
            self._log.container(note)
        return [("LOCAL_DIFFERENCE", note) for note in found]

    def _open_log(self) -> None:
        """Create the log stream as the role. Raises PhaseFailed with AWS's text if the role may not."""
        build = self.build
        config = build.settings.get("logsConfig", {}).get("cloudWatchLogs", {})
        if config.get("status", "ENABLED") == "DISABLED":
            return
        group = config.get("groupName") or f"/aws/codebuild/{build.project}"
        stream = f"{config['streamName']}/{build.uuid}" if config.get("streamName") else build.uuid
        logs = LogStream(lambda: self._client("logs"), group=group, stream=stream)
        try:
            make_log_stream(self._client("logs"), group, stream)
        except (ClientError, BotoCoreError) as error:
            raise PhaseFailed(
                "ACCESS_DENIED",
                f"Service role {build.settings['serviceRole']} does not allow AWS CodeBuild to create Amazon CloudWatch Logs log streams "
                f"for build {build.arn}. Error message: {described(error)}",
            ) from error
        self._log.stream = logs
        with self.lock:
            build.log_group, build.log_stream = group, stream
