"""The events that mlkit sends to the account's event bus; rules of the pipeline's stack turn them into e-mails."""

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from mlkit.aws.session import Session, aws_errors
from mlkit.evidence.run_record import RunRecord
from mlkit.naming import EVENT_SOURCE

if TYPE_CHECKING:
    from types_boto3_events.type_defs import PutEventsRequestEntryTypeDef

NOTEBOOK_FAILED, CHANGED_BY_HAND = "Notebook Failed", "Environment Changed By Hand"
_LONGEST = 200  # characters


def tell_failure(aws: Session, record: RunRecord) -> None:
    """Send an event that names the notebook and the cell; CodeBuild's own event names only the command."""
    if record.failure is None:
        return
    detail = {
        "pipeline": record.origin.pipeline or "",
        "pipeline-execution-id": record.origin.pipeline_execution_id,
        "action": record.origin.action or "",
        "notebook": mailable(record.notebook),
        "cell": record.failure.cell_number,
        "heading": mailable(record.failure.heading),
        "status": str(record.status),
        "error": mailable(record.failure.ename),
    }
    _send(aws, NOTEBOOK_FAILED, detail)


def tell_change(aws: Session, *, pipeline: str, environment: str, action: str, by: str, reason: str, record: str) -> None:
    """Send an event about a change of the pipeline's environment that did not pass its approval. `record` is the record's address."""
    told = {"environment": environment, "action": action, "by": by, "reason": reason, "record": record}
    _send(aws, CHANGED_BY_HAND, {"pipeline": pipeline, **{name: mailable(text) for name, text in told.items()}})


def _send(aws: Session, kind: str, detail: Mapping[str, object]) -> None:
    entry: PutEventsRequestEntryTypeDef = {"Source": EVENT_SOURCE, "DetailType": kind, "Detail": json.dumps(detail)}
    with aws_errors():
        aws.client("events").put_events(Entries=[entry])


def mailable(text: str) -> str:
    """The text on one line, without the characters that end or escape a JSON string, and cut to 200 characters.

    EventBridge puts what it extracts from an event into the rule's JSON template as it is, so such a character would lose the mail.
    Source: Amazon EventBridge User Guide, "Amazon EventBridge input transformation", common issues.
    """
    plain = re.sub(r"[^\w!#$%&'()*+,./:;=?@\[\]^{|}~ -]", " ", text.replace('"', "'").replace("\\", "/"))
    return " ".join(plain.split())[:_LONGEST]
