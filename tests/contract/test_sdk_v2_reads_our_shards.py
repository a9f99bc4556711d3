"""SageMaker's SDK v2 is the last public reader of RecordIO-protobuf: it must understand what we write, and we what it writes.

Its package is heavy and pins old dependencies, so only its reader runs, in a process of its own: a stub package `sagemaker` whose path is
the unpacked wheel, so that `sagemaker/__init__.py` is never executed.
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
from waiting import HANG_S

from sagemaker_formats.recordio import Rows, decode, write_shard

PROGRAM = """
import importlib.util, json, sys, types
from pathlib import Path

folder, shard, dense = map(Path, sys.argv[1:])
package = types.ModuleType("sagemaker")
package.__path__ = [str(folder / "sagemaker")]
sys.modules["sagemaker"] = package
utils = types.ModuleType("sagemaker.utils")
utils.DeferredError = RuntimeError
sys.modules["sagemaker.utils"] = utils
amazon = types.ModuleType("sagemaker.amazon")
amazon.__path__ = [str(folder / "sagemaker/amazon")]
sys.modules["sagemaker.amazon"] = amazon

from sagemaker.serializer_utils import read_records, write_numpy_to_dense_tensor
import numpy as np

with shard.open("rb") as file:
    records = read_records(file)
with dense.open("wb") as file:
    write_numpy_to_dense_tensor(file, np.array([[0, 1.5], [2, 0]], np.float32), np.array([1, 0], np.float32))
rows = []
for record in records:
    features, label = record.features["values"].float32_tensor, record.label["values"].float32_tensor
    rows.append([list(features.keys), list(features.values), list(features.shape), list(label.values)])
print(json.dumps(rows))
"""


def test_sdk_v2_reads_our_shards_and_we_read_its_records(sdk_v2: Path, tmp_path: Path) -> None:
    rows = Rows(
        indptr=np.array([0, 2, 2, 5]),
        keys=np.array([0, 995, 127, 128, 2_099_999]),
        values=np.array([1, 1, 0.5, -2, 3], np.float32),
        labels=np.array([0, 1, 1], np.float32),
        feature_dim=2_100_000,
    )
    shard, dense = tmp_path / "shard", tmp_path / "dense"
    with shard.open("wb") as file:
        write_shard(file, [rows])

    command = [sys.executable, "-W", "ignore", "-c", PROGRAM, str(sdk_v2), str(shard), str(dense)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=HANG_S)

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [
        [[0, 995], [1, 1], [2_100_000], [0]],
        [[], [], [2_100_000], [1]],
        [[127, 128, 2_099_999], [0.5, -2, 3], [2_100_000], [1]],
    ]
    theirs = decode(dense.read_bytes())
    np.testing.assert_array_equal(theirs.to_csr().toarray(), [[0, 1.5], [2, 0]])
    assert theirs.labels is not None
    assert theirs.labels.tolist() == [1, 0]
