"""Did tuning help? 02 asks the jobs' metrics on validation rows, 03 asks both models for the same test rows."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_array

from mlkit.aws import tuning_test
from mlkit.aws.endpoint_test import Tested
from mlkit.aws.endpoints import Served
from mlkit.aws.training_jobs import check_tuning
from mlkit.aws.tuning_test import ask_untuned, describe_tuning
from mlkit.errors import TrainingJobFailed, UsageError
from mlkit.gate.answers import Answers
from mlkit.gate.baselines import linear_scores
from mlkit.gate.bootstrap import estimate, paired_difference
from mlkit.gate.metrics import METRICS, RIGHT_ROWS
from mlkit.gate.policy import Policy
from mlkit.gate.target import TWO_LABELS
from mlkit.movielens import tuning
from mlkit.movielens.algorithm import ALGORITHMS
from mlkit.movielens.tuning import compare_tuning, did_tuning_help
from mlkit.training.algorithm_type import Hyperparameters

AWS: Any = None
ALGORITHM = ALGORITHMS[0]
ROWS = 2000
LABELS = np.arange(ROWS) % 2
USERS = np.arange(ROWS) // 10
UNTUNED = "s3://b/untuned/model.tar.gz"
SERVED = Served(
    endpoint="e", status="InService", endpoint_config="c", variant="Untuned", model_name="m", image_uri="i", model_data_url=UNTUNED
)
POLICY = Policy(metric="match rate", required=0.65)


def labels_of(found: Answers) -> Any:
    return found.labels


def answers(wrong: int, *, sure: float = 0.9) -> Answers:
    """Scores of `sure` and 1 - `sure`; the first `wrong` rows are wrong."""
    labels = LABELS.copy()
    labels[:wrong] = 1 - labels[:wrong]
    return Answers(scores=np.where(labels == 1, sure, 1 - sure).astype(np.float32), labels=labels)


def answered(wrong: int) -> Tested:
    rows: Any = SimpleNamespace(labels=LABELS, clusters=USERS, cluster="user", target=TWO_LABELS)
    return Tested(rows=rows, predictions=answers(wrong), served=SERVED)


def model(untuned: str | None = UNTUNED) -> Any:
    return SimpleNamespace(your_initials="ab", untuned=untuned and SimpleNamespace(s3_uri=untuned))


@pytest.mark.parametrize(
    ("before", "after", "words"), [(700, 600, "tuning helped"), (600, 700, "tuning did harm"), (600, 605, "these rows cannot tell")]
)
def test_the_paired_interval_says_whether_tuning_helped(before, after, words):
    table = describe_tuning(answered(after), answers(before), POLICY)
    assert table.loc["match rate", "in words"] == words
    expected = paired_difference(RIGHT_ROWS, LABELS, labels_of(answers(after)), labels_of(answers(before)), USERS, cluster="user")
    assert table.loc["match rate", "95% interval by user"] == f"{expected.low:+.4f} to {expected.high:+.4f}"
    assert table.loc["match rate", "untuned"] == f"{1 - before / ROWS:.4f}"


def test_less_loss_is_help():
    table = describe_tuning(answered(600), answers(600, sure=0.99), POLICY)
    assert table.loc["log loss", "in words"] == "tuning helped"
    assert float(table.loc["log loss", "tuned less untuned"]) < 0


def test_without_an_untuned_model_there_is_nothing_to_compare():
    assert "none beside this one" in describe_tuning(answered(600), None, POLICY).to_string()


@pytest.mark.parametrize(
    ("trained", "served", "is_asked"),
    [(model(), SERVED, True), (model(None), SERVED, False), (model(), None, False), (model("s3://b/other/model.tar.gz"), SERVED, False)],
)
def test_the_untuned_model_of_this_run_is_asked_and_no_other(monkeypatch, trained, served, is_asked):
    asked: list[str] = []
    monkeypatch.setattr(tuning_test, "describe_untuned", lambda aws, name: asked.append(name) or served)
    found = ask_untuned(AWS, "qa", trained, lambda variant: asked.append(variant.variant) or answers(0))
    assert (found is not None) == is_asked
    assert asked == (["ab-ml-lab-qa", "Untuned"] if is_asked else ["ab-ml-lab-qa"] if trained.untuned else [])


def job(loss: float, rate: float = 0.7, **metrics: float) -> Any:
    found = {"test:binary_classification_cross_entropy": loss, "test:binary_classification_accuracy": rate, **metrics}
    return SimpleNamespace(algorithm=ALGORITHM, training_job="fm-1", metrics=found)


@pytest.mark.parametrize(("after", "begins"), [(0.55, "Tuning helped"), (0.57, "Tuning did not help"), (0.58, "Tuning did not help")])
def test_the_notebook_says_in_words_whether_tuning_helped(after, begins):
    said = did_tuning_help(job(0.57), job(after))
    assert said.startswith(f"{begins}: log loss on the validation rows {after:.4f}, untuned 0.5700 (")
    assert ("tune = False" in said) == (begins != "Tuning helped")


def test_a_job_without_the_metric_is_named():
    missing: Any = SimpleNamespace(algorithm=ALGORITHM, training_job="fm-2", metrics={})
    with pytest.raises(TrainingJobFailed, match="fm-2 has no test:binary_classification_cross_entropy"):
        did_tuning_help(missing, job(0.5))


def test_both_jobs_stand_beside_both_baselines_on_the_validation_rows(monkeypatch):
    draw = np.random.default_rng(3)
    columns = np.stack([draw.integers(0, 20, 600), draw.integers(20, 50, 600)], axis=1)
    features = csr_array((np.ones(1200), columns.ravel(), np.arange(0, 1201, 2)), shape=(600, 50))
    labels = (draw.random(600) < 0.3 + 0.4 * (columns[:, 1] % 2)).astype(np.float32)
    channels = {"train": (features[:400], labels[:400]), "validation": (features[400:], labels[400:])}
    monkeypatch.setattr(tuning, "read_rows", lambda aws, channel: channels[channel])
    prepared: Any = SimpleNamespace(train="train", validation="validation", target=TWO_LABELS)
    table = compare_tuning(AWS, prepared, job(0.57, 0.7), job(0.55, 0.71))
    assert list(table.index) == ["majority class", "linear, no factors", "untuned job", "best tuning job"]
    scores = linear_scores(features[:400], labels[:400], features[400:], TWO_LABELS)
    expected = estimate(METRICS["log loss"], labels[400:].astype(int), scores, columns[400:, 0], cluster="user")
    assert table.loc["linear, no factors", "95% interval of log loss"] == expected.interval
    assert table.loc["best tuning job", ["log loss (nats)", "match rate"]].tolist() == ["0.5500", "0.7100"]
    assert table.loc["untuned job", "95% interval of match rate"] == "see 03_test_endpoint"


FACTORS = Hyperparameters(algorithm=ALGORITHM, values={})
LINEAR = Hyperparameters(algorithm=next(one for one in ALGORITHMS if one.name == "linear-learner"), values={})


@pytest.mark.parametrize("given", [[1, 5], [0.1, 2], [0.001, 1.0, "Logarithmic"], [1, 500, "Linear"]])
def test_a_range_has_two_ends_and_perhaps_a_scaling_type(given):
    check_tuning(True, 4, 2, {"epochs": given}, FACTORS)


@pytest.mark.parametrize("given", [[], [1], [5, 1], [1, 1], [1, 5, "log"], [1, 5, 9], ["1", "5"], [1, 5, "Linear", "Linear"]])
def test_another_range_is_refused_by_name_before_anything_starts(given):
    with pytest.raises(UsageError, match="The range of factors_wd is"):
        check_tuning(True, 4, 2, {"epochs": [1, 5], "factors_wd": given}, FACTORS)
    check_tuning(False, 4, 2, {"factors_wd": given}, FACTORS)


@pytest.mark.parametrize(
    ("hyperparameters", "ranges", "objective", "told"),
    [
        (LINEAR, {"wd": [0.1, 1], "linear_lr": [0.1, 1]}, "", "linear-learner has no hyperparameter linear_lr that can be tuned"),
        (LINEAR, {"epochs": [1, 5]}, "", "linear-learner has no hyperparameter epochs that can be tuned"),
        (FACTORS, {"wd": [0.1, 1]}, "", "factorization-machines has no hyperparameter wd that can be tuned"),
        (FACTORS, {"num_factors": [2, 64]}, "", "factorization-machines has no hyperparameter num_factors that can be tuned"),
        (LINEAR, {"wd": [0.1, 1]}, "test:rmse", "linear-learner cannot be tuned for 'test:rmse'"),
        (FACTORS, {"epochs": [1, 5]}, "validation:objective_loss", "factorization-machines cannot be tuned for"),
    ],
)
def test_what_the_algorithm_does_not_have_is_refused_before_anything_starts(hyperparameters, ranges, objective, told):
    with pytest.raises(UsageError, match=told):
        check_tuning(True, 4, 2, ranges, hyperparameters, objective)
    check_tuning(False, 4, 2, ranges, hyperparameters, objective)
