"""The wire format that writing and reading share.

A record: magic, length of the payload without padding (both uint32, little endian), payload, zeros up to a multiple of 4 bytes.
The payload is SageMaker's record.proto; fields by number:
    Record {map features = 1; map label = 2; uid = 3; metadata = 4; configuration = 5}, map entry {name = 1; Value = 2},
    Value {Float32Tensor = 2; Float64Tensor = 3; Int32Tensor = 7; Bytes = 9}, Float32Tensor {values = 1; keys = 2; shape = 3}.
"""

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int64]
Floats = NDArray[np.float32]

MAGIC = 0xCED7230A
# the upper three bits of the length would say that the record goes on in the next one
LENGTH_LIMIT = 1 << 29

VALUES = np.frombuffer(b"values", dtype=np.uint8)
SCORE = np.frombuffer(b"score", dtype=np.uint8)
PREDICTED_LABEL = np.frombuffer(b"predicted_label", dtype=np.uint8)
