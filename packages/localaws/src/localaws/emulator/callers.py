"""Names the caller where the emulator names nobody or root: GetUser without a name, AssumeRole of a role that does not exist."""

from collections.abc import Mapping
from typing import Any


def name_the_caller() -> None:
    """Let GetUser answer for the calling user, and a denial of AssumeRole name who was denied."""
    from ministack.core import iam_evaluator as ev
    from ministack.services import iam, sts

    get_user, handle = iam._IAM_HANDLERS["GetUser"], sts.handle_request

    def get_calling_user(given: Mapping[str, Any]) -> Any:
        if iam._p(given, "UserName"):
            return get_user(given)
        arn = ev.caller_arn()
        if ":user/" not in arn:
            return iam._error(400, "ValidationError", "Must specify userName when calling with non-User credentials", ns="iam")
        return get_user({**given, "UserName": [arn.rsplit("/", 1)[-1]]})

    async def handle_naming(*request: Any) -> Any:
        status, headers, body = await handle(*request)
        return status, headers, body.replace(b"User: is not", f"User: {ev.caller_arn()} is not".encode()) if status == 403 else body

    iam._IAM_HANDLERS["GetUser"], sts.handle_request = get_calling_user, handle_naming
