"""Changes of an environment outside of its pipeline: refused unless bypassed by name, and recorded before they begin.

The record is in the pipeline's evidence bucket; without a pipeline, in the lab's bucket:
by-hand/ENVIRONMENT/TIME-ID/begun.json, and ended.json beside it.
"""

import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from mlkit.aws.evidence_store import caller
from mlkit.aws.notices import tell_change
from mlkit.aws.s3_objects import digest_object, write_once
from mlkit.aws.session import Session
from mlkit.aws.stacks import Stack, find_stack
from mlkit.errors import MlkitError, NotApproved, UsageError
from mlkit.evidence.run_record import Origin
from mlkit.naming import EXECUTION_TAG, PIPELINE_ENVIRONMENTS, LabNames

SCHEMA = "mlkit/by-hand/1"
_NOUNS = {"deploy": "deployment", "undeploy": "undeployment", "rollback": "rollback"}
_HAS_CALLERS = "production"
_EVIDENCE, _PIPELINE = "EvidenceBucket", "Pipeline"  # outputs of the pipeline's stack
_GONE = ("REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE", "DELETE_COMPLETE")


@dataclass(frozen=True, kw_only=True)
class ByHand:
    """The caller's statement about a change outside of a pipeline.

    `bypass` repeats the environment's name if a pipeline owns it; `origin` holds the working tree's commit.
    """

    reason: str
    bypass: str | None
    origin: Origin


@dataclass(frozen=True, kw_only=True)
class Change:
    """The change: `action` is deploy, undeploy or rollback, `model_s3_uri` the model to serve."""

    action: str
    environment: str
    names: LabNames
    model_s3_uri: str | None = None

    @property
    def stack(self) -> str:
        return self.names.endpoint_stack(self.environment)


@contextmanager
def permitted(aws: Session, change: Change, by_hand: ByHand | None, *, on_event: Callable[[str], None] | None = None) -> Iterator[None]:
    """Context for the change. Writes its record before, and its result after.

    Raises NotApproved if a pipeline owns the environment and `by_hand` does not bypass it by name, UsageError if the reason is
    missing. An environment that is neither a pipeline's nor production needs no record.
    """
    if change.environment not in PIPELINE_ENVIRONMENTS:
        yield
        return
    pipeline, now = find_stack(aws, change.names.pipeline_stack), find_stack(aws, change.stack)
    owner = _owner(pipeline, now)
    _check(change, by_hand, owner)
    if by_hand is None or (owner is None and change.environment != _HAS_CALLERS):
        yield
        return
    bucket = pipeline.outputs.get(_EVIDENCE, change.names.bucket) if pipeline else change.names.bucket
    at = datetime.now(UTC)
    place = f"s3://{bucket}/by-hand/{change.environment}/{at:%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:8]}"
    _write(aws, f"{place}/begun.json", _begun(aws, change, by_hand, owner, now, at))
    if on_event:
        on_event(f"recorded as {place}/begun.json")
    try:
        yield
    except BaseException as error:
        with suppress(MlkitError):  # raise the change's own error
            _write(aws, f"{place}/ended.json", _ended("failed", str(error) or type(error).__name__))
        raise
    _write(aws, f"{place}/ended.json", _ended("done", ""))
    _mail(aws, change, by_hand, pipeline, place, on_event)


def _mail(
    aws: Session, change: Change, by_hand: ByHand, pipeline: Stack | None, place: str, on_event: Callable[[str], None] | None
) -> None:
    """Tell the approvers. The record counts; a caller who may send no event has still made the change."""
    if pipeline is None:
        return
    try:
        tell_change(
            aws,
            pipeline=pipeline.outputs.get(_PIPELINE, ""),
            environment=change.environment,
            action=change.action,
            by=caller(aws).role,
            reason=by_hand.reason,
            record=place,
        )
    except MlkitError as error:
        if on_event:
            on_event(f"no mail to the approvers: {error}")


def check_bypass(environment: str, bypass: str | None) -> None:
    """Raises UsageError for a bypass that names another environment than the one to be changed."""
    if bypass is not None and bypass != environment:
        raise UsageError(
            f"--bypass-pipeline is {bypass!r}, but the command changes {environment}",
            cure=f"Repeat the environment's name: --bypass-pipeline {environment}.",
        )


def _owner(pipeline: Stack | None, now: Stack | None) -> str | None:
    """The pipeline that owns the environment: the lab's, or that of the execution that deployed it last; None if there is none."""
    if pipeline is not None and pipeline.status not in _GONE:
        return f"the pipeline of stack {pipeline.name}"
    if now is not None and EXECUTION_TAG in now.tags:
        return f"the pipeline whose execution {now.tags[EXECUTION_TAG]} deployed it"
    return None


def _check(change: Change, by_hand: ByHand | None, owner: str | None) -> None:
    environment = change.environment
    check_bypass(environment, by_hand.bypass if by_hand else None)
    if owner is not None and (by_hand is None or by_hand.bypass is None):
        raise NotApproved(
            f"{environment} belongs to {owner}, and this {_NOUNS[change.action]} did not pass its approval",
            cure=f'Push: the pipeline deploys after its approval. To bypass it: --bypass-pipeline {environment} --reason "WHY".',
        )
    if (owner is not None or environment == _HAS_CALLERS) and (by_hand is None or not by_hand.reason.strip()):
        raise UsageError(
            f"A change of {environment} needs a reason", cure='Add --reason "WHY"; mlkit writes it to the record of the change.'
        )


def _begun(aws: Session, change: Change, by_hand: ByHand, owner: str | None, now: Stack | None, at: datetime) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "action": change.action,
        "environment": change.environment,
        "stack": change.stack,
        "at": at.isoformat(timespec="seconds"),
        "by": asdict(caller(aws)),
        "reason": by_hand.reason,
        "owner": owner,
        "bypass": by_hand.bypass,
        "model": asdict(digest_object(aws, change.model_s3_uri)) if change.model_s3_uri else None,
        "served_before": now.parameters.get("ModelDataUrl") if now else None,
        "origin": asdict(by_hand.origin),
    }


def _ended(status: str, error: str) -> dict[str, Any]:
    return {"schema": SCHEMA, "status": status, "at": datetime.now(UTC).isoformat(timespec="seconds"), "error": error}


def _write(aws: Session, s3_uri: str, document: dict[str, Any]) -> None:
    write_once(aws, s3_uri, json.dumps(document, indent=2).encode() + b"\n")
