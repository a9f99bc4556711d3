"""The result of a check: its outcome, the detail, and the next step."""

from dataclasses import dataclass
from enum import StrEnum

from mlkit.errors import MlkitError, NotReady


class CheckStatus(StrEnum):
    """`skipped` means that the check could not run, or does not apply here."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    SKIPPED = "skipped"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One line of the report. `exit_code` is that of the error with which a run would end; 0 unless the outcome is `fail`.

    A check leaves `check`, `group` and `elapsed_s` (seconds) empty; `examine` fills them in.
    """

    outcome: CheckStatus
    detail: str
    next_step: str = ""
    exit_code: int = 0
    check: str = ""
    group: str = ""
    elapsed_s: float = 0.0


def ok(detail: str) -> Finding:
    return Finding(outcome=CheckStatus.OK, detail=detail)


def warn(detail: str, next_step: str) -> Finding:
    return Finding(outcome=CheckStatus.WARN, detail=detail, next_step=next_step)


def skipped(detail: str, next_step: str = "") -> Finding:
    return Finding(outcome=CheckStatus.SKIPPED, detail=detail, next_step=next_step)


def fail(detail: str, next_step: str, error: type[MlkitError] = NotReady) -> Finding:
    """A failed check. `error` is the class of the error with which a run would end."""
    return Finding(outcome=CheckStatus.FAIL, detail=detail, next_step=next_step, exit_code=error.exit_code)
