"""Times: a record keeps seconds since the epoch, so that it is JSON as it is, and answers carry aware datetimes."""

from datetime import UTC, datetime


def moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
