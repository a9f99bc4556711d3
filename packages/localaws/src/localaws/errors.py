"""The errors that the command line prints without a stack trace: the message says what happened, `cure` what to type next."""


class LocalAwsError(Exception):
    """Base of the errors that `lifecycle` raises. A traceback ends with the cure."""

    cure = ""

    def __init__(self, message: str, *, cure: str | None = None) -> None:
        super().__init__(message)
        self.cure = self.cure if cure is None else cure
        if self.cure:
            self.add_note(f"Next: {self.cure}")


class LocalAwsFailed(LocalAwsError):
    """The local AWS cannot start, or does not answer."""

    cure = "Read `localaws logs`. `localaws reset --yes` deletes all data and starts afresh."


class DiskFull(LocalAwsError):
    """The disk of the home has too little space for a start."""

    cure = "Check the free space (`df -h .`) and the permissions."
