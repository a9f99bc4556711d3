"""mlkit run | params: one notebook, headless."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from mlkit.cli.console import Elapsed, out, plain, show_table
from mlkit.errors import UsageError

if TYPE_CHECKING:
    from mlkit.records import RunRecord

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


Notebook = Annotated[Path, typer.Argument(help="The notebook, for example notebooks/02_train.ipynb")]


def run(
    notebook: Notebook,
    executed: Annotated[Path | None, typer.Argument(help="Where the executed notebook goes; by default executed/NAME.")] = None,
    parameter: Annotated[list[str] | None, typer.Option("-p", "--parameter", metavar="NAME VALUE", help="May be repeated.")] = None,
    setting: Annotated[
        list[str] | None,
        typer.Option("-o", "--setting", metavar="NAME VALUE", help="As -p, but the value `notebook` leaves it to the notebook."),
    ] = None,
    file: Annotated[Path | None, typer.Option("-f", "--file", help="A YAML file of parameters; -p wins.")] = None,
    evidence: Annotated[str, typer.Option(help="s3://bucket/prefix/ that keeps the executed notebook, however the run ends.")] = "",
    cell_timeout: Annotated[float | None, typer.Option(help="Seconds that one cell may take.")] = None,
    run_timeout: Annotated[float | None, typer.Option(help="Seconds that the whole run may take.")] = None,
) -> None:
    """Run a notebook headless, with typed parameters, and keep what it printed whether it succeeds or fails.

    Example: mlkit run notebooks/02_train.ipynb -p tune True
    """
    given: dict[str, Any] = {**_from_file(file), **_decided(setting or []), **_once(parameter or [])}
    store = None
    if evidence:
        from mlkit.aws.evidence import evidence_store
        from mlkit.aws.session import Session

        store = evidence_store(Session(), evidence)
    target = executed or Path("executed") / notebook.name
    run_and_keep(notebook, target, given, store=store, cell_timeout_s=cell_timeout, run_timeout_s=run_timeout)


def run_and_keep(
    notebook: Path,
    executed: Path,
    given: Mapping[str, Any],
    *,
    store: Callable[[Path], None] | None = None,
    cell_timeout_s: float | None = None,
    run_timeout_s: float | None = None,
) -> None:
    """Run with progress on the terminal; write the record beside the executed notebook; raise what ended the run early."""
    from mlkit.outcomes import check_run
    from mlkit.runner import Progress, run_notebook

    say = Elapsed()

    def progress(report: Progress) -> None:
        if report.status is None:
            say(f"cell {report.cell} of {report.cells}  {report.heading}")

    record = run_notebook(
        notebook, executed, given, store=store, on_progress=progress, cell_timeout_s=cell_timeout_s, run_timeout_s=run_timeout_s
    )
    record_path = executed.with_suffix(".record.json")
    record_path.write_text(record.to_json())
    if store is not None:
        store(record_path)
    if record.failure is not None and os.environ.get("PIPELINE_EXECUTION_ID"):
        _tell(record)
    out.print(f"{notebook.name}: {record.status} in {record.usage.wall_s:.1f} s, see {executed}")
    check_run(record)


def _tell(record: "RunRecord") -> None:
    """In a pipeline, people are told which cell failed; that they cannot be told is no reason to fail otherwise."""
    from mlkit.aws.notices import tell_failure
    from mlkit.aws.session import Session
    from mlkit.errors import MlkitError

    pipeline = os.environ.get("CODEBUILD_INITIATOR", "").removeprefix("codepipeline/")
    try:
        tell_failure(Session(), record, pipeline=pipeline, action=os.environ.get("ACTION", ""))
    except MlkitError as error:
        out.print(f"Nobody could be told of the failed cell: {plain(str(error))}")


def params(notebook: Notebook) -> None:
    """Show a notebook's parameters: name, type, default and what it is for.

    Example: mlkit params notebooks/02_train.ipynb
    """
    from mlkit.parameters import read_parameters

    rows = [{"name": p.name, "type": str(p.type), "default": repr(p.default), "meaning": p.help} for p in read_parameters(notebook)]
    if rows:
        show_table(rows)
    else:
        out.print(f"{notebook} has no parameters")


def _once(joined: list[str]) -> dict[str, str]:
    pairs = [(name, value) for name, value in (pair.split(_PAIR, 1) for pair in joined)]
    names = [name for name, _ in pairs]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UsageError(f"-p {twice[0]} is given twice", cure="Give each parameter once.")
    return dict(pairs)


def _decided(joined: list[str]) -> dict[str, str]:
    """Settings of a stack or an execution that somebody made: what is pushed is what runs, unless one of them says otherwise."""
    return {name: value for name, value in _once(joined).items() if value != "notebook"}


def _from_file(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    import yaml

    try:
        values = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise UsageError(f"{path} cannot be read: {error}", cure="Write one `name: value` a line.") from error
    if not isinstance(values, dict) or not all(isinstance(name, str) for name in values):
        raise UsageError(f"{path} does not hold parameters", cure="Write one `name: value` a line.")
    return values
