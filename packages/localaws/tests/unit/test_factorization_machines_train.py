"""The training process under SageMaker's container contract: files in, log, model or failure out."""

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from fm_jobs import make_job, make_rows
from waiting import HANG_S, wait_until

from localaws.algorithm_kit.channel_rows import check_unique_keys
from localaws.factorization_machines import FactorizationMachines, model, train
from sagemaker_formats.recordio import Rows, encode

ALGORITHM = FactorizationMachines()
METRICS = {definition.name: definition.regex for definition in ALGORITHM.metric_definitions}


@pytest.fixture(autouse=True)
def sigterm_as_before() -> Iterator[None]:
    """train.main(), called in this process, sets a handler."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def run(root: Path, **environment: str) -> tuple[int, str]:
    done = subprocess.run(
        ALGORITHM.training_command(root),
        cwd=root,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=HANG_S,
        check=False,
    )
    return done.returncode, done.stdout


def last_value(log: str, metric: str) -> float:
    return float(re.findall(METRICS[metric], log)[-1])


TWO_CHANNELS = {
    "train/part-0": encode(make_rows(300)),
    "train/more/part-1": encode(make_rows(200, seed=1)),
    "test/part": encode(make_rows(100, seed=2)),
}


def test_a_job_writes_a_model_and_all_its_metrics(tmp_path: Path) -> None:
    root = make_job(tmp_path / "ml", {"linear_lr": "0.05"}, {**TWO_CHANNELS, "train/empty": b""})
    code, log = run(root)
    assert code == 0, log
    assert not (root / "output/failure").exists()
    for kind in ("binary_classification_accuracy", "binary_f_beta"):
        assert last_value(log, f"test:{kind}") > 0.95
        assert last_value(log, f"train:{kind}") > 0.95
        assert last_value(log, f"train:{kind}:epoch") > 0.95
    losses = [float(found) for found in re.findall(METRICS["train:binary_classification_cross_entropy:epoch"], log)]
    assert len(losses) == 3
    assert losses == sorted(losses, reverse=True)
    assert last_value(log, "train:progress") == 100
    assert last_value(log, "train:throughput") > 0
    assert len(re.findall(r'^#metrics .*"update.time": {"sum": [\d.]+', log, re.M)) == 3
    assert not re.findall(METRICS["test:rmse"], log)
    loaded = model.load(root / "model")
    assert (loaded.feature_dim, loaded.predictor_type, loaded.weights.factors.shape) == (30, "binary_classifier", (30, 4))


def test_the_log_is_worded_like_the_containers(tmp_path: Path) -> None:
    _, log = run(make_job(tmp_path / "ml", {"epochs": "1"}, TWO_CHANNELS))
    prefix = r"\[\d\d/\d\d/\d{4} \d\d:\d\d:\d\d INFO \d+\] "
    for line in (
        r"#quality_metric: host=algo-1, epoch=0, batch=0 train binary_classification_accuracy <score>=0\.\d+",
        r"#quality_metric: host=algo-1, epoch=0, train binary_classification_cross_entropy <loss>=0\.\d+",
        r"#quality_metric: host=algo-1, epoch=0, train binary_f_1\.000 <score>=0\.\d+",
        r"#quality_metric: host=algo-1, test binary_classification_accuracy <score>=0\.\d+",
        r"#quality_metric: host=algo-1, test binary_classification_cross_entropy <loss>=0\.\d+",
        r"#quality_metric: host=algo-1, test binary_f_1\.000 <score>=0\.\d+",
    ):
        assert re.search(f"^{prefix}{line}$", log, re.M), line


def test_the_same_job_gives_the_same_bytes_on_any_number_of_threads(tmp_path: Path) -> None:
    artifacts = []
    for threads in ("1", "2"):
        # so many factors in a batch that all threads are used
        root = make_job(tmp_path / threads, {"num_factors": "1000", "mini_batch_size": "500", "factors_lr": "0.01"}, TWO_CHANNELS)
        code, log = run(root, NUMBA_NUM_THREADS=threads)
        assert code == 0, log
        artifacts.append([(root / "model" / name).read_bytes() for name in ("model.json", "model.npz")])
    assert artifacts[0] == artifacts[1]


def test_a_regressor_reports_its_errors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = make_rows(400, labels=np.random.default_rng(0).normal(3, 1, 400))
    root = make_job(tmp_path / "ml", {"predictor_type": "regressor", "epochs": "60"}, {"train/a": encode(rows), "test/a": encode(rows)})
    assert train.main([str(root)]) == 0
    log = capsys.readouterr().out
    assert last_value(log, "test:rmse") == pytest.approx(np.sqrt(last_value(log, "test:mse")))
    assert 0.5 < last_value(log, "test:rmse") < 1.3
    assert last_value(log, "test:absolute_loss") < last_value(log, "test:rmse")
    assert not re.findall(METRICS["test:binary_classification_accuracy"], log)


def test_a_regressor_s_errors_on_the_test_channel_are_those_of_its_model_by_a_plain_loop(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    draw = np.random.default_rng(3)
    train_rows, test_rows = (make_rows(n, seed=n, labels=draw.integers(1, 11, n) / 2) for n in (300, 70))
    files = {"train/a": encode(train_rows), "test/a": encode(test_rows)}
    root = make_job(tmp_path / "ml", {"predictor_type": "regressor", "epochs": "20", "factors_lr": "0.01"}, files)
    assert train.main([str(root)]) == 0
    arrays = np.load(root / "model" / "model.npz")
    bias, linear, factors = (arrays[name].astype(np.float64) for name in ("bias", "linear", "factors"))
    errors = []
    for row in range(70):
        first, second = test_rows.keys[2 * row : 2 * row + 2]
        pair = sum(factors[first, f] * factors[second, f] for f in range(factors.shape[1]))
        errors.append(bias[0] + linear[first] + linear[second] + pair - test_rows.labels[row])  # type: ignore[index]
    log = capsys.readouterr().out
    assert last_value(log, "test:rmse") == pytest.approx(np.sqrt(np.mean(np.square(errors))), rel=1e-5)
    assert last_value(log, "test:absolute_loss") == pytest.approx(np.mean(np.abs(errors)), rel=1e-5)


def test_without_a_test_channel_there_are_no_test_metrics(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = make_job(tmp_path / "ml", {}, {"train/a": encode(make_rows(50))})
    assert train.main([str(root)]) == 0
    assert ", test " not in capsys.readouterr().out


LABELLED, SHORT = encode(make_rows(2)), make_rows(2)
UNLABELLED = encode(Rows(indptr=SHORT.indptr, keys=SHORT.keys, values=SHORT.values, labels=None, feature_dim=30))
TWICE = Rows(indptr=np.array([0, 2]), keys=np.array([1, 1]), values=np.ones(2, np.float32), labels=np.zeros(1, np.float32), feature_dim=30)
NOT_FINITE = Rows(
    indptr=np.array([0, 1]), keys=np.array([1]), values=np.array([np.inf], np.float32), labels=np.zeros(1, np.float32), feature_dim=30
)


@pytest.mark.parametrize(
    ("hyperparameters", "files", "channel", "reason"),
    [
        ({"depth": "1"}, {"train/a": LABELLED}, {}, r"ClientError: Additional hyperparameters are not allowed \('depth' was unexpected\)"),
        ({"epochs": "0"}, {"train/a": LABELLED}, {}, "ClientError: The value '0' is not valid for the 'epochs'"),
        ({"feature_dim": "31"}, {"train/a": LABELLED}, {}, "ClientError: .*train/a: the rows have 30 features.* feature_dim is 31"),
        ({}, {"test/a": LABELLED}, {}, "ClientError: .*'train' is a required property"),
        ({}, {"train/a": b""}, {}, "ClientError: No data was found in the channel 'train'"),
        ({}, {"train/a": b"1,2,3\n"}, {}, "ClientError: .*train/a: record at byte 0: "),
        ({}, {"train/a": LABELLED + LABELLED[:-1]}, {}, f"ClientError: .*record at byte {len(LABELLED) * 3 // 2}: the data end"),
        ({}, {"train/a": UNLABELLED}, {}, "ClientError: .*train/a: the rows have no labels"),
        ({}, {"train/a": LABELLED, "test/b": UNLABELLED}, {}, "ClientError: .*test/b: the rows have no labels"),
        ({}, {"train/a": encode(make_rows(2, labels=[1, 4]))}, {}, "ClientError: .*neither 0 nor 1"),
        ({}, {"train/a": encode(TWICE)}, {}, "ClientError: .*the key 1 twice"),
        ({}, {"train/a": encode(NOT_FINITE)}, {}, "ClientError: .*not a finite number"),
        (
            {},
            {"train/a": LABELLED},
            {"ContentType": "text/csv"},
            "ClientError: Content type text/csv of the channel 'train' is not supported",
        ),
        ({}, {"train/a": LABELLED}, {"TrainingInputMode": "Pipe"}, "AlgorithmError: .*does not read pipes"),
        ({"bias_lr": "1e38", "linear_lr": "1e38"}, {"train/a": encode(make_rows(500))}, {}, "AlgorithmError: the loss is no longer finite"),
        ({"feature_dim": "2147483648"}, {"train/a": LABELLED}, {}, "AlgorithmError: .*below 2147483648"),
    ],
)
def test_a_job_that_cannot_train_fails_with_a_reason(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    hyperparameters: dict[str, str],
    files: dict[str, bytes],
    channel: dict[str, str],
    reason: str,
) -> None:
    root = make_job(tmp_path / "ml", hyperparameters, files, **channel)
    assert train.main([str(root)]) == 1
    assert re.match(reason, (root / "output/failure").read_text(), re.S)
    assert list((root / "model").iterdir()) == []
    assert " ERROR " in capsys.readouterr().out


def test_several_hosts_are_refused_and_not_simulated(tmp_path: Path) -> None:
    root = make_job(tmp_path / "ml", {}, {"train/a": LABELLED})
    (root / "input/config/resourceconfig.json").write_text(json.dumps({"current_host": "algo-1", "hosts": ["algo-1", "algo-2"]}))
    assert train.main([str(root)]) == 1
    assert "one host only" in (root / "output/failure").read_text()


def test_sigterm_ends_training_with_the_model_learned_so_far(tmp_path: Path) -> None:
    root = make_job(tmp_path / "ml", {"epochs": "1000000"}, TWO_CHANNELS)
    with (root / "log").open("w+") as log:
        child = subprocess.Popen(ALGORITHM.training_command(root), cwd=root, stdout=log, stderr=subprocess.STDOUT)
        try:
            wait_until(lambda: "epoch=1," in (root / "log").read_text() or child.poll() is not None, "the job is at work")
            child.send_signal(signal.SIGTERM)
            assert child.wait(HANG_S) == 0
        finally:
            child.kill()
    assert "Stopped by SIGTERM" in (root / "log").read_text()
    assert re.search(METRICS["test:binary_classification_accuracy"], (root / "log").read_text())
    assert model.load(root / "model").feature_dim == 30


def test_a_job_gives_way_to_other_processes(tmp_path: Path) -> None:
    root = make_job(tmp_path / "ml", {"epochs": "1000000"}, TWO_CHANNELS)
    with (root / "log").open("w+") as log:
        child = subprocess.Popen(ALGORITHM.training_command(root), cwd=root, stdout=log, stderr=subprocess.STDOUT)
        try:
            wait_until(lambda: "Reading provided configuration" in (root / "log").read_text() or child.poll() is not None, "the job begins")
            own, jobs = (os.getpriority(os.PRIO_PROCESS, pid) for pid in (0, child.pid))
        finally:
            child.kill()
            child.wait()
    assert jobs == min(own + 10, 19)


def test_keys_out_of_order_are_fine_and_keys_named_twice_are_not() -> None:
    rows = make_rows(3)
    mixed = Rows(
        indptr=np.array([0, 3, 3, 5]), keys=np.array([9, 1, 5, 5, 2]), values=np.ones(5, np.float32), labels=rows.labels, feature_dim=30
    )
    check_unique_keys(mixed)
    for keys in ([9, 1, 9, 5, 2], [9, 1, 5, 2, 2], [1, 1, 5, 5, 2]):
        twice = Rows(indptr=mixed.indptr, keys=np.array(keys), values=mixed.values, labels=rows.labels, feature_dim=30)
        with pytest.raises(ValueError, match="twice"):
            check_unique_keys(twice)
