import pytest
from optuna.distributions import FloatDistribution, IntDistribution

from localaws.sagemaker.hyperparameter_search import Search
from localaws.sagemaker.ranges import dimensions


def continuous(low, high, scaling=None):
    item = {"Name": "x", "MinValue": low, "MaxValue": high}
    return {"ContinuousParameterRanges": [item | ({"ScalingType": scaling} if scaling else {})]}


def integer(low, high, scaling=None):
    item = {"Name": "x", "MinValue": low, "MaxValue": high}
    return {"IntegerParameterRanges": [item | ({"ScalingType": scaling} if scaling else {})]}


def proposed(ranges, count=200, strategy="Random"):
    search = Search(dimensions(ranges), strategy=strategy, maximize=False, seed=3)
    return [search.texts(search.propose(str(number)))["x"] for number in range(count)]


def median(values):
    return sorted(values)[len(values) // 2]


@pytest.mark.parametrize(
    ("ranges", "logarithmic"),
    [
        (continuous("0.1", "99", "Linear"), False),
        (continuous("0.1", "99", "Logarithmic"), True),
        (continuous("1e-8", "512"), True),
        (continuous("1e-8", "512", "Auto"), True),
        (continuous("0", "512"), False),
        (continuous("1", "200"), False),
        (integer("1", "200"), False),
        (integer("10", "10000"), True),
        (integer("10", "10000", "Linear"), False),
    ],
)
def test_the_scaling_decides_where_it_looks(ranges, logarithmic):
    (dimension,) = dimensions(ranges)
    assert isinstance(dimension.distribution, FloatDistribution | IntDistribution)
    assert dimension.distribution.log is logarithmic


def test_values_stay_within_their_range_and_have_their_type():
    assert all(1 <= int(text) <= 9 for text in proposed(integer("1", "9")))
    assert all(0.5 <= float(text) <= 0.75 for text in proposed(continuous("0.5", "0.75")))
    assert set(proposed({"CategoricalParameterRanges": [{"Name": "x", "Values": ["a", "b"]}]})) == {"a", "b"}


def test_reverse_logarithmic_looks_closely_at_one():
    values = [float(text) for text in proposed(continuous("0.9", "0.9999", "ReverseLogarithmic"))]
    assert all(0.9 <= value <= 0.9999 for value in values)
    assert 0.99 < median(values) < 0.9995


@pytest.mark.parametrize(
    "ranges",
    [
        {},
        continuous("2", "1"),
        continuous("a", "1"),
        continuous("0", "nan"),
        continuous("0", "1", "Logarithmic"),
        continuous("0.5", "1.5", "ReverseLogarithmic"),
        integer("1.5", "2"),
        integer("1", "2") | continuous("1", "2"),
    ],
)
def test_a_range_that_aws_would_refuse_is_refused(ranges):
    with pytest.raises(ValueError, match=r"x: |ParameterRanges must hold"):
        dimensions(ranges)


@pytest.mark.parametrize("strategy", ["Bayesian", "Random"])
def test_the_same_seed_proposes_the_same_points(strategy):
    assert proposed(continuous("0", "1"), 5, strategy) == proposed(continuous("0", "1"), 5, strategy)


def test_bayesian_search_comes_closer_than_chance_would():
    def best_of_last_ten(strategy):
        search = Search(dimensions(continuous("0", "1", "Linear")), strategy=strategy, maximize=True, seed=3)
        losses = []
        for number in range(60):
            point = search.propose(str(number))
            losses.append((point["x"] - 0.3) ** 2)
            search.tell(str(number), point, -losses[-1])
        return sum(losses[-10:])

    assert best_of_last_ten("Bayesian") < best_of_last_ten("Random") / 4


def test_a_point_of_an_earlier_process_counts():
    search = Search(dimensions(continuous("0", "1", "Linear")), strategy="Bayesian", maximize=False, seed=3)
    for number in range(40):
        search.tell(f"earlier-{number}", {"x": number / 40}, (number / 40 - 0.3) ** 2)
    search.tell("failed", {"x": 0.9}, None)
    points = [search.propose(str(number))["x"] for number in range(10)]
    assert abs(median(points) - 0.3) < 0.15
