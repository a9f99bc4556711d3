"""The Glue Data Catalog."""

from typing import Any

from conformance_cases import AWS, Call, call, case

SERVICE = "glue"
_API = f"{AWS}/glue/latest/webapi"
_TABLE = {"Name": "Rated", "PartitionKeys": [{"Name": "year", "Type": "int"}, {"Name": "month", "Type": "string"}]}
_PARTITIONS = [("2023", "dec"), ("2024", "jan"), ("2024", "feb"), ("2025", "jan")]
SCENE = [
    call("glue.create_database", DatabaseInput={"Name": "<name>"}),
    call("glue.create_table", DatabaseName="<name>", TableInput=_TABLE),
    call("glue.create_table", DatabaseName="<name>", TableInput={"Name": "movies", "TableType": "EXTERNAL_TABLE"}),
    call(
        "glue.batch_create_partition",
        DatabaseName="<name>",
        TableName="rated",
        PartitionInputList=[{"Values": list(values), "StorageDescriptor": {"Columns": []}} for values in _PARTITIONS],
    ),
]


def _partitions(**asked: Any) -> Call:
    return call("glue.get_partitions", DatabaseName="<scene>", TableName="rated", **asked)


def _finds(expression: str, *places: int) -> Any:
    values = [list(_PARTITIONS[place]) for place in places]
    return case(
        f"partitions by {expression}",
        f"{_API}/API_GetPartitions.html",
        _partitions(Expression=expression),
        gives={"Partitions[].Values": values},
    )


CASES = [
    case(
        "a database's name is stored in lower case",
        f"{_API}/API_DatabaseInput.html",
        call("glue.create_database", DatabaseInput={"Name": "<name>-UPPER"}),
        call("glue.get_database", Name="<name>-Upper"),
        gives={"Database.Name": "<name>-upper"},
    ),
    case(
        "a table's name is stored in lower case",
        f"{_API}/API_TableInput.html",
        call("glue.get_table", DatabaseName="<scene>", Name="RATED"),
        gives={"Table.Name": "rated"},
    ),
    case(
        "a database whose name differs in case alone exists already",
        f"{_API}/API_CreateDatabase.html",
        call("glue.create_database", DatabaseInput={"Name": "<name>-a"}),
        call("glue.create_database", DatabaseInput={"Name": "<name>-A"}),
        error="AlreadyExistsException: ",
    ),
    case(
        "tables of a database that does not exist are not found",
        f"{_API}/API_GetTables.html",
        call("glue.get_tables", DatabaseName="<name>"),
        error="EntityNotFoundException: Database <name> not found.",
    ),
    case(
        "a table that does not exist is not found",
        f"{_API}/API_GetTable.html",
        call("glue.get_table", DatabaseName="<scene>", Name="none"),
        error="EntityNotFoundException: ",
    ),
    case(
        "a member that is missing is null",
        "botocore: glue TableInput.Name",
        call("glue.create_table", DatabaseName="<scene>", TableInput={}),
        error="ValidationException: 1 validation error detected: Value null at 'tableInput.name' failed to satisfy constraint",
    ),
    case(
        "tables are found by a pattern of their names",
        f"{_API}/API_GetTables.html",
        call("glue.get_tables", DatabaseName="<scene>", Expression="mov.*"),
        gives={"TableList[].Name": ["movies"]},
    ),
    case(
        "tables are listed in pages",
        f"{_API}/API_GetTables.html",
        call("glue.get_tables", {"token": "NextToken"}, DatabaseName="<scene>", MaxResults=1),
        call("glue.get_tables", DatabaseName="<scene>", MaxResults=1, NextToken="<token>"),
        gives={"TableList[].Name": ["rated"], "NextToken": None},
    ),
    case(
        "a page holds at most 100 tables",
        "botocore: glue GetTables.MaxResults",
        call("glue.get_tables", DatabaseName="<scene>", MaxResults=101),
        error="ValidationException: 1 validation error detected: Value '101' at 'maxResults'",
    ),
    _finds("year = 2024", 1, 2),
    _finds("year >= 2024 AND month = 'jan'", 1, 3),
    _finds("year BETWEEN 2023 AND 2024", 0, 1, 2),
    _finds("month IN ('dec', 'feb')", 0, 2),
    _finds("NOT (month LIKE 'j%' OR year <> 2024)", 2),
    case(
        "an expression over a column that is no partition key is refused",
        f"{_API}/API_GetPartitions.html",
        _partitions(Expression="stars = 5"),
        error="InvalidInputException: Unsupported expression",
    ),
    case(
        "partitions are listed in pages",
        f"{_API}/API_GetPartitions.html",
        _partitions(MaxResults=3),
        gives={"length(Partitions)": 3, "NextToken": ...},
    ),
    case(
        "partitions of a table that does not exist are not found",
        f"{_API}/API_GetPartitions.html",
        call("glue.get_partitions", DatabaseName="<scene>", TableName="none"),
        error="EntityNotFoundException: ",
    ),
    case(
        "a partition of a table that does not exist is not created",
        f"{_API}/API_CreatePartition.html",
        call("glue.create_partition", DatabaseName="<scene>", TableName="none", PartitionInput={"Values": ["1"]}),
        error="EntityNotFoundException: ",
    ),
    case(
        "a partition has a value for each key",
        f"{_API}/API_CreatePartition.html",
        call("glue.create_partition", DatabaseName="<scene>", TableName="rated", PartitionInput={"Values": ["1"]}),
        error="InvalidInputException: The number of partition keys do not match the number of partition values",
    ),
    case(
        "a partition that exists is not created again",
        f"{_API}/API_CreatePartition.html",
        call("glue.create_partition", DatabaseName="<scene>", TableName="rated", PartitionInput={"Values": ["2023", "dec"]}),
        error="AlreadyExistsException: ",
    ),
    case(
        "a partition that does not exist is not deleted",
        f"{_API}/API_DeletePartition.html",
        call("glue.delete_partition", DatabaseName="<scene>", TableName="rated", PartitionValues=["1", "2"]),
        error="EntityNotFoundException: ",
    ),
    case(
        "an update replaces a table's definition",
        f"{_API}/API_UpdateTable.html",
        call("glue.create_database", DatabaseInput={"Name": "<name>"}),
        call("glue.create_table", DatabaseName="<name>", TableInput={"Name": "t", "Description": "old", "Owner": "me"}),
        call("glue.update_table", DatabaseName="<name>", TableInput={"Name": "t", "Retention": 3}),
        call("glue.get_table", DatabaseName="<name>", Name="t"),
        gives={"Table.Description": None, "Table.Owner": None, "Table.Retention": 3, "Table.VersionId": "2"},
    ),
    case(
        "an update replaces a database's definition",
        f"{_API}/API_UpdateDatabase.html",
        call("glue.create_database", DatabaseInput={"Name": "<name>", "Description": "old"}),
        call("glue.update_database", Name="<name>", DatabaseInput={"Name": "<name>", "Parameters": {"a": "b"}}),
        call("glue.get_database", Name="<name>"),
        gives={"Database.Description": None, "Database.Parameters": {"a": "b"}},
    ),
    case(
        "a table has no members that it was not given",
        f"{_API}/API_Table.html",
        call("glue.get_table", DatabaseName="<scene>", Name="rated"),
        gives={"Table.Description": None, "Table.ViewOriginalText": None, "Table.TableType": None, "Table.CatalogId": "<account>"},
    ),
    case(
        "a partition index",
        f"{_API}/API_CreateTable.html",
        call(
            "glue.create_table",
            DatabaseName="<scene>",
            TableInput={"Name": "<name>"},
            PartitionIndexes=[{"Keys": ["a"], "IndexName": "i"}],
        ),
        refused="ValidationException: PartitionIndexes",
    ),
    case(
        "the catalog of another account",
        f"{_API}/API_GetDatabase.html",
        call("glue.get_database", CatalogId="210987654321", Name="<scene>"),
        refused="EntityNotFoundException: The local AWS has only the catalog of the account <account>.",
    ),
    case(
        "a link to a database of another account",
        f"{_API}/API_DatabaseInput.html",
        call("glue.create_database", DatabaseInput={"Name": "<name>", "TargetDatabase": {"CatalogId": "1", "DatabaseName": "d"}}),
        refused="ValidationException: DatabaseInput.TargetDatabase is not honoured by the local AWS.",
    ),
    case(
        "a crawl",
        f"{_API}/API_StartCrawler.html",
        call("glue.start_crawler", Name="c"),
        refused="The local AWS does not honour glue:StartCrawler.",
    ),
]
