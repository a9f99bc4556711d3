"""Requests and answers of an endpoint, as an application sees them."""

import numpy as np
import pytest
from record_proto import Record, frame, payloads

from sagemaker_formats.errors import InvalidData
from sagemaker_formats.inference import Predictions, decode_recordio_predictions, encode_recordio_predictions, encode_request
from sagemaker_formats.recordio import Rows, decode

ROWS = Rows(
    indptr=np.array([0, 2, 2]),
    keys=np.array([3, 7]),
    values=np.array([1, 0.5], np.float32),
    labels=np.array([1, 0], np.float32),
    feature_dim=10,
)


def answer(*labels: dict[str, float]) -> bytes:
    """An endpoint's RecordIO answer, written by the protobuf library."""
    data = b""
    for row in labels:
        message = Record()
        for name, value in row.items():
            message.label[name].float32_tensor.values.append(value)
        data += frame(message.SerializeToString())
    return data


def test_a_recordio_request_holds_the_features_and_no_labels() -> None:
    rows = decode(encode_request(ROWS))
    assert rows.labels is None
    assert rows.keys.tolist() == [3, 7]
    assert rows.feature_dim == 10


def test_a_recordio_answer_is_read_in_either_order_of_its_labels() -> None:
    got = decode_recordio_predictions(answer({"score": 0.25, "predicted_label": 0}, {"predicted_label": 1, "score": 0.75}))
    assert got.scores.tolist() == [0.25, 0.75]
    assert got.labels is not None
    assert got.labels.tolist() == [0, 1]


def test_a_regressors_answer_has_no_labels() -> None:
    assert decode_recordio_predictions(answer({"score": 3.5})).labels is None


@pytest.mark.parametrize("labels", [None, np.array([0, 1, 1], np.float32)])
def test_the_protobuf_library_reads_the_recordio_answer(labels: np.ndarray | None) -> None:
    predictions = Predictions(scores=np.array([0.1, 0.5, 0.9], np.float32), labels=labels)
    data = encode_recordio_predictions(predictions)
    messages = [Record.FromString(payload) for payload in payloads(data)]
    assert [message.label["score"].float32_tensor.values[0] for message in messages] == predictions.scores.tolist()
    for row, message in enumerate(messages):
        assert len(message.features) == 0
        assert set(message.label) == ({"score"} if labels is None else {"score", "predicted_label"})
        if labels is not None:
            assert list(message.label["predicted_label"].float32_tensor.values) == [labels[row]]
    assert decode_recordio_predictions(data).scores.tolist() == predictions.scores.tolist()


def test_a_broken_recordio_answer_is_refused_with_its_place() -> None:
    good = answer({"score": 0.5})
    with pytest.raises(InvalidData, match=f"byte {len(good)} of the answer: the data end"):
        decode_recordio_predictions(good + good[:-1])
    with pytest.raises(InvalidData, match="exactly one value"):
        decode_recordio_predictions(answer({"predicted_label": 1}))
    with pytest.raises(InvalidData, match="some have none"):
        decode_recordio_predictions(good + answer({"score": 0.5, "predicted_label": 1}))


def test_other_fields_of_an_answer_are_ignored() -> None:
    (payload,) = payloads(answer({"score": 0.5, "other": 7.0}))
    varint, text = b"\x38\x05", b"\x1a\x03uid"
    assert decode_recordio_predictions(frame(varint + text + payload + varint)).scores.tolist() == [0.5]


@pytest.mark.parametrize("label", [b"\x10\x05", b"\x15\x00\x00\x00\x00", b"\x12\x05"], ids=["a number", "four bytes", "cut"])
def test_a_label_that_is_no_message_is_refused(label: bytes) -> None:
    with pytest.raises(InvalidData, match="byte 0 of the answer: "):
        decode_recordio_predictions(frame(payloads(answer({"score": 0.5}))[0] + label))


def test_a_label_twice_is_refused() -> None:
    score, labelled = payloads(answer({"score": 0.5}))[0], payloads(answer({"score": 0.5, "predicted_label": 1}))[0]
    for payload in (score + score, labelled + payloads(answer({"predicted_label": 1}))[0]):
        with pytest.raises(InvalidData, match="exactly one value"):
            decode_recordio_predictions(frame(payload))


def test_batches_are_joined_in_order() -> None:
    one = Predictions(scores=np.array([0.5], np.float32), labels=np.array([1], np.float32))
    joined = Predictions.concatenate([one, one])
    assert len(joined) == 2
    assert joined.labels is not None
    assert joined.labels.tolist() == [1, 1]
    assert Predictions.concatenate([Predictions(scores=one.scores, labels=None)]).labels is None
