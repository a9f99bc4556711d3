"""The compiled arithmetic against plain loops, and training against the same training written out slowly."""

from typing import Any

import fm_numpy
import fm_reference
import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from localaws.algorithm_kit.channel_rows import Dataset
from localaws.factorization_machines import trainer
from localaws.factorization_machines.compiled_loops import Weights
from localaws.factorization_machines.hyperparameters import Hyperparameters
from localaws.factorization_machines.row_store import RowStore

THREADS = vars(numba.config)["NUMBA_NUM_THREADS"]
FEATURES = 7


def random_rows(seed: int, n_rows: int, *, features: int = FEATURES, longest: int = 4) -> list[list[tuple[int, float]]]:
    draw = np.random.default_rng(seed)
    lengths = draw.integers(0, longest + 1, n_rows)
    return [[(int(i), float(np.float32(draw.normal()))) for i in draw.permutation(features)[:length]] for length in lengths]


def dataset(rows: list[list[tuple[int, float]]], labels: Any = None) -> Dataset:
    return Dataset(
        indptr=np.cumsum([0, *map(len, rows)]),
        keys=np.array([i for row in rows for i, _ in row], np.int32),
        values=np.array([x for row in rows for _, x in row], np.float32),
        labels=np.zeros(len(rows), np.float32) if labels is None else np.array(labels, np.float32),
    )


def random_weights(seed: int, *, features: int = FEATURES, factors: int = 3) -> Weights:
    draw = np.random.default_rng(seed)
    return Weights(*(draw.normal(size=shape).astype(np.float32) for shape in ((1,), (features,), (features, factors))))


def params(**changes: Any) -> Hyperparameters:
    given = {"feature_dim": FEATURES, "num_factors": 3, "predictor_type": "binary_classifier", **changes}
    return Hyperparameters(**given)


def run(hyperparameters: Hyperparameters, data: Dataset, weights: Weights, **options: Any) -> list[trainer.Report]:
    rows = RowStore([data], batch_rows=hyperparameters.mini_batch_size)
    return list(trainer.train(hyperparameters, rows, trainer.begin(weights), **options))


@given(st.integers(0, 2**32 - 1), st.integers(1, 9))
def test_scores_are_those_of_the_double_loop_over_all_pairs(seed: int, factors: int) -> None:
    rows, weights = random_rows(seed, 5), random_weights(seed, factors=factors)
    expected = [fm_reference.score(row, float(weights.bias[0]), weights.linear, weights.factors) for row in rows]
    # float32 sums of some twenty products of size one
    np.testing.assert_allclose(trainer.raw_scores(dataset(rows), weights), expected, atol=2e-5, rtol=2e-5)


def test_a_row_without_features_scores_the_bias() -> None:
    weights = random_weights(1)
    assert trainer.raw_scores(dataset([[]]), weights).tolist() == [weights.bias[0]]


@pytest.mark.parametrize("predictor_type", ["binary_classifier", "regressor"])
def test_one_step_moves_every_weight_against_the_gradient_found_by_finite_differences(predictor_type: str) -> None:
    is_classifier = predictor_type == "binary_classifier"
    rows, weights = random_rows(3, 6), random_weights(3)
    labels = [1, 0, 0, 1, 1, 0] if is_classifier else [3, -1, 0.5, 2, 1, 0]
    gradients = fm_reference.batch_gradient(rows, labels, [weights.bias[0], weights.linear, weights.factors], is_classifier=is_classifier)
    moved = Weights(*(array.copy() for array in weights))
    # with so large an eps, Adam's first step is lr / eps * gradient * (1 - beta1) * sqrt(1 - beta2) / (1 - beta1), to six digits
    large = {"eps": 1e6, "rescale_grad": 1.0, "mini_batch_size": 6, **{f"{part}_wd": 0.0 for part in Weights._fields}}
    rates = {f"{part}_lr": 1e6 for part in Weights._fields}
    run(params(predictor_type=predictor_type, **large, **rates), dataset(rows, labels), moved)
    for before, after, gradient in zip(weights, moved, gradients, strict=True):
        np.testing.assert_allclose((before - after) / np.sqrt(0.001), np.reshape(gradient, before.shape), atol=2e-4, rtol=2e-4)


SETTINGS = [
    {},
    {"clip_gradient": 0.05},
    {"eps": 0.1},
    {"rescale_grad": 0.7},
    {"bias_wd": 0.0, "linear_wd": 0.0, "factors_wd": 0.0},
    {"bias_wd": 0.5, "linear_wd": 0.2, "factors_wd": 1.0},
    {"bias_lr": 0.0, "linear_lr": 0.1, "factors_lr": 0.0},
    {"mini_batch_size": 100},
]


@pytest.mark.parametrize("changes", SETTINGS, ids=str)
@pytest.mark.parametrize("predictor_type", ["binary_classifier", "regressor"])
def test_training_is_lazy_adam_with_every_setting_honoured(changes: dict[str, Any], predictor_type: str) -> None:
    is_classifier = predictor_type == "binary_classifier"
    rows, weights = random_rows(5, 8), random_weights(5)
    labels = [1, 0, 0, 1, 1, 0, 1, 1] if is_classifier else [3, -1, 0.5, 2, 1, 0, -2, 4]
    defaults = {"epochs": 2, "mini_batch_size": 3, "bias_lr": 0.05, "linear_lr": 0.03, "factors_lr": 0.02, "factors_wd": 0.01}
    hyperparameters = params(predictor_type=predictor_type, **{**defaults, **changes})
    plain = {
        "lr": (hyperparameters.bias_lr, hyperparameters.linear_lr, hyperparameters.factors_lr),
        "wd": (hyperparameters.bias_wd, hyperparameters.linear_wd, hyperparameters.factors_wd),
        "clip": hyperparameters.clip_gradient or np.inf,
        "eps": hyperparameters.eps or 1e-8,
        "rescale": hyperparameters.rescale_grad,
    }
    start = [weights.bias[0], weights.linear, weights.factors]
    expected = fm_reference.train(
        rows, labels, start, plain, epochs=2, batch_rows=hyperparameters.mini_batch_size, is_classifier=is_classifier
    )
    run(hyperparameters, dataset(rows, labels), weights)
    for got, wanted in zip(weights, expected, strict=True):
        np.testing.assert_allclose(got, np.reshape(wanted, got.shape), atol=2e-4)


@pytest.mark.parametrize("predictor_type", ["binary_classifier", "regressor"])
def test_many_batches_are_learned_as_plain_numpy_learns_them(predictor_type: str) -> None:
    draw = np.random.default_rng(19)
    rows = random_rows(19, 3000, features=200, longest=6)
    labels = draw.integers(0, 2, 3000) if predictor_type == "binary_classifier" else draw.normal(3, 1, 3000)
    hyperparameters = params(
        predictor_type=predictor_type, feature_dim=200, num_factors=8, epochs=3, mini_batch_size=70, linear_lr=0.02, factors_lr=0.01,
        factors_init_sigma=0.1,
    )  # fmt: skip
    weights = trainer.initial_weights(hyperparameters)
    plain = [array.astype(np.float64) for array in weights]
    losses = list(fm_numpy.train(hyperparameters, dataset(rows, labels), plain))
    reports = run(hyperparameters, dataset(rows, labels), weights)
    np.testing.assert_allclose([one.so_far[1] / one.so_far[0] for one in reports if one.is_last], losses, rtol=1e-5)
    # the rounding errors of 129 steps in float32
    for got, wanted in zip(weights, plain, strict=True):
        np.testing.assert_allclose(got, wanted, atol=2e-4)


def test_features_outside_the_batch_stay_untouched() -> None:
    weights = random_weights(7)
    before = Weights(*(array.copy() for array in weights))
    run(params(epochs=3, factors_wd=1.0, linear_wd=1.0), dataset([[(2, 1.0), (4, 1.0)]] * 4, [1, 0, 1, 1]), weights)
    untouched = [i for i in range(FEATURES) if i not in (2, 4)]
    np.testing.assert_array_equal(weights.linear[untouched], before.linear[untouched])
    np.testing.assert_array_equal(weights.factors[untouched], before.factors[untouched])
    assert (weights.factors[[2, 4]] != before.factors[[2, 4]]).all()


@pytest.mark.parametrize("batch_rows", [1, 64, 1000])
def test_one_thread_and_all_give_the_same_bits(batch_rows: int) -> None:
    rows = random_rows(11, 1000, features=300, longest=6)
    data = dataset(rows, np.random.default_rng(11).integers(0, 2, 1000))
    hyperparameters = params(feature_dim=300, num_factors=20, epochs=2, mini_batch_size=batch_rows, factors_lr=0.01)
    results = []
    for threads in (1, THREADS):
        weights = trainer.initial_weights(hyperparameters)
        reports = run(hyperparameters, data, weights, threads=threads)
        results.append((weights, [report.part.tolist() for report in reports]))
    (one, one_reports), (several, several_reports) = results
    assert one_reports == several_reports
    for left, right in zip(one, several, strict=True):
        assert left.tobytes() == right.tobytes()


def test_factors_learn_what_no_linear_model_can() -> None:
    # exclusive or: the label is 1 if exactly one of the two features is in the upper half
    draw = np.random.default_rng(13)
    pairs = draw.integers(0, 20, (4000, 2))
    labels = (pairs[:, 0] >= 10) ^ (pairs[:, 1] >= 10)
    rows = [[(int(a), 1.0), (20 + int(b), 1.0)] for a, b in pairs]
    hyperparameters = params(feature_dim=40, num_factors=4, epochs=60, mini_batch_size=100, factors_lr=0.01, factors_init_sigma=0.1)
    accuracy = {}
    for name, changes in (("factors", {}), ("linear", {"factors_lr": 0.0, "factors_init_method": "constant", "factors_init_value": 0.0})):
        chosen = params(**{**hyperparameters.__dict__, **changes})
        weights = trainer.initial_weights(chosen)
        run(chosen, dataset(rows, labels), weights)
        accuracy[name] = float(((trainer.raw_scores(dataset(rows), weights) >= 0) == labels).mean())
    assert accuracy["factors"] > 0.98
    assert accuracy["linear"] < 0.6


def test_the_tally_of_an_untrained_model_is_that_of_its_scores() -> None:
    for predictor_type, labels in (("binary_classifier", [1, 0, 0, 1, 1, 0]), ("regressor", [3, -1, 0.5, 2, 1, 0])):
        hyperparameters = params(predictor_type=predictor_type, mini_batch_size=100)
        data, weights = dataset(random_rows(17, 6), labels), random_weights(17)
        scores = trainer.raw_scores(data, weights)
        (report,) = run(hyperparameters, data, weights)
        expected = trainer.tally_scores(scores, data.labels, is_classifier=hyperparameters.is_classifier)
        np.testing.assert_allclose(report.part, expected, rtol=1e-6)


def test_reports_come_after_the_first_batch_then_every_500_and_at_the_end_of_an_epoch() -> None:
    data = dataset([[(1, 1.0)]] * 1203, [0] * 1203)
    reports = run(params(epochs=2, mini_batch_size=1), data, random_weights(1))
    assert [(report.epoch, report.batch, report.is_last) for report in reports[:4]] == [
        (0, 0, False),
        (0, 500, False),
        (0, 1000, False),
        (0, 1202, True),
    ]
    assert [report.part[0] for report in reports[4:]] == [1, 500, 500, 202]
    assert reports[-1].so_far[0] == 1203


def test_training_stops_between_reports_when_asked() -> None:
    answers = iter([False, False, True])
    data = dataset([[(1, 1.0)]] * 3, [0] * 3)
    reports = run(params(epochs=9, mini_batch_size=1), data, random_weights(1), should_stop=lambda: next(answers))
    assert len(reports) == 2


def test_a_loss_that_is_no_number_any_more_is_an_error() -> None:
    data = dataset([[(1, 1e30), (2, 1e30)]] * 3, [0, 1, 0])
    with pytest.raises(trainer.Diverged, match="epoch 0"):
        run(params(epochs=3), data, random_weights(1))


@pytest.mark.parametrize(
    ("method", "setting", "low", "high"), [("normal", "sigma", -2.5, 2.5), ("uniform", "scale", -0.5, 0.5), ("constant", "value", 0.5, 0.5)]
)
@pytest.mark.parametrize("part", Weights._fields)
def test_weights_begin_as_their_init_method_says(part: str, method: str, setting: str, low: float, high: float) -> None:
    changes: dict[str, Any] = {f"{part}_init_method": method, f"{part}_init_{setting}": 0.5}
    weights = trainer.initial_weights(params(feature_dim=2000, num_factors=2, **changes))
    array = getattr(weights, part)
    assert array.dtype == np.float32
    assert array.min() >= low
    assert array.max() <= high
    if array.size > 1 and method != "constant":
        assert array.std() == pytest.approx(0.5 if method == "normal" else 0.5 / np.sqrt(3), rel=0.1)


def test_initial_weights_are_the_same_for_every_job() -> None:
    first, second = (trainer.initial_weights(params(epochs=epochs)) for epochs in (1, 50))
    assert first.factors.tobytes() == second.factors.tobytes()
    assert trainer.initial_weights(params(), seed=1).factors.tobytes() != first.factors.tobytes()


def test_threads_are_used_where_there_is_work_for_them() -> None:
    everything = THREADS
    small = {"feature_dim": 2625, "num_factors": 64}
    assert trainer.choose_threads(params(**small)) == 1
    assert trainer.choose_threads(params(**small, mini_batch_size=10_000)) == everything
    assert trainer.choose_threads(params(feature_dim=200_000, num_factors=64)) == everything
