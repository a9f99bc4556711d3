"""The exceptions that end a phase."""

from botocore.exceptions import BotoCoreError, ClientError

from localaws.codebuild.phases import FAILED


class PhaseFailed(Exception):
    """The phase failed. `status_code` and the text become its context in BatchGetBuilds."""

    status = FAILED

    def __init__(self, status_code: str, message: str) -> None:
        super().__init__(message)
        self.status_code, self.message = status_code, message


class Halted(PhaseFailed):
    """The build must end: it was stopped, it timed out, or the local AWS shuts down."""

    def __init__(self, status: str, status_code: str, message: str) -> None:
        super().__init__(status_code, message)
        self.status = status


def described(error: ClientError | BotoCoreError) -> str:
    """An AWS error's code and text, as CodeBuild quotes them."""
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return f"{error.response['Error']['Code']}: {error.response['Error']['Message']} status code: {status}"
    return str(error)
