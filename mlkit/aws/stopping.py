"""Stops the SageMaker jobs and Athena queries that a run started and that still run."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from botocore import xform_name
from botocore.exceptions import ClientError

from mlkit.aws import job_activity
from mlkit.aws.job_activity import NOUNS
from mlkit.aws.session import Session, aws_errors
from mlkit.errors import MlkitError
from mlkit.evidence.activity_log import ActivityLog, Event
from mlkit.evidence.run_record import JobRecord, QueryRecord

_AT_A_TIME = 8
_LOOK_S = 3.0  # how long the request of a killed sender may still arrive
_AGAIN_S = 0.25
_ENDED = ("SUCCEEDED", "FAILED")


@dataclass(frozen=True, kw_only=True)
class _Task:
    """One job or query to stop. `stop` returns the events for the log, and whether it was still running."""

    what: str
    by_hand: str
    stop: Callable[[], tuple[list[Event], bool]]


def stop_started(aws: Session, log: ActivityLog, deadline_s: float) -> list[str]:
    """Stop all unfinished jobs and queries of the log, and record it there. Returns a line for each that was stopped or could not be.

    A tuning job stops its own training jobs. For a job that AWS never confirmed, it searches some seconds, because the request may
    still arrive. A job that has ended or never began gets no line. It takes at most `deadline_s`, and raises nothing.
    """
    ends = time.monotonic() + deadline_s
    jobs, queries = log.unfinished_jobs(), log.unfinished_queries()
    try:
        hurried = aws.hurried()
        for service in ["sagemaker"] * bool(jobs) + ["athena"] * bool(queries):
            hurried.client(service)  # created here, because boto3 cannot create clients in several threads
    except MlkitError as problem:
        return [f"Could not stop {len(jobs)} jobs and {len(queries)} queries that this run started: {problem}"]
    tasks = [_job_task(hurried, job, ends) for job in jobs] + [_query_task(hurried, query) for query in queries]
    workers = ThreadPoolExecutor(max_workers=_AT_A_TIME, thread_name_prefix="stopping")
    futures = [workers.submit(task.stop) for task in tasks]
    wait(futures, timeout=max(0.0, ends - time.monotonic()))
    workers.shutdown(wait=False, cancel_futures=True)
    lines = [_line(task, future, log, deadline_s) for task, future in zip(tasks, futures, strict=True)]
    return [line for line in lines if line]


def stop_job(aws: Session, kind: str, name: str) -> Literal["stopped", "ended", "missing"]:
    """Stop a `training`, `tuning`, `processing` or `transform` job; one that has ended or does not exist is no error."""
    stop = getattr(aws.client("sagemaker"), xform_name(f"Stop{NOUNS[kind]}"))
    with aws_errors():
        try:
            stop(**{f"{NOUNS[kind]}Name": name})
        except ClientError as error:
            code, text = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
            if code == "ResourceNotFound" or (code == "ValidationException" and "not found" in text.lower()):
                return "missing"
            if code == "ValidationException":  # the name is valid and the job exists, so it is not in progress
                return "ended"
            raise
    return "stopped"


def _job_task(aws: Session, job: JobRecord, ends: float) -> _Task:
    noun = NOUNS[job.kind]
    stop, name = xform_name(f"Stop{noun}", "-"), xform_name(f"{noun}Name", "-")
    return _Task(
        what=f"{job.kind} job {job.name}",
        by_hand=f"aws sagemaker {stop} --{name} {job.name}",
        stop=lambda: _stop_started_job(aws, job, min(ends, time.monotonic() + _LOOK_S)),
    )


def _stop_started_job(aws: Session, job: JobRecord, look_until: float) -> tuple[list[Event], bool]:
    outcome = stop_job(aws, job.kind, job.name)
    while outcome == "missing" and job.status is None and time.monotonic() + 2 * _AGAIN_S < look_until:
        time.sleep(_AGAIN_S)
        outcome = stop_job(aws, job.kind, job.name)
    if outcome == "stopped":
        return [{"kind": "job", "job": {"kind": job.kind, "name": job.name, "status": "Stopping", "stopped": True}}], True
    events = []
    if outcome == "ended":
        operation, params = f"Describe{NOUNS[job.kind]}", {f"{NOUNS[job.kind]}Name": job.name}
        with suppress(MlkitError), aws_errors():
            answer = getattr(aws.client("sagemaker"), xform_name(operation))(**params)
            events = job_activity.answered(operation, params, answer)
    return events, False


def _query_task(aws: Session, query: QueryRecord) -> _Task:
    return _Task(
        what=f"query {query.query_execution_id}",
        by_hand=f"aws athena stop-query-execution --query-execution-id {query.query_execution_id}",
        stop=lambda: _stop_query(aws, query.query_execution_id),
    )


def _stop_query(aws: Session, query_execution_id: str) -> tuple[list[Event], bool]:
    """Stop the query, then read its state, because Athena accepts the request for an ended query too."""
    athena, told, state = aws.client("athena"), {"query_execution_id": query_execution_id}, "STOPPING"
    with aws_errors():
        athena.stop_query_execution(QueryExecutionId=query_execution_id)
    with suppress(MlkitError), aws_errors():
        state = athena.get_query_execution(QueryExecutionId=query_execution_id)["QueryExecution"]["Status"]["State"]
    is_going_on = state in ("QUEUED", "RUNNING")
    return [{"kind": "query", "query": told | {"state": "STOPPING" if is_going_on else state}}], state not in _ENDED


def _line(task: _Task, future: "Future[tuple[list[Event], bool]]", log: ActivityLog, deadline_s: float) -> str:
    if future.cancelled() or not future.done():
        return f"Could not stop {task.what}: no answer within {deadline_s:g} s. By hand: `{task.by_hand}`"
    if problem := future.exception():
        return f"Could not stop {task.what}: {problem}. By hand: `{task.by_hand}`"
    events, was_going_on = future.result()
    for event in events:
        log.add(event)
    return f"Stopped {task.what}" if was_going_on else ""
