"""However a notebook ends, the run says so: in its status, its cells, its record and its exit code, and the record has an end."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import nbformat
import pytest
from test_runner import Stored, notebook, printed, stamps

from mlkit.errors import GateFailed, MlkitError, RunnerFailed
from mlkit.evidence.run_record import RunRecord, Status
from mlkit.runner import RunOptions, run_notebook
from mlkit.runner.evidence_writer import Keeper
from mlkit.runner.exit_errors import check_run

HOOK = "def hook(*_):\n    raise ValueError('in a hook')\nget_ipython().events.register('post_run_cell', hook)"
HANDLED = "try:\n    raise ValueError('handled')\nexcept ValueError:\n    get_ipython().showtraceback()"
SHOWN = "try:\n        1 / 0\n    except ZeroDivisionError:\n        shell.showtraceback()"
LATE = """\
import threading
shell, go = get_ipython(), threading.Event()
def late():
    go.wait()
    {}
thread = threading.Thread(target=late)
thread.start()"""


def run(folder, *cells: str, options: RunOptions | None = None, **about) -> RunRecord:
    """The record of a run of these cells behind the parameters; checks that it ended and says the same on disk."""
    source, executed = notebook(folder, *cells, **about), folder / "executed.ipynb"
    record = run_notebook(source, executed, {}, options or RunOptions(cwd=folder))
    on_disk = RunRecord.from_json((folder / "executed.record.json").read_bytes().decode())
    assert on_disk == record
    assert record.ended is not None
    assert record.executed_sha256 == hashlib.sha256(executed.read_bytes()).hexdigest()
    if record.status is not Status.COMPLETED:
        assert "error-cell" in executed.read_text() or "outside of its cells" in executed.read_text()
        with pytest.raises(MlkitError):
            check_run(record)
    if record.cells:
        assert stamps(executed) == [cell.status for cell in record.cells]
    return record


@pytest.mark.parametrize(
    ("cells", "ename"),
    [
        (["%%capture\nraise ValueError('hidden')", "print('went on')"], "ValueError"),
        (["%%capture taken\nprint(1)\n1 / 0", "print('went on')"], "ZeroDivisionError"),
        (["%run script.py", "print('went on')"], "ValueError"),
        ([HOOK, "print('went on')"], "ValueError"),
        ([HANDLED, "print('went on')"], "ValueError"),
        ([f"{HANDLED}\nfrom IPython.display import clear_output\nclear_output()", "print('went on')"], "ValueError"),
        (["get_ipython().run_cell('1 / 0')", "print('went on')"], "ZeroDivisionError"),
        (["get_ipython().set_custom_exc((Exception,), lambda *_, **__: None)\n1 / 0", "print('went on')"], "ZeroDivisionError"),
        (["import asyncio\nasyncio.get_event_loop().call_soon(get_ipython().run_cell, '1 / 0')"], "ZeroDivisionError"),
        (["quit()", "import time; time.sleep(0.1); print('went on')"], "SystemExit"),
        (["exit(0)"], "SystemExit"),
        (
            ["kernel = get_ipython().kernel\nkernel.session.send(kernel.iopub_socket, 'status', {}, kernel.get_parent())"],
            "UnreadableMessage",
        ),
    ],
)
def test_whatever_the_kernel_reports_as_an_error_fails_the_cell(tmp_path, cells, ename):
    (tmp_path / "script.py").write_text("x = 1\nraise ValueError('in the script')\n")
    record = run(tmp_path, *cells)
    assert record.status is Status.FAILED
    assert [cell.status for cell in record.cells] == ["completed", "failed", *["not run"] * (len(cells) - 1)]
    assert (record.failure.cell_number, record.failure.ename) == (2, ename)
    assert "went on" not in printed(tmp_path / "executed.ipynb")


@pytest.mark.parametrize("reports", ["shell.run_cell('1 / 0')", SHOWN])
def test_an_error_from_a_thread_fails_the_run_though_its_cell_was_done(tmp_path, reports):
    record = run(tmp_path, LATE.format(reports), "go.set(); thread.join()", "print('went on')")
    assert record.status is Status.FAILED
    assert record.failure.ename == "ZeroDivisionError"
    assert record.cells[3].status is Status.NOT_RUN
    assert "ZeroDivisionError" in (tmp_path / "executed.ipynb").read_text()


@pytest.mark.parametrize("swallowed", ["KeyboardInterrupt", "BaseException"])
def test_a_limit_that_the_last_cell_swallows_still_ends_the_run(tmp_path, swallowed):
    cell = f"import time\ntry:\n    time.sleep(100_000)\nexcept {swallowed}:\n    print('swallowed')"
    record = run(tmp_path, cell, options=RunOptions(cwd=tmp_path, cell_timeout_s=5))
    assert record.status is Status.TIMED_OUT
    assert [cell.status for cell in record.cells] == ["completed", "timed out"]
    assert printed(tmp_path / "executed.ipynb") == "swallowed\n"


def test_a_signal_that_a_cell_swallows_still_ends_the_run_after_that_cell(tmp_path):
    def stop_in_cell_2(progress):
        if (progress.cell, progress.status) == (2, None):
            os.kill(os.getpid(), signal.SIGTERM)

    cell = "import time\ntry:\n    time.sleep(100_000)\nexcept BaseException:\n    pass"
    record = run(tmp_path, cell, "print('went on')", options=RunOptions(cwd=tmp_path, on_progress=stop_in_cell_2))
    assert [cell.status for cell in record.cells] == ["completed", "interrupted", "not run"]


class KeepsNotebooks(Stored):
    def __init__(self) -> None:
        super().__init__()
        self.notebooks: list[bytes] = []

    def put(self, name: str, data: bytes) -> None:
        super().put(name, data)
        if name.endswith(".ipynb"):
            self.notebooks.append(data)


@pytest.mark.parametrize("cell", ["print(1)", "1 / 0", "import os; os._exit(3)"])
def test_the_record_tells_the_digest_of_the_notebook_as_it_was_stored_at_the_end_alone(tmp_path, cell):
    store = KeepsNotebooks()
    record = run(tmp_path, cell, options=RunOptions(cwd=tmp_path, store=store))
    assert record.executed_sha256 == hashlib.sha256(store.notebooks[-1]).hexdigest()
    assert store.notebooks[-1] == (tmp_path / "executed.ipynb").read_bytes()
    assert store.records[0].executed_sha256 is None
    assert store.records[-1] == record


class StopsWhenStored(Stored):
    """SIGTERM comes while the record of the end is being stored."""

    def put(self, name: str, data: bytes) -> None:
        super().put(name, data)
        if name.endswith(".record.json") and self.records[-1].ended and len([one for one in self.records if one.ended]) == 1:
            os.kill(os.getpid(), signal.SIGTERM)


def test_a_stop_that_comes_while_the_evidence_is_stored_is_not_forgotten(tmp_path):
    store = StopsWhenStored()
    record = run(tmp_path, "print(1)", options=RunOptions(cwd=tmp_path, store=store))
    assert record.status is Status.INTERRUPTED
    assert [cell.status for cell in record.cells] == ["completed", "completed"]
    assert store.records[-1] == record


def test_output_that_comes_faster_than_it_is_read_is_kept_whole(tmp_path):
    record = run(tmp_path, "import sys\nfor n in range(8000):\n    sys.stdout.write(f'{n}\\n'); sys.stdout.flush()")
    assert record.status is Status.COMPLETED
    assert printed(tmp_path / "executed.ipynb") == "".join(f"{n}\n" for n in range(8000))


def test_a_save_that_is_under_way_when_the_run_ends_does_not_replace_the_last_one(tmp_path, monkeypatch):
    saved, held, go = Keeper._clean_notebook, threading.Event(), threading.Event()

    def slow(keeper, notebook):
        data = saved(keeper, notebook)
        if threading.current_thread() is not threading.main_thread():
            held.set()
            go.wait()
        return data

    monkeypatch.setattr(Keeper, "_clean_notebook", slow)
    monkeypatch.setattr("mlkit.runner.notebook_run.STOP_SAVING_S", 0.1)
    store = Stored()
    source, executed = notebook(tmp_path, "print('the end')"), tmp_path / "executed.ipynb"
    record = run_notebook(source, executed, {}, RunOptions(store=store))
    assert held.is_set()
    before = executed.read_bytes()
    threads = [thread for thread in threading.enumerate() if thread.name.startswith("mlkit-saver")]
    go.set()
    for thread in threads:
        thread.join()
    assert threads
    assert executed.read_bytes() == before
    assert RunRecord.from_json((tmp_path / "executed.record.json").read_text()) == record == store.records[-1]


def test_a_notebook_that_prints_without_end_is_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr("mlkit.runner.iopub.OUTPUT_LIMIT_BYTES", 2**20)
    record = run(tmp_path, "while True:\n    print('x' * 10_000)", "print(2)")
    assert [cell.status for cell in record.cells] == ["completed", "failed", "not run"]
    assert record.failure.evalue == "the notebook's outputs are larger than 1 MiB"
    assert printed(tmp_path / "executed.ipynb").startswith("x" * 10_000)
    assert (tmp_path / "executed.ipynb").stat().st_size < 2 * 2**20  # what the kernel had sent meanwhile is not kept


def test_one_output_beyond_the_limit_is_not_kept(tmp_path, monkeypatch):
    monkeypatch.setattr("mlkit.runner.iopub.OUTPUT_LIMIT_BYTES", 2**20)
    record = run(tmp_path, "print('first')\nfrom IPython.display import HTML\nHTML('x' * 2 * 2**20)", "print(2)")
    assert (record.status, record.failure.evalue) == ("failed", "the notebook's outputs are larger than 1 MiB")
    assert printed(tmp_path / "executed.ipynb") == "first\n"
    assert (tmp_path / "executed.ipynb").stat().st_size < 2**20


def test_output_that_was_cleared_does_not_count(tmp_path, monkeypatch):
    monkeypatch.setattr("mlkit.runner.iopub.OUTPUT_LIMIT_BYTES", 2**20)
    redraws = "from IPython.display import clear_output\nfor _ in range(40):\n    clear_output()\n    print('x' * 100_000)"
    assert run(tmp_path, redraws).status is Status.COMPLETED


def test_a_kernel_that_answers_and_falls_silent_is_ended(tmp_path, monkeypatch):
    monkeypatch.setattr("mlkit.runner.iopub.QUIET_S", 1.0)
    mute = "kernel = get_ipython().kernel\nkernel._publish_status = lambda *_, **__: None"
    record = run(tmp_path, mute, "print(2)")
    assert [cell.status for cell in record.cells] == ["completed", "failed", "not run"]
    assert "did not report" in record.failure.evalue


def test_half_a_surrogate_pair_is_carried_from_print_to_record(tmp_path):
    record = run(tmp_path, "print('before')\nprint('cut \\ud83d')", "raise ValueError('cut \\ud83d')")
    assert [cell.status for cell in record.cells] == ["completed", "completed", "failed"]
    assert record.failure.evalue == "cut \ud83d"
    assert nbformat.read(tmp_path / "executed.ipynb", 4).cells[2].outputs[0].text == "before\ncut \ud83d\n"


@pytest.mark.parametrize(
    ("cell", "says", "cure"),
    [
        ("import os\nos._exit(0)", "exited with code 0", "os._exit"),
        ("import os\nos._exit(3)", "exited with code 3", "os._exit"),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)", "crashed (SIGSEGV)", "package"),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", "ended by SIGKILL", "fewer rows"),
        ("import os, signal\nsignal.signal(15, signal.SIG_DFL)\nos.kill(os.getpid(), 15)", "ended by SIGTERM", "Find the sender"),
    ],
)
def test_a_kernel_that_ends_is_told_by_its_own_cause(tmp_path, cell, says, cure):
    record = run(tmp_path, cell, "print(2)")
    assert [one.status for one in record.cells] == ["completed", "died", "not run"]
    assert says in record.failure.evalue
    assert cure in record.failure.cure
    with pytest.raises(MlkitError) as told:
        check_run(record)
    assert (told.value.exit_code, told.value.cure) == (13, record.failure.cure)


def test_a_kernel_that_ends_after_its_last_cell_fails_the_run(tmp_path):
    last = "import os, threading, asyncio\nasyncio.get_event_loop().call_soon(os._exit, 0)"
    assert run(tmp_path, last).status is not Status.COMPLETED


def test_the_kernels_exit_handlers_run(tmp_path):
    at_exit = "import atexit, threading, time\natexit.register(open('at_exit', 'w').write, 'done')"
    leaves_open = "left = open('left_open', 'w')\nleft.write('rows')"
    thread = "threading.Thread(target=lambda: (time.sleep(1.5), open('thread', 'w').write('done'))).start()"
    record = run(tmp_path, f"{at_exit}\n{leaves_open}\n{thread}")
    assert record.status is Status.COMPLETED
    assert [(tmp_path / name).read_text() for name in ("at_exit", "left_open", "thread")] == ["done", "rows", "done"]


@pytest.mark.parametrize("method", ["_repr_html_", "_repr_mimebundle_"])
def test_an_error_in_a_rich_representation_keeps_its_name_and_exit_code(tmp_path, method):
    shown = f"from mlkit.errors import GateFailed\nclass Shown:\n    def {method}(self, **_):\n        raise GateFailed('no')\nShown()"
    record = run(tmp_path, shown)
    assert (record.failure.ename, record.failure.evalue) == ("GateFailed", "no")
    with pytest.raises(GateFailed):
        check_run(record)


def test_a_folder_that_the_notebook_deletes_is_made_again(tmp_path):
    executed = tmp_path / "out" / "executed.ipynb"
    source = notebook(
        tmp_path, "import os, shutil\nwhile os.path.exists('out'):\n    shutil.rmtree('out', ignore_errors=True)", "print('after')"
    )
    record = run_notebook(source, executed, {}, RunOptions(cwd=tmp_path))
    check_run(record)
    assert printed(executed) == "after\n"
    assert RunRecord.from_json((tmp_path / "out" / "executed.record.json").read_text()) == record


def test_a_record_that_would_be_a_folder_is_refused(tmp_path):
    (tmp_path / "executed.record.json").mkdir()
    with pytest.raises(MlkitError, match="cannot be the folder"):
        run_notebook(notebook(tmp_path), tmp_path / "executed.ipynb", {})


@pytest.mark.parametrize(("cell", "code"), [("print(2)", 0), ("1 / 0", 12)])
@pytest.mark.parametrize("closed", ["| head -0", "2>&1 | head -1", "> /dev/full", "> /dev/full 2>&1"])
def test_a_command_whose_reader_is_gone_ends_as_the_run_does(tmp_path, closed, cell, code):
    source = notebook(tmp_path, "import time; time.sleep(0.5)", cell, "print('last')")
    mlkit = Path(sys.executable).with_name("mlkit")
    line = f'set -o pipefail; ( "{mlkit}" run "{source}" "{tmp_path}/executed.ipynb"; echo $? > "{tmp_path}/code" ) {closed}'
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    subprocess.run(["bash", "-c", line], cwd=tmp_path, capture_output=True, env=buffered)
    record = RunRecord.from_json((tmp_path / "executed.record.json").read_text())
    assert int((tmp_path / "code").read_text()) == code
    assert (record.status, bool(record.ended)) == ("failed" if code else "completed", True)


def test_a_forked_child_that_goes_on_disturbs_nothing(tmp_path):
    record = run(tmp_path, "import os\nos.fork()", "print('parent')")
    assert [cell.status for cell in record.cells] == ["completed"] * 3


def test_a_closed_terminal_does_not_stop_the_run(tmp_path):
    def closed(progress):
        raise BrokenPipeError

    assert run(tmp_path, "print(1)", options=RunOptions(cwd=tmp_path, on_progress=closed)).status is Status.COMPLETED


def test_an_exception_of_the_runner_itself_fails_the_run_and_ends_its_record(tmp_path, monkeypatch):
    def broken(*_, **__):
        raise KeyError("unforeseen")

    monkeypatch.setattr("mlkit.runner.notebook_client.StoppableClient.execute_cell", broken)
    record = run(tmp_path, "print(1)")
    assert [cell.status for cell in record.cells] == ["failed", "not run"]
    assert "KeyError" in record.failure.evalue
    with pytest.raises(RunnerFailed):
        check_run(record)


@pytest.mark.parametrize(
    "broken", ["mlkit.runner.cells.mark", "mlkit.runner.notebook_run.cells.cell_records", "mlkit.runner.usage.UsageMeter.stop"]
)
def test_an_error_at_the_end_of_the_run_still_gives_the_record_an_end(tmp_path, monkeypatch, broken):
    original, calls = RunRecord.to_json, []

    def raises(*_, **__):
        calls.append(1)
        raise KeyError("unforeseen")

    def when_the_cell_ran(progress):
        if progress.cell == 2:
            monkeypatch.setattr(broken, raises)

    source, executed = notebook(tmp_path, "1 / 0"), tmp_path / "executed.ipynb"
    record = run_notebook(source, executed, {}, RunOptions(on_progress=when_the_cell_ran))
    assert calls
    assert record.status is Status.FAILED
    assert record.failure.ename == "RunnerFailed"
    assert record.ended
    assert (tmp_path / "executed.record.json").read_text() == original(record)


class BreaksAtTheEnd(Stored):
    def put(self, name: str, data: bytes) -> None:
        if name.endswith(".record.json") and json.loads(data)["ended"]:
            raise KeyError("unforeseen")
        super().put(name, data)


def test_a_store_that_fails_in_its_own_way_is_told_and_the_record_ends(tmp_path):
    record = run_notebook(notebook(tmp_path, "print(1)"), tmp_path / "executed.ipynb", {}, RunOptions(store=BreaksAtTheEnd()))
    assert record.ended
    assert [one.ename for one in record.not_kept] == ["RunnerFailed"]
    with pytest.raises(RunnerFailed, match="could not be stored"):
        check_run(record)


def test_a_metric_that_is_no_number_fails_its_cell(tmp_path):
    record = run(tmp_path, "from mlkit.notebook import journal\njournal.log_metrics({'auc': float('nan')})")
    assert (record.failure.cell_number, record.failure.ename) == (2, "InvalidData")
    assert "`auc` is nan" in record.failure.evalue


def test_events_that_make_no_sense_do_not_disturb_the_run(tmp_path):
    tells = (
        "from mlkit.notebook.journal import tell\ntell('secret')\ntell('metrics', values=5)\ntell('object', size='x')\ntell('no such kind')"
    )
    record = run(tmp_path, tells, "print('went on')")
    assert record.ended
    assert record.cells[-1].status is Status.COMPLETED


@pytest.mark.parametrize("name", ["executed", "executed.txt", "executed.v1"])
def test_an_executed_notebook_that_is_not_named_as_one_is_refused_for_two_would_share_a_record(tmp_path, name):
    with pytest.raises(MlkitError, match=r"does not end with \.ipynb"):
        run_notebook(notebook(tmp_path), tmp_path / name, {})


OUTPUTS = """\
from IPython.display import clear_output, display
shown = display('first', display_id=True)
print('gone')
clear_output(wait=True)
print('stays')
shown = display('first', display_id=True)
shown.update('second')"""


def test_text_waits_for_what_it_replaces_and_a_display_is_updated_in_place(tmp_path):
    assert run(tmp_path, OUTPUTS).status is Status.COMPLETED
    cell = nbformat.read(tmp_path / "executed.ipynb", 4).cells[-1]
    assert [one.get("text") or one.data["text/plain"] for one in cell.outputs] == ["stays\n", "'second'"]
