"""Runs the benchmarks and writes benchmarks/RESULTS.md: `make bench`, or `.venv/bin/python -m benchmarks [--quick] [--only GROUP ...]`.

Each group is a module that prints its Report as JSON, in a process of its own. `--quick` measures less often and fewer rows, to see in
some minutes whether a change made something slower. The table shows each group's last run: `--only` measures some of them again.
"""

import argparse
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import machine, table
from benchmarks.measuring import Missing, Report, say

# in the order of the table
GROUPS = ("codec", "factorization_machines", "endpoint", "processes", "prep_at_lake_size")
FOLDER = Path(__file__).parent
KEPT = Path(".tools/benchmarks")  # the last report of each group


def measure(group: str, *, quick: bool) -> Report:
    began = time.perf_counter()
    command = [sys.executable, "-m", f"benchmarks.{group}", *(["--quick"] if quick else [])]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    say(f"{group}: {time.perf_counter() - began:.0f} s")
    if done.returncode:
        return Report(missing=[Missing(group=group, what="all", against="", reason=f"exit code {done.returncode}; its output says why")])
    return Report.read(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", nargs="+", choices=GROUPS, default=GROUPS)
    options = parser.parse_args()
    KEPT.mkdir(parents=True, exist_ok=True)
    for group in options.only:
        load = machine.load()
        report = measure(group, quick=options.quick)
        report.run = machine.describe_run(datetime.now(UTC), quick=options.quick, load=(load, machine.load()))
        (KEPT / f"{group}.json").write_text(report.text())
    kept = [KEPT / f"{group}.json" for group in GROUPS]
    table.write(FOLDER, machine.describe(), [Report.read(path.read_text()) for path in kept if path.exists()])
    say(f"wrote {FOLDER / 'RESULTS.md'}")


if __name__ == "__main__":
    main()
