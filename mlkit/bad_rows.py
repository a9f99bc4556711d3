"""What happens to a table's rows that cannot be used, by the rule that a person chose."""

from typing import Protocol

from mlkit.errors import InvalidData, UsageError


class CountedRows(Protocol):
    """What a profile of a table tells about its rows."""

    @property
    def table_rows(self) -> int: ...
    @property
    def bad_rows(self) -> int: ...
    @property
    def complaint(self) -> str:
        """How many rows are bad, and in which way."""

    @property
    def what_stays(self) -> str:
        """Which row stays where several contradict each other."""


def check_bad_rows(profile: CountedRows, rule: str) -> str:
    """What happens to rows that cannot be used: `drop` leaves them out, `refuse` raises InvalidData."""
    if rule not in ("drop", "refuse"):
        raise UsageError(f"bad_rows is {rule!r}", cure='Choose "drop" or "refuse".')
    if rule == "refuse" and profile.bad_rows:
        raise InvalidData(profile.complaint, cure='Correct the table, or choose bad_rows="drop".')
    return f"{profile.bad_rows} of {profile.table_rows} rows dropped ({profile.what_stays})"
