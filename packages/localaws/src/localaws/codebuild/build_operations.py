"""The operations on builds: start, queue, stop, list; and the end of builds that ran when the local AWS was killed."""

import contextlib
import subprocess
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from threading import Event, RLock, Thread
from typing import Any

from localaws.codebuild import build_events, build_machine, overrides, refusals
from localaws.codebuild.build_projects import Projects
from localaws.codebuild.build_queue import Turns
from localaws.codebuild.build_record import Build
from localaws.codebuild.build_run import BuildRun
from localaws.codebuild.permissions import project_name
from localaws.codebuild.phases import FAULT, STOPPED, SUCCEEDED, TIMED_OUT
from localaws.codebuild.refusals import invalid
from localaws.codebuild.reports import Reports
from localaws.kit.service import AwsError, Caller, Host, Members

_AT_ONCE = 2
_HISTORY = 300
_TOKEN_S = 300  # an idempotency token is valid for this long


class Builds:
    """`grace_s` is the time between SIGTERM and SIGKILL; `minute_s` is the length of a minute of the time limits (tests shorten it)."""

    def __init__(self, host: Host, projects: Projects, reports: Reports, *, lock: RLock, grace_s: float, minute_s: float) -> None:
        self._host, self._projects, self._reports, self._lock = host, projects, reports, lock
        self._grace_s, self._minute_s = grace_s, minute_s
        self._home = host.home("codebuild")
        self._builds: dict[str, Build] = {}
        self._executions: dict[str, BuildRun] = {}
        self._threads: dict[str, Thread] = {}
        self._turns, self._shutdown = Turns(_AT_ONCE), Event()

    def start(self, caller: Caller, request: Members) -> Members:
        refusals.check_members(request, refusals.START)
        return {"build": self._shown(self._start(caller, request))}

    def retry(self, caller: Caller, request: Members) -> Members:
        """Start a new build of the current project with the old build's overrides."""
        old = self._get(request.get("id", ""))
        again = {name: value for name, value in old.request.items() if name != "idempotencyToken"}
        token = {"idempotencyToken": request["idempotencyToken"]} if "idempotencyToken" in request else {}
        return {"build": self._shown(self._start(caller, {**again, **token}))}

    def stop(self, caller: Caller, request: Members) -> Members:
        with self._lock:
            build = self._get(request["id"])
            if (execution := self._executions.get(build.id)) is not None:
                execution.stop.set()
        self._turns.wake()
        return {"build": self._shown(build)}

    def batch_get(self, caller: Caller, request: Members) -> Members:
        with self._lock:
            found = {given: self._builds.get(_build_id(given)) for given in request["ids"]}
            return {
                "builds": [self._shown(build) for build in found.values() if build is not None],
                "buildsNotFound": [given for given, build in found.items() if build is None],
            }

    def batch_delete(self, caller: Caller, request: Members) -> Members:
        deleted, kept = [], []
        with self._lock:
            for given in request["ids"]:
                build = self._builds.get(_build_id(given))
                if build is not None and build.is_complete:
                    del self._builds[build.id]
                    deleted.append(build.arn)
                else:
                    kept.append({"id": given, "statusCode": "BUILD_IN_PROGRESS" if build else "BUILD_NOT_FOUND"})
        return {"buildsDeleted": deleted, "buildsNotDeleted": kept}

    def list_ids(self, caller: Caller, request: Members) -> Members:
        return self._list(request, None)

    def list_of_project(self, caller: Caller, request: Members) -> Members:
        return self._list(request, self._projects.get(request["projectName"])["name"])

    def get_state(self) -> list[Members]:
        with self._lock:
            return [build.to_json() for build in self._builds.values()]

    def load_state(self, rows: list[Mapping[str, Any]]) -> None:
        """Load the builds. Queued builds wait again. Builds that ran when the local AWS was killed are ended: their processes are gone."""
        folders = self._home / "builds"
        _delete_soon(self._home / "shared/forgotten")
        for folder in folders.iterdir() if folders.is_dir() else ():
            build_machine.clean(folder)
        with self._lock:
            self._builds = {build.id: build for build in (Build(**row) for row in rows)}
            for build in self._builds.values():
                if build.is_complete:
                    continue
                if build.current_phase == "QUEUED":
                    self._submit(build)
                else:
                    self._abandon(build)

    def shut_down(self) -> None:
        """End the processes of all running builds before returning. Queued builds stay queued."""
        self._shutdown.set()
        self._turns.wake()
        for thread in list(self._threads.values()):
            thread.join()

    def forget_cache(self, project: str) -> None:
        """Drop a project's cache. It may hold whole environments of Python, so a process of its own deletes them."""
        forgotten = self._home / "shared/forgotten"
        forgotten.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):  # the project had no cache
            (self._home / "shared/cache" / project).rename(forgotten / uuid.uuid4().hex)
        _delete_soon(forgotten)

    def _start(self, caller: Caller, request: Members) -> Build:
        project = self._projects.get(request["projectName"])
        from_pipeline = overrides.is_from_pipeline(project, overrides.initiator_of(caller.arn))
        settings = overrides.settings_of(project, request, from_pipeline=from_pipeline)
        with self._lock:
            if (known := self._of_token(request)) is not None:
                return known
            running = sum(not build.is_complete for build in self._builds.values() if build.project == project["name"])
            if running >= project.get("concurrentBuildLimit", running + 1):
                raise AwsError("AccountLimitExceededException", f"Cannot have more than {running} builds in queue for the project")
            build = self._new(caller, project, request, settings, from_pipeline)
            self._builds[build.id] = build
            self._forget_oldest()
            self._submit(build)
        build_events.publish_state(self._host, build)
        return build

    def _new(self, caller: Caller, project: Members, request: Members, settings: Members, from_pipeline: bool) -> Build:
        now, identifier, name = time.time(), str(uuid.uuid4()), project["name"]
        version = request.get("sourceVersion", None if from_pipeline else project.get("sourceVersion"))
        build = Build(
            uuid=identifier,
            project=name,
            number=self._projects.next_build_number(name),
            arn=f"arn:aws:codebuild:{self._host.region}:{self._host.account}:build/{name}:{identifier}",
            request=request,
            settings=settings,
            initiator=overrides.initiator_of(caller.arn),
            started=now,
            from_pipeline=from_pipeline,
            source_version=version,
            resolved_source_version=version if from_pipeline else None,
        )
        build.enter("SUBMITTED", now)
        build.leave(SUCCEEDED, now)
        build.enter("QUEUED", now)
        return build

    def _of_token(self, request: Members) -> Build | None:
        """The build that was started with the same token."""
        token = request.get("idempotencyToken")
        for build in self._builds.values() if token else ():
            if build.request.get("idempotencyToken") == token and time.time() - build.started < _TOKEN_S:
                if build.request != request:
                    raise invalid("The idempotency token was used with other parameters")
                return build
        return None

    def _submit(self, build: Build) -> None:
        execution = BuildRun(
            build=build,
            host=self._host,
            reports=self._reports,
            project_arn=self._projects.arn(build.project),
            folder=self._home / "builds" / build.uuid[:8],
            shared=self._home / "shared",
            lock=self._lock,
            grace_s=self._grace_s,
            minute_s=self._minute_s,
            shutdown=self._shutdown,
        )
        self._executions[build.id] = execution
        self._turns.join(build.id)
        thread = self._threads[build.id] = Thread(target=self._work, args=(execution,), name=f"build-{build.uuid[:8]}", daemon=True)
        thread.start()

    def _work(self, execution: BuildRun) -> None:
        build = execution.build
        limit_s = build.settings["queuedTimeoutInMinutes"] * self._minute_s
        try:
            its_turn = self._turns.wait(build.id, timeout_s=limit_s, given_up=lambda: execution.stop.is_set() or self._shutdown.is_set())
            if its_turn:
                try:
                    with self._lock:
                        build.leave(SUCCEEDED, time.time())
                    execution.run()
                finally:
                    self._turns.done()
            elif not self._shutdown.is_set():
                self._end_queued(build, stopped=execution.stop.is_set())
        finally:
            with self._lock:
                self._executions.pop(build.id, None)
                self._threads.pop(build.id, None)
            self._host.changed()

    def _end_queued(self, build: Build, *, stopped: bool) -> None:
        status, code = (STOPPED, "BUILD_STOPPED") if stopped else (TIMED_OUT, "BUILD_TIMED_OUT")
        now = time.time()
        with self._lock:
            build.leave(status, now, [(code, "Build has been stopped" if stopped else "Build has timed out in the queue.")])
            build.enter("COMPLETED", now)
        build_events.publish_state(self._host, build)

    def _abandon(self, build: Build) -> None:
        now = time.time()
        if "phaseStatus" in build.phases[-1]:  # killed between two phases
            build.enter("FINALIZING", now)
        build.leave(FAULT, now, [("INTERNAL_SERVICE_ERROR", "The local AWS was killed while the build ran")])
        build.enter("COMPLETED", now)
        build_events.publish_state(self._host, build)

    def _forget_oldest(self) -> None:
        complete = [build.id for build in self._builds.values() if build.is_complete]
        for identifier in complete[: max(0, len(complete) - _HISTORY)]:
            del self._builds[identifier]

    def _list(self, request: Members, project: str | None) -> Members:
        with self._lock:
            found = [build for build in self._builds.values() if project in (None, build.project)]
        ordered = [build.id for build in sorted(found, key=lambda build: (build.started, build.number))]
        if request.get("sortOrder", "DESCENDING") == "DESCENDING":
            ordered.reverse()
        return {"ids": ordered}

    def _get(self, given: str) -> Build:
        with self._lock:
            if (build := self._builds.get(_build_id(given))) is None:
                raise AwsError("ResourceNotFoundException", f"Build does not exist: {given} (project {project_name(given)})")
            return build

    def _shown(self, build: Build) -> Members:
        with self._lock:
            return build.describe(region=self._host.region, account=self._host.account)


def _build_id(given: str) -> str:
    """The build's id, from an id or an ARN."""
    return given.rpartition("/")[2]


def _delete_soon(folder: Path) -> None:
    """Delete what is in the folder, without waiting for it. What a kill leaves is deleted at the next start."""
    paths = [str(path) for path in folder.iterdir()] if folder.is_dir() else []
    if paths:
        Thread(target=subprocess.run, args=(["rm", "-rf", *paths],), daemon=True).start()
