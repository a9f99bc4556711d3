"""Whatever the algorithm: every row gets its answer, in its place, or the model is the wrong one."""

import io
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from mlkit.aws.endpoints import Codec, ask_endpoint
from mlkit.errors import InvalidData, MlkitError, WrongModel
from mlkit.gate.target import Target
from sagemaker_formats.inference import Predictions


def decode(body):
    scores = np.frombuffer(body, np.uint8).astype(np.float32) / np.float32(10)
    return Predictions(scores=scores, labels=(scores > 0.5).astype(np.float32))


CODEC = Codec(content_type="a/in", accept="a/out", decode=decode)


def session(answer, asked):
    def invoke_endpoint(**request):
        asked.append(request)
        return {"Body": io.BytesIO(answer(request["Body"]))}

    return SimpleNamespace(client=lambda _: SimpleNamespace(invoke_endpoint=invoke_endpoint))


def rows_of(body):
    """An encoder whose rows are the bytes of `body`."""
    return lambda first, last: body[first:last]


def test_the_rows_are_asked_for_with_the_codec_and_the_variant():
    asked = []
    answers = ask_endpoint(session(lambda body: body, asked), "e", rows_of(bytes([1, 9, 7])), CODEC, rows=3, variant="v")
    assert answers.labels.tolist() == [0, 1, 1]
    assert answers.scores.tolist() == pytest.approx([0.1, 0.9, 0.7])
    assert asked == [{"EndpointName": "e", "Body": bytes([1, 9, 7]), "ContentType": "a/in", "Accept": "a/out", "TargetVariant": "v"}]


def model_error(message):
    return ClientError({"Error": {"Code": "ModelError", "Message": message}}, "InvokeEndpoint")


TIMED_OUT = 'Received server error (0) from primary with message "Your invocation timed out while waiting for a response"'


STATUS_413: Any = {"Error": {"Code": "413", "Message": "Request Entity Too Large"}, "ResponseMetadata": {"HTTPStatusCode": 413}}
TOO_LARGE = ClientError(STATUS_413, "InvokeEndpoint")


@pytest.mark.parametrize(
    "error", [model_error(TIMED_OUT), ReadTimeoutError(endpoint_url="https://example.test"), TOO_LARGE], ids=["model", "read", "size"]
)
def test_rows_that_are_not_answered_in_time_are_asked_for_again_in_halves(error):
    asked = []

    def answer(body):
        if len(body) > 2:
            raise error
        return body

    answers = ask_endpoint(session(answer, asked), "e", rows_of(bytes(range(5))), CODEC, rows=5)
    assert answers.scores.tolist() == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])
    assert [len(request["Body"]) for request in asked] == [5, 2, 3, 1, 2]


@pytest.mark.parametrize("code", ["ThrottlingException", "TooManyRequestsException"])
def test_throttled_rows_are_asked_for_again(code, monkeypatch):
    errors = [ClientError({"Error": {"Code": code, "Message": "Rate exceeded"}}, "InvokeEndpoint")]

    def answer(body):
        if errors:
            raise errors.pop()
        return body

    monkeypatch.setattr("mlkit.aws.invocations.THROTTLED_PAUSES_S", (0.0,))
    assert len(ask_endpoint(session(answer, []), "e", rows_of(bytes(3)), CODEC, rows=3).scores) == 3
    assert errors == []


def test_another_error_of_the_model_is_not_repeated():
    asked = []

    def answer(body):
        raise model_error("KeyError in the container")

    with pytest.raises(MlkitError, match="KeyError in the container"):
        ask_endpoint(session(answer, asked), "e", rows_of(bytes(3)), CODEC, rows=3)
    assert len(asked) == 1


@pytest.mark.parametrize("answer", [lambda body: body[1:], lambda body: body + body])
def test_an_endpoint_that_answers_for_other_rows_than_it_was_sent_is_refused(answer):
    with pytest.raises(WrongModel, match=r"answered for \d of 3 rows"):
        ask_endpoint(session(answer, []), "e", rows_of(bytes([1, 2, 3])), CODEC, rows=3)


def numbers(body):
    return Predictions(scores=decode(body).scores, labels=None)


def probabilities(body):
    scores = decode(body).scores.reshape(-1, 3)
    return Predictions(scores=scores, labels=scores.argmax(axis=1).astype(np.float32))


TARGETS = {
    "two": Target(task="binary", classes=("a", "b")),
    "three": Target(task="multi-class", classes=("a", "b", "c")),
    "four": Target(task="multi-class", classes=("a", "b", "c", "d")),
    "number": Target(task="regression"),
}


@pytest.mark.parametrize(
    ("decoder", "target", "told"),
    [
        (numbers, "two", "not a classifier"),
        (numbers, "three", "not a classifier"),
        (decode, "number", "is a classifier, and does not predict a number"),
        (probabilities, "two", "with 3 scores a row, and a model of this target with 1"),
        (probabilities, "four", "with 3 scores a row, and a model of this target with 4"),
        (decode, "three", "with 1 scores a row, and a model of this target with 3"),
    ],
)
def test_a_model_of_another_target_is_the_wrong_one(decoder, target, told):
    codec = Codec(content_type="a", accept="b", decode=decoder)
    rows = 1 if decoder is probabilities else 3
    with pytest.raises(WrongModel, match=told):
        ask_endpoint(session(lambda body: body, []), "e", lambda *_: b"\x01\x05\x04", codec, rows=rows, target=TARGETS[target])


@pytest.mark.parametrize(("decoder", "target"), [(decode, "two"), (probabilities, "three"), (numbers, "number")])
def test_a_model_of_the_target_gives_scores_and_but_for_numbers_labels(decoder, target):
    codec = Codec(content_type="a", accept="b", decode=decoder)
    body = b"\x01\x09\x04" * 2
    several = decoder is probabilities
    encode = (lambda first, last: body[3 * first : 3 * last]) if several else rows_of(body)
    answers = ask_endpoint(session(lambda body: body, []), "e", encode, codec, rows=2 if several else 6, target=TARGETS[target])
    assert len(answers.scores) == (2 if several else 6)
    assert (answers.labels is None) == (target == "number")


def test_no_rows_are_not_asked_for():
    with pytest.raises(InvalidData, match="no rows"):
        ask_endpoint(session(lambda body: body, []), "e", rows_of(b""), CODEC, rows=0)
