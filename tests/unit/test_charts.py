import subprocess
import sys
import zlib

import numpy as np
import pandas as pd
import pytest
from IPython.core.interactiveshell import InteractiveShell
from matplotlib.image import imread

from mlkit import charts
from mlkit.gate.bootstrap import estimate
from mlkit.gate.metrics import RIGHT_ROWS
from mlkit.gate.target import Target
from mlkit.gate.verdicts import confusion_table
from mlkit.movielens.rating_charts import chart_ratings
from mlkit.tabular import chart_labels
from mlkit.tabular.preparation import Profile

RANDOM = np.random.default_rng(4)
LABELS = RANDOM.integers(0, 2, 400)
SCORES = (LABELS * 0.2 + RANDOM.random(400) * 0.8).clip(0, 1)
COMPARED = pd.DataFrame({"model": ["this model", "majority"], "match rate": [0.70, 0.58], "low": [0.69, 0.57], "high": [0.71, 0.59]})
JOBS = pd.DataFrame({"job": ["a", "b", "c"], "objective": [0.6, None, 0.7]})

THREE = Target(task="multi-class", name="species", classes=("a", "b", "c"))
BARS = pd.DataFrame({"bar": [0, 7, 19], "rows": [3, 40, 5], "lowest": [1.0, 36.5, 97.0], "highest": [4.0, 39.0, 101.0]})
COUNTS = dict.fromkeys(("table_rows", "rows_with_nulls", "rows_not_finite", "copies", "contradictory_rows", "usable"), 0)
PROFILE = Profile(**COUNTS, classes={}, target=Target(task="regression", name="size"), query_execution_id="q", histogram=BARS)  # type: ignore[arg-type]

ALL = {
    "ratings": lambda: chart_ratings(pd.DataFrame({"rating": [5, 1, 4], "ratings": [30, 10, 60]})),
    "classes": lambda: charts.classes({"benign": 357, "malignant": 212}, "malignant"),
    "metric_by_epoch": lambda: charts.metric_by_epoch(pd.DataFrame({"epoch": [1, 2], "train": [0.69, 0.6], "validation": [0.69, 0.65]})),
    "tuning_jobs": lambda: charts.tuning_jobs(JOBS, "test:binary_classification_accuracy"),
    "scores_by_label": lambda: charts.scores_by_label(SCORES, LABELS),
    "several_classes": lambda: charts.classes({"a": 30, "b": 20, "c": 10}),
    "mistaken_classes": lambda: charts.mistaken_classes(confusion_table([0, 0, 1, 2], [0, 1, 1, 2], THREE.classes), THREE),
    "predicted_numbers": lambda: charts.predicted_by_true(SCORES * 3, SCORES * 2 + 1, Target(task="regression", name="size", unit="mm")),
    "predicted_stars": lambda: charts.predicted_by_true(SCORES * 3, LABELS + 1, Target(task="regression", name="rating", unit="stars")),
    "stars": lambda: chart_ratings(pd.DataFrame({"rating": [5, 1, 4], "ratings": [30, 10, 60]}), None),
    "histogram": lambda: chart_labels(PROFILE),
    "models": lambda: charts.models(COMPARED, estimate(RIGHT_ROWS, [1, 0, 1], [1, 0, 0], [1, 2, 3]), 0.65),
}


@pytest.fixture(params=ALL)
def chart(request):
    return ALL[request.param]()


def test_every_chart_asks_a_question_and_names_its_axes(chart):
    assert chart.plot_area.get_title(loc="left").endswith("?")
    assert chart.plot_area.get_xlabel()
    assert chart.plot_area.get_ylabel() or chart.plot_area.get_yticklabels()


def test_every_chart_has_one_size_and_draws_something(chart, tmp_path):
    (tmp_path / "chart.png").write_bytes(chart.png())
    pixels = imread(tmp_path / "chart.png")
    assert pixels.shape[:2] == (800, 1400)
    assert pixels[..., :3].min() < 0.2


@pytest.mark.parametrize("name", ALL)
def test_every_chart_draws_equal_data_as_equal_bytes(name):
    assert zlib.crc32(ALL[name]().png()) == zlib.crc32(ALL[name]().png())


def test_every_chart_is_shown_as_one_png_with_an_alternative_text(chart):
    bundle, about = InteractiveShell.instance().display_formatter.format(chart)
    assert set(bundle) == {"image/png", "text/plain"}
    assert bundle["text/plain"] == about["image/png"]["alt"] == chart.alt
    assert any(character.isdigit() for character in chart.alt)


def test_charts_do_not_touch_pyplot():
    drawn = "charts.classes({'a': 1, 'b': 2}, 'a').png()"
    code = f"import sys; from mlkit import charts; {drawn}; assert 'matplotlib.pyplot' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_ratings_from_four_on_are_label_1():
    assert "90.0% of 100 rows are rated 4 or more" in ALL["ratings"]().alt


def test_the_best_tuning_job_is_named_though_another_failed():
    assert charts.tuning_jobs(JOBS, "accuracy").alt.endswith("the best is c with 0.7000.")


def test_a_loss_is_best_where_it_is_least():
    assert "the best is a with 0.6000" in charts.tuning_jobs(JOBS, "cross entropy", maximize=False).alt


def test_an_objective_has_its_unit_on_the_axis():
    drawn = [charts.tuning_jobs(JOBS, "test:rmse", unit=unit).plot_area.get_ylabel() for unit in ("stars", "")]
    assert drawn == ["test:rmse (stars)", "test:rmse"]


def test_the_untuned_job_is_drawn_beside_the_tuning_jobs():
    chart = charts.tuning_jobs(JOBS, "accuracy", untuned=0.65)
    assert chart.alt.endswith("Untuned: 0.6500.")
    assert "untuned: 0.6500" in chart.plot_area.get_legend_handles_labels()[1]


def test_the_scores_above_the_threshold_are_told_per_label():
    alt = charts.scores_by_label([0.2, 0.6, 0.7, 0.9], [0, 0, 1, 1], names=("below 4", "4 or more")).alt
    assert "50.0% of the rows of below 4 and 100.0% of those of 4 or more" in alt


def test_a_log_without_epochs_is_an_empty_chart_that_says_so():
    chart = charts.metric_by_epoch(pd.DataFrame({"epoch": [], "train": []}))
    assert chart.alt == "log loss (nats): the log has no epoch."
    assert chart.png()


def test_the_share_of_each_class_that_is_predicted_right_is_told():
    assert ALL["mistaken_classes"]().alt == "Grid of true by predicted species; predicted right are a 50.0 %, b 100.0 %, c 100.0 %."


def test_predicted_numbers_tell_their_correlation_with_the_true_ones_and_equal_predictions_have_none():
    assert ALL["predicted_numbers"]().alt == "Predicted size of 400 rows over the true one; their correlation is 1.00."
    equal = charts.predicted_by_true(np.ones(400), LABELS, Target(task="regression", name="size"))
    assert equal.alt.endswith("their correlation is 0.00.")
    assert equal.png()


def test_ratings_that_are_the_label_tell_their_mean():
    assert ALL["stars"]().alt == "Bars of rows per rating; the mean of 100 rows is 4.00 stars."


def test_a_histogram_tells_the_rows_and_the_ends_of_the_number():
    assert ALL["histogram"]().alt == "Histogram of size: 48 rows from 1 to 101."
