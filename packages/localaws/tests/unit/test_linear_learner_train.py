"""Linear Learner's training process under SageMaker's container contract: files in, log, model or failure out."""

import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from linear_rows import METRICS, as_csv, as_recordio, dense_rows, last_value, make_job, run, sparse_rows
from sklearn.metrics import f1_score, roc_auc_score

from localaws.linear_learner import model, train

TWO_FILES = {
    "train/part-0": as_recordio(sparse_rows(300)),
    "train/more/part-1": as_recordio(sparse_rows(200, seed=1)),
    "train/empty": b"",
    "validation/part": as_recordio(sparse_rows(200, seed=2)),
    "test/part": as_recordio(sparse_rows(100, seed=3)),
}


@pytest.fixture(autouse=True)
def sigterm_as_before() -> Iterator[None]:
    """train.main(), called in this process, sets a handler."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def test_a_job_writes_a_model_and_all_its_metrics(tmp_path: Path) -> None:
    root = make_job(tmp_path / "ml", {"feature_dim": "60"}, TWO_FILES)
    code, log = run(root)
    assert code == 0, log
    assert not (root / "output/failure").exists()
    loaded, rows = model.load(root / "model"), sparse_rows(100, seed=3)
    scores = loaded.scores(rows.features)
    said = scores > (loaded.threshold or 0)
    assert last_value(log, "test:binary_classification_accuracy") == pytest.approx((said == rows.labels).mean(), abs=0.011)
    assert last_value(log, "test:binary_f_beta") == pytest.approx(f1_score(rows.labels, said), abs=0.011)
    assert last_value(log, "test:roc_auc_score") == pytest.approx(roc_auc_score(rows.labels, scores), abs=1e-3)
    assert 0.1 < last_value(log, "test:objective_loss") < 0.6
    assert last_value(log, "validation:objective_loss:final") <= last_value(log, "validation:objective_loss") + 0.2
    assert last_value(log, "train:progress") <= 100
    assert last_value(log, "train:throughput") > 0
    for absent in ("train:binary_classification_accuracy", "test:mse"):
        assert not re.findall(METRICS[absent], log)


def test_the_log_is_worded_like_the_containers(tmp_path: Path) -> None:
    _, log = run(make_job(tmp_path / "ml", {"epochs": "2", "f_beta": "2"}, TWO_FILES))
    prefix = r"\[\d\d/\d\d/\d{4} \d\d:\d\d:\d\d INFO \d+\] "
    for line in (
        r"#quality_metric: host=algo-1, epoch=0, train binary_classification_cross_entropy_objective <loss>=0\.\d+",
        r"#quality_metric: host=algo-1, epoch=0, validation binary_classification_cross_entropy_objective <loss>=0\.\d+",
        r"#early_stopping_criteria_metric: host=algo-1, epoch=0, criteria=sampled_accuracy, value=0\.\d+",
        r"Epoch 0: Loss improved\. Updating best model",
        r"#progress_metric: host=algo-1, completed 50 % of epochs",
        r"#throughput_metric: host=algo-1, train throughput=[\d.]+ records/second",
        r"#validation_score \(algo-1\) : \('binary_classification_accuracy', 0\.\d+\)",
        r"#quality_metric: host=algo-1, validation binary_f_2\.000 <score>=0\.\d+",
        r"#quality_metric: host=algo-1, test precision <score>=0\.\d+",
        r'Best model found for hyperparameters: {"wd": 0\.0001, "l1": 0\.0, .*}',
    ):
        assert re.search(f"^{prefix}{line}$", log, re.M), line


def test_a_regressor_reports_its_errors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows, test = dense_rows(is_classifier=False), dense_rows(200, seed=1, is_classifier=False)
    files = {"train/a": as_recordio(rows), "test/a": as_recordio(test)}
    root = make_job(tmp_path / "ml", {"predictor_type": "regressor"}, files)
    assert train.main([str(root)]) == 0
    log = capsys.readouterr().out
    error = model.load(root / "model").scores(test.features) - test.labels
    assert last_value(log, "test:mse") == pytest.approx((error**2).mean(), rel=1e-3)
    assert last_value(log, "test:absolute_loss") == pytest.approx(np.abs(error).mean(), rel=1e-3)
    assert last_value(log, "test:objective_loss") == last_value(log, "test:mse") < 40
    assert last_value(log, "train:mse") < 40
    assert "Test data is not provided." not in log
    assert not re.findall(METRICS["test:binary_classification_accuracy"], log)


@pytest.mark.parametrize("content_type", ["text/csv", "text/csv; label_size=1"])
def test_csv_and_recordio_give_the_same_model(tmp_path: Path, content_type: str) -> None:
    rows = dense_rows()
    folders = []
    for name, content, kind in (("csv", as_csv(rows), content_type), ("recordio", as_recordio(rows), "")):
        root = make_job(tmp_path / name, {}, {"train/a": content, "validation/b": content}, ContentType=kind)
        assert train.main([str(root)]) == 0
        folders.append(root / "model")
    assert [path.name for path in sorted(folders[0].iterdir())] == ["model.json", "model.npz"]
    for name in ("model.json", "model.npz"):
        assert (folders[0] / name).read_bytes() == (folders[1] / name).read_bytes()


def test_the_log_names_what_has_no_effect(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = {"train/a": as_recordio(dense_rows())}
    assert train.main([str(make_job(tmp_path / "a", {"learning_rate": "0.1", "num_models": "4", "wd": "0.1"}, files))]) == 0
    log = capsys.readouterr().out
    assert "These hyperparameters have no effect here: learning_rate, num_models\n" in log
    assert "trains one model" in log
    assert "Test data is not provided." in log
    assert last_value(log, "train:roc_auc_score") > 0.7
    assert train.main([str(make_job(tmp_path / "b", {}, files))]) == 0
    assert "no effect" not in capsys.readouterr().out


ROWS = as_recordio(dense_rows(20))


@pytest.mark.parametrize(
    ("hyperparameters", "files", "channel", "reason"),
    [
        ({"epochs": "0"}, {"train/a": ROWS}, {}, "ClientError: The value '0' is not valid for the 'epochs'"),
        ({}, {"train/a": b""}, {}, "ClientError: No data was found in the channel 'train'"),
        ({"feature_dim": "7"}, {"train/a": ROWS}, {}, "ClientError: .*train/a: the rows have 6 features.*feature_dim is 7"),
        ({}, {"train/a": ROWS + ROWS[:-1]}, {}, "ClientError: .*train/a: record at byte"),
        ({}, {"train/a": as_recordio(dense_rows(20, is_classifier=False))}, {}, "ClientError: .*a label is neither 0 nor 1"),
        ({}, {"train/a": ROWS, "validation/b": as_recordio(dense_rows(9, feature_dim=5))}, {}, "ClientError: .*'validation'.*5 features"),
        ({}, {"train/a": b"1,2,x\n"}, {"ContentType": "text/csv"}, "ClientError: .*train/a: .*'x'"),
        ({}, {"train/a": b"1,2,3\n0,1\n"}, {"ContentType": "text/csv"}, "ClientError: .*Expected 3 columns, got 2"),
        ({}, {"train/a": b"1,,3\n0,1,2\n"}, {"ContentType": "text/csv"}, "ClientError: .*not a finite number"),
        ({}, {"train/a": b"1\n0\n"}, {"ContentType": "text/csv"}, "ClientError: .*a label and features are needed"),
        ({}, {"train/a": ROWS}, {"ContentType": "text/libsvm"}, "ClientError: Content type text/libsvm of the channel 'train' is not"),
        ({}, {"train/a": ROWS}, {"TrainingInputMode": "Pipe"}, "AlgorithmError: Linear Learner of the local AWS does not read pipes"),
        ({"feature_dim": "3000000000"}, {"train/a": ROWS}, {}, "AlgorithmError: .*feature_dim below 2147483648"),
    ],
)
def test_a_job_that_cannot_train_says_why(
    tmp_path: Path, hyperparameters: dict[str, str], files: dict[str, bytes], channel: dict[str, Any], reason: str
) -> None:
    root = make_job(tmp_path / "ml", hyperparameters, files, **channel)
    assert train.main([str(root)]) == 1
    assert re.match(reason, (root / "output/failure").read_text(), re.S)
    assert not list((root / "model").iterdir())
