import json
import os
import signal
import threading
from pathlib import Path

import nbformat
import papermill
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from processes import wait_until_ended
from waiting import wait_until

from mlkit.errors import AccessDenied, GateFailed, InvalidNotebook, InvalidParameters, NotebookFailed, UsageError
from mlkit.evidence.run_record import RunRecord, Status
from mlkit.runner import RunOptions, run_notebook
from mlkit.runner.exit_errors import check_run

KERNELSPEC = {"name": "python3", "language": "python", "display_name": "Python 3"}


def notebook(folder: Path, *cells: str, parameters="x: int = 1  # number", kernelspec=KERNELSPEC) -> Path:
    made = new_notebook()
    made.cells = [new_code_cell(parameters, metadata={"tags": ["parameters"]})]
    made.cells += [new_markdown_cell(cell) if cell.startswith("#") else new_code_cell(cell) for cell in cells]
    path = folder / "source {step}.ipynb"
    made.metadata["kernelspec"] = kernelspec
    path.write_text(json.dumps(made))
    return path


def stamps(executed: Path) -> list[str]:
    return [cell.metadata.papermill.status for cell in nbformat.read(executed, 4).cells if cell.cell_type == "code"]


def printed(executed: Path) -> str:
    """What the cells wrote to their standard output."""
    cells = nbformat.read(executed, 4).cells
    return "".join(output.text for cell in cells for output in cell.get("outputs", []) if output.get("name") == "stdout")


class Stored:
    """Keeps what a run stores in memory."""

    def __init__(self) -> None:
        self.put_names: list[str] = []
        self.records: list[RunRecord] = []

    def address(self, name: str) -> str:
        return f"memory:/{name}"

    def put(self, name: str, data: bytes) -> None:
        self.put_names.append(name)
        if name.endswith(".record.json"):
            self.records.append(RunRecord.from_json(data.decode()))

    def unfinished(self, record_name: str) -> None:
        return None


def test_a_completed_run_gives_plain_papermills_outputs(tmp_path):
    source = notebook(tmp_path, "# Count", "print(x)", "x + 1")
    executed, plain = tmp_path / "out/executed.ipynb", tmp_path / "plain.ipynb"
    seen = []
    store = Stored()
    record = run_notebook(source, executed, {"x": 5}, RunOptions(on_progress=seen.append, store=store, sources={"x": "-p"}))
    papermill.execute_notebook(str(source).replace("{", "{{").replace("}", "}}"), str(plain), {"x": 5}, progress_bar=False)

    ours, theirs = nbformat.read(executed, 4).cells, nbformat.read(plain, 4).cells
    assert [(cell.source, cell.get("outputs")) for cell in ours] == [(cell.source, cell.get("outputs")) for cell in theirs]
    assert [cell.metadata.papermill.status for cell in ours] == [cell.metadata.papermill.status for cell in theirs]
    check_run(record)
    assert [(one.name, one.value, one.source) for one in record.parameters] == [("x", 5, "-p")]
    assert [(one.number, one.heading, one.execution_count) for one in record.cells] == [
        (1, "", 1),
        (2, "", 2),
        (3, "Count", 3),
        (4, "Count", 4),
    ]
    assert record.python
    assert record.packages["papermill"] == papermill.__version__
    assert [(one.cell, one.cells, one.status) for one in seen][-2:] == [(4, 4, None), (4, 4, Status.COMPLETED)]
    assert [one.status for one in store.records[0].cells] == ["not run"] * 4
    assert store.records[0].ended is None
    assert store.records[-1] == record
    assert store.put_names[:2] == store.put_names[-2:] == ["executed.ipynb", "executed.record.json"]
    assert (executed.parent / "executed.record.json").read_text() == record.to_json()
    assert record.usage.cpu_s
    assert (record.usage.peak_memory_bytes or 0) > 10_000_000


def test_a_failed_cell_is_marked_and_later_cells_are_not_run(tmp_path):
    source = notebook(tmp_path, "## Gate", "from mlkit.errors import AccessDenied, GateFailed\nraise GateFailed('rate 0.6')", "print(2)")
    executed = tmp_path / "executed.ipynb"
    record = run_notebook(source, executed, {})
    assert stamps(executed) == ["completed", "failed", "not run"]
    assert [cell.status for cell in record.cells] == ["completed", "failed", "not run"]
    assert "failed in" in nbformat.read(executed, 4).cells[0].source
    with pytest.raises(GateFailed, match=r"rate 0\.6\n.*cell 2 of 3, under \"Gate\""):
        check_run(record)


def test_an_error_that_a_tag_allows_is_not_swallowed(tmp_path):
    source = notebook(tmp_path, "1 / 0", "print(2)")
    content = json.loads(source.read_text())
    content["cells"][1]["metadata"]["tags"] = ["raises-exception"]
    source.write_text(json.dumps(content))
    record = run_notebook(source, tmp_path / "executed.ipynb", {})
    assert [cell.status for cell in record.cells] == ["completed", "failed", "not run"]


def test_leaving_with_exit_code_zero_in_the_middle_is_a_failure_that_ends_its_children(tmp_path):
    executed = tmp_path / "executed.ipynb"
    record = run_notebook(notebook(tmp_path, STARTS_A_CHILD, "raise SystemExit(0)", "print(2)"), executed, {})
    assert [cell.status for cell in record.cells] == ["completed", "completed", "failed", "not run"]
    wait_until_ended(int(printed(executed)))
    with pytest.raises(NotebookFailed, match="SystemExit"):
        check_run(record)


STARTS_A_CHILD = "import subprocess\nprint(subprocess.Popen(['sleep', '100000']).pid)"


def test_a_dead_kernel_is_stamped_where_it_died_and_its_children_are_ended(tmp_path):
    source = notebook(tmp_path, STARTS_A_CHILD, "import os\nos.kill(os.getpid(), 9)", "print(2)")
    executed = tmp_path / "executed.ipynb"
    record = run_notebook(source, executed, {})
    assert stamps(executed) == ["completed", "completed", "died", "not run"]
    assert record.status is Status.DIED
    assert "SIGKILL" in record.failure.evalue
    wait_until_ended(int(printed(executed)))


def test_a_signal_interrupts_the_cell_which_may_tidy_up(tmp_path):
    began = tmp_path / "began"
    waits = f"open({str(began)!r}, 'w').close()\n    time.sleep(100_000)"
    tidy = f"import time\nprint('began', flush=True)\ntry:\n    {waits}\nfinally:\n    print('tidied', flush=True)"
    executed = tmp_path / "executed.ipynb"
    before = signal.getsignal(signal.SIGTERM)

    def stop_when_it_has_begun():
        wait_until(began.exists, "the cell has begun")
        os.kill(os.getpid(), signal.SIGTERM)

    def stop_in_cell_2(progress):
        if (progress.cell, progress.status) == (2, None):
            threading.Thread(target=stop_when_it_has_begun).start()

    record = run_notebook(notebook(tmp_path, tidy, "print(2)"), executed, {}, RunOptions(on_progress=stop_in_cell_2))
    assert stamps(executed) == ["completed", "interrupted", "not run"]
    assert printed(executed) == "began\ntidied\n"
    assert "stopped by SIGTERM" in record.failure.evalue
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_cell_that_ignores_the_interrupt_at_its_time_limit_is_killed(tmp_path, monkeypatch):
    monkeypatch.setattr("mlkit.runner.run_state.INTERRUPT_GRACE_S", 0.5)
    stubborn = "import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nprint('deaf', flush=True)\ntime.sleep(100_000)"
    executed = tmp_path / "executed.ipynb"
    record = run_notebook(notebook(tmp_path, stubborn, "print(2)"), executed, {}, RunOptions(cell_timeout_s=1.5))
    assert stamps(executed) == ["completed", "timed out", "not run"]
    assert record.failure.evalue == "the cell took longer than 1.5 s"


def test_a_kernel_that_does_not_start_is_told(tmp_path, monkeypatch):
    (tmp_path / "kernels/broken").mkdir(parents=True)
    spec = {"argv": ["python", "-c", "raise SystemExit(3)"], "display_name": "Broken", "language": "python"}
    (tmp_path / "kernels/broken/kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    record = run_notebook(notebook(tmp_path, "print(1)"), tmp_path / "executed.ipynb", {}, RunOptions(kernel_name="broken"))
    assert record.status is Status.DIED
    assert [cell.status for cell in record.cells] == ["not run", "not run"]
    assert "did not start" in record.failure.evalue


class Never(Stored):
    def put(self, name: str, data: bytes) -> None:
        raise AssertionError(f"the run began: {name}")


NEVER = RunOptions(store=Never())


def test_unknown_parameters_are_refused_before_anything_is_written(tmp_path):
    with pytest.raises(InvalidParameters, match="no parameter `y`"):
        run_notebook(notebook(tmp_path), tmp_path / "executed.ipynb", {"y": "1"}, NEVER)
    assert not (tmp_path / "executed.ipynb").exists()


@pytest.mark.parametrize(
    ("kernelspec", "complaint"),
    [
        ({}, "no name"),
        ({"name": "python3"}, "no language"),
        ({"name": "ir", "language": "R"}, "written in R"),
        ({"name": "nowhere", "language": "python"}, "'nowhere' is not installed. Installed kernels:.*python3"),
    ],
)
def test_a_notebook_without_a_kernel_to_run_it_is_refused(tmp_path, kernelspec, complaint):
    with pytest.raises(InvalidNotebook, match=complaint):
        run_notebook(notebook(tmp_path, kernelspec=kernelspec), tmp_path / "executed.ipynb", {}, NEVER)


def rewritten(path: Path, change) -> Path:
    """The notebook after `change(its JSON)`."""
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    return path


def kernels_values(record, executed):
    """What the record says and what the kernel printed, by name."""
    return {one.name: one.value for one in record.parameters}, json.loads(printed(executed))


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content["cells"][1]["metadata"].update(tags=None),
        lambda content: content["cells"][1].pop("metadata"),
        lambda content: content["cells"][1].update(metadata=None, outputs=None),
        lambda content: content["metadata"].update(language_info=None, papermill=None),
        lambda content: content.pop("nbformat_minor"),
    ],
)
@pytest.mark.parametrize("given", [{}, {"x": 5}])
@pytest.mark.filterwarnings("ignore::nbformat.warnings.MissingIDFieldWarning")
def test_a_notebook_with_harmless_gaps_runs_and_the_record_says_what_the_kernel_had(tmp_path, change, given):
    source, executed = rewritten(notebook(tmp_path, "print(f'{{\"x\": {x}}}')"), change), tmp_path / "executed.ipynb"
    record = run_notebook(source, executed, given)
    assert record.status is Status.COMPLETED
    assert kernels_values(record, executed) == ({"x": given.get("x", 1)}, {"x": given.get("x", 1)})
    assert nbformat.read(executed, 4).metadata.papermill.input_path == str(source)


def test_the_checked_notebook_runs_even_if_the_file_changes_meanwhile(tmp_path):
    source = notebook(tmp_path, "print(x)")

    class Changes(Stored):
        def unfinished(self, record_name: str) -> None:
            rewritten(source, lambda content: content["cells"][0].update(source="x: int = 777"))

    record = run_notebook(source, tmp_path / "executed.ipynb", {}, RunOptions(store=Changes()))
    assert ([one.value for one in record.parameters], printed(tmp_path / "executed.ipynb")) == ([1], "1\n")


@pytest.mark.parametrize("given", [{}, {"x": 5}])
def test_the_values_of_an_earlier_run_are_refused_before_the_kernel_starts(tmp_path, given):
    papermill.execute_notebook(
        str(notebook(tmp_path)).replace("{", "{{").replace("}", "}}"), str(tmp_path / "old.ipynb"), {"x": 9}, progress_bar=False
    )
    with pytest.raises(InvalidNotebook, match="cell 2 is tagged `injected-parameters`"):
        run_notebook(tmp_path / "old.ipynb", tmp_path / "executed.ipynb", given, NEVER)


def test_a_notebook_without_a_parameters_cell_runs_when_none_is_given(tmp_path):
    source = rewritten(notebook(tmp_path, "print(2)"), lambda content: content["cells"][0]["metadata"].pop("tags"))
    record = run_notebook(source, tmp_path / "executed.ipynb", {})
    assert (record.status, record.parameters, printed(tmp_path / "executed.ipynb")) == (Status.COMPLETED, (), "2\n")
    with pytest.raises(InvalidParameters, match="no cell tagged `parameters`"):
        run_notebook(source, tmp_path / "executed.ipynb", {"x": 5}, NEVER)


def test_a_notebook_that_could_not_be_saved_afterwards_is_refused_before_the_kernel_starts(tmp_path):
    source = rewritten(notebook(tmp_path, "# Two"), lambda content: content["cells"][1].update(source="# cut \ud83d"))
    with pytest.raises(InvalidNotebook, match=r"cell 2 holds half of a surrogate pair"):
        run_notebook(source, tmp_path / "executed.ipynb", {}, NEVER)


def test_a_file_whose_name_no_record_could_hold_is_refused_before_the_kernel_starts(tmp_path):
    source = notebook(tmp_path)
    with pytest.raises(UsageError, match=r"name of the executed notebook is not UTF-8: .*caf\\udce9"):
        run_notebook(source, tmp_path / "caf\udce9.ipynb", {}, NEVER)
    named = source.rename(tmp_path / "caf\udce9.ipynb")
    with pytest.raises(InvalidNotebook, match=r"name of the notebook is not UTF-8: .*caf\\udce9"):
        run_notebook(named, tmp_path / "executed.ipynb", {}, NEVER)


def test_the_source_is_never_overwritten(tmp_path):
    source = notebook(tmp_path)
    with pytest.raises(UsageError, match="would replace its source"):
        run_notebook(source, source, {}, NEVER)


class Refusing(Stored):
    def put(self, name: str, data: bytes) -> None:
        raise AccessDenied("no")


def test_a_run_whose_evidence_cannot_be_stored_does_not_begin(tmp_path):
    marker = tmp_path / "ran"
    source = notebook(tmp_path, f"open({str(marker)!r}, 'w')")
    with pytest.raises(AccessDenied):
        run_notebook(source, tmp_path / "executed.ipynb", {}, RunOptions(store=Refusing()))
    assert not marker.exists()
