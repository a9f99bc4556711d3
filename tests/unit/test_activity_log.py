import dataclasses
import threading
from typing import Any

import pytest

from mlkit.evidence.activity_log import ActivityLog
from mlkit.evidence.run_record import Activity, InputRecord, JobRecord, ObjectRecord, QueryRecord, ServedRecord
from mlkit.gate.estimate import Estimate
from mlkit.notebook.journal import log_warning


@pytest.fixture
def log():
    return ActivityLog()


def job(log, name="fm-1", *, kind="training", event=None, **members):
    log.add({"kind": "job", "job": {"kind": kind, "name": name, **members}, **(event or {})})


def query(log, query_execution_id="q-1", *, started=False, **members):
    log.add({"kind": "query", "query": {"query_execution_id": query_execution_id, **members}, "started": started})


def test_without_events_the_activity_is_empty(log):
    assert log.snapshot() == Activity()


def test_later_events_about_an_object_overwrite_only_what_they_say(log):
    read = {"action": "read", "s3_uri": "s3://b/k", "version_id": "v1", "etag": "e1"}
    log.add({"kind": "object", "object": {**read, "sha256": None, "size_bytes": 3}})
    log.add({"kind": "object", "object": {**read, "sha256": "ab", "size_bytes": None}})
    assert log.snapshot().objects == (ObjectRecord(**read, sha256="ab", size_bytes=3),)


@pytest.mark.parametrize("differs", ["action", "s3_uri", "version_id"])
def test_another_action_address_or_version_is_another_record(log, differs):
    read = {"action": "read", "s3_uri": "s3://b/k", "version_id": "v1"}
    for item in (read, read | {differs: "other"}):
        log.add({"kind": "object", "object": item})
    assert len(log.snapshot().objects) == 2


@pytest.mark.parametrize(("version_id", "records"), [(None, 2), ("null", 2), ("v1", 1)])
def test_without_versions_the_etag_tells_one_content_from_the_next(log, version_id, records):
    for etag, sha256 in (("e1", "ab"), ("e2", None)):
        told = {"action": "read", "s3_uri": "s3://b/k", "version_id": version_id, "etag": etag, "sha256": sha256}
        log.add({"kind": "object", "object": told})
    assert len(log.snapshot().objects) == records


def test_a_query_is_put_together_from_its_start_and_its_end(log):
    query(log, started=True, sql="SELECT 1", workgroup="w")
    assert [one.state for one in log.unfinished_queries()] == [None]
    query(log, sql="SELECT 1", state="RUNNING")
    assert len(log.unfinished_queries()) == 1
    query(log, state="SUCCEEDED", bytes_scanned=0)
    expected = QueryRecord(query_execution_id="q-1", sql="SELECT 1", workgroup="w", state="SUCCEEDED", bytes_scanned=0)
    assert log.snapshot().queries == (expected,)
    assert log.unfinished_queries() == ()


def test_a_query_of_others_that_is_looked_at_is_not_this_runs(log):
    query(log, sql="SELECT 2", state="RUNNING")
    assert log.snapshot().queries == ()
    assert log.unfinished_queries() == ()


def test_a_job_is_unfinished_from_its_announcement_to_its_end(log):
    job(log, image="i", event={"started": True})
    assert [one.status for one in log.unfinished_jobs()] == [None]
    job(log, status="InProgress", event={"started": True})
    assert len(log.unfinished_jobs()) == 1
    job(log, status="Completed", billable_seconds=9)
    assert log.unfinished_jobs() == ()
    assert log.snapshot().jobs == (JobRecord(kind="training", name="fm-1", status="Completed", image="i", billable_seconds=9),)


@pytest.mark.parametrize("status", ["Stopping", "Stopped", "Failed", "not created"])
def test_a_job_that_is_ending_or_was_never_created_needs_no_stop(log, status):
    job(log, event={"started": True})
    job(log, status=status)
    assert log.unfinished_jobs() == ()
    assert [one.status for one in log.snapshot().jobs] == [status]


def test_a_second_creation_under_the_same_name_does_not_take_the_first_back(log):
    job(log, status="InProgress", event={"started": True})
    job(log, event={"started": True})
    job(log, status="not created")
    assert [one.status for one in log.unfinished_jobs()] == ["InProgress"]


def test_jobs_of_the_same_name_and_another_kind_are_two(log):
    job(log, kind="training", event={"started": True})
    job(log, kind="tuning", event={"started": True})
    assert len(log.unfinished_jobs()) == 2


def test_a_job_of_others_is_neither_recorded_nor_ever_stopped(log):
    job(log, status="InProgress")
    assert log.snapshot().jobs == ()
    assert log.unfinished_jobs() == ()


def test_a_reused_job_is_recorded_with_what_was_told_before_and_not_stopped(log):
    job(log, status="Completed", billable_seconds=7)
    job(log, reused=True)
    assert log.snapshot().jobs == (JobRecord(kind="training", name="fm-1", status="Completed", billable_seconds=7, reused=True),)
    job(log, name="fm-2", status="InProgress", reused=True)
    assert log.unfinished_jobs() == ()


def test_the_training_jobs_of_an_own_tuning_job_are_recorded_but_end_with_it(log):
    job(log, "Tune-1", kind="tuning", status="InProgress", event={"started": True})
    job(log, "Tune-1-001", status="InProgress", event={"tuning_job": "tune-1"})  # as ARNs write it
    job(log, "Tune-1-002", status="InProgress", event={"tuning_job": "Tune-1"})
    job(log, "Other-001", status="InProgress", event={"tuning_job": "Other"})
    assert [one.name for one in log.snapshot().jobs] == ["Tune-1", "Tune-1-001", "Tune-1-002"]
    assert [one.name for one in log.unfinished_jobs()] == ["Tune-1"]


def test_files_inputs_metrics_verdict_and_served_images(log):
    log.add({"kind": "file", "file": {"role": "output", "path": "handoff/a.json", "sha256": "1"}})
    log.add({"kind": "file", "file": {"role": "output", "path": "handoff/a.json", "sha256": "2"}})
    log.add({"kind": "input", "input": {"name": "db.u_data", "sha256": "3"}})
    log.add({"kind": "served", "served": {"endpoint": "e", "endpoint_config": "c", "variant": "v", "image": "i"}})
    log.add({"kind": "metrics", "values": {"auc": 0.5, "loss": 1}})
    log.add({"kind": "metrics", "values": {"auc": 0.75}})
    log.add({"kind": "verdict", "verdict": "PASS"})
    found = log.snapshot()
    assert [one.sha256 for one in found.files] == ["2"]
    assert found.inputs == (InputRecord(name="db.u_data", sha256="3"),)
    assert found.served == (ServedRecord(endpoint="e", endpoint_config="c", variant="v", image="i"),)
    assert found.metrics == {"auc": 0.75, "loss": 1.0}
    assert found.verdict == "PASS"


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"kind": None},
        {"kind": "weather", "weather": {}},
        {"kind": "object"},
        {"kind": "object", "object": "s3://b/k"},
        {"kind": "object", "object": {"action": "read"}},
        {"kind": "object", "object": {"action": "read", "s3_uri": ["b", "k"]}},
        {"kind": "object", "object": {"action": "read", "s3_uri": "s3://b/k", "colour": "red"}},
        {"kind": "object", "object": {"action": "read", "s3_uri": "s3://b/k", "size_bytes": "many"}},
        {"kind": "query", "query": {"query_execution_id": "q"}, "started": True},
        {"kind": "metrics", "values": {"auc": "high"}},
        {"kind": "metrics", "values": {"auc": float("nan")}},
        {"kind": "metrics", "values": 3},
        {"kind": "verdict", "verdict": 1},
        {"kind": "warning", "text": 1},
    ],
)
def test_a_malformed_event_is_ignored(log, event):
    log.add(event)
    assert log.snapshot() == Activity()


def test_warnings_are_kept_in_their_order(log):
    log.add({"kind": "warning", "text": "much is held out"})
    log.add({"kind": "warning", "text": "few are left"})
    assert log.snapshot().warnings == ("much is held out", "few are left")


def test_a_damaged_event_leaves_what_was_known(log):
    job(log, status="InProgress", event={"started": True})
    job(log, status=7)
    assert [one.status for one in log.unfinished_jobs()] == ["InProgress"]


def test_events_come_from_many_threads(log):
    def tell(thread):
        for number in range(200):
            log.add({"kind": "object", "object": {"action": "read", "s3_uri": f"s3://b/{thread}/{number}"}})
            log.snapshot()

    threads = [threading.Thread(target=tell, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(log.snapshot().objects) == 800


ESTIMATE: dict[str, Any] = {
    **{"metric": "AUC", "unit": "share", "higher_is_better": True, "value": 0.7, "low": 0.6, "high": 0.8},
    **{"confidence": 0.95, "rows": 100, "clusters": 10, "cluster": "user"},
}


def test_a_verdict_brings_its_estimate():
    log = ActivityLog()
    log.add({"kind": "verdict", "verdict": "PASS", "estimate": ESTIMATE})
    assert (log.snapshot().verdict, log.snapshot().estimate) == ("PASS", Estimate(**ESTIMATE))


@pytest.mark.parametrize("damaged", [None, 3, {}, {**ESTIMATE, "low": 0.9}, {**ESTIMATE, "value": "high"}])
def test_a_damaged_estimate_is_left_out(damaged):
    log = ActivityLog()
    log.add({"kind": "verdict", "verdict": "PASS", "estimate": damaged})
    assert (log.snapshot().verdict, log.snapshot().estimate) == ("PASS", None)


def test_every_member_of_activity_is_filled_by_some_event():
    """A member that is added to the record and forgotten here would stay empty for ever."""
    told = {"objects", "queries", "jobs", "served", "files", "inputs", "metrics", "verdict", "estimate", "warnings"}
    assert {one.name for one in dataclasses.fields(Activity)} == told


def test_a_warning_is_shown_under_the_cell(capsys):
    log_warning("much is held out")
    assert capsys.readouterr().err == "Warning: much is held out\n"
