"""Training that is cut into blocks, files and processes: the model is the same, bit for bit."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fm_jobs import make_job, make_rows
from waiting import HANG_S, wait_until

from localaws.algorithm_kit.channel_rows import Dataset
from localaws.factorization_machines import checkpoint, train, trainer
from localaws.factorization_machines.hyperparameters import Hyperparameters
from localaws.factorization_machines.row_store import RowStore
from sagemaker_formats.recordio import encode

PARAMS = Hyperparameters(
    feature_dim=40, num_factors=5, predictor_type="binary_classifier", epochs=3, mini_batch_size=16, factors_lr=0.01, linear_lr=0.05
)


@pytest.fixture(autouse=True)
def sigterm_as_before() -> Iterator[None]:
    """train.main(), called in this process, sets a handler."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def rows_of(n_rows: int, *, seed: int = 0) -> Dataset:
    draw = np.random.default_rng(seed)
    lengths = draw.integers(0, 5, n_rows)
    keys = np.concatenate([draw.permutation(40)[:length] for length in lengths])
    return Dataset(
        indptr=np.concatenate([[0], np.cumsum(lengths)]),
        keys=keys.astype(np.int32),
        values=draw.normal(size=keys.size).astype(np.float32),
        labels=draw.integers(0, 2, n_rows).astype(np.float32),
    )


DATA = rows_of(250)


def store(*, blocks: tuple[int, ...] = (), memory_bytes: int = 1 << 20, data: Dataset = DATA, batch_rows: int = 16) -> RowStore:
    """The rows as a channel of blocks that end before the rows `blocks`."""
    ends = [0, *blocks, len(data)]
    parts = [data[start:stop] for start, stop in pairwise(ends)]
    return RowStore(parts, batch_rows=batch_rows, memory_bytes=memory_bytes)


def fresh() -> trainer.State:
    return trainer.begin(trainer.initial_weights(PARAMS))


def bits(state: trainer.State) -> list[bytes]:
    return [array.tobytes() for group in (state.weights, state.means, state.variances) for array in group]


def trained(rows: RowStore, params: Hyperparameters = PARAMS) -> trainer.State:
    state = fresh()
    list(trainer.train(params, rows, state))
    return state


WHOLE = store()
LAYOUTS: dict[str, dict[str, Any]] = {
    "one file": {},
    "files that end at mini-batches": {"blocks": (32, 64)},
    "files that end within mini-batches": {"blocks": (1, 2, 30, 31, 100, 249)},
    "all rows on disk": {"blocks": (30, 100), "memory_bytes": 0},
    "some rows on disk": {"blocks": (30, 100, 200), "memory_bytes": 4000},
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("batch_rows", [16, 1, 250, 1000])
def test_files_and_disk_change_no_bit_of_the_model(layout: dict[str, Any], batch_rows: int) -> None:
    rows, whole = store(**layout, batch_rows=batch_rows), store(batch_rows=batch_rows)
    params = replace(PARAMS, mini_batch_size=batch_rows)
    assert bits(trained(rows, params)) == bits(trained(whole, params))
    assert rows.digest == whole.digest
    assert sum(len(block) for block in rows.blocks()) == len(rows) == 250


def test_rows_that_do_not_fit_in_memory_are_read_from_the_file() -> None:
    rows = store(**LAYOUTS["some rows on disk"])
    assert 0 < sum(len(block) for block in rows._kept) < len(rows)
    assert rows._file is not None


@pytest.mark.parametrize("other", [rows_of(250, seed=1), DATA[:249], DATA[1:]], ids=["values", "fewer rows", "other order"])
def test_other_rows_have_another_digest(other: Dataset) -> None:
    assert store(data=other).digest != WHOLE.digest


@pytest.mark.parametrize("reports", range(1, 7))
def test_a_checkpoint_at_any_report_leads_to_the_same_model(tmp_path: Path, reports: int) -> None:
    state, rows = fresh(), store(blocks=(30, 100), memory_bytes=0)
    training = trainer.train(PARAMS, rows, state)
    before = [next(training) for _ in range(reports)]
    checkpoint.save(tmp_path, state, PARAMS, rows)
    resumed = checkpoint.load(tmp_path, PARAMS, rows)
    assert resumed is not None
    after = list(trainer.train(PARAMS, rows, resumed))
    uninterrupted = fresh()
    told = list(trainer.train(PARAMS, rows, uninterrupted))
    assert bits(resumed) == bits(uninterrupted)
    for got, wanted in zip([*before, *after], told, strict=True):
        assert (got.epoch, got.batch, got.part.tolist(), got.so_far.tolist()) == (
            wanted.epoch, wanted.batch, wanted.part.tolist(), wanted.so_far.tolist(),
        )  # fmt: skip


def test_a_finished_job_goes_on_with_more_epochs(tmp_path: Path) -> None:
    checkpoint.save(tmp_path, trained(WHOLE, replace(PARAMS, epochs=2)), PARAMS, WHOLE)
    resumed = checkpoint.load(tmp_path, PARAMS, WHOLE)
    assert resumed is not None
    assert len(list(trainer.train(PARAMS, WHOLE, resumed))) == 2
    assert bits(resumed) == bits(trained(WHOLE))


def damage(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def replace_by_text(path: Path) -> None:
    path.write_text("no checkpoint")


def keep(path: Path) -> None:
    pass


@pytest.mark.parametrize(
    ("params", "rows", "change", "reason"),
    [
        (PARAMS, WHOLE, damage, "cannot be read"),
        (PARAMS, WHOLE, replace_by_text, "cannot be read"),
        (replace(PARAMS, num_factors=6), WHOLE, keep, "another value of: num_factors"),
        (replace(PARAMS, linear_lr=0.5, mini_batch_size=17), WHOLE, keep, "another value of: mini_batch_size, linear_lr"),
        (PARAMS, store(data=DATA[:249]), keep, "another value of: data"),
    ],
)
def test_a_checkpoint_that_does_not_fit_is_refused(
    tmp_path: Path, params: Hyperparameters, rows: RowStore, change: Callable[[Path], None], reason: str
) -> None:
    checkpoint.save(tmp_path, fresh(), PARAMS, WHOLE)
    change(tmp_path / checkpoint.NAME)
    with pytest.raises(ValueError, match=rf"^ClientError: The checkpoint .*{reason}.*CheckpointConfig"):
        checkpoint.load(tmp_path, params, rows)


# without this pause between checkpoints, a process that is killed in its second epoch has left one
PROGRAM = "import sys; from localaws.factorization_machines import train; train.CHECKPOINT_S = 0; sys.exit(train.main(sys.argv[1:]))"


def test_a_killed_job_resumes_to_the_model_of_a_job_that_was_not_killed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = {f"train/part-{number}": encode(make_rows(400, seed=number)) for number in range(3)}
    settings = {"epochs": "2000", "mini_batch_size": "400"}
    killed, whole = (make_job(tmp_path / name, settings, files) for name in ("killed", "whole"))
    (killed / "checkpoints").mkdir()
    with (killed / "log").open("w") as log:
        child = subprocess.Popen([sys.executable, "-c", PROGRAM, str(killed)], stdout=log, stderr=subprocess.STDOUT, env=os.environ)
        try:
            wait_until(lambda: "epoch=2," in (killed / "log").read_text() or child.poll() is not None, "the job is at work")
        finally:
            child.kill()
            assert child.wait(HANG_S) == -signal.SIGKILL
    assert not (killed / "model/model.npz").exists()
    assert train.main([str(killed)]) == train.main([str(whole)]) == 0
    assert "Resumed from the checkpoint after " in capsys.readouterr().out
    assert (killed / "model/model.npz").read_bytes() == (whole / "model/model.npz").read_bytes()
