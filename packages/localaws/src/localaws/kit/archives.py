"""Limits for archives that the local AWS unpacks: a small archive may hold more than the disk does."""

import shutil
from pathlib import Path

MOST_ENTRIES = 200_000
MOST_BYTES = 8 << 30


class Allowance:
    """What one archive may still unpack below a folder."""

    def __init__(self, folder: Path) -> None:
        """At most half of the free disk is filled."""
        there = next(place for place in (folder.absolute(), *folder.absolute().parents) if place.exists())
        self._entries, self._bytes = MOST_ENTRIES, min(MOST_BYTES, shutil.disk_usage(there).free // 2)
        self._told = (
            f"the archive holds more than {self._bytes / 1e6:,.0f} MB or {MOST_ENTRIES:,} entries, which the local AWS does not unpack"
        )

    def take(self, size_bytes: int) -> None:
        """Count an entry of this size. Raises ValueError once the archive has more than it may."""
        self._entries -= 1
        self._bytes -= size_bytes
        if self._entries < 0 or self._bytes < 0:
            raise ValueError(self._told)
