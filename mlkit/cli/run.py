"""mlkit run | params: notebooks, headless, by their paths or as steps of mlkit.yml."""

import contextlib
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from mlkit.cli.console import Elapsed, out, plain, show_table
from mlkit.cli.notebook_addresses import local_notebook
from mlkit.cli.run_plan import PAIR, Given, Keeping, PlannedRun, plan, staging_of
from mlkit.cli.shared_options import AsJson
from mlkit.errors import UsageError
from mlkit.evidence.layout import record_path

if TYPE_CHECKING:
    from mlkit.aws.evidence_store import EvidenceStore
    from mlkit.evidence.run_record import RunRecord
    from mlkit.parameters import Parameter
    from mlkit.runner import Progress, RunOptions
    from mlkit.runner.evidence_writer import Store
    from mlkit.settings import Project


class PapermillOptions(TyperCommand):
    """Accepts `-p NAME VALUE` as papermill does; Typer has no repeatable options of two values."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        joined: list[str] = []
        rest = iter(args)
        for argument in rest:
            joined.append(argument)
            if argument in ("-p", "--parameter"):
                pair = [value for value in (next(rest, None), next(rest, None)) if value is not None]
                if len(pair) != 2:
                    raise UsageError(f"{argument} needs a name and a value", cure="For example: -p tune True")
                joined.append(PAIR.join(pair))
        return super().parse_args(ctx, joined)


Notebook = Annotated[Path, typer.Argument(parser=local_notebook, metavar="NOTEBOOK", help="For example notebooks/02_train.ipynb")]


def run(
    what: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="STEP... | NOTEBOOK [EXECUTED]",
            help="Steps of mlkit.yml by name; or a notebook, and the path of its executed copy: a file or s3://bucket/key.ipynb, "
            "by default executed/NAME.",
            show_default=False,
        ),
    ] = None,
    buildspec: Annotated[str, typer.Option(help="Run all steps that mlkit.yml gives to this buildspec, for example build_and_train.")] = "",
    parameter: Annotated[list[str] | None, typer.Option("-p", "--parameter", metavar="NAME VALUE", help="May be repeated.")] = None,
    file: Annotated[Path | None, typer.Option("-f", "--file", help="A YAML file of parameters; -p overrides it.")] = None,
    evidence: Annotated[
        str, typer.Option(help="s3://bucket/prefix/ for the executed notebook, which is stored however the run ends.")
    ] = "",
    staging_bucket: Annotated[
        str, typer.Option(help="s3:// address of the staging bucket; in builds of the pipeline, instead of --evidence and --steps.")
    ] = "",
    cell_timeout: Annotated[float | None, typer.Option(help="Time limit for each cell, in seconds.")] = None,
    run_timeout: Annotated[float | None, typer.Option(help="Time limit for the run of a notebook, in seconds.")] = None,
    reuse: Annotated[
        bool | None,
        typer.Option(
            "--reuse/--no-reuse",
            help="Take over a finished run of the same code, parameters and inputs. By default, mlkit.yml decides for a step; "
            "a notebook runs again.",
            show_default=False,
        ),
    ] = None,
    steps: Annotated[str, typer.Option(help="Folder or s3:// prefix of finished runs; by default the project's .mlkit/steps.")] = "",
) -> None:
    """Run steps or a notebook headless, with typed parameters. The executed notebook is stored whether the run succeeds or fails.

    Steps run in the given order, those of --buildspec in mlkit.yml's. They stop at the first failure, with its exit code. mlkit.yml names
    the environment variables that set their parameters. If you run a single step, -p and -f override them.

    Example: mlkit run prep train

    Example: mlkit run --buildspec build_and_train --staging-bucket "$STAGING"

    Example: mlkit run notebooks/02_train.ipynb -p tune True
    """
    for option, seconds in (("--cell-timeout", cell_timeout), ("--run-timeout", run_timeout)):
        if seconds is not None and not 0 < seconds <= threading.TIMEOUT_MAX:
            raise UsageError(f"{option} is {seconds:g}", cure="Give seconds above 0, or leave it out for no limit.")
    if staging_bucket and evidence:
        raise UsageError("--staging-bucket and --evidence cannot be combined: both name the place for evidence", cure="Give one of them.")
    keeping = Keeping(evidence=evidence, finished_runs=steps, reuse=reuse, staging=staging_of(staging_bucket))
    for planned in plan(what or [], Given.of(file, parameter or []), keeping, buildspec):
        run_planned(planned, cell_timeout_s=cell_timeout, run_timeout_s=run_timeout)


def run_planned(planned: PlannedRun, *, cell_timeout_s: float | None = None, run_timeout_s: float | None = None) -> None:
    """Run with progress on the terminal, or take over a finished run. Raises the error that ended the run early."""
    from mlkit.parameters import bind, read_parameters

    notebook, executed = planned.notebook, planned.destination.path
    bind(read_parameters(notebook), planned.given)  # report a typing mistake before the slow imports
    from mlkit.runner import run_notebook
    from mlkit.runner.exit_errors import check_run
    from mlkit.runner.provenance import project_of

    project = project_of(notebook)
    store = _evidence_store(planned.destination.s3_prefix) if planned.destination.s3_prefix else None
    finished = _Finished(notebook, executed, planned.given, project, planned.finished_runs) if project else None
    if planned.reuse and _taken_over(finished, notebook, store):
        return
    options = _options(planned, project, store, finished.key if finished else None)
    record = run_notebook(notebook, executed, planned.given, replace(options, cell_timeout_s=cell_timeout_s, run_timeout_s=run_timeout_s))
    if record.failure is not None and record.origin.pipeline_execution_id:
        _tell(record)
    with contextlib.suppress(OSError):  # how the run ended counts, also where nothing can be printed
        _show_end(record)
        if finished is not None:
            finished.keep(record)
    check_run(record)


def _options(planned: PlannedRun, project: "Project | None", store: "Store | None", step_key: str | None) -> "RunOptions":
    """The options of a run that reports its cells on the terminal."""
    from mlkit.aws.session import Session
    from mlkit.reuse.finished_steps import REUSE
    from mlkit.runner import RunOptions
    from mlkit.runner.provenance import origin

    say = Elapsed()
    return RunOptions(
        sources=planned.sources,
        store=store,
        on_progress=say_cells(say),
        on_note=say,
        root=project.root if project else None,
        origin=origin(project),
        environment={REUSE: "1"} if planned.reuse else {},
        step_key=step_key,
        aws=Session,
    )


def say_cells(say: Callable[[str], None]) -> "Callable[[Progress], None]":
    """Says each cell that starts."""

    def progress(report: "Progress") -> None:
        if report.status is None:
            say(f"cell {report.cell} of {report.cells}  {report.heading}")

    return progress


def _evidence_store(s3_uri: str) -> "EvidenceStore":
    from mlkit.aws.evidence_store import EvidenceStore
    from mlkit.aws.session import Session

    return EvidenceStore(Session(), s3_uri)


def _show_end(record: "RunRecord") -> None:
    """Print the last lines of a run: its status, the gate's verdict if there is one, and the paths of the results."""
    verdict = f", verdict {record.activity.verdict}" if record.activity and record.activity.verdict else ""
    place = "" if record.not_kept else f", see {record.executed}"
    out.print(plain(f"{Path(record.notebook).name}: {record.status} in {record.usage.wall_s:.1f} s{verdict}{place}"))
    for warning in record.activity.warnings if record.activity else ():
        out.print(plain(f"  Warning: {warning}"))
    if record.stored and not record.not_kept:
        out.print(plain(f"  stored as {record.stored}"))


class _Finished:
    """The finished runs of one notebook: takes one over, or keeps a new one."""

    def __init__(self, notebook: Path, executed: Path, given: Mapping[str, Any], project: "Project", steps: str) -> None:
        from mlkit.cli.reuse_option import open_place
        from mlkit.parameters import bind, read_parameters
        from mlkit.reuse.finished_steps import identify

        self.notebook, self.executed, self.project = notebook, executed, project
        self.bound = bind(read_parameters(notebook), given)
        self.key = identify(notebook, self.bound, project.root).key
        self.place = open_place(steps, project)

    def take_over(self, store: "Store | None") -> bool:
        """Whether an earlier run was taken over. If so, its evidence is stored as after a run."""
        from mlkit.cli.reuse_option import take_over
        from mlkit.runner.provenance import origin

        stored = store.address(self.executed.name) if store else None
        record = take_over(self.notebook, self.executed, self.bound, self.project, self.place, origin=origin(self.project), stored=stored)
        if record is not None and store is not None:
            for path in (self.executed, record_path(self.executed)):
                store.put(path.name, path.read_bytes())
        return record is not None

    def keep(self, record: "RunRecord") -> None:
        from mlkit.cli.reuse_option import keep

        keep(record, self.executed, self.project, self.place)


def _taken_over(finished: _Finished | None, notebook: Path, store: "Store | None") -> bool:
    if finished is None:
        raise UsageError(
            f"{notebook} is not in a project: --reuse compares the project's code with the finished run's", cure="Leave out --reuse."
        )
    return finished.take_over(store)


def _tell(record: "RunRecord") -> None:
    """Notify the pipeline's topic of the failed cell. If that fails, print it; the run keeps its own error."""
    from mlkit.aws.notices import tell_failure
    from mlkit.aws.session import Session
    from mlkit.errors import MlkitError

    try:
        tell_failure(Session(), record)
    except MlkitError as error:
        out.print(f"The failed cell could not be reported by e-mail: {plain(str(error))}")


def params(notebook: Notebook, as_json: AsJson = False) -> None:
    """Show a notebook's parameters: name, type, default (or `required`) and meaning.

    Example: mlkit params notebooks/02_train.ipynb
    """
    from mlkit.parameters import read_parameters

    parameters = read_parameters(notebook)
    if as_json:
        typer.echo(json.dumps([_described(parameter) for parameter in parameters], indent=2))
        return
    defaults = ["required" if p.required else repr(p.default) for p in parameters]
    rows = [{"name": p.name, "type": _kind(p), "default": d, "meaning": _meaning(p)} for p, d in zip(parameters, defaults, strict=True)]
    if rows:
        show_table(rows)
    else:
        out.print(f"{notebook} has no parameters")


def _kind(parameter: "Parameter") -> str:
    """The type without its choices, so that the column stays narrow."""
    return str(replace(parameter.type, choices=()))


def _meaning(parameter: "Parameter") -> str:
    choices = " or ".join(map(repr, parameter.type.choices))
    return ": ".join(part for part in (parameter.help, choices) if part)


def _described(parameter: "Parameter") -> dict[str, Any]:
    """The parameter as JSON; `choices` only if the notebook declares them."""
    described = {"name": parameter.name, "type": str(parameter.type), "required": parameter.required}
    choices = {"choices": list(parameter.type.choices)} if parameter.type.choices else {}
    return {**described, **choices, "default": parameter.default, "help": parameter.help}
