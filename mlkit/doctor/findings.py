"""What a check says: one outcome, what it found, and what to type next."""

from dataclasses import dataclass
from enum import StrEnum

from mlkit.errors import MlkitError, NotReady


class Outcome(StrEnum):
    """`skipped` means that the question could not be asked, or has no sense here."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    SKIPPED = "skipped"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One line of the report. `exit_code` is the error class's that a run would end with, 0 unless the outcome is `fail`.

    A check leaves `check`, `group` and `elapsed_s` (seconds) empty; who runs it fills them in.
    """

    outcome: Outcome
    detail: str
    next_step: str = ""
    exit_code: int = 0
    check: str = ""
    group: str = ""
    elapsed_s: float = 0.0


def ok(detail: str) -> Finding:
    return Finding(outcome=Outcome.OK, detail=detail)


def warn(detail: str, next_step: str) -> Finding:
    return Finding(outcome=Outcome.WARN, detail=detail, next_step=next_step)


def skipped(detail: str, next_step: str = "") -> Finding:
    return Finding(outcome=Outcome.SKIPPED, detail=detail, next_step=next_step)


def fail(detail: str, next_step: str, error: type[MlkitError] = NotReady) -> Finding:
    """`error` is the class of the error that a run would end with."""
    return Finding(outcome=Outcome.FAIL, detail=detail, next_step=next_step, exit_code=error.exit_code)
