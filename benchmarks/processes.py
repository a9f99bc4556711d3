"""What starting mlkit costs, as multiples of Python's own start, and what `mlkit run` costs over plain papermill. All are whole processes.

`short` is the worst case, a notebook that is done at once; `plots` prints tables and draws, as notebooks do; `cells` has two hundred cells,
`flood` prints 30,000 lines, each a message of its own.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_notebook

from benchmarks.measuring import Report, Row, in_turns, say, timed

GROUP = "Processes"
SCRIPTS = Path(sys.executable).parent
PARAMETERS = "rows: int = 1000  # of the table"
NOTEBOOKS = {
    "short": ["print(rows)"],
    "plots": [
        "import numpy as np, pandas as pd, matplotlib.pyplot as plt",
        "frame = pd.DataFrame(np.random.default_rng(0).normal(size=(rows, 8)), columns=list('abcdefgh'))",
        *[f"frame.sample(50, random_state={seed})" for seed in range(5)],
        *[f"plt.plot(frame.iloc[:, {column}].cumsum());" for column in range(5)],
    ],
    "flood": ["import sys\nfor n in range(30_000):\n    sys.stdout.write(f'{n}\\n'); sys.stdout.flush()"],
    "cells": [f"print({number})" for number in range(200)],
}


def write(folder: Path, name: str) -> Path:
    cells = [new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]}), *map(new_code_cell, NOTEBOOKS[name])]
    kernelspec = {"name": "python3", "language": "python", "display_name": "Python 3"}
    path = folder / f"{name}.ipynb"
    nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": kernelspec}), path)
    return path


def process(folder: Path, *command: str) -> Callable[[], object]:
    return partial(subprocess.run, command, cwd=folder, check=True, capture_output=True)


def compare_starts(report: Report, folder: Path, rounds: int) -> None:
    say("processes: starts")
    python, mlkit = sys.executable, str(SCRIPTS / "mlkit")
    works = process(folder, python, "-c", "pass"), process(folder, mlkit, "--help"), process(folder, python, "-c", "import mlkit")
    bare, helped, imported = in_turns(rounds, *works, clock=timed)
    for what, ours, at_most in (("mlkit --help", helped, 10), ("import mlkit", imported, 2)):
        report.rows.append(Row(group=GROUP, what=what, against="python -c pass", ours=ours, theirs=bare, at_most=at_most))


def compare_runs(report: Report, folder: Path, rounds: int, names: list[str]) -> None:
    for name in names:
        say(f"processes: mlkit run, {name}")
        notebook = str(write(folder, name))
        plain = process(folder, str(SCRIPTS / "papermill"), notebook, "plain.ipynb", "-p", "rows", "500", "--no-progress-bar")
        ours, theirs = in_turns(
            rounds, process(folder, str(SCRIPTS / "mlkit"), "run", notebook, "ours.ipynb", "-p", "rows", "500"), plain, clock=timed
        )
        report.rows.append(Row(group=GROUP, what=f"mlkit run, notebook of {name}", against="papermill", ours=ours, theirs=theirs))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    report = Report()
    with tempfile.TemporaryDirectory() as name:
        compare_starts(report, Path(name), 5 if quick else 15)
        compare_runs(report, Path(name), 1 if quick else 5, ["short"] if quick else list(NOTEBOOKS))
    report.write()


if __name__ == "__main__":
    main()
