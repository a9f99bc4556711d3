"""RecordIO-protobuf: rows encoded and decoded per second, ours against the protobuf library.

    python benchmarks/recordio.py [--rows 90570] [--repeat 7]

The rows look like MovieLens': two one-hot features out of `feature_dim` and a label. The protobuf library does what SageMaker's SDK v2
does: one message for each row.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests/unit"))
from record_proto import Record, frame, payloads, record

from sagemaker_formats.recordio import Rows, decode, encode


def make_rows(n_rows: int, users: int, movies: int) -> Rows:
    draw = np.random.default_rng(0)
    keys = np.stack([draw.integers(0, users, n_rows), users + draw.integers(0, movies, n_rows)], axis=1)
    return Rows(
        indptr=np.arange(0, 2 * n_rows + 1, 2),
        keys=keys.ravel(),
        values=np.ones(2 * n_rows, np.float32),
        labels=draw.integers(0, 2, n_rows).astype(np.float32),
        feature_dim=users + movies,
    )


def encode_with_protobuf(rows: Rows) -> bytes:
    indptr, keys, values, labels = rows.indptr.tolist(), rows.keys.tolist(), rows.values.tolist(), rows.labels.tolist()
    parts = []
    for row, label in enumerate(labels):
        part = slice(indptr[row], indptr[row + 1])
        parts.append(frame(record(values[part], keys[part], [rows.feature_dim], label).SerializeToString()))
    return b"".join(parts)


def decode_with_protobuf(data: bytes) -> list[Any]:
    return [Record.FromString(payload) for payload in payloads(data)]


def rows_per_second(work: Callable[[], Any], n_rows: int, repeat: int) -> float:
    """The median over `repeat` runs, after one that does not count."""
    work()
    seconds = []
    for _ in range(repeat):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return n_rows / statistics.median(seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=90_570)
    parser.add_argument("--repeat", type=int, default=7)
    options = parser.parse_args()
    rows = make_rows(options.rows, 943, 1682)
    data = encode(rows)
    if data != encode_with_protobuf(rows):
        sys.exit("the two encodings differ")
    few = rows[: min(options.rows, 20_000)]
    few_data = encode(few)
    print(
        f"{'':8}{'mlkit rows/s':>16}{'protobuf rows/s':>18}{'ratio':>8}   (medians of {options.repeat}; {options.rows} and {len(few)} rows)"
    )
    for name, ours, theirs in (
        ("encode", lambda: encode(rows), lambda: encode_with_protobuf(few)),
        ("decode", lambda: decode(data), lambda: decode_with_protobuf(few_data)),
    ):
        fast, slow = rows_per_second(ours, len(rows), options.repeat), rows_per_second(theirs, len(few), options.repeat)
        print(f"{name:8}{fast:16,.0f}{slow:18,.0f}{fast / slow:8.0f}")


if __name__ == "__main__":
    main()
