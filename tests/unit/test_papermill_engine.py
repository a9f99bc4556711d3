"""The stamps that the engine puts on cells and notebook, and what it hands to the client; without a kernel."""

import logging
from datetime import datetime
from typing import Any

import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from papermill.engines import papermill_engines

from mlkit.evidence.run_record import Status
from mlkit.runner import papermill_engine
from mlkit.runner.papermill_engine import HonestManager, PapermillEngine
from mlkit.runner.run_state import RunState, RunStopped

SKIPPED = {"tags": ["skip-execution"]}


class Heard:
    """A run's state, and what it was told."""

    def __init__(self) -> None:
        self.told: list[Any] = []
        self.state = RunState(
            on_begin=lambda: self.told.append("begin"),
            on_save=lambda: self.told.append("save"),
            on_cell=lambda cell, status: self.told.append((cell.source, status)),
            on_process=lambda pid: self.told.append(pid),
        )
        self.state.output_path = "executed.ipynb"


@pytest.fixture
def heard() -> Heard:
    return Heard()


def loaded(*cells: NotebookNode) -> NotebookNode:
    """A notebook as papermill loads one."""
    book = new_notebook(cells=list(cells))
    for one in (book, *book.cells):
        one.metadata["papermill"] = {}
    return book


def started(heard: Heard, *cells: NotebookNode) -> HonestManager:
    manager = HonestManager(loaded(*cells), heard.state)
    manager.notebook_start()
    return manager


def stamp(cell: NotebookNode) -> tuple[str, bool | None]:
    return cell.metadata.papermill["status"], cell.metadata.papermill["exception"]


def test_a_notebook_that_starts_names_its_file_and_every_cell_is_pending(heard: Heard) -> None:
    manager = started(heard, new_code_cell("1"), new_markdown_cell("# A"))
    assert heard.state.notebook is manager.nb
    assert manager.nb.metadata.papermill["output_path"] == "executed.ipynb"
    assert [stamp(cell) for cell in manager.nb.cells] == [("pending", None)] * 2
    assert heard.told[-1] == "begin"
    assert manager.pbar is None


def test_a_cell_that_starts_runs_and_is_told(heard: Heard) -> None:
    manager = started(heard, new_code_cell("1"))
    manager.cell_start(manager.nb.cells[0], 0)
    assert stamp(manager.nb.cells[0]) == ("running", False)
    assert manager.nb.cells[0].metadata.papermill["start_time"] is not None
    assert heard.told[-1] == ("1", None)


@pytest.mark.parametrize(
    ("cell", "status"),
    [(new_markdown_cell("# A"), "completed"), (new_code_cell(" \n"), "not run"), (new_code_cell("1", metadata=SKIPPED), "not run")],
)
def test_a_cell_that_is_not_for_the_kernel_is_stamped_without_a_word(heard: Heard, cell: NotebookNode, status: str) -> None:
    manager = started(heard, cell)
    before = list(heard.told)
    manager.cell_start(manager.nb.cells[0], 0)
    assert stamp(manager.nb.cells[0]) == (status, False)
    assert heard.told == before


def test_no_cell_starts_after_a_stop_was_asked_for(heard: Heard) -> None:
    manager = started(heard, new_code_cell("1"))
    heard.state.stop(Status.INTERRUPTED, "stopped by SIGTERM")
    with pytest.raises(RunStopped):
        manager.cell_start(manager.nb.cells[0], 0)
    assert stamp(manager.nb.cells[0]) == ("pending", None)
    assert heard.state.status is Status.INTERRUPTED


@pytest.mark.parametrize("status", list(Status))
def test_a_cell_that_ended_tells_how_and_when(heard: Heard, status: Status) -> None:
    manager = started(heard, new_code_cell("1"))
    cell = manager.nb.cells[0]
    manager.cell_start(cell, 0)
    saved: list[str] = []
    heard.state.on_save = lambda: saved.append(cell.metadata.papermill["status"])
    manager.cell_ended(cell, status)
    assert saved == [str(status)]  # no saved notebook ever says something else
    assert stamp(cell) == (str(status), status is not Status.COMPLETED)
    began, ended = (datetime.fromisoformat(cell.metadata.papermill[name]) for name in ("start_time", "end_time"))
    assert cell.metadata.papermill["duration"] == (ended - began).total_seconds() >= 0
    assert heard.told[-1] == ("1", status)


def test_an_error_that_comes_late_replaces_the_stamp(heard: Heard) -> None:
    manager = started(heard, new_code_cell("1"))
    cell = manager.nb.cells[0]
    manager.cell_start(cell, 0)
    manager.cell_ended(cell, Status.COMPLETED)
    manager.cell_ended(cell, Status.FAILED)
    assert stamp(cell) == ("failed", True)


@pytest.mark.parametrize(("end", "exception"), [(Status.COMPLETED, None), (Status.DIED, True)])
def test_at_the_end_what_ran_takes_the_runs_status_and_what_waited_did_not_run(heard: Heard, end: Status, exception: bool | None) -> None:
    manager = started(heard, new_code_cell("done"), new_code_cell("running"), new_code_cell("waiting"))
    done, running, waiting = manager.nb.cells
    manager.cell_start(done, 0)
    manager.cell_ended(done, Status.COMPLETED)
    manager.cell_start(running, 1)
    heard.state.status = end
    manager.notebook_complete()
    assert [cell.metadata.papermill["status"] for cell in (done, running, waiting)] == ["completed", str(end), "not run"]
    stamps = manager.nb.metadata.papermill
    assert stamps["exception"] is exception
    assert stamps["end_time"] == manager.end_time.isoformat()
    assert stamps["duration"] == (manager.end_time - manager.start_time).total_seconds() >= 0
    assert heard.told[-1] == "save"


def test_every_save_is_one_of_the_run(heard: Heard) -> None:
    manager = started(heard)
    heard.told.clear()
    before = manager.last_save_time
    manager.save()
    manager.autosave_cell()
    assert heard.told == ["save", "save"]
    assert manager.last_save_time > before


def test_the_client_gets_the_kernel_and_may_not_forgive_an_error(heard: Heard, monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, Any] = {}

    class Client:
        def __init__(self, manager: HonestManager, session: RunState, **options: Any) -> None:
            given.update(options, manager=manager, session=session)

        def execute(self, **start: Any) -> None:
            given["start"] = start
            raise RunStopped

    monkeypatch.setattr(papermill_engine, "StoppableClient", Client)
    book = loaded(new_code_cell("1"))
    with pytest.raises(RunStopped):
        PapermillEngine.execute_notebook(book, "ours", session=heard.state, start={"cwd": "/here"}, start_timeout=7.0)
    assert given.pop("log").name == "papermill"
    assert given.pop("manager").nb is book
    assert given == {
        "kernel_name": "ours",
        "startup_timeout": 7.0,
        "force_raise_errors": True,
        "session": heard.state,
        "start": {"cwd": "/here"},
    }
    assert heard.told == ["save", "begin", "save"]  # the notebook gets its end, whatever ended it
    assert book.cells[0].metadata.papermill["status"] == "not run"
    monkeypatch.setattr(Client, "execute", lambda self, **start: None)
    assert PapermillEngine.execute_notebook(book, "ours", session=heard.state, start={}, start_timeout=7.0) is book


def test_python_does_not_print_what_papermill_logs_of_a_kernels_death() -> None:
    assert any(isinstance(handler, logging.NullHandler) for handler in logging.getLogger("papermill").handlers)


def test_papermill_knows_the_engine_by_its_name() -> None:
    papermill_engine.register()
    papermill_engine.register()
    assert papermill_engines.get_engine("mlkit") is PapermillEngine
