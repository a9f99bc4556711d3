"""RecordIO-protobuf with Float32 tensors, the format of training rows and answers of SageMaker's built-in algorithms.

`encode` and `decode` work on bytes, `write_shard` and `read` on files of any size. They all use `Rows`.
    rows      rows.py     Rows, and from_csr()
    codec     codec.py    the four functions above
    wire      wire.py     the format and the reasons for which a record is refused
    writer    writer.py   writes many rows at once; alike.py those that are alike, faster
    reader    reader.py   reads many at once: framing.py finds the records, layouts.py the parts of a record, message.py one message
"""

from sagemaker_formats.recordio.codec import decode, encode, read, write_shard
from sagemaker_formats.recordio.rows import Rows, from_csr, to_float32

__all__ = ["Rows", "decode", "encode", "from_csr", "read", "to_float32", "write_shard"]
