"""Tags of a resource, as a mapping, as a list in requests and answers, and as condition keys in policies.

Some services spell a tag's members Key and Value, others key and value. Reading accepts both.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from localaws.kit.service import AwsError

# Services with their own ResourceTag condition key beside aws:ResourceTag.
_OWN_KEYS = frozenset({"sagemaker"})


def tags_in(items: Iterable[Mapping[str, Any]] | Mapping[str, Any] | None) -> dict[str, str]:
    """The tags of a list, or of a template's map, as text by key."""
    if isinstance(items, Mapping):
        return {str(key): str(value) for key, value in items.items()}
    return {_member(tag, "key", ""): str(_member(tag, "value", "")) for tag in items or ()}


def tags_of_request(request: Mapping[str, Any]) -> dict[str, str]:
    """The tags that a request adds."""
    return tags_in(_member(request, "tags", ()))


def as_list(tags: Mapping[str, str], *, lower: bool = False) -> list[dict[str, str]]:
    """The tags as an API's list. With `lower`, the members are key and value instead of Key and Value."""
    names = ("key", "value") if lower else ("Key", "Value")
    return [dict(zip(names, tag, strict=True)) for tag in tags.items()]


def changed(tags: Mapping[str, str], request: Mapping[str, Any], *, most: int = 50, refused: str = "ValidationException") -> dict[str, str]:
    """The tags after TagResource or UntagResource. Raises AwsError with the code `refused` if there are too many."""
    found = {**tags, **tags_of_request(request)}
    removed = _removed(request)
    found = {key: value for key, value in found.items() if key not in removed}
    if len(found) > most:
        raise AwsError(refused, f"A resource can have at most {most} tags.")
    return found


def request_conditions(request: Mapping[str, Any]) -> dict[str, Any]:
    """The condition keys from a request's own tags: aws:RequestTag/... and aws:TagKeys."""
    added = tags_of_request(request)
    context: dict[str, Any] = {f"aws:RequestTag/{key}": value for key, value in added.items()}
    keys = [*added, *_removed(request)]
    return {**context, "aws:TagKeys": keys} if keys else context


def resource_conditions(service: str, tags: Mapping[str, str]) -> dict[str, Any]:
    """The condition keys from the tags of an existing resource."""
    prefixes = ("aws", service) if service in _OWN_KEYS else ("aws",)
    return {f"{prefix}:ResourceTag/{key}": value for prefix in prefixes for key, value in tags.items()}


def _removed(request: Mapping[str, Any]) -> list[str]:
    return list(request.get("TagKeys", request.get("tagKeys", ())))


def _member(structure: Mapping[str, Any], name: str, default: Any) -> Any:
    return structure.get(name.capitalize(), structure.get(name, default))
