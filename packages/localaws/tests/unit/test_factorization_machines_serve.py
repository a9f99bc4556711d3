"""The endpoint's answers: every request and answer format, and the refusal of what is wrong."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import fm_reference
import numpy as np
import pytest
from record_proto import frame, record

from localaws.factorization_machines import FactorizationMachines, model
from localaws.factorization_machines.compiled_loops import Weights
from localaws.sagemaker.algorithm_images import InvalidPayload, Predictor
from sagemaker_formats.inference import JSON, JSONLINES, RECORDIO, Predictions, decode_recordio_predictions, encode_request
from sagemaker_formats.recordio import Rows

FEATURES, FACTORS = 6, 3
DENSE = np.array([[1, 0, 0, 2, 0, 0], [0, 0, 0, 0, 0, 0], [0.5, 0, 1, 0, 0, -3]], np.float32)
SPARSE = [[(0, 1.0), (3, 2.0)], [], [(0, 0.5), (2, 1.0), (5, -3.0)]]
ROWS = Rows(
    indptr=np.array([0, 2, 2, 5]),
    keys=np.array([0, 3, 0, 2, 5]),
    values=np.array([1, 2, 0.5, 1, -3], np.float32),
    labels=None,
    feature_dim=6,
)


def predictions(answers: list[dict[str, float]]) -> Predictions:
    labels = [answer["predicted_label"] for answer in answers if "predicted_label" in answer]
    scores = np.array([answer["score"] for answer in answers], np.float32)
    return Predictions(scores=scores, labels=np.array(labels, np.float32) if labels else None)


READERS: dict[str, Callable[[bytes], Predictions]] = {
    JSON: lambda data: predictions(json.loads(data)["predictions"]),
    JSONLINES: lambda data: predictions([json.loads(line) for line in data.splitlines()]),
    RECORDIO: decode_recordio_predictions,
}


def weights() -> Weights:
    draw = np.random.default_rng(5)
    return Weights(*(draw.normal(size=shape).astype(np.float32) for shape in ((1,), (FEATURES,), (FEATURES, FACTORS))))


def predictor(folder: Path, predictor_type: str = "binary_classifier") -> Predictor:
    model.save(model.Model(predictor_type=predictor_type, weights=weights()), folder)
    return FactorizationMachines().load(folder)


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    return predictor(tmp_path_factory.mktemp("classifier"))


@pytest.fixture(scope="module")
def regressor(tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    return predictor(tmp_path_factory.mktemp("regressor"), "regressor")


def raw_scores() -> Any:
    w = weights()
    return np.array([fm_reference.score(row, float(w.bias[0]), w.linear, w.factors) for row in SPARSE])


def dense_features(row: Any) -> dict[str, Any]:
    return {"features": row.tolist()}


def instances(kind: str) -> list[Any]:
    if kind == "dense":
        return [dense_features(row) for row in DENSE]
    if kind == "dense in data":
        return [{"data": {"features": {"values": row.tolist()}}} for row in DENSE]
    keys, values = ([[entry[place] for entry in row] for row in SPARSE] for place in (0, 1))
    return [{"data": {"features": {"keys": k, "shape": [FEATURES], "values": v}}} for k, v in zip(keys, values, strict=True)]


BODIES = {
    "RecordIO": (encode_request(ROWS), RECORDIO),
    "dense RecordIO": (b"".join(frame(record(row.tolist()).SerializeToString()) for row in DENSE), RECORDIO),
    **{
        f"{kind} {name}": (write(instances(kind)), content_type)
        for kind in ("dense", "dense in data", "sparse")
        for name, content_type, write in (
            ("JSON", JSON, lambda rows: json.dumps({"instances": rows}).encode()),
            ("JSON lines", JSONLINES, lambda rows: "\n".join(map(json.dumps, rows)).encode()),
        )
    },
}


@pytest.mark.parametrize("accept", READERS)
@pytest.mark.parametrize("body", BODIES)
def test_every_request_format_gets_the_same_predictions_in_every_answer_format(classifier: Predictor, body: str, accept: str) -> None:
    answer, content_type = classifier.predict(*BODIES[body], accept)
    assert content_type == accept
    got = READERS[accept](answer)
    np.testing.assert_allclose(got.scores, 1 / (1 + np.exp(-raw_scores())), rtol=1e-5)
    assert got.labels is not None
    assert got.labels.tolist() == (raw_scores() >= 0).tolist()


@pytest.mark.parametrize("accept", READERS)
def test_a_regressor_answers_values_without_labels(regressor: Predictor, accept: str) -> None:
    got = READERS[accept](regressor.predict(*BODIES["RecordIO"], accept)[0])
    np.testing.assert_allclose(got.scores, raw_scores(), rtol=1e-5)
    assert got.labels is None


def test_answers_are_spelled_as_aws_documents_them(classifier: Predictor, regressor: Predictor) -> None:
    one = json.dumps({"instances": [dense_features(DENSE[0])]}).encode()
    answer = json.loads(classifier.predict(one, JSON, JSON)[0])
    assert list(answer) == ["predictions"]
    (prediction,) = answer["predictions"]
    assert list(prediction) == ["score", "predicted_label"]
    assert type(prediction["predicted_label"]) is float
    assert np.float32(prediction["score"]) == prediction["score"]
    assert list(json.loads(regressor.predict(one, JSON, JSON)[0])["predictions"][0]) == ["score"]
    lines = classifier.predict(*BODIES["RecordIO"], JSONLINES)[0].decode().splitlines()
    assert [list(json.loads(line)) for line in lines] == [["score", "predicted_label"]] * 3


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        ("application/json; charset=utf-8", JSON),
        ("Application/JSONLines", JSONLINES),
        ("text/html, application/x-recordio-protobuf;q=0.9, */*;q=0.8", RECORDIO),
    ],
)
def test_the_accept_header_is_honoured(classifier: Predictor, accept: str, content_type: str) -> None:
    assert classifier.predict(*BODIES["RecordIO"], accept)[1] == content_type


def test_content_types_may_have_parameters(classifier: Predictor) -> None:
    body, _ = BODIES["sparse JSON"]
    assert classifier.predict(body, "application/json; charset=utf-8", JSON) == classifier.predict(body, JSON, JSON)


def sparse(**changes: Any) -> bytes:
    features = {"keys": [0, 3], "shape": [6], "values": [1, 2], **changes}
    good = {"data": {"features": {"keys": [1], "shape": [6], "values": [1.0]}}}
    return json.dumps({"instances": [good, {"data": {"features": {k: v for k, v in features.items() if v is not None}}}]}).encode()


@pytest.mark.parametrize(
    ("body", "content_type", "status", "reason"),
    [
        (b"1,2", "text/csv", 415, "Content type 'text/csv' is not supported"),
        (b"{}", "", 415, "Content type '' is not supported"),
        (b"{", JSON, 400, "Expecting property name"),
        (b"\xff\xfe{", JSON, 400, "feature_dim 6"),
        (b"[]", JSON, 400, 'no list "instances"'),
        (b'{"instances": 3}', JSON, 400, 'no list "instances"'),
        (b'{"instances": []}', JSON, 400, "no instance"),
        (b"", JSONLINES, 400, "no instance"),
        (b'{"features": [1]}\n{', JSONLINES, 400, "Expecting"),
        (b'{"instances": [{"x": 1}]}', JSON, 400, "instance 0 is not of the form"),
        (b'{"instances": [[1, 2]]}', JSON, 400, "instance 0 is not of the form"),
        (b'{"instances": ["features"]}', JSON, 400, "instance 0 is not of the form"),
        (b'{"instances": [{"features": [1, 2]}]}', JSON, 400, "instance 0: it has 2 features"),
        (b'{"instances": [{"features": [1, 2, 3, 4, 5, "6"]}]}', JSON, 400, "is not a number"),
        (b'{"instances": [{"features": [1, 2, 3, 4, 5, null]}]}', JSON, 400, "is not a number"),
        (b'{"instances": [{"features": [1, 2, 3, 4, 5, NaN]}]}', JSON, 400, "not finite"),
        (b'{"instances": [{"features": [1, 2, 3, 4, 5, 1e300]}]}', JSON, 400, "too large for float32"),
        (b'{"instances": [{"features": [1, 2, 3, 4, 5, 1' + b"0" * 400 + b"]}]}", JSON, 400, "feature_dim 6"),
        (b'{"instances": ' + b"[" * 100_000, JSON, 400, "recursion"),
        (sparse(keys=[[0], 1]), JSON, 400, r"the key \[0\] is not an integer"),
        (sparse(shape=[7]), JSON, 400, r"feature_dim 6: instance 1: its shape is \[7\]"),
        (sparse(shape=None), JSON, 400, "instance 1 is not of the form"),
        (sparse(values=None), JSON, 400, "instance 1 is not of the form"),
        (sparse(values=[1]), JSON, 400, "instance 1: 2 keys for 1 values"),
        (sparse(keys=[0, 6]), JSON, 400, "instance 1: the key 6 is out of range"),
        (sparse(keys=[-1, 0]), JSON, 400, "instance 1: the key -1 is out of range"),
        (sparse(keys=[0, 2**70]), JSON, 400, "out of range"),
        (sparse(keys=[0, 1.0]), JSON, 400, "the key 1.0 is not an integer"),
        (sparse(keys=[0, True]), JSON, 400, "the key True is not an integer"),
        (sparse(keys=["0", 1]), JSON, 400, "the key '0' is not an integer"),
        (sparse(keys=[3, 3]), JSON, 400, "the key 3 twice"),
        (sparse(keys=5), JSON, 400, "instance 1 is not of the form"),
        (b"", RECORDIO, 400, "no record"),
        (b"no", RECORDIO, 400, "record at byte 0"),
        (BODIES["RecordIO"][0][:-4], RECORDIO, 400, "the data end"),
        (frame(record([1.0], [1], [7]).SerializeToString()), RECORDIO, 400, "feature_dim 6: record at byte 0: its shape differs"),
        (frame(record([1.0], [6], [6]).SerializeToString()), RECORDIO, 400, "key outside"),
        (frame(record([1.0, 2.0]).SerializeToString()), RECORDIO, 400, "feature_dim"),
        (frame(record([3e38, 3e38], [1, 2], [6]).SerializeToString()), RECORDIO, 400, "score of row 0 is not finite"),
    ],
)
def test_a_bad_payload_is_refused_with_its_place(classifier: Predictor, body: bytes, content_type: str, status: int, reason: str) -> None:
    with pytest.raises(InvalidPayload, match=reason) as caught:
        classifier.predict(body, content_type, "")
    assert caught.value.status == status


def test_an_answer_type_that_cannot_be_had_is_refused(classifier: Predictor) -> None:
    with pytest.raises(InvalidPayload, match="Accept type 'text/csv' is not supported") as caught:
        classifier.predict(*BODIES["RecordIO"], "text/csv")
    assert caught.value.status == 406


def test_threads_share_a_predictor(classifier: Predictor) -> None:
    expected = classifier.predict(*BODIES["RecordIO"], RECORDIO)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: classifier.predict(*BODIES["RecordIO"], RECORDIO), range(64)))
    assert answers == [expected] * 64


def test_labels_in_a_request_are_ignored(classifier: Predictor) -> None:
    labelled = frame(record([1.0, 2.0], [0, 3], [6], 1.0).SerializeToString())
    plain = frame(record([1.0, 2.0], [0, 3], [6]).SerializeToString())
    assert classifier.predict(labelled, RECORDIO, JSON) == classifier.predict(plain, RECORDIO, JSON)


def _damage(folder: Path, change: str) -> None:
    about = json.loads((folder / "model.json").read_text())
    if change == "missing":
        (folder / "model.npz").unlink()
    elif change == "cut":
        (folder / "model.npz").write_bytes((folder / "model.npz").read_bytes()[:-30])
    elif change == "not json":
        (folder / "model.json").write_text("model_algo-1")
    elif change == "infinite":
        arrays = dict(np.load(folder / "model.npz"))
        arrays["linear"] = arrays["linear"] * np.float32(np.inf)
        np.savez(folder / "model.npz", **arrays)
    else:
        name, value = change.split("=")
        (folder / "model.json").write_text(json.dumps({**about, name: json.loads(value)}))


@pytest.mark.parametrize(
    "change",
    ["missing", "cut", "not json", "infinite", 'format="mxnet"', "version=2", 'predictor_type="ranker"', "feature_dim=7", "num_factors=4"],
)
def test_a_folder_without_a_whole_model_is_refused(tmp_path: Path, change: str) -> None:
    predictor(tmp_path)
    _damage(tmp_path, change)
    with pytest.raises(ValueError, match="model"):
        FactorizationMachines().load(tmp_path)


def test_the_same_model_is_written_as_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        predictor(tmp_path / name)
    assert (tmp_path / "one/model.npz").read_bytes() == (tmp_path / "two/model.npz").read_bytes()


@pytest.mark.parametrize(("bias", "label"), [(-0.01, 0.0), (0.0, 1.0), (0.01, 1.0)])
def test_the_label_is_1_from_a_score_of_one_half_on(tmp_path: Path, bias: float, label: float) -> None:
    flat = Weights(np.array([bias], np.float32), np.zeros(FEATURES, np.float32), np.zeros((FEATURES, FACTORS), np.float32))
    model.save(model.Model(predictor_type="binary_classifier", weights=flat), tmp_path)
    answer, _ = FactorizationMachines().load(tmp_path).predict(*BODIES["RecordIO"], JSON)
    for prediction in json.loads(answer)["predictions"]:
        assert prediction["score"] == pytest.approx(1 / (1 + np.exp(-bias)))
        assert prediction["predicted_label"] == label
