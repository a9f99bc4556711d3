"""What an endpoint of a built-in algorithm is sent and what it answers, as bytes.

Requests: RecordIO-protobuf (the fastest) or sparse JSON. Answers: RecordIO-protobuf, JSON or JSON lines. AWS documents them under
"Common Data Formats for Inference" and "Factorization Machines Response Formats".
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

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


def encode_json_request(rows: Rows) -> bytes:
    """The rows' features as sparse JSON."""
    ends, keys, values = rows.indptr.tolist(), rows.keys.tolist(), rows.values.tolist()
    instances = [
        {"data": {"features": {"keys": keys[start:stop], "shape": [rows.feature_dim], "values": values[start:stop]}}}
        for start, stop in pairwise(ends)
    ]
    return json.dumps({"instances": instances}, separators=(",", ":")).encode()


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


def decode_json_predictions(data: bytes) -> Predictions:
    """The predictions in a JSON answer, `{"predictions": [{"score": .., "predicted_label": ..}]}`. Raises InvalidData."""
    try:
        predictions = json.loads(data)["predictions"]
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidData(f"the answer is not JSON with predictions: {data[:80]!r}", cure=CURE) from error
    return _from_dicts(predictions)


def decode_jsonlines_predictions(data: bytes) -> Predictions:
    """The predictions in a JSON lines answer, one object a line. Raises InvalidData."""
    try:
        predictions = [json.loads(line) for line in data.splitlines() if line.strip()]
    except ValueError as error:
        raise InvalidData(f"the answer is not JSON lines: {data[:80]!r}", cure=CURE) from error
    return _from_dicts(predictions)


def _from_dicts(predictions: list[dict[str, Any]]) -> Predictions:
    try:
        has_labels = bool(predictions) and "predicted_label" in predictions[0]
        scores = np.array([float(prediction["score"]) for prediction in predictions], np.float32)
        labels = np.array([float(prediction["predicted_label"]) for prediction in predictions], np.float32) if has_labels else None
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidData(f"no list of predictions with numeric score and predicted_label ({error})", cure=CURE) from error
    return Predictions(scores=scores, labels=labels)


def _as_bytes(array: NDArray[np.float32]) -> NDArray[np.uint8]:
    view = np.ascontiguousarray(array, np.float32).view(np.uint8)
    view.flags.writeable = False
    return view
