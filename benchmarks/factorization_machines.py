"""Factorization Machines: seconds of an epoch and held-out log loss, ours against other libraries, each in processes of its own.

MovieLens 100k with ten ratings of each user held out, 64 factors, mini-batches of 1000; and rows drawn at random, as many as a large lake
has, of 162,541 users and 59,047 movies. learners.py holds each library's settings.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measuring import Missing, Report, Row, Time, say, scaled
from benchmarks.movielens import split_ratings

GROUP = "Factorization Machines"
PEERS = Path(os.environ.get("MLKIT_PEERS", ".tools/peers"))
LEARNERS = Path(__file__).with_name("learners.py")
PEERS_OF_SMALL = {"torch": 20.0, "modern-fm": 40.0, "xlearn": 2.0}
LAKE_ROWS, LAKE_EPOCHS = 22_000_000, 5


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


def write_lake(folder: Path, n_rows: int) -> Path:
    users, movies, draw = 162_541, 59_047, np.random.default_rng(0)
    keys = np.column_stack([(draw.zipf(1.2, n_rows) - 1) % users, users + (draw.zipf(1.2, n_rows) - 1) % movies])
    liking = draw.normal(size=users + movies)
    labels = liking[keys].sum(axis=1) + draw.logistic(size=n_rows) > 0
    path = folder / "lake.npz"
    np.savez(path, keys=keys, labels=labels, test_keys=keys[:1000], test_labels=labels[:1000], feature_dim=users + movies)
    return path


def compare_small(report: Report, folder: Path, rounds: int, epochs: int) -> None:
    rows = write_small(folder)
    for peer, target in PEERS_OF_SMALL.items():
        say(f"factorization machines: {peer}")
        ours, theirs = [], []
        try:
            for _ in range(rounds):
                ours.append(run("localaws", rows, "--epochs", str(epochs)))
                theirs.append(run(peer, rows, "--epochs", str(epochs)))
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
    """The peer trains on a part, once: it takes as long for each mini-batch."""
    say(f"factorization machines: {n_rows:,} rows")
    part = min(n_rows, 200_000)
    ours = run("localaws", write_lake(folder, n_rows), "--epochs", "2")
    own = [Time(wall=wall * LAKE_EPOCHS, cpu=cpu * LAKE_EPOCHS) for wall, cpu in zip(ours["wall"][-1:], ours["cpu"][-1:], strict=True)]
    what = f"{LAKE_EPOCHS} epochs of {n_rows:,} rows"
    try:
        few = run("torch", write_lake(folder, part), "--epochs", "1", "--sparse")
    except (RuntimeError, OSError) as error:
        report.missing.append(Missing(group=GROUP, what=what, against="torch", reason=str(error)))
        return
    note = f"torch: {part:,} rows, scaled up; ours: one epoch, times {LAKE_EPOCHS}"
    theirs = scaled([epoch(few)], LAKE_EPOCHS * n_rows / part)
    row = Row(group=GROUP, what=what, against="torch, SparseAdam", ours=own, theirs=theirs, at_least=10, note=note)
    row.limit = arithmetic(own[0].cpu / LAKE_EPOCHS, n_rows)
    report.rows.append(row)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    report = Report()
    with tempfile.TemporaryDirectory() as name:
        compare_small(report, Path(name), 1 if quick else 5, 4 if quick else 20)
        compare_lake(report, Path(name), 1_000_000 if quick else LAKE_ROWS)
    report.write()


if __name__ == "__main__":
    main()
