"""Operations on the tags of all SageMaker resources, by ARN."""

from collections.abc import Sequence
from typing import Any

from localaws.kit.service import AwsError, Caller, Members
from localaws.kit.tags import as_list, changed
from localaws.sagemaker.resource_tables import Resource, Table


class Tagging:
    """AddTags, ListTags and DeleteTags over all tables."""

    def __init__(self, tables: Sequence[Table[Any]]) -> None:
        self._tables = {table.kind.slug: table for table in tables}

    def add(self, caller: Caller, request: Members) -> Members:
        resource = self._resource(request["ResourceArn"])
        resource.tags = changed(resource.tags, request)
        return {"Tags": as_list(resource.tags)}

    def list_tags(self, caller: Caller, request: Members) -> Members:
        return {"Tags": as_list(self._resource(request["ResourceArn"]).tags)}

    def delete(self, caller: Caller, request: Members) -> Members:
        resource = self._resource(request["ResourceArn"])
        resource.tags = changed(resource.tags, request)
        return {}

    def of(self, arn: str) -> dict[str, str]:
        """The tags of the resource; empty if the resource does not exist."""
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
        return found if found is not None and found.arn.lower() == arn.lower() else None
