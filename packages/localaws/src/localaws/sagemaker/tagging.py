"""Operations on the tags of all SageMaker resources, by ARN."""

from collections.abc import Callable, Sequence
from typing import Any

from localaws.kit.service import AwsError, Caller, Members
from localaws.kit.tags import as_list, changed
from localaws.sagemaker.resource_tables import Resource, Table


class Tagging:
    """AddTags, ListTags and DeleteTags over all tables.

    `tagged` returns the resource whose tags a resource uses: itself, except for a model package in a group.
    """

    def __init__(self, tables: Sequence[Table[Any]], tagged: Callable[[Resource], Resource]) -> None:
        self._tables, self._tagged = {table.kind.slug: table for table in tables}, tagged

    def add(self, caller: Caller, request: Members) -> Members:
        resource = self._own(request["ResourceArn"])
        resource.tags = changed(resource.tags, request)
        return {"Tags": as_list(resource.tags)}

    def list_tags(self, caller: Caller, request: Members) -> Members:
        return {"Tags": as_list(self._tagged(self._resource(request["ResourceArn"])).tags)}

    def delete(self, caller: Caller, request: Members) -> Members:
        resource = self._own(request["ResourceArn"])
        resource.tags = changed(resource.tags, request)
        return {}

    def of(self, arn: str) -> dict[str, str]:
        """The tags of the resource; empty if the resource does not exist."""
        resource = self._find(arn)
        return dict(self._tagged(resource).tags) if resource is not None else {}

    def _own(self, arn: str) -> Resource:
        """The resource, to change its tags. Raises AwsError if it uses the tags of another one."""
        resource = self._resource(arn)
        if (owner := self._tagged(resource)) is not resource:
            raise AwsError("ValidationException", f"The tags of {arn} are those of {owner.arn}: change them there.")
        return resource

    def _resource(self, arn: str) -> Resource:
        if (resource := self._find(arn)) is None:
            raise AwsError("ValidationException", f'Could not find resource "{arn}".')
        return resource

    def _find(self, arn: str) -> Resource | None:
        slug, _, name = arn.rpartition(":")[2].partition("/")
        table = self._tables.get(slug)
        found = table.find(name) if table is not None else None
        return found if found is not None and found.arn.lower() == arn.lower() else None
