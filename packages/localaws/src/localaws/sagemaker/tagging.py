"""Tags of any SageMaker resource, by its ARN."""

from collections.abc import Sequence
from typing import Any

from localaws.sagemaker.resources import Resource, Table
from localaws.service import AwsError, Caller

Members = dict[str, Any]

_MAX_TAGS, _DEFAULT_PAGE = 50, 50


class Tagging:
    """AddTags, ListTags and DeleteTags over all tables."""

    def __init__(self, tables: Sequence[Table[Any]]) -> None:
        self._tables = {table.kind.slug: table for table in tables}

    def add(self, caller: Caller, request: Members) -> Members:
        resource = self._resource(request["ResourceArn"])
        tags = {**resource.tags, **{tag["Key"]: tag["Value"] for tag in request["Tags"]}}
        if len(tags) > _MAX_TAGS:
            raise AwsError("ValidationException", f"A resource can have at most {_MAX_TAGS} tags.")
        resource.tags = tags
        return {"Tags": _listed(tags)}

    def list_tags(self, caller: Caller, request: Members) -> Members:
        tags = _listed(self._resource(request["ResourceArn"]).tags)
        start = int(request["NextToken"]) if str(request.get("NextToken", "")).isdigit() else 0
        end = start + request.get("MaxResults", _DEFAULT_PAGE)
        return {"Tags": tags[start:end], **({"NextToken": str(end)} if end < len(tags) else {})}

    def delete(self, caller: Caller, request: Members) -> Members:
        resource = self._resource(request["ResourceArn"])
        resource.tags = {key: value for key, value in resource.tags.items() if key not in request["TagKeys"]}
        return {}

    def of(self, arn: str) -> dict[str, str]:
        """The tags of the resource; none if there is no such resource."""
        resource = self._find(arn)
        return dict(resource.tags) if resource is not None else {}

    def _resource(self, arn: str) -> Resource:
        if (resource := self._find(arn)) is None:
            raise AwsError("ValidationException", f'Could not find resource "{arn}".')
        return resource

    def _find(self, arn: str) -> Resource | None:
        slug, _, name = arn.rpartition(":")[2].partition("/")
        table = self._tables.get(slug)
        found = table.find(name) if table is not None else None
        return found if found is not None and found.arn == arn.lower() else None


def _listed(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]
