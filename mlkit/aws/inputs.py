"""A run's inputs other than S3 objects, such as a table, endpoint or stack: reported when read, digested again later."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mlkit.aws import registry
from mlkit.aws.s3_objects import list_objects
from mlkit.aws.session import Session, aws_errors
from mlkit.aws.stacks import find_export
from mlkit.errors import NotFound
from mlkit.evidence.run_record import Activity
from mlkit.notebook import journal
from mlkit.reuse.finished_steps import digest

if TYPE_CHECKING:
    from types_boto3_glue.type_defs import ColumnOutputTypeDef

TABLE, ENDPOINT, STACK, EXPORT = "glue table", "endpoint", "stack", "export"
REGION, EXECUTION, CHAMPION = "region", "pipeline execution", "champion"
UNKNOWN = "unknown"  # the digest of an input whose changes cannot be detected; it never equals another one
_STATISTICS = {
    "transient_lastDdlTime",
    "last_modified_time",
    "last_modified_by",
    "recordCount",
    "objectCount",
    "sizeKey",
    "averageRecordSize",
}


def tell_input(aws: Session, kind: str, name: str = "") -> None:
    """Report this input with its current digest to the runner, if there is one."""
    if journal.is_listened_to():
        told = f"{kind} {name}".strip()
        journal.tell("input", input={"name": told, "sha256": input_digest(aws, told)})


def input_digest(aws: Session, told: str) -> str:
    """SHA-256 of the input's state, or UNKNOWN. Raises NotFound if it no longer exists."""
    for kind, describe in _DESCRIBE.items():
        if told == kind or told.startswith(f"{kind} "):
            facts = describe(aws, told.removeprefix(kind).strip())
            return UNKNOWN if facts is None else digest(facts)
    return UNKNOWN


def changed_inputs(aws: Session, activity: Activity) -> list[str]:
    """The names of the inputs that have changed since the run, or whose changes cannot be detected."""
    changed = []
    for item in activity.inputs:
        try:
            now = input_digest(aws, item.name)
        except NotFound:
            now = UNKNOWN
        if now != item.sha256 or UNKNOWN in (now, item.sha256):
            changed.append(item.name)
    return changed


def _table(aws: Session, name: str) -> Any:
    """The table's description, and each object's key, size and ETag; None for a view and for a table outside of S3."""
    database, table = name.split(".", 1)
    with aws_errors():
        described = aws.client("glue").get_table(DatabaseName=database, Name=table)["Table"]
        storage, keys = described.get("StorageDescriptor", {}), described.get("PartitionKeys", [])
        partitions = _partitions(aws, database, table, keys)
    locations = [storage.get("Location", ""), *(partition["location"] for partition in partitions)]
    if described.get("TableType") == "VIRTUAL_VIEW" or not all(location.startswith("s3://") for location in locations):
        return None
    return {
        "columns": [[column["Name"], column["Type"]] for column in (*storage["Columns"], *keys)],
        "formats": [storage.get(member) for member in ("InputFormat", "OutputFormat", "SerdeInfo")],
        "parameters": {key: value for key, value in described.get("Parameters", {}).items() if key not in _STATISTICS},
        "partitions": partitions,
        "objects": {location: _objects(aws, location) for location in locations},
    }


def _partitions(aws: Session, database: str, table: str, keys: "Sequence[ColumnOutputTypeDef]") -> list[dict[str, Any]]:
    if not keys:
        return []
    pages = aws.client("glue").get_paginator("get_partitions").paginate(DatabaseName=database, TableName=table)
    found = [item for page in pages for item in page["Partitions"]]
    return sorted(({"values": item["Values"], "location": item["StorageDescriptor"]["Location"]} for item in found), key=str)


def _objects(aws: Session, location: str) -> list[list[Any]]:
    folder = location if location.endswith("/") else f"{location}/"
    return [[item["Key"], item["Size"], item["ETag"]] for item in list_objects(aws, folder)]


def _endpoint(aws: Session, name: str) -> Any:
    """The endpoint's identity and what it serves. A recreated endpoint of the same name counts as another one."""
    with aws_errors():
        found: Mapping[str, object] = aws.client("sagemaker").describe_endpoint(EndpointName=name)
    members = ("EndpointArn", "EndpointStatus", "EndpointConfigName", "CreationTime", "LastModifiedTime")
    return {member: str(found[member]) for member in members}


def _stack(aws: Session, name: str) -> Any:
    with aws_errors():
        found = aws.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
    return {member: str(found.get(member)) for member in ("StackId", "StackStatus", "CreationTime", "LastUpdatedTime")}


def _export(aws: Session, name: str) -> Any:
    return find_export(aws, name)


def _champion(aws: Session, group: str) -> Any:
    """The registry's champion; an empty text if there is none."""
    found = registry.champion(aws, group)
    return found.package_arn if found else ""


_DESCRIBE: Mapping[str, Callable[[Session, str], Any]] = {
    TABLE: _table,
    ENDPOINT: _endpoint,
    STACK: _stack,
    EXPORT: _export,
    CHAMPION: _champion,
    REGION: lambda aws, _: aws.region,
    EXECUTION: lambda aws, _: aws.pipeline_execution_id,
}
