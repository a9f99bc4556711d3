"""RecordIO-protobuf: our codec, the SageMaker SDK v2's, and copies of the bytes in memory and to a file.

Rows are as MovieLens': two one-hot features of 2,625, and a label.
"""

import argparse
import io
import os
import statistics
import sys
import tempfile
import types
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measuring import Report, Row, in_turns, say, scaled
from sagemaker_formats.recordio import Rows, decode, encode

GROUP = "RecordIO codec"
SDK = Path(os.environ.get("MLKIT_SDK_V2", ".tools/sdk-v2"))
SDK_ROWS = 10_000  # it takes as long for each row, so that this many stand for all


def sdk_v2() -> Any:
    """The SDK's module of writers and readers. A stub for its package, whose own imports need what is not installed here."""
    for name, path in (("sagemaker", "sagemaker"), ("sagemaker.utils", None), ("sagemaker.amazon", "sagemaker/amazon")):
        module: Any = types.ModuleType(name)
        if path:
            module.__path__ = [str(SDK / path)]
        sys.modules[name] = module
    sys.modules["sagemaker.utils"].DeferredError = RuntimeError  # type: ignore[attr-defined]
    from sagemaker import serializer_utils

    return serializer_utils


def make_rows(n_rows: int) -> Rows:
    draw = np.random.default_rng(0)
    keys = np.stack([draw.integers(0, 943, n_rows), draw.integers(943, 2625, n_rows)], axis=1).ravel()
    return Rows(
        indptr=np.arange(0, 2 * n_rows + 1, 2),
        keys=keys,
        values=np.ones(2 * n_rows, np.float32),
        labels=draw.integers(0, 2, n_rows).astype(np.float32),
        feature_dim=2625,
    )


def sdk_encode(sdk: Any, rows: Rows) -> bytes:
    from scipy.sparse import csr_matrix

    file = io.BytesIO()
    sdk.write_spmatrix_to_sparse_tensor(file, csr_matrix(rows.to_csr()), rows.labels)
    return file.getvalue()


def sdk_decode(sdk: Any, data: bytes) -> list[Any]:
    records = sdk.read_records(io.BytesIO(data))
    tensors = [(one.features["values"].float32_tensor, one.label["values"].float32_tensor) for one in records]
    return [(list(features.keys), list(features.values), list(label.values)) for features, label in tensors]


def compare(report: Report, sdk: Any, n_rows: int, rounds: int) -> None:
    say(f"codec: {n_rows:,} rows")
    rows = make_rows(n_rows)
    few, data = rows[: min(n_rows, SDK_ROWS)], encode(rows)
    few_data = encode(few)
    if few_data != sdk_encode(sdk, few):
        sys.exit("the two encodings differ")
    once, twice = bytearray(len(data)), bytearray(len(data))

    def two_copies() -> None:
        once[:] = data
        twice[:] = once

    def to_file() -> None:
        with tempfile.TemporaryFile(dir=".") as file:
            file.write(data)

    ours, theirs, copies, files = in_turns(rounds, lambda: encode(rows), lambda: sdk_encode(sdk, few), two_copies, to_file)
    theirs = scaled(theirs, n_rows / len(few))
    note = "" if len(few) == n_rows else f"SDK: {len(few):,} rows, scaled up"
    size = f"{len(data) / 1e6:,.0f} MB"
    report.rows += [
        Row(group=GROUP, what=f"encode {n_rows:,} rows", against="SDK v2 write_spmatrix_to_sparse_tensor", ours=ours, theirs=theirs,
            at_least=400, note=note, limit=f"{_times_of(ours, files):.1f} × a file write of the {size}"),
        Row(group=GROUP, what=f"encode {n_rows:,} rows", against=f"two copies of the {size} in memory", ours=ours, theirs=copies, at_most=3,
            limit=_rate(ours, n_rows)),
    ]  # fmt: skip
    ours, theirs, copies = in_turns(rounds, lambda: decode(data), lambda: sdk_decode(sdk, few_data), two_copies)
    theirs = scaled(theirs, n_rows / len(few))
    report.rows.append(
        Row(group=GROUP, what=f"decode {n_rows:,} rows", against="SDK v2 read_records, values extracted", ours=ours, theirs=theirs,
            at_least=250, note=note, limit=f"{_times_of(ours, copies):.1f} × two copies; {_rate(ours, n_rows)}")
    )  # fmt: skip


def _times_of(ours: list[Any], limit: list[Any]) -> float:
    return statistics.median(x.cpu / max(y.cpu, 1e-9) for x, y in zip(ours, limit, strict=True))


def _rate(ours: list[Any], n_rows: int) -> str:
    return f"{n_rows / statistics.median(one.cpu for one in ours) / 1e6:.1f} M rows a CPU second"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    report, sdk = Report(), sdk_v2()
    compare(report, sdk, 90_570, 3 if quick else 7)
    compare(report, sdk, 1_000_000 if quick else 4_000_000, 2 if quick else 5)
    report.write()


if __name__ == "__main__":
    main()
