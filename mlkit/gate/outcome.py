"""The three outcomes of a gate. Apart from `verdicts`, because who reads a verdict needs no numpy."""

from enum import StrEnum


class Outcome(StrEnum):
    PASS = "PASS"  # noqa: S105 - an outcome, not a password
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"
