"""Athena."""

from typing import Any

from conformance_cases import AWS, QUERY, call, case

SERVICE = "athena"
_GUIDE = f"{AWS}/athena/latest/ug"
_API = f"{AWS}/athena/latest/APIReference"
_WORDS = f"{_GUIDE}/reserved-words.html"
_TROUBLE = f"{_GUIDE}/troubleshooting-athena.html"
_NO_COLUMN = "https://github.com/awslabs/aws-athena-query-federation/issues/2313"
_STORAGE = {
    "Location": "s3://<name>/in/",
    "InputFormat": "org.apache.hadoop.mapred.TextInputFormat",
    "OutputFormat": "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
    "SerdeInfo": {"SerializationLibrary": "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe", "Parameters": {"field.delim": ","}},
}
_COLUMNS = [{"Name": "id", "Type": "int"}, {"Name": "date", "Type": "string"}]
SCENE = [
    call("s3.create_bucket", Bucket="<name>"),
    call("s3.put_object", Bucket="<name>", Key="in/a.csv", Body=b"1,one\n2,two\n"),
    call("s3.put_object", Bucket="<name>", Key="latin/b.csv", Body=b"1,one\n2,tw\xe9\n"),
    call("athena.create_work_group", Name="<name>", Configuration={"ResultConfiguration": {"OutputLocation": "s3://<name>/out/"}}),
    call("glue.create_database", DatabaseInput={"Name": "<name>"}),
    call("glue.create_table", DatabaseName="<name>", TableInput={"Name": "t", "StorageDescriptor": _STORAGE | {"Columns": _COLUMNS}}),
    call(
        "glue.create_table",
        DatabaseName="<name>",
        TableInput={"Name": "latin", "StorageDescriptor": _STORAGE | {"Columns": _COLUMNS, "Location": "s3://<name>/latin/"}},
    ),
]


def _query(sql: str, **more: Any) -> Any:
    return call(QUERY, QueryString=sql, WorkGroup="<scene>", QueryExecutionContext={"Database": "<scene>"}, **more)


def _rows(says: str, source: str, sql: str, *rows: list[str | None], **more: Any) -> Any:
    return case(says, f"{_GUIDE}/{source}.html", _query(sql, **more), gives={"Rows": list(rows)})


def _fails(says: str, source: str, sql: str, reason: str) -> Any:
    return case(says, source, _query(sql), gives={f"starts_with(Reason, '{reason}')": True})


def _refused(says: str, source: str, sql: str, error: str) -> Any:
    return case(says, source, _query(sql), error=f"InvalidRequestException: {error}")


def _not_run(says: str, source: str, sql: str, refused: str) -> Any:
    return case(says, f"{_GUIDE}/{source}.html", _query(sql), refused=refused)


CASES = [
    _rows("a reserved word in double quotes is a column", "reserved-words", 'SELECT "date" FROM t WHERE id = 1', ["date"], ["one"]),
    _rows("date is no reserved word in SELECT", "reserved-words", "SELECT date FROM t WHERE id = 1", ["date"], ["one"]),
    _refused("a reserved word is no column in SELECT", _WORDS, "SELECT order FROM t", "line 1:8: mismatched input 'order'"),
    _refused("a reserved word is no alias in SELECT", _WORDS, "SELECT id AS end FROM t", "line 1:"),
    _refused(
        "a reserved word is no column in DDL",
        _WORDS,
        "CREATE EXTERNAL TABLE x (date int) LOCATION 's3://<scene>/in/'",
        "line 1:26: mismatched input 'date'",
    ),
    _refused("a reserved word is no table in DDL", _WORDS, "DROP TABLE order", "line 1:12: mismatched input 'order'"),
    _rows(
        "a reserved word in backticks is a column in DDL",
        "reserved-words",
        "CREATE EXTERNAL TABLE `order` (`date` int) LOCATION 's3://<scene>/in/'",
    ),
    _rows(
        "a database's name in backticks may have a hyphen", "tables-databases-columns-names", "SHOW TABLES IN `<scene>` 'latin*'", ["latin"]
    ),
    _rows(
        "SHOW CREATE TABLE prints the table's statement",
        "show-create-table",
        "SHOW CREATE TABLE t",
        ["CREATE EXTERNAL TABLE `t`("],
        ["  `id` int, "],
        ["  `date` string)"],
        ["ROW FORMAT SERDE "],
        ["  'org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe' "],
        ["WITH SERDEPROPERTIES ( "],
        ["  'field.delim'=',') "],
        ["STORED AS INPUTFORMAT "],
        ["  'org.apache.hadoop.mapred.TextInputFormat' "],
        ["OUTPUTFORMAT "],
        ["  'org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat'"],
        ["LOCATION"],
        ["  's3://<scene>/in/'"],
    ),
    _rows(
        "a parameter takes the place of a question mark",
        "querying-with-prepared-statements",
        "SELECT id FROM t WHERE id = ?",
        ["id"],
        ["2"],
        ExecutionParameters=["2"],
    ),
    _rows("a decimal keeps its scale", "data-types", "SELECT CAST(1.5 AS decimal(10,2)) AS d", ["d"], ["1.50"]),
    _fails("a table that does not exist", _TROUBLE, "SELECT * FROM none", "TABLE_NOT_FOUND: line 1:15: Table"),
    _fails("a database that does not exist", _TROUBLE, "SELECT * FROM nowhere.t", "SCHEMA_NOT_FOUND: line 1:15: Schema"),
    _fails("a column that does not exist", _NO_COLUMN, "SELECT none FROM t", "COLUMN_NOT_FOUND: line 1:8: Column"),
    _refused(
        "one statement at a time",
        "https://github.com/DyfanJones/noctua/issues/190",
        "SELECT 1; SELECT 2",
        "Only one sql statement is allowed. Got: SELECT 1; SELECT 2",
    ),
    _refused("a text that is no statement", f"{_API}/API_StartQueryExecution.html", "SELEC 1", "line 1:1: mismatched input"),
    case(
        "a query needs a place for its result",
        f"{_API}/API_StartQueryExecution.html",
        call("athena.start_query_execution", QueryString="SELECT 1"),
        error="InvalidRequestException: No output location provided.",
    ),
    case(
        "a workgroup that does not exist",
        f"{_API}/API_GetWorkGroup.html",
        call("athena.get_work_group", WorkGroup="<name>"),
        error="InvalidRequestException: WorkGroup <name> is not found.",
    ),
    case(
        "a table that does not exist is a MetadataException with Glue's code",
        f"{_API}/API_GetTableMetadata.html",
        call("athena.get_table_metadata", CatalogName="AwsDataCatalog", DatabaseName="<scene>", TableName="none"),
        error="MetadataException: ",
    ),
    case(
        "a MetadataException has the form that clients parse",
        "https://github.com/pyathena-dev/PyAthena/issues/783",
        call("athena.get_database", CatalogName="AwsDataCatalog", DatabaseName="none"),
        error="(Service: AmazonDataCatalog; Status Code: 400; Error Code: EntityNotFoundException; Request ID: ",
    ),
    case(
        "the primary workgroup is not deleted",
        f"{_API}/API_DeleteWorkGroup.html",
        call("athena.delete_work_group", WorkGroup="primary"),
        error="InvalidRequestException: ",
    ),
    case(
        "text that is not UTF-8, named by its object",
        f"{_GUIDE}/other-notable-limitations.html",
        _query('SELECT "date" FROM latin'),
        refused="The local Athena reads text as UTF-8: line 2 of s3://<scene>/latin/b.csv is not UTF-8.",
    ),
    _not_run("the object of a row", "select", 'SELECT "$path" FROM t', "Column '$path' is not supported by the local Athena"),
    _not_run("maps", "rows-and-structs", "SELECT MAP(ARRAY['a'], ARRAY[1])", "the local Athena has only functions verified against Trino"),
    _not_run(
        "an escape character in delimited text",
        "lazy-simple-serde",
        "CREATE EXTERNAL TABLE x (id int) ROW FORMAT DELIMITED FIELDS TERMINATED BY ',' ESCAPED BY '!' LOCATION 's3://<scene>/in/'",
        "SerDe property escape.delim = '!' is not supported by the local Athena",
    ),
    _not_run(
        "prepared statements",
        "querying-with-prepared-statements",
        "PREPARE p FROM SELECT 1",
        "The local Athena does not run PREPARE statements.",
    ),
    _not_run("views", "create-view", "CREATE VIEW v AS SELECT 1 AS x", "The local Athena does not run CREATE VIEW statements."),
    _not_run("an explained query", "athena-explain-statement", "EXPLAIN SELECT 1", "The local Athena does not run EXPLAIN statements."),
    _not_run("updates of Iceberg tables", "update-statement", "UPDATE t SET id = 1", "The local Athena does not run UPDATE statements."),
    _not_run(
        "a table's properties", "show-tblproperties", "SHOW TBLPROPERTIES t", "The local Athena does not run SHOW TBLPROPERTIES statements."
    ),
    _not_run(
        "a renamed partition",
        "alter-table-rename-partition",
        "ALTER TABLE t PARTITION (a='1') RENAME TO PARTITION (a='2')",
        "The local Athena does not run ALTER TABLE PARTITION: only ADD PARTITION.",
    ),
    case(
        "saved queries",
        f"{_API}/API_CreateNamedQuery.html",
        call("athena.create_named_query", Name="n", Database="d", QueryString="SELECT 1"),
        refused="The local AWS does not honour athena:CreateNamedQuery.",
    ),
]
