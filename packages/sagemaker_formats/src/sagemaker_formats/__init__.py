"""The formats that SageMaker's built-in algorithms read and write.

recordio    RecordIO-protobuf files of training rows: `Rows`, `encode`, `decode`, `read`, `write_shard`
inference   an endpoint's requests and answers in RecordIO-protobuf
errors      `InvalidData`, the one error of this package
"""

__version__ = "0.1.0"
