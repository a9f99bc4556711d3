"""What `mlkit run` costs over plain papermill: the same notebooks, in turns, as whole processes. Medians and ratios.

    .venv/bin/python benchmarks/run_overhead.py [ROUNDS [NOTEBOOK ...]]

`short` is the worst case, a notebook that is done at once; `plots` prints tables and draws, as notebooks do; `cells` has two hundred cells,
`flood` prints 30,000 lines, each a message of its own.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_notebook

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


def seconds(command: list[str], folder: Path) -> float:
    began = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return time.perf_counter() - began


def main(rounds: int, names: list[str]) -> None:
    scripts = Path(sys.executable).parent
    print(f"{'notebook':10} {'papermill s':>12} {'mlkit run s':>12} {'ratio':>7} {'extra s':>8}   medians of {rounds}")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for name in names:
            notebook = str(write(folder, name))
            plain = [str(scripts / "papermill"), notebook, "plain.ipynb", "-p", "rows", "500", "--no-progress-bar"]
            ours = [str(scripts / "mlkit"), "run", notebook, "ours.ipynb", "-p", "rows", "500"]
            times: dict[str, list[float]] = {"plain": [], "ours": []}
            for _ in range(rounds):
                times["plain"].append(seconds(plain, folder))
                times["ours"].append(seconds(ours, folder))
            before, after = statistics.median(times["plain"]), statistics.median(times["ours"])
            print(f"{name:10} {before:12.2f} {after:12.2f} {after / before:7.2f} {after - before:8.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 7, sys.argv[2:] or list(NOTEBOOKS))
