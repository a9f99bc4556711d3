"""Runs one notebook: checks, binds parameters, watches the kernel, stores evidence, stops jobs, and writes the record."""

import contextlib
import hashlib
import os
import signal
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlkit.aws.sdk_defaults import without_telemetry
from mlkit.errors import MlkitError, RunnerFailed, UsageError
from mlkit.evidence.activity_log import ActivityLog, Event
from mlkit.evidence.layout import record_path
from mlkit.evidence.run_record import Activity, Earlier, Failure, ParameterRecord, RunRecord, Status, Usage
from mlkit.notebook import journal
from mlkit.parameters import Parameter, bind, load_notebook, parameters_of
from mlkit.runner import cells
from mlkit.runner.background_saver import Saver
from mlkit.runner.evidence_writer import Keeper
from mlkit.runner.journal_server import JournalListener
from mlkit.runner.preconditions import kernel_of, only_one
from mlkit.runner.provenance import installed_packages
from mlkit.runner.run_options import Progress, RunOptions
from mlkit.runner.run_state import RunState, RunStopped, runner_failed
from mlkit.runner.usage import UsageMeter
from mlkit.screening import Screener, secret_variables
from mlkit.screening.secret_references import is_reference
from mlkit.settings import Project

if TYPE_CHECKING:
    from nbformat import NotebookNode

START_TIMEOUT_S = 600  # a limit against a kernel that hangs; one that ends is noticed at once
STOP_JOBS_S = 5.0
STOP_SAVING_S = 1.0


def run_notebook(source: Path, executed: Path, parameters: Mapping[str, Any], options: RunOptions | None = None) -> RunRecord:
    """The record of the run, however it ended: pass it to `outcomes.check_run`, which raises unless all cells completed.

    `executed` and its record (`.record.json` beside it) are written from the start and after every cell. A time limit, SIGTERM,
    SIGINT or SIGHUP interrupts the cell, then ends the kernel with all its children and stops the jobs that it started. Raises
    before a kernel starts: NotFound, InvalidNotebook, InvalidParameters, UsageError when another run writes the same file,
    SaveFailed or the store's error if the evidence cannot be stored.
    """
    options = options or RunOptions()
    content = load_notebook(source)
    declared = parameters_of(content, str(source))
    kernel = kernel_of(content, options.kernel_name, source)
    given = bind(declared, parameters)
    if executed.resolve() == source.resolve():
        raise UsageError(f"The executed notebook would replace its source {source}.", cure="Name another file for it.")
    if executed.is_dir():
        raise UsageError(f"The executed notebook cannot be the folder {executed}.", cure=f"Name a file in it: {executed / source.name}")
    if executed.suffix != ".ipynb":
        raise UsageError(f"The executed notebook {executed} does not end with .ipynb.", cure=f"Name it {executed.with_suffix('.ipynb')}.")
    if (record := record_path(executed)).is_dir():
        raise UsageError(f"The run's record cannot be the folder {record}.", cure="Name another file for the executed notebook.")
    with only_one(executed):
        return _Run(source, content, executed, declared, given, kernel, options).go()


class _Run:
    """One run, with the parts that it connects."""

    def __init__(
        self,
        source: Path,
        content: Mapping[str, Any],
        executed: Path,
        declared: tuple[Parameter, ...],
        given: Mapping[str, Any],
        kernel: str,
        options: RunOptions,
    ) -> None:
        self.source, self.content, self.executed = source, content, executed
        self.declared, self.given, self.kernel = declared, given, kernel
        self.options = options
        self.digest = hashlib.sha256(source.read_bytes()).hexdigest()
        self.screener = Screener(known=secret_variables({**os.environ, **options.environment}))
        self.keeper = Keeper(executed, options.store, self.screener, lambda: self.session.stop_status is not None)
        self.log, self.listened = ActivityLog(), False
        self.digested: Activity | None = None
        self.listener = JournalListener(self._hear)
        self.meter = UsageMeter()
        self.origin = options.origin
        self.cut_off = self._cut_off()
        self.begun = False
        self.began, self.started = time.monotonic(), datetime.now(UTC)
        self.saver = Saver(self._save_unfinished)
        self.session = RunState(
            on_begin=self._begin,
            on_save=self.saver.wake,
            on_cell=self._tell,
            on_process=self.meter.watch,
            references={
                "parameters": [one.name for one in declared if one.name not in given and is_reference(one.default)],
                "injected-parameters": [name for name, value in given.items() if is_reference(value)],
            },
            cell_timeout_s=options.cell_timeout_s,
            run_timeout_s=options.run_timeout_s,
        )
        self.session.output_path = str(executed)

    def go(self) -> RunRecord:
        self.listener.start()
        try:
            with self.session.guarded():
                self._execute()
                record = self._conclude()
                if self.session.stop_status is not None and record.status is Status.COMPLETED:
                    self.session.fail_stopped()  # a stop that came while the evidence was stored
                    record = self._conclude()
                return record
        finally:
            self.saver.stop(STOP_SAVING_S)
            self.listener.stop()

    def _execute(self) -> None:
        """Execute the notebook. Afterwards the session holds how it ended. Raises only if nothing began."""
        from nbformat import from_dict
        from papermill import PapermillExecutionError, execute_notebook

        from mlkit.runner import papermill_engine

        papermill_engine.register()
        environment = {**without_telemetry(), **os.environ, **self.options.environment, journal.ADDRESS: self.listener.address}
        start: dict[str, Any] = {"env": environment}
        if self.options.cwd is not None:
            start["cwd"] = str(self.options.cwd)
        checked = from_dict(self.content)  # type: ignore[no-untyped-call]  # not the file: what was checked is what runs
        options = {
            "engine_name": papermill_engine.NAME,
            "kernel_name": self.kernel,
            "language": "python",
            "start_timeout": START_TIMEOUT_S,
            "progress_bar": False,
        }
        try:
            execute_notebook(checked, None, dict(self.given), session=self.session, start=start, **options)
        except RunStopped:
            pass  # the session holds what happened
        except PapermillExecutionError as problem:  # papermill searches the outputs, and may find an unreported error
            self._ended_early(Status.FAILED, str(problem.ename), str(problem.evalue), "")
        except (Exception, SystemExit) as problem:
            self._ended_by(problem)

    def _ended_by(self, problem: Exception | SystemExit) -> None:
        """An exception that left papermill: the kernel's end outside of a cell, or something that nobody was prepared for."""
        from nbclient.exceptions import DeadKernelError

        session = self.session
        if not self.begun:
            raise problem if isinstance(problem, MlkitError) else RunnerFailed(runner_failed(problem)[1]) from problem
        if session.python is None:
            words = "".join(f"\n  {line}" for line in session.last_words)
            cure = "Open the notebook in JupyterLab and check whether its kernel starts there."
            self._ended_early(Status.DIED, type(problem).__name__, f"the kernel did not start: {problem}{words}", cure)
        elif isinstance(problem, DeadKernelError):
            self._ended_early(Status.DIED, "KernelDied", *session.death())
        else:
            self._ended_early(Status.FAILED, *runner_failed(problem))

    def _ended_early(self, status: Status, ename: str, evalue: str, cure: str) -> None:
        """Record the run's end outside of its cells, unless the session already has a failure or a stop."""
        if self.session.status is not Status.COMPLETED:
            return
        if self.session.stop_status is not None:
            self.session.fail_stopped()
        else:
            self.session.fail(status, None, ename, evalue, cure)

    def _conclude(self) -> RunRecord:
        """End a run that has begun: stop its jobs, then write and store notebook and record."""
        try:
            return self._end()
        except (Exception, SystemExit) as problem:  # rather a record that says less than one that says `running` for ever
            self.session.fail(Status.FAILED, None, *runner_failed(problem))
            return self.keeper.end(self._bare_record())

    def _end(self) -> RunRecord:
        self.session.signal_kernel(signal.SIGKILL)  # ends what the kernel left running, so that no event follows
        self.listener.stop()
        self.saver.stop(STOP_SAVING_S)
        self.keeper.close()
        self._finish_activity()
        failure = self._failure()
        if self.session.failure is not None and failure is not None:
            cells.mark(self.session.notebook, self.session.status, self.session.failure[0], failure)
        usage = self.meter.stop()
        self.keeper.clean_files(self._handed_over())
        self.keeper.save(self.session.notebook)
        return self.keeper.end(self._record(usage, self.session.status, ended=datetime.now(UTC)))

    def _hear(self, event: Event) -> None:
        """Handle an event of the journal, in a thread of its own."""
        match event.get("kind"):
            case "hello":
                self.listened = True
            case "secret":
                self.screener.add(str(event.get("rule") or "a secret that this run resolved"), str(event["value"]))
            case _:
                self.log.add(event)

    def _begin(self) -> None:
        self.session.notebook.metadata.papermill["input_path"] = str(self.source)
        self.keeper.save(self.session.notebook)
        self.keeper.begin(self._record(Usage(wall_s=0.0), Status.RUNNING))
        self.begun = True
        self.saver.start()

    def _save_unfinished(self) -> None:
        usage = Usage(wall_s=round(time.monotonic() - self.began, 3))
        self.keeper.keep_unfinished(self.session.notebook, self._record(usage, Status.RUNNING))

    def _tell(self, cell: "NotebookNode", status: Status | None) -> None:
        if self.options.on_progress is not None:
            counted = cells.code_cells(self.session.notebook)
            number = next(i for i, (one, _) in enumerate(counted, 1) if one is cell)
            heading, _ = self.screener.text(counted[number - 1][1], "source")
            progress = Progress(cell=number, cells=len(counted), heading=heading, status=status)
            with contextlib.suppress(OSError):  # a closed terminal must not stop the run
                self.options.on_progress(progress)

    def _finish_activity(self) -> None:
        """Stop the jobs that the kernel left running, and read missing facts from AWS."""
        unfinished = self.log.unfinished_jobs() or self.log.unfinished_queries()
        stop = self.session.status is not Status.COMPLETED and bool(unfinished)
        if self.options.aws is None or not (stop or self.options.store or self.log.snapshot() != Activity()):
            return
        from mlkit.aws.digests import complete_digests
        from mlkit.aws.evidence_store import caller
        from mlkit.aws.stopping import stop_started

        try:
            aws = self.options.aws()
            if stop:
                for line in stop_started(aws, self.log, STOP_JOBS_S):
                    self._note(line)
            if self.session.stop_status is None:
                self.digested = complete_digests(aws, self.log.snapshot())
                self.origin = replace(self.origin, account=(who := caller(aws)).account, role=who.role, region=who.region)
        except Exception as problem:  # the run has ended, and its record must be written
            self._note(f"The calls to AWS at the end of the run failed: {problem}")

    def _handed_over(self) -> list[Path]:
        """The files that this run wrote for later steps: those it reported, and new ones in the handoff folder."""
        root = self.options.root or self.options.cwd or Path.cwd()
        told = {root / one.path for one in self.log.snapshot().files if one.role == "output"}
        new = {path for path in Project(root=root).handoff.glob("*.json") if path.stat().st_mtime >= self.started.timestamp() - 1}
        return sorted(told | new)

    def _note(self, line: str) -> None:
        if self.options.on_note is not None:
            with contextlib.suppress(OSError):
                self.options.on_note(self.screener.text(line, "record")[0])

    def _cut_off(self) -> Earlier | None:
        """The previous attempt if its record has no end, on the local disk or in the store."""
        earlier = None
        try:
            record = RunRecord.from_json(self.keeper.record_path.read_text())
            if record.ended is None:
                earlier = Earlier(record=str(self.keeper.record_path), started=record.started)
        except (OSError, MlkitError):
            pass  # no record, or an unreadable one
        if earlier is None and self.options.store is not None:
            earlier = self.options.store.unfinished(self.keeper.record_path.name)
        if earlier is not None:
            self._note(f"The previous attempt, begun {earlier.started}, was cut off: {earlier.record}")
        return earlier

    def _failure(self) -> Failure | None:
        if self.session.failure is None:
            return None
        cell, failure = self.session.failure
        for number, (one, heading) in enumerate(cells.code_cells(self.session.notebook), 1):
            if one is cell:
                return replace(failure, cell_number=number, heading=heading)
        return failure

    def _record(self, usage: Usage, status: Status, *, ended: datetime | None = None) -> RunRecord:
        return RunRecord(
            notebook=str(self.source),
            notebook_sha256=self.digest,
            executed=str(self.executed),
            stored=self.options.store.address(self.executed.name) if self.options.store else None,
            kernel=self.kernel,
            status=status,
            parameters=self._parameters(),
            cells=cells.cell_records(self.session.notebook),
            failure=self._failure(),
            started=self.started.isoformat(),
            ended=ended.isoformat() if ended else None,
            usage=usage,
            python=self.session.python,
            packages=self._packages() if ended else {},
            origin=self.origin,
            activity=(self.digested or self.log.snapshot()) if self.listened else None,
            cut_off=self.cut_off,
            step_key=self.options.step_key,
        )

    def _bare_record(self) -> RunRecord:
        """A minimal record, for a run whose own results cannot be written."""
        return RunRecord(
            notebook=str(self.source),
            notebook_sha256=self.digest,
            executed=str(self.executed),
            kernel=self.kernel,
            status=self.session.status,
            parameters=(),
            cells=(),
            failure=self._failure(),
            started=self.started.isoformat(),
            ended=datetime.now(UTC).isoformat(),
            usage=Usage(wall_s=round(time.monotonic() - self.began, 3)),
            python=self.session.python,
            cut_off=self.cut_off,
        )

    def _packages(self) -> dict[str, str]:
        process = self.session.process
        return installed_packages(str(process.args[0])) if process is not None else {}  # type: ignore[index]

    def _parameters(self) -> tuple[ParameterRecord, ...]:
        def one(parameter: Parameter) -> ParameterRecord:
            name = parameter.name
            given = name in self.given
            value, source = (self.given[name], self.options.sources.get(name, "given")) if given else (parameter.default, "default")
            return ParameterRecord(name=name, type=str(parameter.type), value=value, source=source)

        return tuple(one(parameter) for parameter in self.declared)
