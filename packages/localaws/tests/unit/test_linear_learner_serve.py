"""Linear Learner's endpoint: every request and answer format, and the refusal of what is wrong."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_array

from localaws.linear_learner import LinearLearner, model
from localaws.sagemaker.algorithm_images import InvalidPayload, Predictor
from sagemaker_formats.inference import JSON, JSONLINES, RECORDIO, decode_recordio_predictions, encode_request
from sagemaker_formats.recordio import from_csr

CSV = "text/csv"
FEATURES = np.array([[1, 0, 0, 2], [0, 0, 0, 0], [0.5, 0, 1, -3]], np.float32)
WEIGHTS, BIAS = np.array([0.5, -1, 2, 0.25], np.float32), 0.2
RAW = FEATURES.astype(float) @ WEIGHTS.astype(float) + BIAS
SCORES = {"logistic": 1 / (1 + np.exp(-RAW)), "hinge_loss": RAW, "squared_loss": RAW}


def save(folder: Path, loss: str = "logistic", threshold: float | None = 0.6) -> Path:
    predictor_type = "regressor" if loss == "squared_loss" else "binary_classifier"
    made = model.Model(predictor_type=predictor_type, loss=loss, weights=WEIGHTS, bias=BIAS, threshold=threshold)
    model.save(made, folder)
    return folder


@pytest.fixture
def classifier(tmp_path: Path) -> Predictor:
    return LinearLearner().load(save(tmp_path / "classifier"))


@pytest.fixture
def regressor(tmp_path: Path) -> Predictor:
    return LinearLearner().load(save(tmp_path / "regressor", "squared_loss", None))


def requests() -> list[tuple[bytes, str]]:
    dense: list[Any] = [{"features": row.tolist()} for row in FEATURES]
    keys = [np.flatnonzero(row).tolist() for row in FEATURES]
    sparse = [{"data": {"features": {"keys": k, "shape": [4], "values": row[k].tolist()}}} for k, row in zip(keys, FEATURES, strict=True)]
    return [
        (json.dumps({"instances": dense}).encode(), JSON),
        (json.dumps({"instances": sparse}).encode(), JSON),
        ("\n".join(map(json.dumps, sparse)).encode(), JSONLINES),
        (encode_request(from_csr(csr_array(FEATURES))), RECORDIO),
        ("".join(",".join(map(str, row)) + "\n" for row in FEATURES.tolist()).encode(), "text/csv; charset=utf-8"),
    ]


def answers(body: bytes, kind: str) -> list[tuple[float, Any]]:
    if kind == RECORDIO:
        found = decode_recordio_predictions(body)
        labels = [None] * len(found) if found.labels is None else found.labels.tolist()
        return list(zip(found.scores.tolist(), labels, strict=True))
    items = json.loads(body)["predictions"] if kind == JSON else [json.loads(line) for line in body.splitlines()]
    return [(item["score"], item.get("predicted_label")) for item in items]


@pytest.mark.parametrize("accept", [JSON, JSONLINES, RECORDIO])
def test_every_format_gives_the_same_scores(classifier: Predictor, regressor: Predictor, accept: str) -> None:
    for predictor, expected, labels in (
        (classifier, SCORES["logistic"], (SCORES["logistic"] > 0.6).astype(int).tolist()),
        (regressor, RAW, [None] * 3),
    ):
        for body, content_type in requests():
            answer, kind = predictor.predict(body, content_type, accept)
            assert kind == accept
            np.testing.assert_allclose([score for score, _ in answers(answer, kind)], expected, rtol=1e-6)
            assert [label for _, label in answers(answer, kind)] == labels


def test_answers_are_spelled_as_aws_documents_them(classifier: Predictor, regressor: Predictor) -> None:
    body, content_type = requests()[0]
    first = float(np.float32(SCORES["logistic"][0]))
    item = f'{{"score": {first!r}, "predicted_label": 1}}'
    assert classifier.predict(body, content_type, "")[0].startswith(f'{{"predictions": [{item}, '.encode())
    assert classifier.predict(body, content_type, JSONLINES)[0].startswith(f"{item}\n".encode())
    number = f'{{"predictions": [{{"score": {float(np.float32(RAW[0]))!r}}}, '
    assert regressor.predict(body, content_type, JSON)[0].startswith(number.encode())


def test_hinge_loss_answers_with_the_linear_function(tmp_path: Path) -> None:
    predictor = LinearLearner().load(save(tmp_path, "hinge_loss", 0.0))
    body, content_type = requests()[0]
    found = answers(*predictor.predict(body, content_type, JSON))
    np.testing.assert_allclose([score for score, _ in found], RAW, rtol=1e-6)
    assert [label for _, label in found] == (RAW > 0).astype(int).tolist()


@pytest.mark.parametrize(
    ("body", "content_type", "status", "reason"),
    [
        (b"1 1:2", "text/libsvm", 415, "Content type 'text/libsvm' is not supported"),
        (b"1,2,3", CSV, 400, "feature_dim 4: a row has 3 features"),
        (b"1,2,3,x", CSV, 400, "feature_dim 4"),
        (b"1,2,,4", CSV, 400, "a value is missing"),
        (b"", CSV, 400, "there is no row"),
        (b'{"instances": [{"features": [1]}]}', JSON, 400, "instance 0: it has 1 features"),
        (b"{}", JSON, 400, 'no list "instances"'),
        (b"3e38,0,3e38,0", CSV, 400, "the score of row 0 is not finite"),
        (b'{"instances": [{"data": {"features": {"keys": [1, 1], "shape": [4], "values": [1, 2]}}}]}', JSON, 400, "has the key 1 twice"),
    ],
)
def test_a_bad_payload_is_refused(regressor: Predictor, body: bytes, content_type: str, status: int, reason: str) -> None:
    with pytest.raises(InvalidPayload, match=reason) as caught:
        regressor.predict(body, content_type, "")
    assert caught.value.status == status


def test_an_answer_type_that_cannot_be_had_is_refused(classifier: Predictor) -> None:
    with pytest.raises(InvalidPayload, match="Accept type 'text/csv' is not supported") as caught:
        classifier.predict(*requests()[0], "text/csv")
    assert caught.value.status == 406


@pytest.mark.parametrize(
    "change",
    [
        {"format": "factorization-machines"},
        {"version": 2},
        {"predictor_type": "multiclass_classifier"},
        {"loss": "squared_loss"},
        {"threshold": None},
        {"threshold": "0.5"},
        {"threshold": float("nan")},
        {"feature_dim": 5},
        {"feature_dim": "4"},
    ],
)
def test_a_model_with_a_wrong_description_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    path = save(tmp_path) / "model.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(ValueError, match=r"model\.(json|npz)"):
        LinearLearner().load(tmp_path)


def test_a_regressor_with_a_threshold_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="threshold"):
        LinearLearner().load(save(tmp_path, "squared_loss", 0.5))


@pytest.mark.parametrize("damage", ["cut", "no weights", "wrong type", "not finite", "no description", "no JSON"])
def test_a_damaged_model_is_refused(tmp_path: Path, damage: str) -> None:
    save(tmp_path)
    arrays, about = tmp_path / "model.npz", tmp_path / "model.json"
    if damage == "cut":
        arrays.write_bytes(arrays.read_bytes()[:-30])
    elif damage == "no weights":
        arrays.unlink()
    elif damage == "no description":
        about.unlink()
    elif damage == "no JSON":
        about.write_text("[")
    else:
        weights = WEIGHTS.astype(np.float64) if damage == "wrong type" else np.full(4, np.inf, np.float32)
        np.savez(arrays, weights=weights, bias=np.zeros(1))
    with pytest.raises(ValueError, match="model"):
        LinearLearner().load(tmp_path)


def test_the_same_model_gives_the_same_bytes(tmp_path: Path) -> None:
    one, two = save(tmp_path / "one"), save(tmp_path / "two")
    assert [(one / name).read_bytes() for name in ("model.json", "model.npz")] == [
        (two / name).read_bytes() for name in ("model.json", "model.npz")
    ]
