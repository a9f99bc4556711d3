"""What the makers of resources share: names, clean-up after half a creation, deletion of what is already gone."""

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from localaws.service import ResourceRequest


def name_of(request: ResourceRequest, given: str | None, *, longest: int, lower: bool = False) -> str:
    """The name in the template, or the generated one cut before its suffix, which alone makes it unique."""
    if given:
        return given
    if request.physical_id:
        return request.physical_id
    prefix, _, suffix = request.generated_name.rpartition("-")
    name = f"{prefix[: longest - len(suffix) - 1]}-{suffix}"
    return name.lower() if lower else name


@contextlib.contextmanager
def undone_on_failure(undo: Callable[[], Any]) -> Iterator[None]:
    """A creation of several calls leaves nothing behind when a later call fails."""
    try:
        yield
    except Exception:
        with contextlib.suppress(Exception):
            undo()
        raise


@contextlib.contextmanager
def gone_is_fine(*codes: str) -> Iterator[None]:
    """Deleting what does not exist any more has succeeded."""
    from botocore.exceptions import ClientError

    try:
        yield
    except ClientError as error:
        if error.response["Error"]["Code"] not in codes:
            raise


def words(text: str) -> frozenset[str]:
    """The names in a text: easier to read, and to compare with AWS's page, than forty quotation marks."""
    return frozenset(text.split())


def only(properties: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """The named properties, as far as the template has them: for those that the API calls the same."""
    return {name: properties[name] for name in names if name in properties}


def as_json(document: Any) -> str:
    return document if isinstance(document, str) else json.dumps(document)


def as_bool(value: Any) -> bool:
    """A template's boolean, which may be text."""
    return str(value).lower() == "true"


def tags_as_map(tags: Any) -> dict[str, str]:
    if isinstance(tags, Mapping):
        return {str(key): str(value) for key, value in tags.items()}
    return {tag["Key"]: tag["Value"] for tag in tags or ()}


def tag_changes(request: ResourceRequest) -> tuple[dict[str, str], list[str]]:
    """Tags to set and keys to remove, between the old and the new properties."""
    old, new = tags_as_map(request.old_properties.get("Tags")), tags_as_map(request.properties.get("Tags"))
    return {key: value for key, value in new.items() if old.get(key) != value}, sorted(old.keys() - new.keys())


def changed(request: ResourceRequest, name: str) -> bool:
    return request.properties.get(name) != request.old_properties.get(name)


def check_kept(request: ResourceRequest, *path: str) -> None:
    """Refuse a change that AWS would answer with a new resource and that is not honoured here, because it is nested."""
    old: Any = request.old_properties
    new: Any = request.properties
    for name in path:
        old, new = (old or {}).get(name), (new or {}).get(name)
    if old != new:
        raise ValueError(f"The local AWS does not honour a change of {'.'.join(path)}: give the resource another logical id.")
