"""The rule for unusable rows of a table: drop them, or refuse the table."""

from typing import Protocol

from mlkit.errors import InvalidData, UsageError


class CountedRows(Protocol):
    """The counts of a table's rows that the rule needs."""

    @property
    def table_rows(self) -> int: ...
    @property
    def bad_rows(self) -> int: ...
    @property
    def complaint(self) -> str:
        """How many rows are bad, and why."""

    @property
    def what_stays(self) -> str:
        """Which of several contradicting rows stays."""


def check_bad_rows(profile: CountedRows, rule: str) -> str:
    """Apply the rule: `drop` returns what is dropped, `refuse` raises InvalidData if there are bad rows."""
    if rule not in ("drop", "refuse"):
        raise UsageError(f"bad_rows is {rule!r}", cure='Choose "drop" or "refuse".')
    if rule == "refuse" and profile.bad_rows:
        raise InvalidData(profile.complaint, cure='Correct the table, or choose bad_rows="drop".')
    return f"{profile.bad_rows} of {profile.table_rows} rows dropped ({profile.what_stays})"
