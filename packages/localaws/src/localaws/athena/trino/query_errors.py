"""The errors of a query, in Athena's words."""


class QueryError(Exception):
    """The query ends FAILED. StateChangeReason joins Trino's error code and text; errors of Athena itself have no code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}" if code else message)
        self.code, self.message = code, message


class InvalidStatement(Exception):
    """Athena refuses the statement before it becomes a query execution (InvalidRequestException)."""


def unsupported(what: str) -> QueryError:
    """The error for something that AWS may run and the local Athena does not."""
    return QueryError("NOT_SUPPORTED", f"{what} is not supported by the local Athena")
