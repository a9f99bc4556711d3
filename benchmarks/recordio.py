"""RecordIO-protobuf: rows encoded and decoded per CPU second, ours against the protobuf library.

    python benchmarks/recordio.py [--rows 100000] [--repeat 7]

pairs: two one-hot features out of 9,940 and a label, as of MovieLens. dense: 28 features. sparse: 0 to 60 features out of 50,000.
The protobuf library makes one message for each row, as the SageMaker SDK v2 does, whose writer is slower still.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "packages/sagemaker_formats/tests"))
from record_proto import Record, frame, payloads, record

from sagemaker_formats.recordio import Rows, decode, encode


def make_rows(kind: str, n_rows: int) -> Rows:
    draw = np.random.default_rng(0)
    if kind == "pairs":
        counts, feature_dim = np.full(n_rows, 2), 9940
        keys = np.stack([draw.integers(0, 6040, n_rows), draw.integers(6040, feature_dim, n_rows)], axis=1).ravel()
    elif kind == "dense":
        counts, feature_dim = np.full(n_rows, 28), 28
        keys = np.tile(np.arange(28), n_rows)
    else:
        counts, feature_dim = draw.integers(0, 61, n_rows), 50_000
        keys = draw.integers(0, feature_dim, counts.sum())
    return Rows(
        indptr=np.concatenate([[0], np.cumsum(counts)]),
        keys=keys,
        values=draw.random(keys.size, np.float32),
        labels=draw.integers(0, 2, n_rows).astype(np.float32),
        feature_dim=feature_dim,
    )


def encode_with_protobuf(rows: Rows) -> bytes:
    indptr, keys, values, labels = rows.indptr.tolist(), rows.keys.tolist(), rows.values.tolist(), rows.labels.tolist()
    parts = []
    for row, label in enumerate(labels):
        part = slice(indptr[row], indptr[row + 1])
        parts.append(frame(record(values[part], keys[part], [rows.feature_dim], label).SerializeToString()))
    return b"".join(parts)


def decode_with_protobuf(data: bytes) -> list[Any]:
    rows = []
    for payload in payloads(data):
        message = Record.FromString(payload)
        tensor, label = message.features["values"].float32_tensor, message.label["values"].float32_tensor
        rows.append((list(tensor.keys), list(tensor.values), label.values[0]))
    return rows


def seconds(work: Callable[[], Any]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def compare(name: str, ours: Callable[[], Any], theirs: Callable[[], Any], n_ours: int, n_theirs: int, repeat: int) -> None:
    """Print the medians of runs that alternate, after one of each that does not count."""
    ours()
    theirs()
    pairs = [(n_ours / seconds(ours), n_theirs / seconds(theirs)) for _ in range(repeat)]
    fast, slow = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(f"{name:16}{fast:16,.0f}{slow:18,.0f}{statistics.median(x / y for x, y in pairs):8.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--repeat", type=int, default=7)
    options = parser.parse_args()
    print(f"{'':16}{'ours, rows/s':>16}{'protobuf, rows/s':>18}{'ratio':>8}   (medians of {options.repeat}; protobuf: 5,000 rows)")
    for kind in ("pairs", "dense", "sparse"):
        rows = make_rows(kind, options.rows)
        few = rows[:5000]
        data, few_data = encode(rows), encode(few)
        if few_data != encode_with_protobuf(few):
            sys.exit("the two encodings differ")
        sizes = len(rows), len(few), options.repeat
        compare(f"{kind}, encode", partial(encode, rows), partial(encode_with_protobuf, few), *sizes)
        compare(f"{kind}, decode", partial(decode, data), partial(decode_with_protobuf, few_data), *sizes)


if __name__ == "__main__":
    main()
