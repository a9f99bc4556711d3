"""The training process under SageMaker's container contract, against the xgboost library called directly on the same rows."""

import json
import os
import re
import signal
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sklearn.metrics
import xgboost
from waiting import HANG_S, wait_until

from localaws.xgboost import XGBoost, train, trainer
from localaws.xgboost.data import Rows
from localaws.xgboost.hyperparameters import OBJECTIVES, parse
from localaws.xgboost.metrics import ADDED, MAXIMIZED, compute_added

ALGORITHM = XGBoost()
METRICS = {definition.name: definition.regex for definition in ALGORITHM.metric_definitions}
BASE = {"num_round": "5", "objective": "binary:logistic"}
PLAIN = {"objective": "binary:logistic", "nthread": 1}  # where many tests run at once, threads wait for one another


def make_rows(n_rows: int, *, seed: int = 0) -> Any:
    """Labels 0 and 1, then four features; as float32, so that their text is exact."""
    draw = np.random.default_rng(seed)
    features = draw.normal(size=(n_rows, 4))
    labels = features[:, 0] + features[:, 1] ** 2 + draw.normal(0, 0.5, n_rows) > 1
    return np.column_stack([labels, features]).astype(np.float32)


def csv(rows: Any) -> str:
    return "".join(",".join(map(repr, row)) + "\n" for row in rows.tolist())


TRAIN, VALIDATION = make_rows(400), make_rows(200, seed=1)


def make_job(root: Path, hyperparameters: dict[str, str], files: dict[str, Any], **channel: Any) -> Path:
    for folder in ("input/config", "input/data", "model", "output"):
        (root / folder).mkdir(parents=True)
    for name, content in files.items():
        path = root / "input/data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    configuration = {
        "hyperparameters": {**BASE, **hyperparameters},
        "inputdataconfig": {
            name.split("/")[0]: {"TrainingInputMode": "File", "S3DistributionType": "FullyReplicated", "ContentType": "text/csv", **channel}
            for name in files
        },
        "resourceconfig": {"current_host": "algo-1", "hosts": ["algo-1"]},
    }
    for name, content in configuration.items():
        (root / f"input/config/{name}.json").write_text(json.dumps(content))
    return root


def run(root: Path) -> tuple[int, str]:
    done = subprocess.run(
        ALGORITHM.training_command(root), cwd=root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=HANG_S, check=False
    )
    return done.returncode, done.stdout


def matrix(rows: Any) -> xgboost.DMatrix:
    return xgboost.DMatrix(rows[:, 1:], label=rows[:, 0], nthread=1)


def test_a_job_writes_the_librarys_model_and_the_containers_log(tmp_path: Path) -> None:
    settings = {"eta": "0.3", "max_depth": "3", "subsample": "0.8", "seed": "7", "eval_metric": "auc,logloss"}
    files = {"train/b.csv": csv(TRAIN[300:]), "train/a.csv": csv(TRAIN[:300]), "validation/v.csv": csv(VALIDATION)}
    root = make_job(tmp_path / "ml", settings, files)
    code, log = run(root)
    assert code == 0, log
    assert not (root / "output/failure").exists()
    results: dict[str, Any] = {}
    plain = xgboost.train(
        {**PLAIN, "eta": 0.3, "max_depth": 3, "subsample": 0.8, "seed": 7, "eval_metric": ["auc", "logloss"]},
        matrix(TRAIN),
        5,
        evals=[(matrix(TRAIN), "train"), (matrix(VALIDATION), "validation")],
        evals_result=results,
        verbose_eval=False,
    )
    assert [path.name for path in (root / "model").iterdir()] == ["xgboost-model"]
    assert (root / "model/xgboost-model").read_bytes() == plain.save_raw("ubj")
    for number in range(5):
        parts = [f"{data}-{name}:{results[data][name][number]:.5f}" for data in ("train", "validation") for name in ("auc", "logloss")]
        assert f"\n[{number}]#011{'#011'.join(parts)}\n" in log
    assert float(re.findall(METRICS["validation:auc"], log)[-1]) == round(results["validation"]["auc"][-1], 5)
    assert float(re.findall(METRICS["train:logloss"], log)[-1]) == round(results["train"]["logloss"][-1], 5)
    assert re.search(r"^\[\d{4}-\d\d-\d\d:\d\d:\d\d:\d\d:INFO\] Train matrix has 400 rows and 4 columns$", log, re.M)
    assert re.search(r"INFO\] Validation matrix has 200 rows$", log, re.M)


def test_an_unused_hyperparameter_is_in_the_log(tmp_path: Path) -> None:
    code, log = run(make_job(tmp_path / "ml", {"sketch_eps": "0.1"}, {"train/a": csv(TRAIN)}))
    assert code == 0
    assert re.search(r':WARNING\] Parameters: { "sketch_eps" } are not used\.$', log, re.M)
    assert "UserWarning" not in log


def rows_of(rows: Any) -> Rows:
    return Rows(features=rows[:, 1:], labels=rows[:, 0], weights=None)


def fit(hyperparameters: dict[str, str], rows: Any = TRAIN, validation: Any = None) -> tuple[xgboost.Booster, list[str]]:
    lines: list[str] = []
    evaluated = None if validation is None else rows_of(validation)
    booster = trainer.train(parse({**BASE, **hyperparameters}), rows_of(rows), evaluated, report=lines.append)
    booster.set_param({"nthread": 1})
    return booster, lines


@pytest.mark.parametrize("objective", [name for name in OBJECTIVES if name != "reg:linear"])
def test_every_objective_is_the_librarys(objective: str) -> None:
    rows = TRAIN.copy()
    if not objective.startswith(("binary:", "reg:logistic")):
        rows[:, 0] = np.random.default_rng(0).integers(0, 3, len(rows))
    rows[:, 0] += 1 if objective == "reg:gamma" else 0
    classes = {"num_class": "3"} if objective.startswith("multi:") else {}
    booster, lines = fit({"objective": objective, **classes}, rows)
    plain = xgboost.train({**PLAIN, "objective": objective, **{name: int(value) for name, value in classes.items()}}, matrix(rows), 5)
    np.testing.assert_array_equal(booster.predict(matrix(rows)), plain.predict(matrix(rows)))
    assert len(lines) == 5


@pytest.mark.parametrize("tree_method", ["auto", "hist", "approx", "exact"])
def test_one_and_two_threads_give_the_same_bytes(tree_method: str) -> None:
    rows = make_rows(10_000)
    settings = {"tree_method": tree_method, "subsample": "0.7", "colsample_bytree": "0.5", "seed": "3"}
    models = [bytes(fit({**settings, "nthread": threads}, rows)[0].save_raw("ubj")) for threads in ("1", "2")]
    assert models[0] == models[1]


def test_threads_are_bounded_by_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 1, 2}, raising=False)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    many = trainer.VALUES_FOR_THREADS
    assert [trainer.thread_count(asked, 10) for asked in (10_000, 2, None)] == [3, 2, 1]
    assert trainer.thread_count(None, many) == 3
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert (trainer.thread_count(None, many), trainer.thread_count(3, many)) == (2, 3)


def test_weights_and_missing_values_reach_the_library() -> None:
    rows, weights = TRAIN.copy(), np.linspace(0, 1, len(TRAIN), dtype=np.float32)
    rows[::3, 1] = np.nan
    weighted = Rows(features=rows[:, 1:], labels=rows[:, 0], weights=weights)
    booster = trainer.train(parse(BASE), weighted, None)
    plain = xgboost.train(PLAIN, xgboost.DMatrix(rows[:, 1:], label=rows[:, 0], weight=weights), 5)
    assert booster.save_raw("ubj") == plain.save_raw("ubj")
    assert booster.save_raw("ubj") != fit({}, rows)[0].save_raw("ubj")


def noise(n_rows: int, seed: int) -> Any:
    draw = np.random.default_rng(seed)
    return np.column_stack([draw.integers(0, 2, n_rows), draw.normal(size=(n_rows, 4))]).astype(np.float32)


@pytest.mark.parametrize("metric", ["auc", "logloss", "accuracy"])
def test_early_stopping_keeps_the_best_rounds_on_validation(metric: str) -> None:
    settings = {"num_round": "200", "early_stopping_rounds": "5", "eval_metric": metric, "eta": "1"}
    booster, lines = fit(settings, TRAIN, noise(200, 5))
    values = [float(re.findall(METRICS[f"validation:{metric}"], line)[-1]) for line in lines]
    best = int(np.argmax(values) if metric in MAXIMIZED else np.argmin(values))
    assert len(values) == best + 6 < 200
    assert booster.num_boosted_rounds() == best + 1


def test_early_stopping_needs_validation_and_a_metric(tmp_path: Path) -> None:
    settings = {"num_round": "30", "early_stopping_rounds": "1", "eta": "1"}
    assert fit({**settings}, TRAIN, noise(200, 5))[0].num_boosted_rounds() == 30
    assert fit({**settings, "eval_metric": "auc"}, TRAIN)[0].num_boosted_rounds() == 30
    _, log = run(make_job(tmp_path / "ml", {"early_stopping_rounds": "1"}, {"train/a": csv(TRAIN)}))
    assert "WARNING] early_stopping_rounds has no effect" in log


@pytest.mark.parametrize("name", ADDED)
def test_metrics_that_the_container_adds_are_those_of_sklearn(name: str) -> None:
    rows = TRAIN if name not in ("mse", "r2") else TRAIN * np.float32(3)
    objective = {"objective": "reg:squarederror"} if name in ("mse", "r2") else {}
    booster, lines = fit({"eval_metric": f"{name},rmse", **objective}, rows)
    scores, labels = booster.predict(matrix(rows)), rows[:, 0]
    said = scores > 0.5
    expected = {
        "accuracy": sklearn.metrics.accuracy_score(labels > 0, said),
        "balanced_accuracy": sklearn.metrics.balanced_accuracy_score(labels > 0, said),
        **{f"f1{end}": sklearn.metrics.f1_score(labels > 0, said, average="macro") for end in ("", "_macro")},
        "f1_binary": sklearn.metrics.f1_score(labels > 0, said),
        **{
            f"{kind}{end}": function(labels > 0, said, average=end[1:] or "binary")
            for kind, function in (("precision", sklearn.metrics.precision_score), ("recall", sklearn.metrics.recall_score))
            for end in ("", "_macro", "_micro")
        },
        "mse": sklearn.metrics.mean_squared_error(labels, scores),
        "r2": sklearn.metrics.r2_score(labels, scores),
    }[name]
    assert float(re.findall(f"#011train-{name}:([0-9.]+)", lines[-1])[0]) == pytest.approx(expected, abs=6e-6)
    assert "#011train-rmse:" in lines[-1]


def test_the_class_of_a_prediction_is_the_objectives() -> None:
    labels = np.array([0, 2, 1], np.float32)
    probabilities = np.array([[0.8, 0.1, 0.1], [0.1, 0.2, 0.7], [0.3, 0.3, 0.4]], np.float32)
    assert compute_added("accuracy", "multi:softprob", labels, probabilities) == pytest.approx(2 / 3)
    assert compute_added("accuracy", "multi:softmax", labels, np.array([0, 2, 1], np.float32)) == 1
    assert compute_added("accuracy", "binary:logitraw", np.array([0, 1], np.float32), np.array([-0.1, 0.1], np.float32)) == 1


@pytest.mark.parametrize(
    ("hyperparameters", "files", "channel", "reason"),
    [
        ({"depth": "1"}, {"train/a": "1,2\n"}, {}, "ClientError: Extraneous hyperparameter found: depth"),
        ({}, {"test/a": "1,2\n"}, {}, "ClientError: Missing required channel: train"),
        ({}, {"train/a": "1,2\n", "validation/a": ""}, {}, "ClientError: No data in validation channel path /opt/ml/input/data/validation"),
        ({}, {"train/a": "label,b\n1,2\n"}, {}, "ClientError: Non-numeric value 'label' found in the header line"),
        ({}, {"train/a": "1,2\n3,4\n"}, {}, r"ClientError: label must be in \[0,1\] for logistic regression \(channel 'train'\)"),
        ({}, {"train/a": "1,2\n0,4\n", "validation/b": "2,1\n"}, {}, r"ClientError: label must be in \[0,1\] .*'validation'"),
        ({}, {"train/a": "1,2\n"}, {"ContentType": "application/json"}, "ClientError: application/json is not an accepted ContentType"),
        ({}, {"train/a": "1,2\n"}, {"TrainingInputMode": "Pipe"}, "AlgorithmError: .*does not read pipes"),
        ({"base_score": "1.5"}, {"train/a": "1,2\n0,3\n"}, {}, "ClientError: .*base_score must be in \\(0,1\\) for the logistic loss.$"),
        (
            {},
            {"train/a": "1,2\n0,3\n", "validation/a": "1,2,3\n0,3,4\n"},
            {},
            "AlgorithmError: XGB train call failed with exception:\n .*Number of columns does not match number of features in booster.$",
        ),
    ],
)
def test_a_job_that_cannot_train_fails_with_a_reason(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    hyperparameters: dict[str, str],
    files: dict[str, str],
    channel: dict[str, str],
    reason: str,
) -> None:
    root = make_job(tmp_path / "ml", hyperparameters, files, **channel)
    assert train.main([str(root)]) == 1
    text = (root / "output/failure").read_text()
    assert re.match(reason, text, re.S)
    assert "libxgboost" not in text
    assert list((root / "model").iterdir()) == []
    assert ":ERROR] " in capsys.readouterr().out


def test_several_hosts_are_refused_and_not_simulated(tmp_path: Path) -> None:
    root = make_job(tmp_path / "ml", {}, {"train/a": csv(TRAIN)})
    (root / "input/config/resourceconfig.json").write_text(json.dumps({"current_host": "algo-1", "hosts": ["algo-1", "algo-2"]}))
    assert train.main([str(root)]) == 1
    assert "one host only" in (root / "output/failure").read_text()


@pytest.mark.parametrize("saves", [True, False])
def test_sigterm_keeps_a_model_only_where_it_was_asked_for(tmp_path: Path, saves: bool) -> None:
    settings = {"num_round": "1000000", "save_model_on_termination": str(saves).lower(), "nthread": "1"}
    root = make_job(tmp_path / "ml", settings, {"train/a": csv(TRAIN)})
    with (root / "log").open("w+") as log:
        child = subprocess.Popen(ALGORITHM.training_command(root), cwd=root, stdout=log, stderr=subprocess.STDOUT)
        try:
            wait_until(lambda: "\n[3]#011" in (root / "log").read_text() or child.poll() is not None, "the job is at work")
            child.send_signal(signal.SIGTERM)
            assert child.wait(HANG_S) == (0 if saves else -signal.SIGTERM)
        finally:
            child.kill()
    if saves:
        assert "Stopped by SIGTERM" in (root / "log").read_text()
        assert ALGORITHM.load(root / "model")
    else:
        assert list((root / "model").iterdir()) == []


def test_the_training_process_needs_nothing_of_the_engine(tmp_path: Path) -> None:
    code = "import sys, localaws.xgboost.train; print('localaws.sagemaker.service' in sys.modules, 'xgboost' in sys.modules)"
    done = subprocess.run([ALGORITHM.training_command(tmp_path)[0], "-c", code], stdout=subprocess.PIPE, text=True, check=True)
    assert done.stdout == "False False\n"
