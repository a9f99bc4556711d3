"""Translates errors of localaws to mlkit's own: the same text, mlkit's exit codes, and the commands of mlkit."""

import re

from localaws.errors import DiskFull, LocalAwsError
from mlkit.errors import LocalAwsFailed, MlkitError, SaveFailed

_COMMAND = re.compile(r"`localaws (?=[a-z])")


def as_error(problem: Exception) -> MlkitError | None:
    """The mlkit error for an error of localaws; None for another error."""
    if not isinstance(problem, LocalAwsError):
        return None
    kind = SaveFailed if isinstance(problem, DiskFull) else LocalAwsFailed
    return kind(_COMMAND.sub("`mlkit local ", str(problem)), cure=_COMMAND.sub("`mlkit local ", problem.cure))
