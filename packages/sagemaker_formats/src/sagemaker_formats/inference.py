"""What an endpoint of a built-in algorithm is sent and what it answers, as bytes.

The codecs are for RecordIO-protobuf, the fastest of the formats that AWS documents under "Common Data Formats for Inference" and
"Factorization Machines Response Formats".
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sagemaker_formats.errors import InvalidData
from sagemaker_formats.recordio import Rows, encode, wire
from sagemaker_formats.recordio.wire import PREDICTED_LABEL, SCORE

RECORDIO, JSON, JSONLINES = "application/x-recordio-protobuf", "application/json", "application/jsonlines"
CURE = "The endpoint did not answer as a built-in algorithm does: look at its model and at the Accept header."


@dataclass(frozen=True, kw_only=True, eq=False)
class Predictions:
    """The answers for a batch, in the order of its rows: (n_rows,) float32 each.

    scores: for a classifier the probability of label 1, for a regressor the value. labels: 0 or 1 from a classifier, None from a regressor.
    """

    scores: NDArray[np.float32]
    labels: NDArray[np.float32] | None

    def __len__(self) -> int:
        return self.scores.size

    @classmethod
    def concatenate(cls, parts: "Sequence[Predictions]") -> "Predictions":
        """The predictions of several batches as one, without labels if a part has none."""
        labels = [part.labels for part in parts if part.labels is not None]
        return cls(
            scores=np.concatenate([part.scores for part in parts]),
            labels=np.concatenate(labels) if len(labels) == len(parts) else None,
        )


def encode_request(rows: Rows) -> bytes:
    """The rows' features as RecordIO-protobuf; labels are left out, a request has none."""
    return encode(Rows(indptr=rows.indptr, keys=rows.keys, values=rows.values, labels=None, feature_dim=rows.feature_dim))


def encode_recordio_predictions(predictions: Predictions) -> bytes:
    """One record for each row, with `score` and, from a classifier, `predicted_label` among its labels."""
    from sagemaker_formats.recordio import writer

    has_labels = predictions.labels is not None
    payload = SCORE.size + 14 + (PREDICTED_LABEL.size + 14 if has_labels else 0)
    record_size = 8 + (payload + 3) // 4 * 4
    out = np.empty(record_size * len(predictions), np.uint8)
    labels = predictions.labels if predictions.labels is not None else np.zeros(0, np.float32)
    writer.write_predictions(out, record_size, _as_bytes(predictions.scores), _as_bytes(labels))
    return out.tobytes()


def decode_recordio_predictions(data: bytes) -> Predictions:
    """The predictions in a RecordIO answer. Raises InvalidData, which names the byte offset of the record."""
    from sagemaker_formats.recordio import reader

    scores, labels = np.empty(len(data) // 12 + 1, np.float32), np.empty(len(data) // 12 + 1, np.float32)
    status, at, n_rows, labelled = reader.read_predictions(np.frombuffer(bytes(data), np.uint8), scores, labels)
    if status != wire.OK:
        raise InvalidData(f"record at byte {at} of the answer: {wire.REASONS[status]}", cure=CURE)
    return Predictions(scores=scores[:n_rows].copy(), labels=labels[:n_rows].copy() if labelled == 1 else None)


def _as_bytes(array: NDArray[np.float32]) -> NDArray[np.uint8]:
    view = np.ascontiguousarray(array, np.float32).view(np.uint8)
    view.flags.writeable = False
    return view
