"""Runs checks in their order: an error becomes the finding of its check and never stops the others."""

import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from botocore.exceptions import ClientError

from mlkit.aws.session import aws_errors
from mlkit.doctor.findings import Finding, Outcome, fail, skipped
from mlkit.errors import AccessDenied, MlkitError

# What an AWS without the operation answers, as the local one does.
_NOT_OFFERED = {"UnknownOperationException", "InvalidAction", "NotImplemented"}
_REFUSED_ACTION = re.compile(r"not authorized to perform: ([\w-]+:\w+)")


@dataclass(frozen=True, kw_only=True)
class Check:
    """A question with a name. `run` gets its group's subject.

    It is skipped when a check in `needs`, of any group before, failed or was skipped. A call that AWS denies is a failure, unless
    the check is `optional`: then no run makes that call, and there is only less to tell.
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
    """The findings, each as soon as it is made."""
    without_result: set[str] = set()
    for group in groups:
        for check in group.checks:
            start = clock()
            finding = _missing(check, without_result) or _answer(check, group.subject)
            if finding.outcome in (Outcome.FAIL, Outcome.SKIPPED):
                without_result.add(check.name)
            yield replace(finding, check=check.name, group=group.title, elapsed_s=round(clock() - start, 3))


def exit_code(findings: Iterable[Finding]) -> int:
    """0 when nothing fails, else the first failing check's."""
    return next((finding.exit_code for finding in findings if finding.outcome is Outcome.FAIL), 0)


def _missing(check: Check, without_result: set[str]) -> Finding | None:
    needed = [name for name in check.needs if name in without_result]
    return skipped(f"needs {', '.join(needed)}") if needed else None


def _answer(check: Check, subject: Any) -> Finding:
    try:
        with aws_errors():
            return check.run(subject)
    except MlkitError as error:
        return _finding(error, check)
    except Exception as error:  # a mistake in one check must not hide what the others find
        return fail(f"the check itself failed: {type(error).__name__}: {error}", "Report this line; the other checks do not depend on it.")


def _finding(error: MlkitError, check: Check) -> Finding:
    """What an error says: AWS has no such operation, we may not ask, or it is what a run would meet as well."""
    cause = error.__cause__
    if isinstance(cause, ClientError) and cause.response.get("Error", {}).get("Code") in _NOT_OFFERED:
        return skipped(f"not offered here: {cause.response['Error'].get('Message', cause.operation_name)}")
    if isinstance(error, AccessDenied) and check.optional:
        action = _REFUSED_ACTION.search(str(error))
        return skipped(f"may not ask: {action[1] if action else error}", "Allow the action to these credentials to have it checked.")
    return fail(str(error), error.cure, type(error))
