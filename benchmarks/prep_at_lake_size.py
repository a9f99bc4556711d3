"""Measures seconds and memory of each step of 01_prep on large tables, and compares them with the lab's way of writing the file.

Each table is synthetic: users and movies after Zipf's law, ids that are text and sparse. It is loaded with `mlkit data load`, and the
functions of 01_prep run in a process of their own, under a limit of memory, against a local AWS of its own. The memory is the most that
each side held at once: of the client its largest resident set, of the local AWS the proportional sets of all its processes together.

The lab fills a `lil_matrix` row by row and encodes it with the SageMaker SDK 2. Both take time in proportion to the rows, so 100,000
rows are measured before each table and after it. `--rows 100000000` measures another table, which takes an hour.
"""

import argparse
import contextlib
import importlib
import io
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
import types
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.measuring import Missing, Report, Row, Time, say
from localaws import lifecycle
from mlkit.naming import DATALAKE_TEMPLATE, LabNames

GROUP = "01_prep at the size of a lake"
ROOT = Path(__file__).parents[1]
PLOT = "prep_at_lake_size.png"
NAMES = LabNames(initials="big")
SDK = ROOT / ".tools/sdk-v2"
LAB_ROWS, BLOCK_ROWS = 100_000, 1_000_000
MB = 1 << 20


@dataclass
class Measured:
    """One table: seconds of each step, in order, and the most memory of both sides in MB."""

    rows: int
    lab: list[float] = field(default_factory=list)  # seconds of the lab's way for as many rows, before and after
    seconds: dict[str, float] = field(default_factory=dict)
    client_mb: float = 0
    server_mb: float = 0

    @property
    def prep_s(self) -> float:
        return sum(seconds for step, seconds in self.seconds.items() if step != "load")

    def row(self) -> Row:
        """The comparison with the lab's way. Only elapsed seconds are known: most of the work is the local AWS's."""
        ours, theirs = ([Time(wall=seconds, cpu=seconds) for seconds in side] for side in ([self.prep_s] * len(self.lab), self.lab))
        return Row(
            group=GROUP, what=f"{self.rows:,} ratings, from the table to shards", against="lil_matrix by row, SDK v2's writer",
            ours=ours, theirs=theirs, at_least=100, limit=f"client {self.client_mb:.0f} MB, local AWS {self.server_mb:.0f} MB",
            note=f"lab's way: {LAB_ROWS:,} rows, scaled up; elapsed seconds only",
        )  # fmt: skip


class Watched:
    """The most memory that the local AWS held, of all its processes together; since the last `mark`, and by step."""

    def __init__(self, home: Path) -> None:
        self.server = psutil.Process(json.loads((home / "server.json").read_text())["pid"])
        self.most_mb, self.step_mb, self._ended = 0.0, 0.0, threading.Event()
        threading.Thread(target=self._measure, daemon=True).start()

    def _measure(self) -> None:
        while not self._ended.wait(0.2):
            with contextlib.suppress(psutil.Error):
                family = [self.server, *self.server.children(recursive=True)]
                held = sum(one.memory_full_info().pss for one in family) / MB
                self.step_mb, self.most_mb = max(self.step_mb, held), max(self.most_mb, held)

    def mark(self) -> float:
        """The most since the last mark, in MB."""
        held, self.step_mb = self.step_mb, 0.0
        return held

    def close(self) -> None:
        self._ended.set()


def write_ratings(path: Path, rows: int) -> None:
    """A Parquet file of ratings by about rows / 100 users. An id is a word and a sparse number."""
    draw = np.random.default_rng(rows)
    users, movies = min(160_000, rows // 100), min(60_000, rows // 200)
    names = [
        pa.array([f"{word}-{number:x}" for number in draw.choice(1 << 40, n, replace=False)])
        for word, n in (("user", users), ("film", movies))
    ]
    schema = pa.schema([("userid", pa.string()), ("movieid", pa.string()), ("rating", pa.int8()), ("timestamp", pa.int64())])
    with pq.ParquetWriter(path, schema) as writer:
        for start in range(0, rows, BLOCK_ROWS):
            size = min(BLOCK_ROWS, rows - start)
            ids = [known.take(pa.array(zipf(draw, len(known), size))) for known in names]
            stars = draw.choice(np.arange(1, 6, dtype=np.int8), size, p=[0.06, 0.11, 0.27, 0.34, 0.22])
            writer.write_table(pa.table([*ids, pa.array(stars), pa.array(draw.integers(1e9, 1.6e9, size))], schema=schema))


def zipf(draw: np.random.Generator, n: int, size: int) -> np.ndarray:
    """Numbers below n; number k is drawn in proportion to 1 / (k + n / 20), about as users and movies of MovieLens are."""
    head = n / 20
    return np.minimum((head * ((n + head) / head) ** draw.random(size) - head).astype(np.int64), n - 1)


def steps(rows_per_shard: int) -> Iterator[tuple[str, float]]:
    """The functions of 01_prep, with the seconds of each."""
    from mlkit.aws.session import Session
    from mlkit.movielens import preparation
    from mlkit.movielens.lake import find_lake

    began = time.perf_counter()

    def took() -> float:
        nonlocal began
        began, before = time.perf_counter(), began
        return began - before

    lake = find_lake(Session(), NAMES.initials)
    profile = preparation.profile_ratings(lake)
    yield "profile", took()
    preparation.count_ratings(lake)
    yield "histogram", took()
    run = preparation.start_run(
        lake, salt="s", split="hashed", test_ratings_per_user=10, validation_fraction=0.1, positive_rating=4.0,
        ratings=profile.ratings, rows_per_shard=rows_per_shard,
    )  # fmt: skip
    index = preparation.unload_feature_index(lake, run)
    yield "feature index", took()
    unloaded = preparation.unload_splits(lake, run)
    yield "UNLOAD", took()
    preparation.write_channels(lake, run, unloaded, index)
    yield "shards", took()


def run_steps(rows_per_shard: int) -> None:
    for name, seconds in steps(rows_per_shard):
        print(json.dumps([name, seconds]), flush=True)
    print(json.dumps(["client_mb", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]), flush=True)


def measure(rows: int, rows_per_shard: int, limit_mb: int, folder: Path) -> Measured:
    ratings, home, found = folder / "ratings.parquet", folder / "home", Measured(rows)
    write_ratings(ratings, rows)
    lifecycle.up(home, port=0)
    watched = Watched(home)
    environment = {**os.environ, **lifecycle.environment(home), "MLKIT_LOCAL_HOME": str(home)}
    try:
        deploy_lake(environment)
        began = time.perf_counter()
        run([str(ROOT / ".venv/bin/mlkit"), "data", "load", str(ratings), "--your-initials", NAMES.initials], environment, limit_mb)
        tell(found, "load", time.perf_counter() - began, watched)
        ratings.unlink()
        with subprocess.Popen(
            limited([sys.executable, "-m", "benchmarks.prep_at_lake_size", "--steps", "--rows-per-shard", str(rows_per_shard)], limit_mb),
            env=environment, stdout=subprocess.PIPE, text=True,
        ) as child:  # fmt: skip
            assert child.stdout is not None
            for name, value in map(json.loads, child.stdout):
                if name == "client_mb":
                    found.client_mb = value
                else:
                    tell(found, name, value, watched)
        if child.returncode:
            raise subprocess.CalledProcessError(child.returncode, "the steps of 01_prep")
        found.server_mb = watched.most_mb
    finally:
        watched.close()
        lifecycle.down(home)
    return found


def tell(found: Measured, step: str, seconds: float, watched: Watched) -> None:
    found.seconds[step] = seconds
    say(f"{found.rows:>12,}  {step:<14}{seconds:8.1f} s  server {watched.mark():6.0f} MB")


def limited(command: list[str], limit_mb: int) -> list[str]:
    return ["prlimit", f"--data={limit_mb * MB}", *command]


def run(command: list[str], environment: dict[str, str], limit_mb: int) -> None:
    subprocess.run(limited(command, limit_mb), env=environment, check=True, stdout=subprocess.DEVNULL, cwd=ROOT)


def deploy_lake(environment: dict[str, str]) -> None:
    import boto3

    from mlkit.aws.session import Session
    from mlkit.aws.stacks import deploy_stack

    os.environ.update(environment)
    parameters = {"YourInitials": NAMES.initials, "IdType": "string"}
    deploy_stack(Session(boto3.Session()), NAMES.datalake_stack, ROOT / DATALAKE_TEMPLATE, parameters, capabilities=("CAPABILITY_IAM",))


def lab_seconds_a_row() -> float:
    """Seconds that the lab's loop and the SDK's writer take for a row, not counting that it reads the file."""
    if "sagemaker" not in sys.modules:
        for name, folder in (("sagemaker", "sagemaker"), ("sagemaker.utils", ""), ("sagemaker.amazon", "sagemaker/amazon")):
            sys.modules[name] = package = types.ModuleType(name)
            package.__path__ = [str(SDK / folder)]
        sys.modules["sagemaker.utils"].DeferredError = RuntimeError  # type: ignore[attr-defined]
    from scipy.sparse import lil_matrix

    write = importlib.import_module("sagemaker.serializer_utils").write_spmatrix_to_sparse_tensor
    draw = np.random.default_rng(0)
    users, movies = draw.integers(0, 943, LAB_ROWS).tolist(), draw.integers(943, 2625, LAB_ROWS).tolist()
    stars = draw.integers(1, 6, LAB_ROWS).tolist()
    began = time.perf_counter()
    features, labels = lil_matrix((LAB_ROWS, 2625), dtype=np.float32), []
    for row, (user, movie, rating) in enumerate(zip(users, movies, stars, strict=True)):
        features[row, user] = features[row, movie] = 1
        labels.append(1 if rating >= 4 else 0)
    write(io.BytesIO(), features, np.array(labels, np.float32))
    return (time.perf_counter() - began) / LAB_ROWS


def plot_steps(found: list[Measured], path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    bottom = np.zeros(len(found))
    for step in found[0].seconds:
        seconds_of = np.array([one.seconds[step] for one in found])
        axes.bar([f"{one.rows / 1e6:g} M" for one in found], seconds_of, bottom=bottom, label=step)
        bottom += seconds_of
    axes.set(title="Where does the time of 01_prep go?", xlabel="ratings", ylabel="seconds")
    axes.legend()
    figure.savefig(path, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one table of a million")
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000, 10_000_000, 25_000_000])
    parser.add_argument("--rows-per-shard", type=int, default=1_000_000)
    parser.add_argument("--limit-mb", type=int, default=3000, help="of the client's memory")
    parser.add_argument("--steps", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.steps:
        return run_steps(options.rows_per_shard)
    found: list[Measured] = []
    report = Report(plots=[PLOT])
    for rows in options.rows[: 1 if options.quick else None]:
        with tempfile.TemporaryDirectory() as folder:
            before = lab_seconds_a_row()
            try:
                found.append(measure(rows, options.rows_per_shard, options.limit_mb, Path(folder)))
            except subprocess.SubprocessError as error:
                report.missing.append(Missing(group=GROUP, what=f"{rows:,} ratings", against="", reason=str(error)))
                continue
            found[-1].lab = [rows * before, rows * lab_seconds_a_row()]
        report.rows = [one.row() for one in found]
    if found:
        plot_steps(found, Path(__file__).with_name(PLOT))
    report.write()


if __name__ == "__main__":
    main()
