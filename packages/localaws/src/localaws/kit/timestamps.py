"""Converts times. A record keeps seconds since the epoch, because they are JSON values; answers need aware datetimes."""

from datetime import UTC, datetime


def moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
