"""The wire format, for writers and readers.

A record: magic, length of the payload without padding (both uint32, little endian), payload, zeros up to a multiple of 4 bytes.
The payload is SageMaker's record.proto; fields by number:
    Record {map features = 1; map label = 2; uid = 3; metadata = 4; configuration = 5}, map entry {name = 1; Value = 2},
    Value {Float32Tensor = 2; Float64Tensor = 3; Int32Tensor = 7; Bytes = 9}, Float32Tensor {values = 1; keys = 2; shape = 3}.
"""

from collections.abc import Callable
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int64]
Floats = NDArray[np.float32]
# compiled code must convert bytes to int64 before it shifts them; for the type checker that is an int
int64 = cast(Callable[[Any], int], np.int64)

MAGIC = 0xCED7230A
# the upper three bits of the length mean that the record continues in the next one
LENGTH_LIMIT = 1 << 29

VALUES = np.frombuffer(b"values", dtype=np.uint8)
SCORE = np.frombuffer(b"score", dtype=np.uint8)
PREDICTED_LABEL = np.frombuffer(b"predicted_label", dtype=np.uint8)

# the result of reading a record; compiled code cannot raise useful errors, so it returns one of these and a byte position
OK, CUT, NO_MAGIC, IN_PARTS, MALFORMED, NAME, FLOAT64, INT32, BYTES, UNEQUAL, SHAPE, DIMENSION, KEY, LABEL, MIXED, TWICE, EMPTY = range(17)

REASONS = {
    CUT: "the data end in the middle of it",
    NO_MAGIC: "it does not begin with RecordIO's magic number",
    IN_PARTS: "its length has continuation bits set; records in several parts are not supported",
    MALFORMED: "its protobuf message is malformed",
    NAME: "it holds a tensor of another name than 'values'",
    FLOAT64: "it holds a Float64 tensor; only Float32 is supported",
    INT32: "it holds an Int32 tensor; only Float32 is supported",
    BYTES: "it holds bytes; only Float32 tensors are supported",
    UNEQUAL: "its number of values does not match its keys or, for a dense row, its shape",
    SHAPE: "its shape is not one positive number; a sparse row must have it",
    DIMENSION: "its shape differs from the feature_dim of the records before, or from the one asked for",
    KEY: "it has a key outside its shape",
    LABEL: "its label is not exactly one value",
    MIXED: "some records have a label and some have none",
    TWICE: "it has two feature tensors or two labels",
    EMPTY: "it has no features",
}
