"""Pages of a list of names: AWS gives a hundred at a time."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any

from localaws.codebuild.refusals import invalid

_PAGE = 100


def page(items: Sequence[str], request: Mapping[str, Any], member: str) -> dict[str, Any]:
    """One page under `member`, with nextToken when there is more. Raises AwsError for a token that is none."""
    start, size = _offset(request.get("nextToken")), request.get("maxResults", _PAGE)
    answer: dict[str, Any] = {member: list(items[start : start + size])}
    if start + size < len(items):
        answer["nextToken"] = base64.urlsafe_b64encode(str(start + size).encode()).decode()
    return answer


def _offset(token: str | None) -> int:
    try:
        return int(base64.urlsafe_b64decode(token)) if token else 0
    except (ValueError, binascii.Error) as error:
        raise invalid("Invalid nextToken.") from error
