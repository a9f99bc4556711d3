"""The error that this package raises."""


class InvalidData(ValueError):
    """Bytes or arrays do not fit the format. `cure` says what to do next; a traceback ends with it."""

    def __init__(self, message: str, *, cure: str) -> None:
        super().__init__(message)
        self.cure = cure
        self.add_note(f"Next: {cure}")
