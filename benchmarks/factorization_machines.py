"""Factorization Machines: seconds of an epoch and held-out log loss, ours against other libraries, each in processes of its own.

MovieLens 100k with ten ratings of each user held out, 64 factors, mini-batches of 1000; and rows drawn at random, as many as a large lake
has, of 162,541 users and 59,047 movies. learners.py holds each library's settings.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measuring import Missing, Report, Row, Time, say, scaled, timed
from benchmarks.movielens import split_ratings
from sagemaker_formats.recordio import Rows, write_shard

GROUP = "Factorization Machines"
PEERS = Path(os.environ.get("MLKIT_PEERS", ".tools/peers"))
LEARNERS = Path(__file__).with_name("learners.py")
PEERS_OF_SMALL = {"torch": 20.0, "modern-fm": 40.0, "xlearn": 2.0}
LAKE_ROWS, LAKE_EPOCHS, SHARD_ROWS = 22_000_000, 5, 500_000
USERS, MOVIES = 162_541, 59_047


def run(name: str, rows: Path, *options: str) -> dict[str, Any]:
    python = sys.executable if name == "localaws" else str(PEERS / "bin/python")
    # xlearn asks for the user's name, which a machine without a login does not have
    environment = {**os.environ, "USER": os.environ.get("USER", "user")}
    done = subprocess.run([python, str(LEARNERS), name, str(rows), *options], capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        raise RuntimeError((done.stderr.strip() or f"exit code {done.returncode}").splitlines()[-1])
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def epoch(answer: dict[str, Any]) -> Time:
    return Time(wall=float(np.median(answer["wall"])), cpu=float(np.median(answer["cpu"])))


def write_small(folder: Path) -> Path:
    rows, held_out = split_ratings()
    order = np.random.default_rng(1).permutation(int((~held_out).sum()))
    train, test = rows[~held_out][order], rows[held_out]
    path = folder / "ml-100k.npz"
    np.savez(
        path, keys=train[:, :2], labels=train[:, 2], test_keys=test[:, :2], test_labels=test[:, 2], feature_dim=int(rows[:, 1].max()) + 1
    )
    return path


def lake_rows(n_rows: int, seed: int) -> tuple[Any, Any]:
    """`(n_rows, 2)` keys of a user and a movie, some of which are far more frequent than others, and labels."""
    draw, liking = np.random.default_rng(seed), np.random.default_rng(0).normal(size=USERS + MOVIES)
    keys = np.column_stack([(draw.zipf(1.2, n_rows) - 1) % USERS, USERS + (draw.zipf(1.2, n_rows) - 1) % MOVIES])
    return keys, liking[keys].sum(axis=1) + draw.logistic(size=n_rows) > 0


def write_job(root: Path, n_rows: int) -> None:
    """A training job as SageMaker lays it out for a container, with the rows in several files."""
    for name in ("input/config", "input/data/train", "model", "output/data"):
        (root / name).mkdir(parents=True)
    for number, first in enumerate(range(0, n_rows, SHARD_ROWS)):
        keys, labels = lake_rows(min(SHARD_ROWS, n_rows - first), number)
        rows = Rows(
            indptr=np.arange(0, keys.size + 1, 2), keys=keys.ravel(), values=np.ones(keys.size, np.float32),
            labels=labels.astype(np.float32), feature_dim=USERS + MOVIES,
        )  # fmt: skip
        with (root / f"input/data/train/part-{number:04d}").open("wb") as file:
            write_shard(file, [rows])
    numbers = {"feature_dim": USERS + MOVIES, "num_factors": 64, "mini_batch_size": 1000, "epochs": LAKE_EPOCHS}
    configuration = {
        "hyperparameters": {"predictor_type": "binary_classifier", **{name: str(value) for name, value in numbers.items()}},
        "inputdataconfig": {"train": {"TrainingInputMode": "File", "ContentType": "application/x-recordio-protobuf"}},
        "resourceconfig": {"current_host": "algo-1", "hosts": ["algo-1"]},
    }
    for name, value in configuration.items():
        (root / f"input/config/{name}.json").write_text(json.dumps(value))


def compare_small(report: Report, folder: Path, rounds: int, epochs: int) -> None:
    rows = write_small(folder)
    for peer, target in PEERS_OF_SMALL.items():
        say(f"factorization machines: {peer}")
        ours, theirs = [], []
        try:
            for turn in range(rounds):
                options = ["--epochs", str(epochs), *(["--no-loss"] if turn else [])]
                ours.append(run("localaws", rows, *options))
                theirs.append(run(peer, rows, *options))
        except (RuntimeError, OSError) as error:
            report.missing.append(Missing(group=GROUP, what="epoch of ml-100k", against=peer, reason=str(error)))
            continue
        loss = f"held-out log loss {ours[0]['log_loss']:.4f}, {peer} {theirs[0]['log_loss']:.4f}"
        times = [[epoch(answer) for answer in side] for side in (ours, theirs)]
        row = Row(group=GROUP, what="epoch of ml-100k", against=peer, ours=times[0], theirs=times[1], at_least=target, note=loss)
        row.limit = arithmetic(row.median("ours", "cpu"), len(np.load(rows)["keys"]))
        report.rows.append(row)


def arithmetic(seconds: float, n_rows: int) -> str:
    """Multiplications and additions of a row with two features and 64 factors: 5 for the score, 4 for the gradients, 13 of Adam for 0.9
    weights that it touches."""
    return f"{n_rows * 64 * (5 + 4 + 0.9 * 13) / seconds / 1e9:.1f} GFLOP a CPU second"


def compare_lake(report: Report, folder: Path, n_rows: int) -> None:
    """Ours is a whole training job, with the reading of its files. The peer trains one epoch on a part: its mini-batches take as long."""
    say(f"factorization machines: a job of {n_rows:,} rows")
    root, part = folder / "job", min(n_rows, 200_000)
    write_job(root, n_rows)
    command = [sys.executable, "-P", "-m", "localaws.factorization_machines.train", str(root)]
    ours = timed(lambda: subprocess.run(command, stdout=subprocess.DEVNULL, check=True))
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    what = f"job of {LAKE_EPOCHS} epochs of {n_rows:,} rows"
    keys, labels = lake_rows(part, 0)
    np.savez(folder / "part.npz", keys=keys, labels=labels, test_keys=keys[:1000], test_labels=labels[:1000], feature_dim=USERS + MOVIES)
    try:
        few = run("torch", folder / "part.npz", "--epochs", "1", "--sparse")
    except (RuntimeError, OSError) as error:
        report.missing.append(Missing(group=GROUP, what=what, against="torch", reason=str(error)))
        return
    theirs = scaled([epoch(few)], LAKE_EPOCHS * n_rows / part)
    row = Row(group=GROUP, what=what, against="torch, SparseAdam", ours=[ours], theirs=theirs, at_least=10)
    row.limit = f"{arithmetic(ours.cpu / LAKE_EPOCHS, n_rows)}; peak memory {peak:,.0f} MB, asked for: 1,000 MB"
    row.note = f"ours once, with start and reading; torch: {part:,} rows, scaled up"
    report.rows.append(row)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    report = Report()
    with tempfile.TemporaryDirectory() as name:
        # first, because it asks for the largest memory of a child until now
        compare_lake(report, Path(name), 500_000 if quick else LAKE_ROWS)
        compare_small(report, Path(name), 1 if quick else 5, 4 if quick else 20)
    report.write()


if __name__ == "__main__":
    main()
