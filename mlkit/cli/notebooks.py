"""mlkit run | params: one notebook, headless."""

import contextlib
import json
import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from mlkit.cli.addresses import Destination, local_notebook
from mlkit.cli.console import Elapsed, out, plain, show_table
from mlkit.cli.options import AsJson
from mlkit.errors import UsageError
from mlkit.parameters import Typed

if TYPE_CHECKING:
    from mlkit.aws.evidence import EvidenceStore
    from mlkit.parameters import Parameter
    from mlkit.records import RunRecord
    from mlkit.runner.keeping import Store
    from mlkit.settings import Project

_PAIR = "\x00"  # no parameter holds it


class PapermillOptions(TyperCommand):
    """Takes `-p NAME VALUE` as papermill does; Typer has no options of two values that may be repeated."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        joined: list[str] = []
        rest = iter(args)
        for argument in rest:
            joined.append(argument)
            if argument in ("-p", "--parameter", "-o", "--setting"):
                pair = [value for value in (next(rest, None), next(rest, None)) if value is not None]
                if len(pair) != 2:
                    raise UsageError(f"{argument} needs a name and a value", cure="For example: -p tune True")
                joined.append(_PAIR.join(pair))
        return super().parse_args(ctx, joined)


Notebook = Annotated[Path, typer.Argument(parser=local_notebook, metavar="NOTEBOOK", help="For example notebooks/02_train.ipynb")]


def run(
    notebook: Notebook,
    executed: Annotated[
        str | None,
        typer.Argument(help="Where the executed notebook goes: a file, or s3://bucket/key.ipynb. By default executed/NAME."),
    ] = None,
    parameter: Annotated[list[str] | None, typer.Option("-p", "--parameter", metavar="NAME VALUE", help="May be repeated.")] = None,
    setting: Annotated[
        list[str] | None,
        typer.Option("-o", "--setting", metavar="NAME VALUE", help="As -p, but the value `notebook` leaves it to the notebook."),
    ] = None,
    file: Annotated[Path | None, typer.Option("-f", "--file", help="A YAML file of parameters; -p wins.")] = None,
    evidence: Annotated[str, typer.Option(help="s3://bucket/prefix/ that keeps the executed notebook, however the run ends.")] = "",
    cell_timeout: Annotated[float | None, typer.Option(help="Seconds that one cell may take.")] = None,
    run_timeout: Annotated[float | None, typer.Option(help="Seconds that the whole run may take.")] = None,
    reuse: Annotated[bool, typer.Option("--reuse", help="Take over a finished run of the same code, parameters and inputs.")] = False,
    steps: Annotated[str, typer.Option(help="Folder or s3:// prefix of finished runs; by default the project's .mlkit/steps.")] = "",
) -> None:
    """Run a notebook headless, with typed parameters, and keep what it printed whether it succeeds or fails.

    Example: mlkit run notebooks/02_train.ipynb -p tune True
    """
    for option, seconds in (("--cell-timeout", cell_timeout), ("--run-timeout", run_timeout)):
        if seconds is not None and not 0 < seconds <= threading.TIMEOUT_MAX:
            raise UsageError(f"{option} is {seconds:g}", cure="Give seconds above 0, or leave it out for no limit.")
    given, sources = _given(notebook, file, setting or [], parameter or [])
    destination = Destination.of(executed, notebook, evidence)
    store = _evidence_store(destination.s3_prefix) if destination.s3_prefix else None
    run_and_keep(
        notebook,
        destination.path,
        given,
        sources=sources,
        store=store,
        cell_timeout_s=cell_timeout,
        run_timeout_s=run_timeout,
        reuse=reuse,
        steps=steps,
    )


def _given(notebook: Path, file: Path | None, settings: list[str], parameters: list[str]) -> tuple[dict[str, Any], dict[str, str]]:
    """The values by name, and where each comes from; -p wins over -o, -o over the file.

    With -o, what is pushed is what runs unless somebody set the stack or the execution otherwise: the value `notebook` leaves the
    parameter alone. It must exist all the same, so it is passed on where it does not, to be refused.
    """
    from mlkit.parameters import read_parameter_file, read_parameters

    from_file = read_parameter_file(file) if file else {}
    settled, direct = _once(settings), _once(parameters)
    left = {name for name, value in settled.items() if value == "notebook"}
    misnamed = left - {one.name for one in read_parameters(notebook)} if left else set()
    decided = {name: value for name, value in settled.items() if name not in left or name in misnamed}
    sources = {**dict.fromkeys(from_file, f"-f {file}"), **dict.fromkeys(decided, "-o"), **dict.fromkeys(direct, "-p")}
    return {**from_file, **decided, **direct}, sources


def _evidence_store(s3_uri: str) -> "EvidenceStore":
    from mlkit.aws.evidence import EvidenceStore
    from mlkit.aws.session import Session

    return EvidenceStore(Session(), s3_uri)


def run_and_keep(
    notebook: Path,
    executed: Path,
    given: Mapping[str, Any],
    *,
    sources: Mapping[str, str] | None = None,
    store: "Store | None" = None,
    cell_timeout_s: float | None = None,
    run_timeout_s: float | None = None,
    reuse: bool = False,
    steps: str = "",
) -> None:
    """Run with progress on the terminal, or take over a finished run; raise what ended the run early."""
    from mlkit.parameters import bind, read_parameters

    bind(read_parameters(notebook), given)  # a typing mistake is told before anything large is imported
    from mlkit.aws.session import Session
    from mlkit.outcomes import check_run
    from mlkit.runner import Progress, RunOptions, run_notebook
    from mlkit.runner.provenance import origin, project_of
    from mlkit.steps import REUSE

    project, say = project_of(notebook), Elapsed()

    def progress(report: Progress) -> None:
        if report.status is None:
            say(f"cell {report.cell} of {report.cells}  {report.heading}")

    finished = _Finished(notebook, executed, given, project, steps) if project else None
    if reuse and _taken_over(finished, notebook, store):
        return
    options = RunOptions(
        sources=sources or {},
        store=store,
        on_progress=progress,
        on_note=say,
        cell_timeout_s=cell_timeout_s,
        run_timeout_s=run_timeout_s,
        root=project.root if project else None,
        origin=origin(project),
        environment={REUSE: "1"} if reuse else {},
        step_key=finished.key if finished else None,
        aws=Session,
    )
    record = run_notebook(notebook, executed, given, options)
    if record.failure is not None and record.origin.pipeline_execution_id:
        _tell(record)
    with contextlib.suppress(OSError):  # how the run ended counts, also where nothing can be printed
        _show_end(record)
        if finished is not None:
            finished.keep(record)
    check_run(record)


def _show_end(record: "RunRecord") -> None:
    """What a log ends with: how it went, the gate's verdict where there is one, and where to look."""
    verdict = f", verdict {record.activity.verdict}" if record.activity and record.activity.verdict else ""
    place = "" if record.not_kept else f", see {record.executed}"
    out.print(plain(f"{Path(record.notebook).name}: {record.status} in {record.usage.wall_s:.1f} s{verdict}{place}"))
    for warning in record.activity.warnings if record.activity else ():
        out.print(plain(f"  Warning: {warning}"))
    if record.stored and not record.not_kept:
        out.print(plain(f"  stored as {record.stored}"))


class _Finished:
    """The place of finished runs, as one run sees it."""

    def __init__(self, notebook: Path, executed: Path, given: Mapping[str, Any], project: "Project", steps: str) -> None:
        from mlkit.cli.reuse import open_place
        from mlkit.parameters import bind, read_parameters
        from mlkit.steps import identify

        self.notebook, self.executed, self.project = notebook, executed, project
        self.bound = bind(read_parameters(notebook), given)
        self.key = identify(notebook, self.bound, project.root).key
        self.place = open_place(steps, project)

    def take_over(self, store: "Store | None") -> bool:
        """Whether an earlier run was taken over; then the evidence is stored as after a run."""
        from mlkit.cli.reuse import take_over
        from mlkit.runner.provenance import origin

        stored = store.address(self.executed.name) if store else None
        record = take_over(self.notebook, self.executed, self.bound, self.project, self.place, origin=origin(self.project), stored=stored)
        if record is not None and store is not None:
            for path in (self.executed, self.executed.with_suffix(".record.json")):
                store.put(path.name, path.read_bytes())
        return record is not None

    def keep(self, record: "RunRecord") -> None:
        from mlkit.cli.reuse import keep

        keep(record, self.executed, self.project, self.place)


def _taken_over(finished: _Finished | None, notebook: Path, store: "Store | None") -> bool:
    if finished is None:
        raise UsageError(f"{notebook} lies in no project, whose code a finished run could be compared by", cure="Leave --reuse out.")
    return finished.take_over(store)


def _tell(record: "RunRecord") -> None:
    """In a pipeline, people are told which cell failed; that they cannot be told is no reason to fail otherwise."""
    from mlkit.aws.notices import tell_failure
    from mlkit.aws.session import Session
    from mlkit.errors import MlkitError

    try:
        tell_failure(Session(), record)
    except MlkitError as error:
        out.print(f"Nobody could be told of the failed cell: {plain(str(error))}")


def params(notebook: Notebook, as_json: AsJson = False) -> None:
    """Show a notebook's parameters: name, type, default (or that it is required) and what it is for.

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
    """The type for people, without its choices: a column of types is narrow."""
    return str(replace(parameter.type, choices=()))


def _meaning(parameter: "Parameter") -> str:
    choices = " or ".join(map(repr, parameter.type.choices))
    return ": ".join(part for part in (parameter.help, choices) if part)


def _described(parameter: "Parameter") -> dict[str, Any]:
    """The parameter for programs; `choices` is there only when the notebook names them."""
    described = {"name": parameter.name, "type": str(parameter.type), "required": parameter.required}
    choices = {"choices": list(parameter.type.choices)} if parameter.type.choices else {}
    return {**described, **choices, "default": parameter.default, "help": parameter.help}


def _once(joined: list[str]) -> dict[str, str]:
    pairs = [(name, Typed(value)) for name, value in (pair.split(_PAIR, 1) for pair in joined)]
    names = [name for name, _ in pairs]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UsageError(f"-p {twice[0]} is given twice", cure="Give each parameter once.")
    return dict(pairs)
