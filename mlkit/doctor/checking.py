"""Runs checks in order. An error becomes the finding of its check and never stops the others."""

import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from botocore.exceptions import ClientError

from mlkit.aws.session import aws_errors
from mlkit.doctor.findings import CheckStatus, Finding, fail, skipped
from mlkit.errors import AccessDenied, MlkitError

# Error codes of an AWS without the operation, such as the local AWS.
_NOT_OFFERED = {"UnknownOperationException", "InvalidAction", "NotImplemented"}
_REFUSED_ACTION = re.compile(r"not authorized to perform: ([\w-]+:\w+)")


@dataclass(frozen=True, kw_only=True)
class Check:
    """One check. `run` gets its group's subject.

    It is skipped if a check in `needs`, of any earlier group, failed or was skipped. A call that AWS denies is a failure, unless the
    check is `optional`: no run makes that call, so the check is skipped.
    """

    name: str
    run: Callable[[Any], Finding]
    needs: tuple[str, ...] = ()
    optional: bool = False


@dataclass(frozen=True, kw_only=True)
class Group:
    """Checks of one subject under one title."""

    title: str
    subject: Any
    checks: Sequence[Check]


def examine(groups: Iterable[Group], *, clock: Callable[[], float] = time.monotonic) -> Iterator[Finding]:
    """The findings, each as soon as its check ends."""
    without_result: set[str] = set()
    for group in groups:
        for check in group.checks:
            start = clock()
            finding = _missing(check, without_result) or _answer(check, group.subject)
            if finding.outcome in (CheckStatus.FAIL, CheckStatus.SKIPPED):
                without_result.add(check.name)
            yield replace(finding, check=check.name, group=group.title, elapsed_s=round(clock() - start, 3))


def exit_code(findings: Iterable[Finding]) -> int:
    """0 when nothing fails, otherwise the exit code of the first failing check."""
    return next((finding.exit_code for finding in findings if finding.outcome is CheckStatus.FAIL), 0)


def _missing(check: Check, without_result: set[str]) -> Finding | None:
    needed = [name for name in check.needs if name in without_result]
    return skipped(f"needs {', '.join(needed)}") if needed else None


def _answer(check: Check, subject: Any) -> Finding:
    try:
        with aws_errors():
            return check.run(subject)
    except MlkitError as error:
        return _finding(error, check)
    except Exception as error:  # a defect in one check must not hide the others' findings
        return fail(f"the check itself failed: {type(error).__name__}: {error}", "Report this line; the other checks do not depend on it.")


def _finding(error: MlkitError, check: Check) -> Finding:
    """The finding for an error: skipped if AWS has no such operation or denies it to an optional check, otherwise a failure."""
    cause = error.__cause__
    if isinstance(cause, ClientError) and cause.response.get("Error", {}).get("Code") in _NOT_OFFERED:
        return skipped(f"not offered here: {cause.response['Error'].get('Message', cause.operation_name)}")
    if isinstance(error, AccessDenied) and check.optional:
        action = _REFUSED_ACTION.search(str(error))
        return skipped(f"no permission: {action[1] if action else error}", "To run this check, allow the action to these credentials.")
    return fail(str(error), error.cure, type(error))
