"""Review pages of sealed executions, copied to the local disk. They are as they were stored; only `mlkit verify` checks signatures."""

import re
from pathlib import Path

from mlkit.aws.s3_objects import read_object
from mlkit.aws.sealed_executions import SealedExecution
from mlkit.aws.session import Session
from mlkit.errors import InvalidData, NotFound, SealBroken
from mlkit.evidence.envelope import read_envelope, subjects_of
from mlkit.evidence.layout import ENVELOPE, PAGE
from mlkit.evidence.manifest import sha256_of

_ID = re.compile(r"[0-9A-Za-z-]{1,64}")


def page_path(execution: SealedExecution, folder: Path) -> Path:
    """The local file of the execution's page. Raises InvalidData for an id that is none: it would name another place."""
    name = execution.manifest.pipeline_execution_id
    if not _ID.fullmatch(name):
        raise InvalidData(f"{name!r} is not the id of a pipeline execution", cure="Check who may write to the evidence bucket.")
    return folder / f"{name}-review.html"


def fetch_page(aws: Session, execution: SealedExecution, path: Path) -> None:
    """Copy the page of the newest seal that has one to `path`, unless this page is there already.

    Raises NotFound if no seal has a page, SealBroken if a page is not the one that the envelope beside it names.
    """
    for place in dict.fromkeys([execution.newest_place, execution.place]):
        try:
            expected = _digest(aws, place)
            if expected is not None and path.is_file() and sha256_of(path.read_bytes()) == expected:
                return
            page = read_object(aws, f"{place}/{PAGE}")
        except NotFound:
            continue
        if expected not in (None, sha256_of(page)):
            raise SealBroken(f"{place}/{PAGE} is not the page that {ENVELOPE} beside it names")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(page)
        return
    raise NotFound(f"{execution.newest_place}/{PAGE} does not exist", cure="`mlkit evidence fetch` fetches what else was sealed.")


def _digest(aws: Session, place: str) -> str | None:
    """SHA-256 of the page, as the seal's envelope names it; None without an envelope, or if it names no page."""
    address = f"{place}/{ENVELOPE}"
    try:
        envelope = read_object(aws, address)
    except NotFound:
        return None
    return subjects_of(read_envelope(envelope, address), address).get(PAGE)
