"""Runs actions: one thread for each running action, one timer for each pending approval."""

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from localaws.codeconnections.connections import Connections
from localaws.codeconnections.repositories import Repositories
from localaws.codepipeline import approval_action
from localaws.codepipeline.action import ActionFailed, ActionResult, Ended, Job
from localaws.codepipeline.action_roles import Sessions
from localaws.codepipeline.artifact_store import Artifacts
from localaws.codepipeline.pipeline_records import ActionRun, Pipeline, PipelineExecution
from localaws.codepipeline.providers import Provider, provider_of
from localaws.kit import service_calls
from localaws.kit.service import AwsError, Host

Settle = Callable[[Pipeline, PipelineExecution, ActionRun, "ActionResult | Exception"], None]
_PREFIXES = ("codeconnections", "codestar-connections")
_log = logging.getLogger("localaws")


class Runner:
    """Runs actions. It calls `settle` when a run ends; `lock` protects the records."""

    def __init__(self, host: Host, sessions: Sessions, connections: Connections, *, lock: threading.RLock, settle: Settle) -> None:
        self._host, self._sessions, self._connections = host, sessions, connections
        self._lock, self._settle = lock, settle
        self._repositories = Repositories(host.home("codeconnections"))
        self._ended: dict[str, threading.Event] = {}
        self._timers: dict[str, threading.Timer] = {}

    def start(self, pipeline: Pipeline, execution: PipelineExecution, run: ActionRun) -> None:
        """Start a run of an action, or continue it after a restart."""
        ended = self._ended[run.id] = threading.Event()
        arguments = (pipeline, execution, run, ended)
        threading.Thread(target=self._run, args=arguments, name=f"action-{run.action}", daemon=True).start()

    def end(self, run: ActionRun) -> None:
        """Drop a run: its thread records nothing more, its timer does not fire."""
        if (ended := self._ended.pop(run.id, None)) is not None:
            ended.set()
        if (timer := self._timers.pop(run.id, None)) is not None:
            timer.cancel()

    def shut_down(self) -> None:
        for ended in list(self._ended.values()):
            ended.set()
        for timer in list(self._timers.values()):
            timer.cancel()

    def _run(self, pipeline: Pipeline, execution: PipelineExecution, run: ActionRun, ended: threading.Event) -> None:
        result: ActionResult | Exception
        try:
            job = self._job(pipeline, execution, run, ended)
            perform = _provider(job).run
            if perform is None:
                approval_action.ask(job)
                self._wait_for_decision(pipeline, execution, run)
                return
            result = perform(job, self._repositories)
        except Ended:
            return
        except Exception as error:
            if not isinstance(error, ActionFailed | AwsError):
                _log.info("action %s of %s failed", run.action, pipeline.name, exc_info=True)
            result = error
        if not ended.is_set():
            self._ended.pop(run.id, None)
            self._settle(pipeline, execution, run, result)

    def _wait_for_decision(self, pipeline: Pipeline, execution: PipelineExecution, run: ActionRun) -> None:
        seconds = max(0.0, (run.expires or 0.0) - time.time())
        timer = threading.Timer(min(seconds, threading.TIMEOUT_MAX), self._expire, (pipeline, execution, run))
        timer.daemon = True
        with self._lock:
            if run.status == "InProgress":
                self._timers[run.id] = timer
                timer.start()

    def _expire(self, pipeline: Pipeline, execution: PipelineExecution, run: ActionRun) -> None:
        self._settle(pipeline, execution, run, expired(run))

    def _job(self, pipeline: Pipeline, execution: PipelineExecution, run: ActionRun, ended: threading.Event) -> Job:
        declared = pipeline.declarations[execution.version]
        stage = next(stage for stage in declared["stages"] if stage["name"] == run.stage)
        action = next(action for action in stage["actions"] if action["name"] == run.action)
        store, role = declared["artifactStore"], declared["roleArn"]

        def client(service: str, action_role: str | None = None) -> Any:
            return self._sessions.client(service, pipeline=pipeline.name, pipeline_arn=pipeline.arn, role=role, action_role=action_role)

        artifacts = Artifacts(bucket=store["location"], kms_key=store.get("encryptionKey", {}).get("id"), client=lambda: client("s3"))
        return Job(
            pipeline=pipeline.name,
            stage=run.stage,
            action=action,
            configuration=dict(run.resolved),
            inputs=dict(run.inputs),
            outputs=dict(run.outputs),
            commits={revision.artifact: revision.revision_id for revision in execution.revisions},
            wanted_revision=execution.wanted_revisions.get(run.action),
            wanted_branch=execution.wanted_branches.get(run.action),
            artifacts=artifacts,
            client=lambda service: client(service, action.get("roleArn")),
            check_connection=lambda arn, context: self._check_connection(pipeline, role, action.get("roleArn"), arn, context),
            require=lambda line, resource: self._require(pipeline, role, action.get("roleArn"), line, resource),
            region=self._host.region,
            account=self._host.account,
            work=dict(run.work),
            remember=lambda **fields: self._remember(run, fields),
            ended=ended,
        )

    def _remember(self, run: ActionRun, fields: dict[str, Any]) -> None:
        with self._lock:
            for name, value in fields.items():
                setattr(run, name, value)
            run.updated = time.time()
        self._host.changed()

    def _require(self, pipeline: Pipeline, role: str, action_role: str | None, line: str, resource: str) -> None:
        """Check the permissions of a line of the ledger for the role that the line names. Raises AwsError."""
        then = action_role if service_calls.ledger()[line].role == service_calls.ACTION_ROLE else None
        credentials = self._sessions.credentials(pipeline=pipeline.name, pipeline_arn=pipeline.arn, role=role, action_role=then)
        for permission in service_calls.permissions(line, resource):
            self._host.authorize(credentials, permission)

    def _check_connection(self, pipeline: Pipeline, role: str, action_role: str | None, arn: str, context: Any) -> None:
        """Check UseConnection under both names of the service; AWS accepts either. Raises ActionFailed."""
        credentials = self._sessions.credentials(pipeline=pipeline.name, pipeline_arn=pipeline.arn, role=role, action_role=action_role)
        keys = {f"{prefix}:{name}": value for prefix in _PREFIXES for name, value in context.items()}
        denied = None
        asked = service_calls.permissions("codepipeline-connection", arn, keys)
        for permission in sorted(asked, key=lambda permission: f":{permission.action.partition(':')[0]}:" in arn):
            try:
                self._host.authorize(credentials, permission)
            except AwsError as error:
                denied = error
            else:
                break
        else:
            text = f"Unable to use Connection: {arn}. The provided role does not have sufficient permissions."
            raise ActionFailed(f"{text} {denied.message if denied else ''} (Error Code: AccessDenied)", code="PermissionError")
        if not self._connections.is_available(arn):
            raise ActionFailed(f"Connection {arn} is not available", code="ConfigurationError")


def _provider(job: Job) -> Provider:
    """What runs the action. A pipeline that an earlier version stored may have another provider. Raises ActionFailed."""
    provider = provider_of(job.action)
    if provider is None:
        raise ActionFailed(f"The local AWS does not honour the provider {job.action['actionTypeId']['provider']}")
    return provider


def expired(run: ActionRun) -> ActionFailed:
    """The failure of an approval that expired without a decision."""
    return ActionFailed(f"The approval expired after {round(((run.expires or 0) - run.started) / 60)} minutes without a decision.")
