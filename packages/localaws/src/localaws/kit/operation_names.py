"""What an operation's name says."""

_READING = ("BatchGet", "Describe", "Detect", "Filter", "Get", "Head", "Invoke", "List", "Lookup", "Search", "Test", "Validate")


def reads_only(operation: str) -> bool:
    """Whether the operation only reads, judged by its name."""
    return operation.startswith(_READING)
