"""What `mlkit run` leaves behind, whatever goes wrong: one row a fault.

Each row is a real `mlkit run --evidence s3://...` of a notebook of four code cells: the parameters; a child that sleeps and a training
job that nobody waits for; the fault; one more. Whatever the row, nothing of the run is alive afterwards and no job goes on.
"""

import json
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from faults import (
    EATS_MEMORY,
    FILLS_ITS_DISK,
    Fault,
    another_run,
    as_role,
    fill_the_disk,
    from_file,
    little_memory,
    may_mount,
    memory_controller,
    nothing,
    s3_that,
    tiny_disk,
    with_kernel,
    with_options,
    withdraw,
)
from faulty_runs import DEAF, SLEEPS, SWALLOWS, WAITS, FaultyRun, World
from waiting import SLOWNESS, wait_until

CELL_LIMIT, RUN_LIMIT = (round(seconds * SLOWNESS) for seconds in (8, 16))  # what comes before the third cell fits in
NOT_BEGUN = None
NOT_RUN = ["not run"] * 4
COMPLETED = ["completed"] * 4


def in_cell_3(status: str) -> list[str]:
    return ["completed", "completed", status, "not run"]


@dataclass(frozen=True)
class Row:
    """`s3` and `disk` say how the record there ends: `cut off` is `running` without an end, None is neither notebook nor record."""

    fault: str
    exit_code: int
    cells: list[str] | None
    s3: str | None
    says: str
    given: Fault = nothing
    cell: str = SLEEPS
    then: Callable[[FaultyRun], object] | None = None  # once the third cell runs
    disk: str | None = "as s3"
    not_kept: tuple[str, ...] = ()
    printed: str = "started\nin the middle\n"
    afterwards: Callable[[FaultyRun], None] | None = None


def sigterm(run: FaultyRun) -> None:
    run.process.send_signal(signal.SIGTERM)


def sigint(run: FaultyRun) -> None:
    run.process.send_signal(signal.SIGINT)


def wait_until_s3_has_heard_of_cell_3(run: FaultyRun) -> None:
    """S3 is told of each cell and what it prints while it runs, not only at the end."""

    def heard() -> tuple[str, list[str], list[str]]:
        kept = run.in_s3()
        return kept.printed, kept.cells, [cell.status for cell in kept.record.cells]

    running = in_cell_3("running")
    wait_until(heard, "S3 knows the third cell", ok=lambda seen: "in the middle" in seen[0] and seen[1] == seen[2] == running)


def is_killed(run: FaultyRun) -> None:
    wait_until_s3_has_heard_of_cell_3(run)
    run.process.kill()


def goes_on(run: FaultyRun) -> None:
    """When what it printed is under way: the kernel's last words of all would die with it."""
    wait_until_s3_has_heard_of_cell_3(run)
    run.go()


def time_passes(run: FaultyRun) -> None:
    """A limit strikes of itself."""


def the_next_attempt_tells_of_it(run: FaultyRun) -> None:
    again = FaultyRun(run.world, run.folder.parent / "again" / run.folder.name, cell="print('again')", attempt=2, starts_job=False)
    again.folder.parent.mkdir()
    try:
        again.start()
        assert again.wait() == 0, again.printed
    finally:
        again.kill_all()
    address = f"s3://{run.world.bucket}/{run.folder.name}/attempt-1/notebook.record.json"
    assert f"was cut off: {address}" in again.printed
    assert again.in_s3().record.cut_off.record == address
    assert again.in_s3().record.cut_off.started == run.in_s3().record.started


def slow_at_first(put: int, run: FaultyRun) -> str:
    return "slow down" if put <= 3 else "store"


def slow_for_ever(put: int, run: FaultyRun) -> str:
    return "slow down"


def hangs_from_the_start(put: int, run: FaultyRun) -> str:
    (run.folder / "began").touch()
    return "hang"


def hangs_from_the_fault_on(put: int, run: FaultyRun) -> str:
    return "hang" if (run.folder / "began").exists() else "store"


MEMORY = "for real" if memory_controller() else "simulated by SIGKILL"
DISK = "for real" if may_mount() else "simulated by a limit on files' size"
DIES_AT_ITS_START = "import sys; print('libmissing.so: cannot open shared object file', file=sys.stderr); sys.exit(3)"
NEVER_ANSWERS = (
    "import os, signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); open(os.environ['FAULT_BEGAN'], 'w'); time.sleep(100_000)"
)
HOOK = "def hook(*_):\n    raise ValueError('in a hook')\nget_ipython().events.register('post_run_cell', hook)"
INJECTED = json.dumps(
    {
        "cells": [{"cell_type": "code", "metadata": {"tags": ["injected-parameters"]}, "source": "x = 7", "outputs": []}],
        "metadata": {"kernelspec": {"name": "python3", "language": "python", "display_name": "Python 3"}},
        "nbformat": 4,
        "nbformat_minor": 4,
    }
)

# fmt: off
ROWS = [
    #   the fault                              exit  code cells                 S3             the message
    Row("a cell raises",                         12, in_cell_3("failed"),       "failed",      "ValueError: broken",
        cell="print('in the middle')\nraise ValueError('broken')"),
    Row("an assertion fails",                    12, in_cell_3("failed"),       "failed",      "AssertionError: 1 is not 2",
        cell="print('in the middle')\nassert 1 == 2, '1 is not 2'"),
    Row("%%capture hides an error",              12, in_cell_3("failed"),       "failed",      "ValueError: hidden",
        cell="%%capture\nraise ValueError('hidden')", printed="started\n"),
    Row("a hook raises after a cell",            12, in_cell_3("failed"),       "failed",      "ValueError: in a hook",
        cell=f"print('in the middle')\n{HOOK}"),
    Row("quit() in a cell",                      12, in_cell_3("failed"),       "failed",      "the cell called quit() or exit()",
        cell="print('in the middle')\nquit()"),
    Row("os._exit(0) in a cell",                 13, in_cell_3("died"),         "died",        "process exited with code 0",
        cell=WAITS + "\nos._exit(0)", then=goes_on),
    Row(f"out of memory, {MEMORY}",              13, in_cell_3("died"),         "died",        "SIGKILL, usually because the machine ran",
        given=little_memory, cell=WAITS + "\n" + EATS_MEMORY, then=goes_on),

    Row("SIGTERM",                               14, in_cell_3("interrupted"),  "interrupted", "stopped by SIGTERM", then=sigterm),
    Row("SIGINT",                                14, in_cell_3("interrupted"),  "interrupted", "stopped by SIGINT", then=sigint),
    Row("SIGTERM, cell deaf to interrupts",      14, in_cell_3("interrupted"),  "interrupted", "stopped by SIGTERM",
        cell=DEAF, then=sigterm),
    Row("SIGTERM, S3 does not answer",           14, in_cell_3("interrupted"),  "cut off",     "could not be stored within 8 s",
        given=s3_that(hangs_from_the_fault_on), then=sigterm, disk="interrupted", not_kept=("AwsUnavailable",)),
    Row("SIGTERM, S3 has never answered",        14, NOT_RUN,                   None,          "could not be stored within 8 s",
        given=s3_that(hangs_from_the_start), then=sigterm, disk="interrupted", not_kept=("AwsUnavailable",)),
    Row("SIGTERM, the kernel never answers",     14, NOT_RUN,                   "interrupted", "stopped by SIGTERM",
        given=with_kernel(NEVER_ANSWERS), then=sigterm),
    Row("the cell's time limit",                 14, in_cell_3("timed out"),    "timed out",   f"the cell took longer than {CELL_LIMIT} s",
        given=with_options("--cell-timeout", str(CELL_LIMIT)), then=time_passes),
    Row("the run's time limit",                  14, in_cell_3("timed out"),    "timed out",   f"the run took longer than {RUN_LIMIT} s",
        given=with_options("--run-timeout", str(RUN_LIMIT)), then=time_passes),
    Row("SIGTERM, swallowed by the cell",        14, in_cell_3("interrupted"),  "interrupted", "stopped by SIGTERM",
        cell=SWALLOWS, then=sigterm),
    Row("the cell's time limit, swallowed",      14, in_cell_3("timed out"),    "timed out",   f"the cell took longer than {CELL_LIMIT} s",
        given=with_options("--cell-timeout", str(CELL_LIMIT)), cell=SWALLOWS, then=time_passes),
    Row("the run's time limit, swallowed",       14, in_cell_3("timed out"),    "timed out",   f"the run took longer than {RUN_LIMIT} s",
        given=with_options("--run-timeout", str(RUN_LIMIT)), cell=SWALLOWS, then=time_passes),
    Row("kill -9 of the runner",                 -9, in_cell_3("running"),      "cut off",     "cell 3 of 4",
        then=is_killed, afterwards=the_next_attempt_tells_of_it),

    Row("upload refused from the start",         41, NOT_BEGUN,                 None,          "s3:PutObject",
        given=as_role("sagemaker:*", "s3:ListBucket", "s3:GetObject")),
    Row("upload refused at the end",             41, COMPLETED,                 "cut off",     "s3:PutObject",
        given=as_role("s3:*"), cell=WAITS, then=withdraw, disk="completed", not_kept=("AccessDenied",)),
    Row("upload throttled three times",           0, COMPLETED,                 "completed",   "completed in",
        given=s3_that(slow_at_first), cell="print('in the middle')"),
    Row("upload throttled for ever",             42, NOT_BEGUN,                 None,          "Please reduce your request rate",
        given=s3_that(slow_for_ever)),

    Row("a kernel that ends at its start",       13, NOT_RUN,                   "died",        "libmissing.so: cannot open",
        given=with_kernel(DIES_AT_ITS_START)),
    Row("a notebook that is no JSON",            11, NOT_BEGUN,                 None,          "notebook.ipynb",
        given=from_file("{")),
    Row("parameters of an earlier run",          11, NOT_BEGUN,                 None,          "tagged `injected-parameters`",
        given=from_file(INJECTED)),
    Row("an unknown kernel",                     11, NOT_BEGUN,                 None,          "'broken' is not installed",
        given=with_kernel(None)),

    Row(f"disk full from the start, {DISK}",     16, NOT_BEGUN,                 None,          "cannot be written",
        given=tiny_disk(full=True)),
    Row(f"disk fills up, {DISK}",                16, COMPLETED,                 "completed",   "cannot be written",
        given=tiny_disk(full=False), cell=WAITS + "\n" + (FILLS_ITS_DISK if may_mount() else ""), then=fill_the_disk, disk="elsewhere",
        not_kept=("SaveFailed",)),
    Row("another run writes the same notebook",   2, NOT_BEGUN,                 None,          "Another run is writing",
        given=another_run, cell=WAITS, disk="elsewhere"),
]
# fmt: on


@pytest.fixture(scope="module")
def world(local_aws):
    return World.made_in(local_aws)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.fault)
def test_fault(row, world, tmp_path):
    run = FaultyRun(world, tmp_path / f"run-{time.time_ns()}", cell=row.cell, starts_job=row.cells != COMPLETED)
    try:
        with row.given(run):
            run.start()
            end(run, row)
            assert run.process.returncode == row.exit_code, run.printed
            assert row.says in run.printed
            assert "Traceback" not in run.printed
            run.wait_until_gone()
            check_job(run, row)
            check_evidence(run, row)
        if row.afterwards:
            row.afterwards(run)
    finally:
        run.kill_all()


def end(run: FaultyRun, row: Row) -> None:
    """Lets the fault happen and waits for the run's exit: what sleeps would go on for a day, and an S3 that hangs for ever."""
    if row.then is None:
        run.wait()
        return
    run.wait_until_in_the_cell()
    if row.cells != NOT_RUN:
        assert "sleep 100000 " in run.processes().values()
    row.then(run)  # waits, perhaps, and does it
    run.wait()


def check_job(run: FaultyRun, row: Row) -> None:
    if row.cells is NOT_BEGUN or row.cells in (NOT_RUN, COMPLETED):
        assert run.job_status() is None
    else:
        wait_until(run.job_status, "the job is stopped", ok=lambda status: status in ("Stopping", "Stopped"))


def check_evidence(run: FaultyRun, row: Row) -> None:
    assert run.ipython_was_started() is (row.cells is not NOT_BEGUN and row.cells != NOT_RUN)
    kept = run.in_s3()
    places = [(kept, row.s3)]
    if row.disk != "elsewhere" and not run.elsewhere:
        here = run.on_disk()
        places.append((here, row.s3 if row.disk == "as s3" else row.disk))
    for evidence, ends in places:
        if ends is None:
            assert evidence is None
            continue
        assert evidence.record.status == ("running" if ends == "cut off" else ends)
        assert (evidence.record.ended is None) is (ends == "cut off")
        if ends == "cut off" and row.exit_code >= 0:
            continue  # what the store had taken when it began to refuse
        assert evidence.cells == row.cells
        assert [cell.status for cell in evidence.record.cells] == row.cells
        if row.cells != NOT_RUN:
            assert evidence.printed.startswith(row.printed)
        assert [one.ename for one in evidence.record.not_kept] == list(row.not_kept)
