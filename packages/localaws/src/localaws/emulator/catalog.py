"""Glue's Data Catalog with Glue's rules: names are in lower case, what is missing is not found, an update replaces a definition.

https://docs.aws.amazon.com/glue/latest/dg/aws-glue-api-catalog.html
"""

import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from localaws.emulator.partition_expressions import ExpressionError, partition_filter

Request = Mapping[str, Any]
_NAMES = ("Name", "DatabaseName", "TableName")
_DATABASE = ("Description", "LocationUri", "Parameters", "CreateTableDefaultPermissions")
_TABLE = (
    "Description",
    "Owner",
    "LastAccessTime",
    "LastAnalyzedTime",
    "Retention",
    "StorageDescriptor",
    "PartitionKeys",
    "ViewOriginalText",
    "ViewExpandedText",
    "TableType",
    "Parameters",
)


class _Refused(Exception):
    """An error of Glue's."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


def follow_the_rules_of_glue() -> None:
    """Give the emulator's catalog operations Glue's rules."""
    from ministack.services import glue

    for name in [name for name in dir(glue) if re.fullmatch(r"_(batch_)?(create|get|update|delete)_(database|table|partition)s?", name)]:
        setattr(glue, name, _checked(glue, name, getattr(glue, name)))


def _checked(glue: Any, name: str, original: Callable[[Request], Any]) -> Callable[[Request], Any]:
    rule = _RULES.get(name)

    def operation(request: Request) -> Any:
        asked = folded(request)
        try:
            _check_catalog(glue, asked)
            return original(asked) if rule is None else rule(glue, asked, original)
        except _Refused as error:
            return glue.error_response_json(error.code, error.message, 400)

    return operation


def folded(request: Request) -> dict[str, Any]:
    """The request with the names of databases and tables in lower case, as Glue stores them."""
    found = {**request, **{name: request[name].lower() for name in _NAMES if isinstance(request.get(name), str)}}
    for name in ("DatabaseInput", "TableInput"):
        if name in request:
            found[name] = {**request[name], "Name": request[name].get("Name", "").lower()}
    if "TablesToDelete" in request:
        found["TablesToDelete"] = [name.lower() for name in request["TablesToDelete"]]
    return found


def _check_catalog(glue: Any, asked: Request) -> None:
    account = glue.get_account_id()
    if asked.get("CatalogId", account) != account:
        raise _Refused("EntityNotFoundException", f"The local AWS has only the catalog of the account {account}.")


def _must_have(glue: Any, database: str, table: str | None = None) -> Any:
    if database not in glue._databases:
        raise _Refused("EntityNotFoundException", f"Database {database} not found.")
    if table is None:
        return None
    if (found := glue._tables.get(f"{database}/{table}")) is None:
        raise _Refused("EntityNotFoundException", f"Table {table} not found.")
    return found


def _create_database(glue: Any, asked: Request, original: Callable[[Request], Any]) -> Any:
    answer = original(asked)
    if answer[0] < 400:
        _replace(glue._databases[asked["DatabaseInput"]["Name"]], asked["DatabaseInput"], _DATABASE)
    return answer


def _update_database(glue: Any, asked: Request, _: Callable[[Request], Any]) -> Any:
    _must_have(glue, asked["Name"])
    if asked["DatabaseInput"]["Name"] != asked["Name"]:
        raise _Refused("InvalidInputException", "A database cannot be renamed.")
    _replace(glue._databases[asked["Name"]], asked["DatabaseInput"], _DATABASE)
    return glue.json_response({})


def _create_table(glue: Any, asked: Request, original: Callable[[Request], Any]) -> Any:
    answer = original(asked)
    if answer[0] < 400:
        _replace(glue._tables[f"{asked['DatabaseName']}/{asked['TableInput']['Name']}"], asked["TableInput"], _TABLE)
    return answer


def _update_table(glue: Any, asked: Request, original: Callable[[Request], Any]) -> Any:
    table = _must_have(glue, asked["DatabaseName"], asked["TableInput"]["Name"])
    answer = original(asked)
    if answer[0] < 400:
        _replace(table, asked["TableInput"], _TABLE)
    return answer


def _replace(stored: dict[str, Any], given: Request, names: Sequence[str]) -> None:
    for name in names:
        stored.pop(name, None)
        if name in given:
            stored[name] = given[name]
    if names is _TABLE:
        stored.setdefault("Retention", 0)
        stored["UpdateTime"] = int(time.time())


def _get_tables(glue: Any, asked: Request, original: Callable[[Request], Any]) -> Any:
    _must_have(glue, asked["DatabaseName"])
    status, headers, body = original({name: value for name, value in asked.items() if name != "Expression"})
    tables = [table for table in json.loads(body)["TableList"] if _is_named(table["Name"], asked.get("Expression") or "*")]
    return status, headers, json.dumps({"TableList": sorted(tables, key=lambda table: str(table["Name"]))}).encode()


def _is_named(name: str, expression: str) -> bool:
    """Glue's patterns of names: `*` and `.*` stand for any text, `|` for a choice."""
    return any(fnmatchcase(name, pattern.replace("[", "[[]")) for pattern in expression.lower().replace(".*", "*").split("|"))


def _create_partition(glue: Any, asked: Request, original: Callable[[Request], Any]) -> Any:
    table = _must_have(glue, asked["DatabaseName"], asked["TableName"])
    _check_values(table, asked["PartitionInput"])
    return original(asked)


def _batch_create_partition(glue: Any, asked: Request, original: Callable[[Request], Any]) -> Any:
    table = _must_have(glue, asked["DatabaseName"], asked["TableName"])
    for given in asked["PartitionInputList"]:
        _check_values(table, given)
    return original(asked)


def _check_values(table: Request, given: Request) -> None:
    if len(given.get("Values", ())) != len(table.get("PartitionKeys", ())):
        raise _Refused("InvalidInputException", "The number of partition keys do not match the number of partition values")


def _delete_partition(glue: Any, asked: Request, original: Callable[[Request], Any]) -> Any:
    _must_have(glue, asked["DatabaseName"], asked["TableName"])
    stored = glue._partitions.get(f"{asked['DatabaseName']}/{asked['TableName']}", [])
    if not any(partition["Values"] == asked["PartitionValues"] for partition in stored):
        raise _Refused("EntityNotFoundException", "Cannot find partition.")
    return original(asked)


def _get_partitions(glue: Any, asked: Request, original: Callable[[Request], Any]) -> Any:
    table = _must_have(glue, asked["DatabaseName"], asked["TableName"])
    status, headers, body = original(asked)
    found = json.loads(body)["Partitions"]
    if asked.get("Expression"):
        keys = {key["Name"]: key.get("Type", "string") for key in table.get("PartitionKeys", ())}
        try:
            fits = partition_filter(asked["Expression"], keys)
            found = [partition for partition in found if fits(partition["Values"])]
        except ExpressionError as error:
            raise _Refused("InvalidInputException", f"Unsupported expression '{asked['Expression']}': {error}") from error
    if asked.get("ExcludeColumnSchema"):
        for partition in found:
            partition.get("StorageDescriptor", {}).pop("Columns", None)
    return status, headers, json.dumps({"Partitions": found}).encode()


_RULES: Mapping[str, Callable[[Any, Request, Callable[[Request], Any]], Any]] = {
    "_create_database": _create_database,
    "_update_database": _update_database,
    "_create_table": _create_table,
    "_update_table": _update_table,
    "_get_tables": _get_tables,
    "_create_partition": _create_partition,
    "_batch_create_partition": _batch_create_partition,
    "_delete_partition": _delete_partition,
    "_get_partitions": _get_partitions,
}
