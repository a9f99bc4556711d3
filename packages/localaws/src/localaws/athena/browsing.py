"""Athena's operations on the data catalog: databases and tables of AwsDataCatalog, read from Glue as the caller."""

import contextlib
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from localaws.kit.service import AwsError

CATALOG = "AwsDataCatalog"


def matches(pattern: str | None, name: str) -> bool:
    """Whether the name matches Hive's pattern: * stands for any text, | separates alternatives."""
    if pattern is None:
        return True
    choices = (re.escape(one).replace(r"\*", ".*") for one in pattern.replace("%", "*").split("|"))
    return any(re.fullmatch(choice, name, re.IGNORECASE) for choice in choices)


def check_catalog(name: str) -> None:
    if name.lower() != CATALOG.lower():
        raise AwsError("InvalidRequestException", f"Catalog {name} was not found.")


def data_catalog(account: str) -> dict[str, Any]:
    return {"Name": CATALOG, "Type": "GLUE", "Parameters": {"catalog-id": account}}


@contextlib.contextmanager
def _metadata_errors() -> Iterator[None]:
    from botocore.exceptions import ClientError

    try:
        yield
    except ClientError as error:
        code, text = error.response["Error"].get("Code", ""), error.response["Error"].get("Message", "")
        request = error.response["ResponseMetadata"].get("RequestId", "")
        told = f"(Service: AmazonDataCatalog; Status Code: 400; Error Code: {code}; Request ID: {request}; Proxy: null)"
        raise AwsError("MetadataException", f"{text} {told}") from error


def database(glue: Any, name: str) -> dict[str, Any]:
    with _metadata_errors():
        return _database(glue.get_database(Name=name)["Database"])


def databases(glue: Any) -> list[dict[str, Any]]:
    with _metadata_errors():
        return [_database(one) for page in glue.get_paginator("get_databases").paginate() for one in page["DatabaseList"]]


def table(glue: Any, database_name: str, name: str) -> dict[str, Any]:
    with _metadata_errors():
        return _table(glue.get_table(DatabaseName=database_name, Name=name)["Table"])


def tables(glue: Any, database_name: str, expression: str | None) -> list[dict[str, Any]]:
    with _metadata_errors():
        pages = glue.get_paginator("get_tables").paginate(DatabaseName=database_name)
        return [_table(one) for page in pages for one in page["TableList"] if matches(expression, one["Name"])]


def _database(glue: Mapping[str, Any]) -> dict[str, Any]:
    named = {"Name": glue["Name"], "Description": glue.get("Description"), "Parameters": glue.get("Parameters")}
    return {name: value for name, value in named.items() if value}


def _table(glue: Mapping[str, Any]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "Name": glue["Name"],
        "TableType": glue.get("TableType") or "EXTERNAL_TABLE",
        "Columns": [_column(column) for column in (glue.get("StorageDescriptor") or {}).get("Columns") or []],
        "PartitionKeys": [_column(column) for column in glue.get("PartitionKeys") or []],
        "Parameters": {**(glue.get("Parameters") or {}), **_storage(glue.get("StorageDescriptor") or {})},
    }
    for name, given in (("CreateTime", "CreateTime"), ("LastAccessTime", "LastAccessTime")):
        if isinstance(glue.get(given), datetime):
            described[name] = glue[given]
    return described


def _column(column: Mapping[str, Any]) -> dict[str, Any]:
    named = {"Name": column["Name"], "Type": column.get("Type"), "Comment": column.get("Comment")}
    return {name: value for name, value in named.items() if value}


def _storage(descriptor: Mapping[str, Any]) -> dict[str, str]:
    """The storage as table parameters. Athena adds them to the parameters that Glue has."""
    serde = descriptor.get("SerdeInfo") or {}
    named = {
        "location": descriptor.get("Location"),
        "inputformat": descriptor.get("InputFormat"),
        "outputformat": descriptor.get("OutputFormat"),
        "serde.serialization.lib": serde.get("SerializationLibrary"),
        **{f"serde.param.{name}": value for name, value in (serde.get("Parameters") or {}).items()},
    }
    return {name: value for name, value in named.items() if value}
