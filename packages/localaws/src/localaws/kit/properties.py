"""Code that CloudFormation types share: properties as API members, names, tags, clean-up, deletion of a missing resource."""

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

from localaws.kit.service import ResourceRequest
from localaws.kit.tags import tags_in


def name_of(request: ResourceRequest, given: str | None, *, longest: int, lower: bool = False) -> str:
    """The name in the template, or the generated name. A long generated name is cut before its suffix, which makes it unique."""
    if given:
        return given
    if request.physical_id:
        return request.physical_id
    prefix, _, suffix = request.generated_name.rpartition("-")
    name = f"{prefix[: longest - len(suffix) - 1]}-{suffix}"
    return name.lower() if lower else name


@contextlib.contextmanager
def undone_on_failure(undo: Callable[[], Any]) -> Iterator[None]:
    """Undo the first call of a creation if a later call fails."""
    try:
        yield
    except Exception:
        with contextlib.suppress(Exception):
            undo()
        raise


@contextlib.contextmanager
def gone_is_fine(*codes: str) -> Iterator[None]:
    """Treat the deletion of a missing resource as a success."""
    from botocore.exceptions import ClientError

    try:
        yield
    except ClientError as error:
        if error.response["Error"]["Code"] not in codes:
            raise


def words(text: str) -> frozenset[str]:
    """The names in a text. A text is easier to compare with AWS's documentation than a list of quoted names."""
    return frozenset(text.split())


def picked(properties: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """The named properties that the template has, for properties with the same name in the API."""
    return {name: properties[name] for name in names if name in properties}


def as_json(document: Any) -> str:
    return document if isinstance(document, str) else json.dumps(document)


def as_bool(value: Any) -> bool:
    """A template's boolean, which may be the text "true" or "false"."""
    return str(value).lower() == "true"


def input_shape(client: Any, operation: str) -> StructureShape:
    """The shape of an operation's request. A resource type's properties take their names and types from it."""
    shape: StructureShape = client.meta.service_model.operation_model(operation).input_shape
    return shape


def as_api(shape: Shape, value: Any, *, name: str = "") -> Any:
    """A property with the API's member names and types. Raises ValueError for a value of another type.

    In a template, names begin with a capital; numbers and booleans may be text, and text may be a number or a boolean. A member that the
    API does not know stays as it is, and botocore refuses it by its name.
    """
    if isinstance(shape, StructureShape) and isinstance(value, Mapping):
        found = {member_of(shape, key): (key, item) for key, item in value.items()}
        return {
            member: as_api(shape.members[member], item, name=key) if member in shape.members else item
            for member, (key, item) in found.items()
        }
    if isinstance(shape, MapShape) and isinstance(value, Mapping):
        return {key: as_api(shape.value, item, name=key) for key, item in value.items()}
    if isinstance(shape, ListShape) and isinstance(value, list):
        return [as_api(shape.member, item, name=name) for item in value]
    return _scalar(shape, value, name)


def member_of(shape: StructureShape, name: str) -> str:
    """The API's name for a property. It differs in capitals only, for example `buildspec` for BuildSpec."""
    if name in shape.members:
        return name
    return next((member for member in shape.members if member.lower() == name.lower()), name)


def _scalar(shape: Shape, value: Any, name: str) -> Any:
    if shape.type_name == "string":
        if isinstance(value, Mapping | list):
            raise ValueError(f"Value of property {name} must be of type String")
        return str(value).lower() if isinstance(value, bool) else str(value)
    if isinstance(value, str) and shape.type_name in ("integer", "long"):
        return int(value)
    if isinstance(value, str) and shape.type_name in ("float", "double"):
        return float(value)
    return as_bool(value) if isinstance(value, str) and shape.type_name == "boolean" else value


def tag_changes(request: ResourceRequest) -> tuple[dict[str, str], list[str]]:
    """Tags to set and keys to remove, between the old and the new properties."""
    old, new = tags_in(request.old_properties.get("Tags")), tags_in(request.properties.get("Tags"))
    return {key: value for key, value in new.items() if old.get(key) != value}, sorted(old.keys() - new.keys())


def retag(request: ResourceRequest, *, tag: Callable[[dict[str, str]], Any], untag: Callable[[list[str]], Any]) -> None:
    """Change the resource's tags from the old properties to the new ones, by the API's two calls."""
    added, removed = tag_changes(request)
    if removed:
        untag(removed)
    if added:
        tag(added)


def changed(request: ResourceRequest, name: str) -> bool:
    return request.properties.get(name) != request.old_properties.get(name)


def check_kept(request: ResourceRequest, *path: str) -> None:
    """Refuse a change of a nested property for which AWS would create a new resource. The local AWS does not honour it."""
    old: Any = request.old_properties
    new: Any = request.properties
    for name in path:
        old, new = (old or {}).get(name), (new or {}).get(name)
    if old != new:
        raise ValueError(f"The local AWS does not honour a change of {'.'.join(path)}: give the resource another logical id.")
