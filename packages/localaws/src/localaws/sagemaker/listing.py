"""AWS's filters and sort orders, which all List operations share."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from localaws.sagemaker.resource_tables import Resource

R = TypeVar("R", bound=Resource)


def select(
    records: Iterable[R],
    request: Mapping[str, Any],
    *,
    order: str,
    sort_by: str = "CreationTime",
    status: Callable[[R], str] | None = None,
    values: Mapping[str, Callable[[R], Any]] | None = None,
) -> list[R]:
    """The records that match the request's filters, in its order. `order` and `sort_by` are the operation's defaults.

    `values` has the operation's other sort keys by name. Records without a value for the key are left out, as on AWS.
    """
    keys: dict[str, Callable[[R], Any]] = {"CreationTime": lambda r: r.created, "Name": lambda r: r.name.lower()}
    if status is not None:
        keys["Status"] = status
    key = {**keys, **(values or {})}[request.get("SortBy", sort_by)]
    chosen = [r for r in records if _passes(r, request, status) and key(r) is not None]
    # Records with equal keys are sorted by name, so that pages neither repeat nor lose a record.
    return sorted(chosen, key=lambda r: (key(r), r.name.lower()), reverse=request.get("SortOrder", order) == "Descending")


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
