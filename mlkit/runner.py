"""One notebook through papermill, with strict parameters, an honest record and a stop that leaves nothing behind."""

import hashlib
import html
import os
import re
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlkit.errors import InvalidNotebook, UsageError
from mlkit.parameters import Parameter, bind, load_notebook, parameters_of
from mlkit.records import CellRecord, Failure, ParameterRecord, RunRecord, Status, Usage

if TYPE_CHECKING:
    from mlkit.engine import Session

START_TIMEOUT_S = 60


@dataclass(frozen=True, kw_only=True)
class Progress:
    """A code cell that starts (`status` None) or has ended: the `cell`-th of `cells`, `elapsed_s` since the run began."""

    cell: int
    cells: int
    heading: str
    status: Status | None
    elapsed_s: float


def run_notebook(
    source: Path,
    executed: Path,
    parameters: Mapping[str, Any],
    *,
    kernel_name: str | None = None,
    cwd: Path | None = None,
    cell_timeout_s: float | None = None,
    run_timeout_s: float | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    environment: Mapping[str, str] | None = None,
    store: Callable[[Path], None] | None = None,
) -> RunRecord:
    """The record of the run, however it ended: pass it to `outcomes.check_run`, which raises unless all cells completed.

    `executed` is written from the start and after every cell, with papermill's stamps put right; `store` is called with it at the
    start, while the run goes on (as long as that is cheap) and at the end, and what it raises at the start or the end is raised.
    `environment` is added to the kernel's. `cwd` is the kernel's folder, the current one by default. A time limit, SIGTERM, SIGINT
    or SIGHUP interrupts the cell, then ends the kernel with all its children. Raises before a kernel starts: NotFound,
    InvalidNotebook, InvalidParameters.
    """
    content = load_notebook(source)
    declared = parameters_of(content, str(source))
    kernel = _kernel(content, kernel_name, source)
    given = bind(declared, parameters)
    if executed.resolve() == source.resolve():
        raise UsageError(f"The executed notebook would replace its source {source}.", cure="Name another file for it.")
    executed.parent.mkdir(parents=True, exist_ok=True)

    from mlkit.engine import Session

    began, started = time.monotonic(), datetime.now(UTC)
    report = _Reporter(on_progress, began)
    session = Session(executed, store=store, on_cell=report, cell_timeout_s=cell_timeout_s, run_timeout_s=run_timeout_s)
    report.session = session
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    with session.guarded():
        _execute(source, session, given, kernel, cwd, environment)
        _mark(session)
        session.save()
        session.store_now()
    return RunRecord(
        notebook=str(source),
        notebook_sha256=digest,
        executed=str(executed),
        kernel=kernel,
        status=session.status,
        parameters=_parameter_records(declared, given),
        cells=_cell_records(session),
        failure=_failure(session),
        started=started.isoformat(),
        ended=datetime.now(UTC).isoformat(),
        usage=Usage(wall_s=round(time.monotonic() - began, 3)),
        python=session.python,
        packages=_packages(session),
    )


class _Reporter:
    """Tells the caller about each code cell's start and end."""

    def __init__(self, on_progress: Callable[[Progress], None] | None, began: float) -> None:
        self.on_progress, self.began = on_progress, began
        self.session: Session | None = None

    def __call__(self, cell: Any, status: Status | None) -> None:
        if self.on_progress is not None and self.session is not None:
            cells = _code_cells(self.session.notebook)
            number = next(i for i, (one, _) in enumerate(cells, 1) if one is cell)
            elapsed = time.monotonic() - self.began
            self.on_progress(Progress(cell=number, cells=len(cells), heading=cells[number - 1][1], status=status, elapsed_s=elapsed))


def _kernel(content: Mapping[str, Any], kernel_name: str | None, source: Path) -> str:
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    about = content.get("metadata", {})
    spec = about.get("kernelspec", {})
    name = kernel_name or spec.get("name")
    language = about.get("language_info", {}).get("name") or spec.get("language")
    if not name or not language:
        missing = "name" if not name else "language"
        raise InvalidNotebook(f"{source}: the notebook's kernelspec has no {missing}.", cure="Choose its kernel in JupyterLab and save it.")
    if language != "python":
        raise InvalidNotebook(
            f"{source}: the notebook is written in {language}.", cure="Parameters can be checked in Python notebooks only."
        )
    kernels = KernelSpecManager()
    try:
        kernels.get_kernel_spec(name)
    except NoSuchKernel:
        installed = ", ".join(sorted(kernels.find_kernel_specs())) or "none"
        raise InvalidNotebook(f"{source}: the kernel {name!r} is not installed; there are: {installed}.") from None
    return str(name)


def _execute(
    source: Path, session: "Session", given: Mapping[str, Any], kernel: str, cwd: Path | None, environment: Mapping[str, str] | None
) -> None:
    from papermill import PapermillExecutionError, execute_notebook

    from mlkit import engine

    engine.register()
    start: dict[str, Any] = {"env": {**os.environ, **(environment or {})}}
    if cwd is not None:
        start["cwd"] = str(cwd)
    path = str(source).replace("{", "{{").replace("}", "}}")  # papermill takes a path for a template
    options = {
        "engine_name": engine.NAME,
        "kernel_name": kernel,
        "language": "python",
        "start_timeout": START_TIMEOUT_S,
        "progress_bar": False,
    }
    try:
        execute_notebook(path, None, dict(given), session=session, start=start, **options)
    except (engine.RunStopped, PapermillExecutionError):
        pass  # the session holds what happened
    except (RuntimeError, TimeoutError) as problem:  # nbclient's DeadKernelError is a RuntimeError
        if session.python is not None or session.status is not Status.COMPLETED:
            raise  # the kernel had answered: this is no failure to start
        reason = session.stop_reason or f"the kernel did not start: {problem}"
        session.fail(session.stop_status or Status.DIED, None, type(problem).__name__, reason)


def _code_cells(notebook: Any) -> list[tuple[Any, str]]:
    """The code cells that are run, or would have been, each with the heading above it."""
    from mlkit.engine import is_run

    found, heading = [], ""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            headings = re.findall(r"^#{1,6} +(.+?) *#*$", cell.source, flags=re.MULTILINE)
            heading = headings[-1] if headings else heading
        elif is_run(cell):
            found.append((cell, heading))
    return found


def _mark(session: "Session") -> None:
    """Puts papermill's banner at the top of a notebook that did not complete, and its anchor before the cell."""
    from nbformat.v4 import new_markdown_cell
    from papermill.execute import ERROR_ANCHOR_MSG, ERROR_MARKER_TAG, ERROR_STYLE, remove_error_markers

    notebook = remove_error_markers(session.notebook)
    if session.status is Status.COMPLETED or session.failure is None:
        return
    cell, _ = session.failure
    failure = _failure(session)
    assert failure is not None
    notebook.metadata.papermill["exception"] = True
    place = "outside of its cells" if cell is None else f'in <a href="#papermill-error-cell">cell {failure.cell_number}</a>'
    detail = html.escape(failure.ename if session.status is Status.FAILED else failure.evalue)
    tags = {"tags": [ERROR_MARKER_TAG]}
    if cell is not None:
        index = next(i for i, one in enumerate(notebook.cells) if one is cell)
        notebook.cells.insert(index, new_markdown_cell(ERROR_ANCHOR_MSG, metadata=tags))  # type: ignore[no-untyped-call]
    banner = f"<span {ERROR_STYLE}>This run {_VERBS[session.status]} {place} ({detail}).</span>"
    notebook.cells.insert(0, new_markdown_cell(banner, metadata=tags))  # type: ignore[no-untyped-call]


_VERBS = {Status.FAILED: "failed", Status.DIED: "died", Status.INTERRUPTED: "was interrupted", Status.TIMED_OUT: "ran out of time"}


def _failure(session: "Session") -> Failure | None:
    if session.failure is None:
        return None
    cell, failure = session.failure
    for number, (one, heading) in enumerate(_code_cells(session.notebook), 1):
        if one is cell:
            return replace(failure, cell_number=number, heading=heading)
    return failure


def _parameter_records(declared: tuple[Parameter, ...], given: Mapping[str, Any]) -> tuple[ParameterRecord, ...]:
    def one(parameter: Parameter) -> ParameterRecord:
        source, value = ("given", given[parameter.name]) if parameter.name in given else ("default", parameter.default)
        return ParameterRecord(name=parameter.name, type=str(parameter.type), value=value, source=source)

    return tuple(one(parameter) for parameter in declared)


def _cell_records(session: "Session") -> tuple[CellRecord, ...]:
    def one(number: int, cell: Any, heading: str) -> CellRecord:
        stamps = cell.metadata.papermill
        return CellRecord(
            number=number,
            cell_id=cell.get("id"),
            heading=heading,
            status=Status(stamps["status"]),
            execution_count=cell.execution_count,
            started=stamps["start_time"],
            ended=stamps["end_time"],
            duration_s=stamps["duration"],
        )

    return tuple(one(number, cell, heading) for number, (cell, heading) in enumerate(_code_cells(session.notebook), 1))


def _packages(session: "Session") -> dict[str, str]:
    if session.process is None or Path(session.process.args[0]).parent != Path(sys.executable).parent:  # type: ignore[index, arg-type]
        return {}
    return {distribution.name: distribution.version for distribution in metadata.distributions() if distribution.name}
