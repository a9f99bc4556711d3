"""The endpoint's answers: every request and answer format, and the refusal of what is wrong."""

import json
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xgboost
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import dump_svmlight_file

from localaws.sagemaker.algorithm_images import InvalidPayload, Predictor
from localaws.xgboost import XGBoost, model, ubjson

CSV, LIBSVM, JSON, JSONLINES = "text/csv", "text/libsvm", "application/json", "application/jsonlines"
DRAW = np.random.default_rng(11)
FEATURES = DRAW.normal(size=(120, 4)).astype(np.float32)
FEATURES[np.abs(FEATURES) < 0.3] = np.nan
LABELS = (np.nan_to_num(FEATURES[:, 0]) + np.nan_to_num(FEATURES[:, 2]) > 0).astype(np.float32)
ROWS = FEATURES[:7]


def matrix(features: Any, **more: Any) -> xgboost.DMatrix:
    return xgboost.DMatrix(features, nthread=1, **more)


def booster(**params: Any) -> xgboost.Booster:
    labels = np.arange(120) % 3 if "num_class" in params else LABELS
    return xgboost.train({"objective": "binary:logistic", "nthread": 1, **params}, matrix(FEATURES, label=labels), 4)


BOOSTER = booster()
SOFTPROB = booster(objective="multi:softprob", num_class=3)


def predictor(folder: Path, trained: xgboost.Booster) -> Predictor:
    model.save(trained, folder)
    return XGBoost().load(folder)


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    return predictor(tmp_path_factory.mktemp("classifier"), BOOSTER)


@pytest.fixture(scope="module")
def softprob(tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    return predictor(tmp_path_factory.mktemp("softprob"), SOFTPROB)


def as_csv(rows: Any, **options: Any) -> bytes:
    return pd.DataFrame(rows).to_csv(header=False, index=False, **options).encode()


def as_libsvm(rows: Any, folder: Path) -> bytes:
    """sklearn leaves zeros out, so that here too they are missing."""
    dump_svmlight_file(np.nan_to_num(rows), np.zeros(len(rows)), str(folder / "rows"), zero_based=True)
    return (folder / "rows").read_bytes()


def scores(answer: bytes, kind: str) -> Any:
    text = answer.decode()
    if kind == CSV:
        rows = [[float(value) for value in line.split(",")] for line in text.splitlines()]
        return np.array([row if len(row) > 1 else row[0] for row in rows], np.float32)
    found = json.loads(text)["predictions"] if kind == JSON else [json.loads(line) for line in text.splitlines()]
    return np.array([prediction["score"] for prediction in found], np.float32)


@pytest.mark.parametrize("accept", [CSV, JSON, JSONLINES])
def test_every_format_gives_the_librarys_own_predictions(classifier: Predictor, softprob: Predictor, tmp_path: Path, accept: str) -> None:
    bodies = [
        (as_csv(ROWS), CSV),
        (as_csv(ROWS, na_rep="nan", sep=";"), "text/csv; charset=utf-8"),
        (as_csv(ROWS).strip(), "Text/CSV"),
        (as_libsvm(ROWS, tmp_path), LIBSVM),
        (as_libsvm(ROWS, tmp_path).replace(b"0 ", b"", 1), "text/x-libsvm"),
        (as_libsvm(ROWS, tmp_path), ""),
    ]
    for served, trained in ((classifier, BOOSTER), (softprob, SOFTPROB)):
        expected = trained.predict(matrix(ROWS))
        for body, content_type in bodies:
            answer, kind = served.predict(body, content_type, accept)
            assert kind == accept
            np.testing.assert_array_equal(scores(answer, accept), expected)


def test_answers_are_spelled_as_the_container_spells_them(classifier: Predictor, softprob: Predictor) -> None:
    one, all_classes = float(BOOSTER.predict(matrix(ROWS[:1]))[0]), SOFTPROB.predict(matrix(ROWS[:1]))[0].astype(float).tolist()
    body = as_csv(ROWS[:1])
    assert classifier.predict(body, CSV, CSV)[0] == f"{one!r}\n".encode()
    assert classifier.predict(body, CSV, JSON)[0] == f'{{"predictions": [{{"score": {one!r}}}]}}'.encode()
    assert classifier.predict(body, CSV, JSONLINES)[0] == f'{{"score": {one!r}}}\n'.encode()
    assert softprob.predict(body, CSV, CSV)[0] == (",".join(map(repr, all_classes)) + "\n").encode()
    assert json.loads(softprob.predict(body, CSV, JSON)[0]) == {"predictions": [{"score": all_classes}]}


@pytest.mark.parametrize(
    ("accept", "kind"),
    [("", CSV), ("*/*", CSV), ("text/*", CSV), ("application/*", JSON), ("image/png, application/json;q=0.5", JSON), ("Text/CSV", CSV)],
)
def test_the_accept_header_is_honoured(classifier: Predictor, accept: str, kind: str) -> None:
    assert classifier.predict(as_csv(ROWS), CSV, accept)[1] == kind


CSV_REFUSED, LIBSVM_REFUSED = "Loading csv data failed with Exception, please ensure data is in csv format:", "Loading libsvm data failed"


@pytest.mark.parametrize(
    ("body", "content_type", "status", "reason"),
    [
        (b"{}", "application/json", 415, "Content-type application/json is not supported."),
        (b"1,2,3,4", "application/x-recordio-protobuf", 415, "is not supported"),
        (b"", CSV, 415, f"{CSV_REFUSED}.*there is no row"),
        (b" \n", CSV, 415, "there is no row"),
        (b"a,b,c,d\n1,2,3,4", CSV, 415, f"{CSV_REFUSED}.*invalid value 'a'"),
        (b"1,2,3,4\n1,2,3", CSV, 415, "Expected 4 columns, got 3"),
        (b"1,2;3,4", CSV, 415, CSV_REFUSED),
        (b"1,2;3 4", CSV, 415, "CSV conversion error|Could not determine delimiter"),
        ("1,2,3,4".encode("utf-16"), CSV, 415, CSV_REFUSED),
        (b"1,2,3,1e39", CSV, 415, "a value too large"),
        (b"1,2,3", CSV, 400, "Feature size of csv inference data 3 is not consistent with feature size of trained model 4."),
        (b"1,2,3,4,5", CSV, 400, "Unable to evaluate payload provided: Feature size of csv inference data 5 is not consistent"),
        (b"", LIBSVM, 415, "there is no row"),
        (b"1,2,3,4", LIBSVM, 415, f"{LIBSVM_REFUSED}.*line 1: "),
        (b"1:2 x:3", LIBSVM, 415, LIBSVM_REFUSED),
        (b"1:1 1:2", LIBSVM, 415, "names a feature twice"),
        (b"0:1 4:2", LIBSVM, 400, "Feature size of libsvm inference data 5 is larger than feature size of trained model 4."),
    ],
)
def test_a_bad_payload_is_refused_as_the_container_does(
    classifier: Predictor, body: bytes, content_type: str, status: int, reason: str
) -> None:
    with pytest.raises(InvalidPayload, match=f"(?s){reason}") as caught:
        classifier.predict(body, content_type, "")
    assert caught.value.status == status


def test_an_answer_type_that_cannot_be_had_is_refused(classifier: Predictor) -> None:
    with pytest.raises(InvalidPayload, match="Accept type 'application/x-recordio-protobuf' is not supported") as caught:
        classifier.predict(as_csv(ROWS), CSV, "application/x-recordio-protobuf")
    assert caught.value.status == 406


def test_threads_share_a_predictor(classifier: Predictor) -> None:
    expected = classifier.predict(as_csv(ROWS), CSV, JSON)
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda _: classifier.predict(as_csv(ROWS), CSV, JSON), range(64))) == [expected] * 64


def test_the_artifact_is_what_save_model_writes_under_that_name(tmp_path: Path) -> None:
    model.save(BOOSTER, tmp_path / "ours")
    with pytest.warns(UserWarning, match="Saving model in the UBJSON format as default"):
        BOOSTER.save_model(tmp_path / "xgboost-model")
    assert [path.name for path in (tmp_path / "ours").iterdir()] == ["xgboost-model"]
    assert (tmp_path / "ours/xgboost-model").read_bytes() == (tmp_path / "xgboost-model").read_bytes()


@pytest.mark.parametrize("name", ["model.json", "model.ubj"])
def test_a_model_saved_by_the_library_elsewhere_is_served(tmp_path: Path, name: str) -> None:
    frame = pd.DataFrame(FEATURES, columns=list("abcd"))
    trained = xgboost.train({"objective": "reg:squarederror", "booster": "dart", "nthread": 1}, matrix(frame, label=LABELS), 3)
    trained.save_model(tmp_path / name)
    answer, _ = XGBoost().load(tmp_path).predict(as_csv(ROWS), CSV, CSV)
    np.testing.assert_array_equal(scores(answer, CSV), trained.predict(matrix(ROWS), validate_features=False))


def _fill(folder: Path, content: str) -> None:
    model.save(BOOSTER, folder)
    path = folder / "xgboost-model"
    whole = path.read_bytes()
    if content == "nothing":
        path.unlink()
    elif content == "two files":
        (folder / "other").write_bytes(whole)
    else:
        path.write_bytes(
            {
                "empty": b"",
                "cut": whole[: len(whole) // 2],
                "last byte missing": whole[:-1],
                "one byte more": whole + b"}",
                "a length beyond the end": b"{L\x00\x00\x00\x00\x7f\xff\xff\xff",
                "only openings": b"{U\x01a" * 500,
                "text": b"this is no model",
                "brace": b"{",
                "other JSON": b'{"a": 1}',
                "pickle": pickle.dumps(BOOSTER),
            }[content]
        )


@pytest.mark.parametrize(
    "content",
    [
        "nothing",
        "two files",
        "empty",
        "cut",
        "last byte missing",
        "one byte more",
        "a length beyond the end",
        "only openings",
        "text",
        "brace",
        "other JSON",
        "pickle",
    ],
)
def test_a_folder_without_one_whole_model_is_refused(tmp_path: Path, content: str) -> None:
    _fill(tmp_path, content)
    with pytest.raises(ValueError, match="model"):
        XGBoost().load(tmp_path)


def test_a_model_cut_anywhere_is_refused_and_a_whole_one_is_not() -> None:
    whole = bytes(BOOSTER.save_raw("ubj"))
    assert ubjson.is_whole(whole)
    assert not [at for at in range(len(whole)) if ubjson.is_whole(whole[:at])]


@given(st.binary(max_size=60).map(lambda tail: b"{" + tail))
def test_any_bytes_have_an_answer(content: bytes) -> None:
    assert ubjson.is_whole(content) in (True, False)
