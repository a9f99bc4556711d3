"""Random notebooks against an oracle: a run is green only when nothing raised, swallowed a stop or died, and its record always ends.

`MLKIT_RANDOM_NOTEBOOKS=500 pytest tests/unit/test_runner_random.py` runs more of them.
"""

import os
import random
from dataclasses import dataclass

import pytest
from test_runner import Stored, notebook, printed, stamps

from mlkit.errors import Interrupted, KernelDied, MlkitError, NotebookFailed
from mlkit.evidence.run_record import RunRecord, Status
from mlkit.runner import RunOptions, run_notebook
from mlkit.runner.exit_errors import check_run

HOW_MANY = int(os.environ.get("MLKIT_RANDOM_NOTEBOOKS", "12"))


@dataclass(frozen=True)
class Cell:
    """`{}` in the code stands for the cell's number. `ends` is the status that the cell must get when it is the first of its kind."""

    code: str
    prints: str = ""
    ends: Status = Status.COMPLETED


THREAD = "import threading\nthread = threading.Thread(target={}, args=('{}',))\nthread.start(); thread.join()"
CLEARS = "from IPython.display import clear_output\n"
HARMLESS = [
    Cell("print('cell {}')", "cell {}\n"),
    Cell("cell_{} = {}"),
    Cell("import sys\nfor _ in range(1500):\n    sys.stdout.write('.'); sys.stdout.flush()", "." * 1500),
    Cell("print('cut \\ud83d {}')", "cut \ud83d {}\n"),
    Cell("try:\n    1 / 0\nexcept ZeroDivisionError:\n    print('handled {}')", "handled {}\n"),
    Cell("import os\nif os.fork() == 0:\n    os._exit(3)\nos.wait()[0] and None"),
    Cell("%%capture\nprint('hidden')"),
    Cell("import sys\nprint('to stderr', file=sys.stderr)"),
    Cell(CLEARS + "print('gone')\nclear_output()\nprint('{} stays')", "{} stays\n"),
    Cell(THREAD.format("print", "thread {}"), "thread {}\n"),
    Cell("import subprocess\nsubprocess.Popen(['sleep', '600'])\nNone"),
    Cell("from mlkit.notebook.journal import tell\ntell('metrics', values='no mapping')\ntell('nonsense', x=1)"),
]
RAISING = [
    Cell(code, ends=Status.FAILED)
    for code in (
        "raise ValueError('cell {}')",
        "raise ValueError('cut \\ud83d')",
        "%%capture\nraise ValueError('cell {}')",
        "%%capture\nget_ipython().run_cell('1 / 0')",
        "get_ipython().run_cell('undefined_{}')",
        CLEARS + "try:\n    1 / 0\nexcept ZeroDivisionError:\n    get_ipython().showtraceback()\n    clear_output()",
        "def hook(*_):\n    raise ValueError('{}')\nget_ipython().events.register('post_run_cell', hook)",
        "def hook(*_):\n    raise ValueError('{}')\nget_ipython().events.register('post_execute', hook)",
        "raise SystemExit(0)",
        "quit()",
        "if True print('{}')",
        "await __import__('asyncio').wait_for(__import__('asyncio').sleep(60), 0.01)",
        THREAD.format("get_ipython().run_cell", "1 / 0"),
        "kernel = get_ipython().kernel\nkernel.session.send(kernel.iopub_socket, 'stream', {'name': 'stdout'}, kernel.get_parent())",
        "%%bash\nexit 3",
        "%run missing_{}.py",
    )
]
DYING = [
    Cell(code, ends=Status.DIED)
    for code in (
        "import os\nos._exit(0)",
        "import os\nos.kill(os.getpid(), 9)",
        "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)",
        "import os, threading, time\nthreading.Timer(0.1, os._exit, (0,)).start()\ntime.sleep(100_000)",
    )
]
_SWALLOWS = "import os, signal, time\ntry:\n    os.kill(os.getppid(), signal.{})\n    time.sleep(100_000)\nexcept {}:\n    pass"
STOPPED = [
    Cell(_SWALLOWS.format(name, caught), ends=Status.INTERRUPTED)
    for name in ("SIGTERM", "SIGINT", "SIGHUP")
    for caught in ("KeyboardInterrupt", "BaseException")
]


def numbered(text: str, number: int) -> str:
    return text.replace("{}", str(number))


def drawn(chance: random.Random) -> list[Cell]:
    """Two to seven cells; in three notebooks of four, one or two of them end the run."""
    cells = [chance.choice(HARMLESS) for _ in range(chance.randint(2, 5))]
    for _ in range(chance.choice([0, 1, 1, 2])):
        kind = chance.choice([RAISING, RAISING, DYING, STOPPED])
        cells.insert(chance.randint(0, len(cells)), chance.choice(kind))
    return cells


def expected(cells: list[Cell]) -> tuple[Status, list[Status], str]:
    """Status of the run, of each code cell, and what was printed."""
    statuses, text, ended = [Status.COMPLETED], "", Status.COMPLETED
    for number, cell in enumerate(cells):
        if ended is not Status.COMPLETED:
            statuses.append(Status.NOT_RUN)
            continue
        statuses.append(cell.ends)
        text += numbered(cell.prints, number)
        ended = cell.ends
    return ended, statuses, text


@pytest.mark.parametrize("seed", range(HOW_MANY))
def test_a_random_notebook_ends_as_it_must(seed, tmp_path, monkeypatch):
    cells = drawn(random.Random(seed))
    status, statuses, text = expected(cells)
    source = notebook(tmp_path, *(numbered(cell.code, number) for number, cell in enumerate(cells)))
    executed, store = tmp_path / "executed.ipynb", Stored()
    monkeypatch.chdir(tmp_path)
    record = run_notebook(source, executed, {}, RunOptions(store=store))

    assert record.status is status, record.failure
    assert [cell.status for cell in record.cells] == statuses == stamps(executed)
    assert printed(executed) == text if status is Status.COMPLETED else printed(executed).startswith(text)
    assert record.ended
    assert RunRecord.from_json((tmp_path / "executed.record.json").read_text()) == record == store.records[-1]
    assert ("papermill-error-cell-tag" in executed.read_text()) is (status is not Status.COMPLETED)
    assert exit_code(record) == {Status.COMPLETED: 0, Status.FAILED: NotebookFailed.exit_code, Status.DIED: KernelDied.exit_code}.get(
        status, Interrupted.exit_code
    )


def exit_code(record: RunRecord) -> int:
    try:
        check_run(record)
    except MlkitError as error:
        return error.exit_code
    return 0
