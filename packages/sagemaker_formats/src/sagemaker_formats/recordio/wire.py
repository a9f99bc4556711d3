"""The wire format, for writers and readers.

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
Flags = NDArray[np.bool_]

MAGIC = 0xCED7230A
HEADER_SIZE = 8
# the upper three bits of the length mean that the record continues in the next one
LENGTH_LIMIT = 1 << 29

VALUES, SCORE, PREDICTED_LABEL = b"values", b"score", b"predicted_label"

# why a record is refused
CUT = "the data end in the middle of it"
NO_MAGIC = "it does not begin with RecordIO's magic number"
IN_PARTS = "its length has continuation bits set; records in several parts are not supported"
MALFORMED = "its protobuf message is malformed"
NAME = "it holds a tensor of another name than 'values'"
FLOAT64 = "it holds a Float64 tensor; only Float32 is supported"
INT32 = "it holds an Int32 tensor; only Float32 is supported"
BYTES = "it holds bytes; only Float32 tensors are supported"
UNEQUAL = "its number of values does not match its keys or, for a dense row, its shape"
SHAPE = "its shape is not one positive number; a sparse row must have it"
DIMENSION = "its shape differs from the feature_dim of the records before, or from the one asked for"
KEY = "it has a key outside its shape"
LABEL = "its label is not exactly one value"
MIXED = "some records have a label and some have none"
TWICE = "it has two feature tensors or two labels"
EMPTY = "it has no features"


class Refused(Exception):
    """A record breaks the format. The caller adds the position of the record."""

    def __init__(self, reason: str, at: int = 0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.at = at
