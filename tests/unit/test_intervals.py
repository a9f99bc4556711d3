import numpy as np
import pytest
from scipy import stats

from mlkit.errors import InvalidData
from mlkit.gate import bootstrap
from mlkit.gate.bootstrap import estimate, wilson
from mlkit.gate.estimate import Difference, Estimate
from mlkit.gate.metrics import RIGHT_ROWS


def match_rate(*rows, **more) -> Estimate:
    return estimate(RIGHT_ROWS, *rows, **more)


def paired_difference(*rows, **more) -> Difference:
    return bootstrap.paired_difference(RIGHT_ROWS, *rows, **more)


@pytest.mark.parametrize(("successes", "n", "confidence"), [(0, 10, 0.95), (10, 10, 0.95), (6624, 9430, 0.95), (3, 7, 0.8)])
def test_wilson_is_scipys(successes, n, confidence):
    expected = stats.binomtest(successes, n).proportion_ci(confidence, method="wilson")
    assert wilson(successes, n, confidence) == pytest.approx((expected.low, expected.high))


def test_wilson_gives_the_published_example():
    # Newcombe 1998, Statistics in Medicine 17:857-872, table I, method 3: 81 of 263
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)


@pytest.mark.parametrize(("successes", "n"), [(0, 0), (1, 0), (0, -1), (-1, 10), (11, 10)])
def test_wilson_refuses_more_successes_than_rows_and_no_rows(successes, n):
    with pytest.raises(ValueError, match=f"{successes} successes of {n} rows"):
        wilson(successes, n)


def test_wilson_stays_a_share_with_one_row():
    assert wilson(0, 1)[0] == 0
    assert wilson(1, 1)[1] == 1


@pytest.mark.parametrize("confidence", [0, 1, -0.5, 1.5, 95, float("nan")])
def test_a_confidence_that_is_no_share_is_refused(confidence):
    told = f"confidence is a share between 0 and 1, not {confidence}"
    with pytest.raises(ValueError, match=told):
        wilson(1, 2, confidence)
    with pytest.raises(ValueError, match=told):
        match_rate([1, 0], [1, 1], [1, 2], confidence)
    with pytest.raises(ValueError, match=told):
        paired_difference([1, 0], [1, 1], [1, 1], [1, 2], confidence)


def users_alike(users: int = 400, rows_each: int = 10, *, alike: bool = True):
    """Labels, predicted labels and users; where users are alike, half of them match at 0.9 and half at 0.5."""
    random = np.random.default_rng(3)
    user = np.repeat(np.arange(users), rows_each)
    chance = np.where(user % 2, 0.9, 0.5) if alike else 0.7
    return np.ones(len(user), dtype=int), (random.random(len(user)) < chance).astype(int), user


def test_the_bootstrap_is_as_wide_as_the_variance_between_users():
    labels, predicted, user = users_alike()
    rate = match_rate(labels, predicted, user)
    by_user = predicted.reshape(400, 10).mean(axis=1)
    half = 1.96 * by_user.std(ddof=1) / np.sqrt(400)
    assert rate.value == pytest.approx(by_user.mean())
    # 2,000 replicates know a percentile to about 5 % of the half width
    assert (rate.low, rate.high) == pytest.approx((rate.value - half, rate.value + half), abs=0.1 * half)


def test_the_design_effect_is_the_variance_by_user_over_that_of_rows():
    labels, predicted, user = users_alike()
    by_user = predicted.reshape(400, 10).mean(axis=1)
    expected = by_user.var() / 400 / (predicted.mean() * (1 - predicted.mean()) / 4000)
    assert expected > 2
    assert match_rate(labels, predicted, user).design_effect == pytest.approx(expected, rel=0.12)


def test_the_multinomial_draws_agree_with_drawing_users_one_by_one():
    random = np.random.default_rng(5)
    sizes = random.integers(1, 30, 200)
    user = np.repeat(np.arange(200), sizes)
    predicted = (random.random(len(user)) < np.where(user % 2, 0.8, 0.6)).astype(int)
    sums = np.bincount(user, weights=predicted)
    drawn = random.integers(0, 200, (4000, 200))
    low, high = np.quantile(sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1), [0.025, 0.975])
    rate = match_rate(np.ones_like(predicted), predicted, user, replicates=4000)
    assert (rate.low, rate.high) == pytest.approx((low, high), abs=0.1 * (high - low))


def test_the_interval_is_never_narrower_than_wilsons():
    rate = match_rate(np.ones(10, dtype=int), np.ones(10, dtype=int), np.arange(10))
    assert (rate.low, rate.high) == (rate.wilson_low, rate.wilson_high) == wilson(10, 10)


def test_rows_in_another_order_give_the_same_figures():
    labels, predicted, user = users_alike()
    order = np.random.default_rng(0).permutation(len(user))
    assert match_rate(labels[order], predicted[order], user[order]) == match_rate(labels, predicted, user)


def test_users_may_have_names():
    labels, predicted, user = users_alike(users=20)
    assert match_rate(labels, predicted, [f"user {one}" for one in user]) == match_rate(labels, predicted, user)


def test_the_seed_decides_the_draws():
    labels, predicted, user = users_alike()
    assert match_rate(labels, predicted, user, seed=1) != match_rate(labels, predicted, user, seed=2)


def test_more_confidence_is_a_wider_interval():
    labels, predicted, user = users_alike()
    assert match_rate(labels, predicted, user, 0.99).low < match_rate(labels, predicted, user, 0.8).low


def paired(labels, predicted, clusters, **more):
    """The paired difference with the challenger's labels in question."""
    return paired_difference(labels, predicted, [1] * len(labels), clusters, **more)


def paired_champion(labels, predicted, clusters, **more):
    return paired_difference(labels, [1] * len(labels), predicted, clusters, **more)


FIGURES = pytest.mark.parametrize("figures", [match_rate, paired, paired_champion])


@FIGURES
def test_rows_of_a_single_user_are_refused(figures):
    with pytest.raises(InvalidData, match="All rows are of one user, so they show nothing about other users") as raised:
        figures([1, 0], [1, 1], [7, 7], cluster="user")
    assert raised.value.cure == "Test on rows of several users."


@FIGURES
def test_no_rows_are_refused(figures):
    with pytest.raises(InvalidData, match="There are no rows to test on") as raised:
        figures([], [], [])
    assert raised.value.cure == "Run 01_prep again and look at the counts of its splits."


@FIGURES
@pytest.mark.parametrize("wrong", [2, -1, 0.5, float("nan")])
def test_labels_other_than_0_and_1_are_refused(figures, wrong):
    with pytest.raises(ValueError, match="labels are 0 or 1"):
        figures([1, wrong], [1, 1], [1, 2])
    with pytest.raises(ValueError, match="labels are 0 or 1"):
        figures([1, 1], [1, wrong], [1, 2])


@FIGURES
def test_labels_in_columns_are_refused(figures):
    with pytest.raises(ValueError, match=r"labels are one-dimensional, not of shape \(2, 1\)"):
        figures([1, 0], [[1], [1]], [1, 2])


@FIGURES
@pytest.mark.parametrize(("labels", "predicted", "users"), [(2, 3, 3), (3, 2, 3), (3, 3, 2), (3, 3, 4)])
def test_columns_of_different_lengths_are_refused(figures, labels, predicted, users):
    with pytest.raises(ValueError, match="columns of different lengths: "):
        figures([1] * labels, [1] * predicted, list(range(users)))


@FIGURES
@pytest.mark.parametrize("users", [[1.0, float("nan"), 2.0], [float("nan"), 1.0, 2.0], ["a", None, "b"]])
def test_a_missing_user_is_refused(figures, users):
    with pytest.raises(InvalidData, match="Some rows have no user") as raised:
        figures([1, 1, 1], [1, 1, 0], users, cluster="user")
    assert raised.value.cure == "Drop or name them in 01_prep."


def test_the_paired_difference_is_as_wide_as_the_variance_between_users():
    labels, challenger, user = users_alike()
    _, champion, _ = users_alike(alike=False)
    found = paired_difference(labels, challenger, champion, user)
    by_user = (challenger - champion).reshape(400, 10).mean(axis=1)
    half = 1.96 * by_user.std(ddof=1) / np.sqrt(400)
    assert found.value == pytest.approx(by_user.mean())
    assert (found.low, found.high) == pytest.approx((found.value - half, found.value + half), abs=0.1 * half)


def test_two_models_that_agree_on_ten_rows_are_not_proved_equal():
    found = paired_difference([1] * 10, [1] * 10, [1] * 10, range(10))
    # Bonett & Price: one pair added to each discordant cell, 1.96 * sqrt((2/12) / 12)
    assert (found.low, found.high) == pytest.approx((-0.231, 0.231), abs=5e-4)


def test_the_figures_name_what_the_rows_are_clustered_by():
    labels, clusters = [1, 1, 0, 0], [1, 1, 2, 2]
    assert "4 rows of 2 users" in str(match_rate(labels, labels, clusters, cluster="user"))
    assert str(match_rate(labels, labels, range(4), cluster="row")).endswith(", 4 rows)")


def test_the_figures_are_written_with_their_interval_and_rows():
    labels, challenger = [1] * 4, [1, 1, 1, 0]
    rate = match_rate(labels, challenger, [1, 1, 2, 2], 0.9)
    assert str(rate) == f"0.7500 (90% interval {rate.low:.4f} to {rate.high:.4f}, 4 rows of 2 clusters)"
    assert (rate.rows, rate.clusters, rate.confidence) == (4, 2, 0.9)
    found = paired_difference(labels, challenger, [1] * 4, [1, 1, 2, 2], 0.9)
    assert str(found) == f"-0.2500 (90% interval {found.low:+.4f} to {found.high:+.4f}, 4 rows)"
    assert (found.rows, found.clusters, found.confidence) == (4, 2, 0.9)


def test_a_rate_of_rows_that_all_match_has_no_design_effect():
    assert match_rate([1, 1], [1, 1], [1, 2]).design_effect is None


def test_draws_in_several_parts_are_as_many_as_asked(monkeypatch):
    labels, predicted, user = users_alike(users=50)
    whole = match_rate(labels, predicted, user, replicates=105)
    monkeypatch.setattr(bootstrap, "_DRAWS_AT_ONCE", 100)
    assert match_rate(labels, predicted, user, replicates=105) == whole
    monkeypatch.setattr(bootstrap, "_DRAWS_AT_ONCE", 1)
    assert match_rate(labels, predicted, user, replicates=105) == whole


@pytest.mark.parametrize("figures", [match_rate, paired])
def test_the_defaults_are_2000_draws_of_seed_7_at_95_percent(figures):
    labels, predicted, user = users_alike(users=20)
    assert figures(labels, predicted, user) == figures(labels, predicted, user, confidence=0.95, seed=7, replicates=2000)
