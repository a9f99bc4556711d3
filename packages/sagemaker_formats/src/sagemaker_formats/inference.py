"""Writes requests to an endpoint of a built-in algorithm, and reads and writes its answers.

The codecs are for RecordIO-protobuf, the fastest of the formats that AWS documents under "Common Data Formats for Inference" and
"Factorization Machines Response Formats".
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sagemaker_formats.errors import InvalidData
from sagemaker_formats.recordio import Rows, encode
from sagemaker_formats.recordio.reader import read_predictions
from sagemaker_formats.recordio.wire import Refused
from sagemaker_formats.recordio.writer import write_predictions

RECORDIO, JSON, JSONLINES = "application/x-recordio-protobuf", "application/json", "application/jsonlines"
CURE = "The answer is not that of a built-in algorithm: check the endpoint's model and the Accept header."


@dataclass(frozen=True, kw_only=True, eq=False)
class Predictions:
    """The answers for a batch, in the order of its rows, as float32.

    scores: (n_rows,) probabilities of label 1 by a classifier, or values by a regressor; (n_rows, n_classes) probabilities by a
    classifier of several classes. labels: (n_rows,) predicted labels from 0 on; None from a regressor.
    """

    scores: NDArray[np.float32]
    labels: NDArray[np.float32] | None

    def __len__(self) -> int:
        return len(self.scores)

    @classmethod
    def concatenate(cls, parts: "Sequence[Predictions]") -> "Predictions":
        """The predictions of several batches as one, without labels if a part has none."""
        labels = [part.labels for part in parts if part.labels is not None]
        return cls(
            scores=np.concatenate([part.scores for part in parts]),
            labels=np.concatenate(labels) if len(labels) == len(parts) else None,
        )


def encode_request(rows: Rows) -> bytes:
    """The rows' features as RecordIO-protobuf, without labels, because a request has none."""
    return encode(Rows(indptr=rows.indptr, keys=rows.keys, values=rows.values, labels=None, feature_dim=rows.feature_dim))


def encode_recordio_predictions(predictions: Predictions) -> bytes:
    """One record for each row. Its labels are `score` and, for a classifier, `predicted_label`."""
    return write_predictions(predictions.scores, predictions.labels)


def decode_recordio_predictions(data: bytes) -> Predictions:
    """The predictions in a RecordIO answer. Raises InvalidData, which names the byte offset of the record."""
    try:
        scores, labels = read_predictions(bytes(data))
    except Refused as refusal:
        raise InvalidData(f"record at byte {refusal.at} of the answer: {refusal.reason}", cure=CURE) from None
    return Predictions(scores=scores, labels=labels)
