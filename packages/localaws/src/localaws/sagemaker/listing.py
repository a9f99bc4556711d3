"""Pages of a list: AWS's filters, orders and tokens, the same for every List operation."""

import base64
import binascii
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from localaws.sagemaker.resources import Resource
from localaws.service import AwsError

R = TypeVar("R", bound=Resource)

_DEFAULT_PAGE = 10  # SageMaker's own default for MaxResults


def select(
    records: Iterable[R],
    request: Mapping[str, Any],
    *,
    order: str,
    sort_by: str = "CreationTime",
    status: Callable[[R], str] | None = None,
    values: Mapping[str, Callable[[R], Any]] | None = None,
) -> list[R]:
    """The records that the request's filters let through, in its order; `order` and `sort_by` are the operation's defaults.

    `values` are further sort keys of the operation by name; records for which one is None are left out, as AWS does.
    """
    keys: dict[str, Callable[[R], Any]] = {"CreationTime": lambda r: r.created, "Name": lambda r: r.name.lower()}
    if status is not None:
        keys["Status"] = status
    key = {**keys, **(values or {})}[request.get("SortBy", sort_by)]
    chosen = [r for r in records if _passes(r, request, status) and key(r) is not None]
    # The name breaks ties, so that pages neither repeat nor lose a record.
    return sorted(chosen, key=lambda r: (key(r), r.name.lower()), reverse=request.get("SortOrder", order) == "Descending")


def page(records: list[R], request: Mapping[str, Any], member: str, summary: Callable[[R], dict[str, Any]]) -> dict[str, Any]:
    """One page of summaries under `member`, with NextToken when there is more."""
    start = _offset(request.get("NextToken"))
    end = start + request.get("MaxResults", _DEFAULT_PAGE)
    answer: dict[str, Any] = {member: [summary(r) for r in records[start:end]]}
    if end < len(records):
        answer["NextToken"] = base64.urlsafe_b64encode(str(end).encode()).decode()
    return answer


def _passes(record: R, request: Mapping[str, Any], status: Callable[[R], str] | None) -> bool:
    bounds = (
        ("CreationTimeAfter", record.created, 1),
        ("CreationTimeBefore", record.created, -1),
        ("LastModifiedTimeAfter", record.modified, 1),
        ("LastModifiedTimeBefore", record.modified, -1),
    )
    if any(name in request and (value - request[name].timestamp()) * sign <= 0 for name, value, sign in bounds):
        return False
    if status is not None and request.get("StatusEquals", status(record)) != status(record):
        return False
    return str(request.get("NameContains", "")).lower() in record.name.lower()


def _offset(token: str | None) -> int:
    if token is None:
        return 0
    try:
        return int(base64.urlsafe_b64decode(token))
    except (ValueError, binascii.Error) as error:
        raise AwsError("ValidationException", "Invalid NextToken.") from error
