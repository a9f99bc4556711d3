"""How a query fails, in Athena's words."""


class QueryError(Exception):
    """A query that ends FAILED: Trino's error code and text, which Athena joins in StateChangeReason. Athena's own have none."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}" if code else message)
        self.code, self.message = code, message


class InvalidStatement(Exception):
    """A statement that Athena refuses before it makes a query execution of it (InvalidRequestException)."""


def unsupported(what: str) -> QueryError:
    """What AWS may run and this engine does not: refused by name, never run differently."""
    return QueryError("NOT_SUPPORTED", f"{what} is not supported by the local Athena")
