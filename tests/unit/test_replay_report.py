"""The comparison of a replay's figures with the recorded ones: what is compared, with which verdict, and how it is shown."""

import json
from dataclasses import replace

import pytest
from sealed_bundle import TRAINING, record

from mlkit.errors import InvalidData
from mlkit.evidence.replay_report import Verdict, compare_runs, describe, figures_of, shown_pair, verdict_of
from mlkit.evidence.run_record import Activity


def stored(name, digest):
    return {"s3_uri": f"s3://lake/{name}", "sha256": digest * 64, "size_bytes": 7}


def prepared(run="run-1", rows=100, digests="ab"):
    train = {
        "s3_uri": f"s3://lake/{run}/train/",
        "content_type": "text/csv",
        "rows": rows,
        "objects": [stored(run, one) for one in digests],
    }
    return {
        "schema": "mlkit/prepared-data/3",
        "run_id": run,
        "bucket": "lake",
        "encoding": stored(f"{run}/encoding", "e"),
        "train": train,
        "query_execution_ids": {"profile": run},
        "details": {"salt": "s", "fraction": 0.1, "columns": ["a", "b"]},
    }


def trained(job="job-1", loss=0.5, **changes):
    return {
        "schema": "mlkit/trained-model/3",
        "training_job": job,
        "model": stored(f"{job}/model.tar.gz", "c"),
        "metrics": {"loss": loss, "train:throughput": 3e6},
        "billable_seconds": 7,
        "prepared_data": prepared(),
        **changes,
    }


def figures(metrics=None, verdict=None, **documents):
    activity = Activity(metrics=metrics or {}, verdict=verdict)
    handed = {name: json.dumps(document).encode() for name, document in documents.items()}
    return figures_of(record(TRAINING, b"", {}, activity=activity), handed)


def test_two_runs_of_the_same_data_have_the_same_figures():
    first, second = (figures(prepared_data=prepared(run)) for run in ("run-1", "run-2"))
    assert first == second
    assert first == {
        "prepared_data.encoding": "e" * 64,
        "prepared_data.train.rows": 100,
        "prepared_data.train.objects": first["prepared_data.train.objects"],
        "prepared_data.details.salt": "s",
        "prepared_data.details.fraction": 0.1,
        "prepared_data.details.columns": '["a", "b"]',
    }


@pytest.mark.parametrize("digests", ["ba", "abb", "a", ""])
def test_the_digest_of_a_split_is_of_all_its_objects_in_their_order(digests):
    name = "prepared_data.train.objects"
    assert figures(prepared_data=prepared(digests=digests))[name] != figures(prepared_data=prepared())[name]


def test_the_digest_of_a_single_object_is_its_own():
    assert figures(prepared_data=prepared(digests="a"))["prepared_data.train.objects"] == "a" * 64


def test_a_models_figures_are_without_names_speed_and_the_data_of_another_step():
    assert figures(trained_model=trained("job-1")) == figures(trained_model=trained("job-2", billable_seconds=9))
    assert figures(trained_model=trained()) == {"trained_model.model": "c" * 64, "trained_model.metrics.loss": 0.5}


def test_a_metric_that_the_hand_off_repeats_is_told_once():
    metrics = {"loss": 0.5, "train:throughput": 2e6, "billable_seconds": 3.0}
    assert figures(metrics, trained_model=trained()) == {"trained_model.model": "c" * 64, "metrics.loss": 0.5}
    assert figures(metrics, trained_model=trained(loss=0.6))["trained_model.metrics.loss"] == 0.6


def test_the_gates_verdict_is_a_figure():
    tested = {"schema": "mlkit/test-result/2", "verdict": "PASS", "rows": 9}
    assert figures(verdict="PASS", test_result=tested) == {"test_result.rows": 9, "metrics.verdict": "PASS"}
    assert figures(verdict="FAIL", test_result=tested)["test_result.verdict"] == "PASS"


@pytest.mark.parametrize("data", [b"{", b"[]", b"\xff"])
def test_a_damaged_hand_off_file_is_refused_by_its_name(data):
    with pytest.raises(InvalidData, match=r"handoff/prepared_data\.json is not"):
        figures_of(record(TRAINING, b"", {}), {"prepared_data": data})


def test_a_run_that_reported_nothing_has_no_figures():
    assert figures_of(replace(record(TRAINING, b"", {}), activity=None), {}) == {}


@pytest.mark.parametrize(
    ("recorded", "now", "expected"),
    [
        (0.5, 0.5, Verdict.EQUAL),
        (0.5, 0.5000004, Verdict.WITHIN),
        (0.5, 0.500001, Verdict.DIFFERENT),
        (-2.5, -2.5000001, Verdict.WITHIN),
        (0.5, -0.5, Verdict.DIFFERENT),
        (0.0, 1e-12, Verdict.DIFFERENT),
        (10_000_000, 10_000_001, Verdict.DIFFERENT),  # a row too many
        (10_000_000.0, 10_000_001.0, Verdict.DIFFERENT),
        (3, 3.0, Verdict.EQUAL),
        (100.0, 99.99999, Verdict.WITHIN),
        ("PASS", "PASS", Verdict.EQUAL),
        ("PASS", "FAIL", Verdict.DIFFERENT),
        (True, True, Verdict.EQUAL),
        (True, 1, Verdict.DIFFERENT),
        ("1", 1, Verdict.DIFFERENT),
        (None, None, Verdict.EQUAL),
        (None, 0, Verdict.DIFFERENT),
    ],
)
def test_only_numbers_that_count_nothing_have_a_tolerance(recorded, now, expected):
    assert verdict_of(recorded, now, 1e-6) is expected
    assert verdict_of(now, recorded, 1e-6) is expected


def test_no_tolerance_leaves_nothing_within():
    assert verdict_of(0.5, 0.5 + 2**-53, 0.0) is Verdict.DIFFERENT


def test_a_figure_that_only_one_run_has_is_different():
    compared = compare_runs("train", {"a.x": 1, "a.gone": None}, {"a.new": 2, "a.x": 1})
    assert [(one.figure, one.verdict) for one in compared] == [
        ("a.x", Verdict.EQUAL),
        ("a.gone", Verdict.DIFFERENT),
        ("a.new", Verdict.DIFFERENT),
    ]
    assert compared[2].row() == ("new", "none", "2", "DIFFERENT")
    assert describe(compared, 1e-6) == "1 equal, 0 within 1e-06, 2 different"


@pytest.mark.parametrize(
    ("recorded", "now", "expected"),
    [
        (81518, 81518, ("81,518", "81,518")),
        (81518, 81518.5, ("81,518", "81518.5")),
        (0.6984093, 0.6984093, ("0.698409", "0.698409")),
        (0.69840931, 0.69840932, ("0.69840931", "0.69840932")),
        (0.5, 0.5 + 2**-53, ("0.5", "0.50000000000000011")),
        ("ab" * 32, "cd" * 32, ("ababababab", "cdcdcdcdcd")),
        ("ab" * 32, None, ("ababababab", "none")),
        ("no digest", True, ("no digest", "True")),
    ],
)
def test_values_that_differ_are_shown_differently(recorded, now, expected):
    assert shown_pair(recorded, now) == expected
