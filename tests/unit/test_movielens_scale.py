import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlkit.movielens.preparation import held_out_warning
from mlkit.movielens.scale import HIGHEST, LOWEST, outside, round_down
from mlkit.movielens.splits import RatingsTable


@pytest.mark.parametrize(
    ("rating", "stars"),
    [(0.5, 1), (0.7, 1), (1, 1), (1.5, 1), (3.5, 3), (4, 4), (4.5, 4), (5, 5), (0.4, 0), (0, 0), (-0.5, -1), (5.1, 6), (9, 9)],
)
def test_half_stars_become_the_star_below_and_half_a_star_becomes_one(rating, stars):
    assert round_down(np.array([float(rating)])).stars.tolist() == [stars]


def test_rounded_ratings_are_counted():
    found = round_down(np.array([0.5, 1, 3.5, 4, 0.2, 5.5]))
    assert (found.rounded, found.raised) == (2, 1)
    assert outside(np.array([0.5, 5, 0.4, 5.5, -1])) == 3


@given(st.lists(st.floats(-100, 100)))
def test_rounding_leaves_each_rating_on_its_side_of_the_scale_and_of_four_stars(ratings):
    before = np.array(ratings, dtype=np.float64)
    after = round_down(before).stars
    assert outside(after) == outside(before)
    inside = (before >= LOWEST) & (before <= HIGHEST)
    assert ((after >= 4) == (before >= 4))[inside].all()


def test_loading_and_preparation_know_one_scale():
    table = RatingsTable(database="d")
    assert (table.lowest_rating, table.highest_rating) == (LOWEST, HIGHEST)


@pytest.mark.parametrize(
    ("test", "others", "told"), [(300, 700, ""), (301, 699, "301 of 1,000 ratings (30%)"), (9, 1, "9 of 10 ratings (90%)")]
)
def test_more_than_thirty_percent_held_out_is_warned_of(test, others, told):
    warning = held_out_warning(test, others)
    assert warning.startswith(told)
    assert bool(warning) == bool(told)
