"""AWS::Glue::Database, Table and Crawler, by the calls that CloudFormation makes to Glue."""

from collections.abc import Mapping
from typing import Any

from localaws.kit.properties import changed, check_kept, gone_is_fine, name_of, picked, retag, words
from localaws.kit.service import Provisioned, ResourceRequest, ResourceType
from localaws.kit.tags import tags_in

_GONE = "EntityNotFoundException"


def _create_database(request: ResourceRequest) -> Provisioned:
    given = request.properties.get("DatabaseName") or request.properties["DatabaseInput"].get("Name")
    name = name_of(request, given, longest=255, lower=True)
    request.client("glue").create_database(DatabaseInput={**request.properties["DatabaseInput"], "Name": name})
    return Provisioned(physical_id=name, attributes={})


def _update_database(request: ResourceRequest) -> Provisioned:
    check_kept(request, "DatabaseInput", "Name")
    name = str(request.physical_id)
    request.client("glue").update_database(Name=name, DatabaseInput={**request.properties["DatabaseInput"], "Name": name})
    return Provisioned(physical_id=name, attributes={})


def _delete_database(request: ResourceRequest) -> None:
    with gone_is_fine(_GONE):
        request.client("glue").delete_database(Name=request.physical_id)


def _create_table(request: ResourceRequest) -> Provisioned:
    name = name_of(request, request.properties["TableInput"].get("Name"), longest=255, lower=True)
    table = {**request.properties["TableInput"], "Name": name}
    request.client("glue").create_table(DatabaseName=request.properties["DatabaseName"], TableInput=table)
    return Provisioned(physical_id=name, attributes={})


def _update_table(request: ResourceRequest) -> Provisioned:
    check_kept(request, "TableInput", "Name")
    table = {**request.properties["TableInput"], "Name": str(request.physical_id)}
    request.client("glue").update_table(DatabaseName=request.properties["DatabaseName"], TableInput=table)
    return Provisioned(physical_id=str(request.physical_id), attributes={})


def _delete_table(request: ResourceRequest) -> None:
    with gone_is_fine(_GONE):
        request.client("glue").delete_table(DatabaseName=request.properties["DatabaseName"], Name=request.physical_id)


def _crawler(properties: Mapping[str, Any]) -> dict[str, Any]:
    same = ("DatabaseName", "Description", "Role", "Targets", "TablePrefix", "SchemaChangePolicy", "RecrawlPolicy", "Configuration")
    found = picked(properties, *same)
    if schedule := properties.get("Schedule"):
        found["Schedule"] = schedule["ScheduleExpression"]
    return found


def _create_crawler(request: ResourceRequest) -> Provisioned:
    name = name_of(request, request.properties.get("Name"), longest=255)
    tags = tags_in(request.properties.get("Tags"))
    request.client("glue").create_crawler(Name=name, Tags=tags, **_crawler(request.properties))
    return Provisioned(physical_id=name, attributes={})


def _update_crawler(request: ResourceRequest) -> Provisioned:
    glue, name = request.client("glue"), str(request.physical_id)
    glue.update_crawler(Name=name, **_crawler(request.properties))
    if changed(request, "Tags"):
        account = request.client("sts").get_caller_identity()["Account"]
        arn = f"arn:aws:glue:{glue.meta.region_name}:{account}:crawler/{name}"
        retag(
            request,
            tag=lambda tags: glue.tag_resource(ResourceArn=arn, TagsToAdd=tags),
            untag=lambda keys: glue.untag_resource(ResourceArn=arn, TagsToRemove=keys),
        )
    return Provisioned(physical_id=name, attributes={})


def _delete_crawler(request: ResourceRequest) -> None:
    with gone_is_fine(_GONE):
        request.client("glue").delete_crawler(Name=request.physical_id)


RESOURCE_TYPES: Mapping[str, ResourceType] = {
    "AWS::Glue::Database": ResourceType(
        properties=frozenset({"CatalogId", "DatabaseName", "DatabaseInput"}),
        replacing=frozenset({"CatalogId", "DatabaseName"}),
        create=_create_database,
        update=_update_database,
        delete=_delete_database,
    ),
    "AWS::Glue::Table": ResourceType(
        properties=frozenset({"CatalogId", "DatabaseName", "TableInput"}),
        replacing=frozenset({"CatalogId", "DatabaseName"}),
        create=_create_table,
        update=_update_table,
        delete=_delete_table,
    ),
    "AWS::Glue::Crawler": ResourceType(
        properties=words(
            "Name Role DatabaseName Description Targets Schedule TablePrefix SchemaChangePolicy RecrawlPolicy Configuration Tags"
        ),
        replacing=frozenset({"Name"}),
        create=_create_crawler,
        update=_update_crawler,
        delete=_delete_crawler,
    ),
}
