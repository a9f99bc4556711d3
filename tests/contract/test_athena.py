"""Athena of the local AWS as its callers meet it: boto3, the AWS CLI, PyAthena, and roles that may not."""

import gzip
import io
import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import ratings_in_pandas
from botocore.exceptions import ClientError
from started import LocalAws, allow, start_local_aws, wait_until_saved
from waiting import HANG_S, wait_until

from localaws import lifecycle
from localaws.athena.query_queue import RUNNING_AT_ONCE
from mlkit.data.sql import unload_sql
from mlkit.movielens.splits import RatingsTable, SplitRule, splits_sql

LAZY = "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"
COLUMNS = (("userid", "bigint"), ("movieid", "bigint"), ("rating", "bigint"), ("timestamp", "bigint"))
RATINGS = "userid\tmovieid\trating\ttimestamp\n196\t242\t3\t881250949\n186\t302\t3\t891717742\n22\t377\t1\t878887116\n"
Aws = Callable[[str], Any]


@dataclass(frozen=True, kw_only=True)
class Lake:
    """A bucket and a Glue database of the test module's own; results go to `output`."""

    bucket: str
    database: str
    output: str
    clients: Aws

    def put(self, key: str, data: bytes | str) -> None:
        self.clients("s3").put_object(Bucket=self.bucket, Key=key, Body=data.encode() if isinstance(data, str) else data)

    def table(
        self,
        name: str,
        *,
        columns: tuple[tuple[str, str], ...] = COLUMNS,
        keys: tuple[tuple[str, str], ...] = (),
        serde: str = LAZY,
        properties: Mapping[str, str] | None = None,
        parameters: Mapping[str, str] | None = None,
    ) -> str:
        """Register a table over s3://bucket/<name>/ and return its name."""
        described = [{"Name": column, "Type": kind} for column, kind in columns]
        descriptor = {
            "Columns": described,
            "Location": f"s3://{self.bucket}/{name}/",
            "SerdeInfo": {"SerializationLibrary": serde, "Parameters": dict(properties or {})},
        }
        table = {
            "Name": name,
            "TableType": "EXTERNAL_TABLE",
            "StorageDescriptor": descriptor,
            "Parameters": dict(parameters or {}),
            "PartitionKeys": [{"Name": column, "Type": kind} for column, kind in keys],
        }
        self.clients("glue").create_table(DatabaseName=self.database, TableInput=table)
        return name

    def keys(self, prefix: str) -> list[str]:
        pages = self.clients("s3").get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        return [item["Key"] for page in pages for item in page.get("Contents", [])]

    def read(self, uri: str) -> bytes:
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        data: bytes = self.clients("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
        return data


@pytest.fixture(scope="module")
def lake(local_aws: LocalAws) -> Lake:
    name = f"lake-{uuid.uuid4().hex[:8]}"
    local_aws.client("s3").create_bucket(Bucket=name)
    database = name.replace("-", "_")
    local_aws.client("glue").create_database(DatabaseInput={"Name": database})
    found = Lake(bucket=name, database=database, output=f"s3://{name}/results/", clients=local_aws.client)
    found.put("u_data/u.data", RATINGS)
    found.table("u_data", properties={"field.delim": "\t"}, parameters={"skip.header.line.count": "1"})
    return found


def start(client: Any, lake: Lake, sql: str, **members: Any) -> str:
    members = {"ResultConfiguration": {"OutputLocation": lake.output}, **members}
    context = {"Database": lake.database, "Catalog": "AwsDataCatalog"}
    execution_id: str = client.start_query_execution(QueryString=sql, QueryExecutionContext=context, **members)["QueryExecutionId"]
    return execution_id


def wait(client: Any, execution_id: str) -> dict[str, Any]:
    return wait_until(
        lambda: client.get_query_execution(QueryExecutionId=execution_id)["QueryExecution"],
        "the query ends",
        ok=lambda execution: execution["Status"]["State"] in ("SUCCEEDED", "FAILED", "CANCELLED"),
        every_s=0.02,
    )


def run(lake: Lake, sql: str, client: Any = None, **members: Any) -> dict[str, Any]:
    """The query execution after it has ended."""
    client = client or lake.clients("athena")
    return wait(client, start(client, lake, sql, **members))


def rows(lake: Lake, sql: str, client: Any = None, **members: Any) -> list[tuple[str | None, ...]]:
    """The rows of a query that must succeed, without the header."""
    client = client or lake.clients("athena")
    execution = run(lake, sql, client, **members)
    assert execution["Status"]["State"] == "SUCCEEDED", execution["Status"]
    pages = client.get_paginator("get_query_results").paginate(QueryExecutionId=execution["QueryExecutionId"])
    found = [tuple(datum.get("VarCharValue") for datum in row["Data"]) for page in pages for row in page["ResultSet"]["Rows"]]
    return found[1:] if execution["ResultConfiguration"]["OutputLocation"].endswith(".csv") else found


def reason(lake: Lake, sql: str, client: Any = None, **members: Any) -> str:
    """Why a query that must fail failed."""
    status = run(lake, sql, client, **members)["Status"]
    assert status["State"] == "FAILED", status
    assert status["AthenaError"]["ErrorMessage"] == status["StateChangeReason"]
    return str(status["StateChangeReason"])


def test_a_select_has_its_header_types_and_statistics(lake: Lake, aws: Aws) -> None:
    athena = aws("athena")
    execution = run(lake, "SELECT userid, movieid, CAST(rating AS double) AS stars FROM u_data ORDER BY userid")
    assert (execution["StatementType"], execution["SubstatementType"]) == ("DML", "SELECT")
    assert execution["EngineVersion"]["EffectiveEngineVersion"] == "Athena engine version 3"
    assert execution["Statistics"]["DataScannedInBytes"] == len(RATINGS)
    assert execution["Statistics"]["TotalExecutionTimeInMillis"] >= execution["Statistics"]["QueryQueueTimeInMillis"] >= 0
    result = athena.get_query_results(QueryExecutionId=execution["QueryExecutionId"])["ResultSet"]
    assert [[datum["VarCharValue"] for datum in row["Data"]] for row in result["Rows"]] == [
        ["userid", "movieid", "stars"],
        ["22", "377", "1.0"],
        ["186", "302", "3.0"],
        ["196", "242", "3.0"],
    ]
    info = result["ResultSetMetadata"]["ColumnInfo"]
    assert [(column["Name"], column["Type"], column["Precision"]) for column in info] == [
        ("userid", "bigint", 19),
        ("movieid", "bigint", 19),
        ("stars", "double", 17),
    ]
    assert all(column["Nullable"] == "UNKNOWN" and column["CatalogName"] == "hive" for column in info)


def test_the_result_file_quotes_every_value_and_leaves_null_empty(lake: Lake) -> None:
    execution = run(lake, "SELECT 1 AS a, CAST(NULL AS varchar) AS b, '' AS c, 'x\"y' AS d, 'two\nlines' AS e")
    assert execution["ResultConfiguration"]["OutputLocation"] == f"{lake.output}{execution['QueryExecutionId']}.csv"
    text = lake.read(execution["ResultConfiguration"]["OutputLocation"]).decode()
    assert text == '"a","b","c","d","e"\n"1",,"","x""y","two\nlines"\n'
    assert rows(lake, "SELECT NULL AS b, 'x\"y' AS d, 'two\nlines' AS e") == [(None, 'x"y', "two\nlines")]


def test_results_come_in_pages_of_at_most_a_thousand_with_the_header_once(lake: Lake, aws: Aws) -> None:
    athena = aws("athena")
    both = "UNNEST(sequence(0, 24)) AS a(n) CROSS JOIN UNNEST(sequence(0, 99)) AS b(n)"
    sql = f"SELECT a.n * 100 + b.n AS n, 'line\n' AS t FROM {both} ORDER BY 1"
    execution_id = run(lake, sql)["QueryExecutionId"]
    pages, token = [], {}
    while True:
        page = athena.get_query_results(QueryExecutionId=execution_id, **token)
        pages.append([row["Data"][0]["VarCharValue"] for row in page["ResultSet"]["Rows"]])
        if "NextToken" not in page:
            break
        token = {"NextToken": page["NextToken"]}
    assert [len(page) for page in pages] == [1000, 1000, 501]
    assert [value for page in pages for value in page] == ["n", *map(str, range(2500))]
    with pytest.raises(ClientError, match="Token is invalid"):
        athena.get_query_results(QueryExecutionId=execution_id, NextToken="nonsense")


def test_execution_parameters_stand_for_question_marks(lake: Lake) -> None:
    sql = "SELECT userid FROM u_data WHERE rating = ? AND userid > ? ORDER BY 1"
    assert rows(lake, sql, ExecutionParameters=["3", "-5"]) == [("186",), ("196",)]
    assert rows(lake, "SELECT ? || '?' AS v", ExecutionParameters=["'it''s'"]) == [("it's?",)]
    assert "expected 2 but found 1" in reason(lake, sql, ExecutionParameters=["3"])
    assert "not a value" in reason(lake, "SELECT ? AS v", ExecutionParameters=["(SELECT max(userid) FROM u_data)"])


@pytest.mark.parametrize(
    ("sql", "text"),
    [
        ("SELECT * FROM missing", "TABLE_NOT_FOUND: line 1:15: Table 'awsdatacatalog.{database}.missing' does not exist"),
        ("SELECT * FROM nowhere.missing", "SCHEMA_NOT_FOUND: line 1:15: Schema 'nowhere' does not exist"),
        ("SELECT stars FROM u_data", "COLUMN_NOT_FOUND: line 1:8: Column 'stars' cannot be resolved"),
        ("SELECT sound_ex(userid) FROM u_data", "FUNCTION_NOT_FOUND: line 1:8: Function 'sound_ex' not registered"),
        ("SELECT 1 FROM u_data WHERE userid = '5'", "TYPE_MISMATCH: line 1:28: Cannot apply operator: bigint = varchar(1)"),
        ("SELECT 1 / (rating - rating) FROM u_data", "DIVISION_BY_ZERO: Division by zero"),
        ("SELECT userid, count(*) FROM u_data", "EXPRESSION_NOT_AGGREGATE: 'userid' must be an aggregate expression"),
    ],
)
def test_a_wrong_query_fails_in_athenas_words(lake: Lake, sql: str, text: str) -> None:
    assert reason(lake, sql).startswith(text.format(database=lake.database))


@pytest.mark.parametrize(
    ("sql", "text"),
    [
        ("SELEC 1", "line 1:1: mismatched input 'SELEC'"),
        ("SELECT FROM u_data", "mismatched input"),
        ("MERGE INTO a USING b ON 1 = 1", "The local Athena does not run MERGE statements"),
        ("VACUUM u_data", "does not run VACUUM"),
        ("CREATE VIEW v AS SELECT 1", "does not run CREATE VIEW"),
    ],
)
def test_an_unknown_statement_is_refused_before_it_becomes_a_query_execution(lake: Lake, aws: Aws, sql: str, text: str) -> None:
    with pytest.raises(ClientError, match=text) as caught:
        start(aws("athena"), lake, sql)
    assert caught.value.response["Error"]["Code"] == "InvalidRequestException"


def test_members_that_are_not_honoured_are_refused_by_name(lake: Lake, aws: Aws) -> None:
    reuse = {"ResultReuseByAgeConfiguration": {"Enabled": True, "MaxAgeInMinutes": 5}}
    with pytest.raises(ClientError, match="does not honour ResultReuseConfiguration"):
        start(aws("athena"), lake, "SELECT 1", ResultReuseConfiguration=reuse)
    with pytest.raises(ClientError, match="No output location provided"):
        start(aws("athena"), lake, "SELECT 1", ResultConfiguration={})
    with pytest.raises(ClientError, match="does not honour athena:CreateNamedQuery"):
        aws("athena").create_named_query(Name="n", Database="d", QueryString="SELECT 1")


def test_the_same_token_gives_the_same_execution(lake: Lake, aws: Aws) -> None:
    token = uuid.uuid4().hex
    first = start(aws("athena"), lake, "SELECT 1", ClientRequestToken=token)
    assert start(aws("athena"), lake, "SELECT 1", ClientRequestToken=token) == first
    with pytest.raises(ClientError, match="Idempotent parameters do not match"):
        start(aws("athena"), lake, "SELECT 2", ClientRequestToken=token)


def test_text_tables_are_read_as_lazy_simple_serde_reads_them(lake: Lake) -> None:
    lake.put("ragged/a.txt", "1\tx\t1.5\n\nno\t\\N\t2e3\textra\n1.5\t\n")
    lake.put("ragged/b.txt.gz", gzip.compress(b'7\t"quoted"\tNaN\n'))
    lake.put("ragged/_hidden", "9\thidden\t9\n")
    lake.table("ragged", columns=(("n", "bigint"), ("t", "string"), ("d", "double")), properties={"field.delim": "\t"})
    found = rows(lake, "SELECT n, t, d FROM ragged")
    assert sorted(found, key=str) == sorted(
        [("1", "x", "1.5"), (None, None, None), (None, None, "2000.0"), (None, "", None), ("7", '"quoted"', "NaN")], key=str
    )


def test_a_large_text_object_is_read_as_a_small_one(lake: Lake, local_aws: LocalAws) -> None:
    kinds = ("bigint", "string", "varchar(2)", "double", "float", "decimal(5,2)", "date", "timestamp", "boolean", "tinyint")
    columns = (*((f"c{place}", kind) for place, kind in enumerate(kinds)), ("s", "struct<x:int>"))
    fit = ["7", "a", "abc", "2e3", "0.1", "1.25", "2020-01-31", "2020-01-31 01:02:03.1234", "TRUE", "-128", "{}"]
    wrong = ["1.5", "", "\\N", "x", "1e999", "12345.678", "2020-02-31", "noon", "yes", "128", "{}", "extra"]
    lines = "".join("\t".join(line) + "\n" for line in (fit, wrong, ["1"], [], ["NaN"] * 11))
    copies = (5 << 20) // len(lines)
    cache, shown = local_aws.home / "athena" / "objects", ", ".join(f"c{place}" for place in range(len(kinds)))
    before = set(cache.glob("*"))
    for name, count in (("once", 1), ("often", copies)):
        lake.table(name, columns=columns, properties={"field.delim": "\t"}, parameters={"skip.header.line.count": "1"})
        lake.put(f"{name}/a.txt", "header\n" + lines * count)
        lake.put(f"{name}/b.gz", gzip.compress(("header\n" + lines * count).encode()))

    def counted(name: str, count: int) -> list[tuple[str | None, ...]]:
        return sorted(rows(lake, f"SELECT {shown}, count(*) / {count} AS n FROM {name} GROUP BY {shown}"), key=str)

    def large() -> set[Path]:
        return {path for path in set(cache.glob("*")) - before if path.stat().st_size > 2000}

    assert counted("often", copies) == counted("once", 1)
    assert [path.read_bytes()[:4] for path in large() if path.suffix != ".gz"] == [b"PAR1"]
    kept = large()
    assert rows(lake, "SELECT count(*) FROM often WHERE c1 = 'a'") == [(str(2 * copies),)]
    assert large() == kept
    lake.put("often/a.txt", "header\n" + lines * copies + "8\ta\n")
    assert rows(lake, "SELECT count(*) FROM often WHERE c1 = 'a'") == [(str(2 * copies + 1),)]
    glue = lake.clients("glue")
    table = glue.get_table(DatabaseName=lake.database, Name="often")["Table"]
    with_header = {"Name": "often", "StorageDescriptor": table["StorageDescriptor"], "Parameters": {}}
    glue.update_table(DatabaseName=lake.database, TableInput=with_header)
    assert rows(lake, "SELECT count(*) FROM often") == [(str(2 * copies * 5 + 1 + 2),)]


def test_an_empty_line_of_text_is_a_row(lake: Lake) -> None:
    lake.put("lines/a.txt", "one\n\nthree\n")
    lake.table("lines", columns=(("line", "string"), ("rest", "string")))
    assert rows(lake, "SELECT line, rest FROM lines ORDER BY line") == [("", None), ("one", None), ("three", None)]


def test_csv_and_json_tables_are_read(lake: Lake) -> None:
    lake.put("sheet/a.csv", 'id,title\n1,"Toy Story, The ""first"""\n2,Heat\n')
    serde = "org.apache.hadoop.hive.serde2.OpenCSVSerde"
    columns = (("id", "int"), ("title", "string"))
    lake.table("sheet", columns=columns, serde=serde, parameters={"skip.header.line.count": "1"})
    assert rows(lake, "SELECT * FROM sheet ORDER BY id") == [("1", 'Toy Story, The "first"'), ("2", "Heat")]
    lake.put("documents/a.json", '{"ID": 1, "title": "a"}\n{"title": "b"}\n')
    lake.table("documents", columns=columns, serde="org.openx.data.jsonserde.JsonSerDe")
    assert rows(lake, "SELECT * FROM documents ORDER BY title") == [("1", "a"), (None, "b")]


def test_formats_that_are_not_honoured_are_refused_by_name(lake: Lake) -> None:
    lake.table("orc", serde="org.apache.hadoop.hive.ql.io.orc.OrcSerde")
    assert "OrcSerde is not supported by the local Athena" in reason(lake, "SELECT * FROM orc")
    lake.table("projected", parameters={"projection.enabled": "true"})
    assert "partition projection is not supported" in reason(lake, "SELECT * FROM projected")
    lake.table("nested", columns=(("a", "int"), ("s", "struct<x:int>")))
    lake.put("nested/a.txt", "1\x01{}\n")
    assert "Column s of type struct<x:int> is not supported" in reason(lake, "SELECT * FROM nested")
    assert rows(lake, "SELECT a FROM nested") == [("1",)]


def test_a_changed_object_is_read_again_and_an_unchanged_one_is_not_sent_twice(lake: Lake, local_aws: LocalAws) -> None:
    lake.table("changing", columns=(("n", "bigint"),))
    cache = local_aws.home / "athena" / "objects"
    lake.put("changing/a", "1\n")
    assert rows(lake, "SELECT sum(n) FROM changing") == [("1",)]
    before = set(cache.iterdir())
    assert rows(lake, "SELECT sum(n) FROM changing") == [("1",)]
    assert set(cache.iterdir()) == before
    lake.put("changing/a", "2\n")
    assert rows(lake, "SELECT sum(n) FROM changing") == [("2",)]


def test_unload_writes_partitions_a_manifest_and_refuses_a_full_prefix(lake: Lake) -> None:
    target = f"s3://{lake.bucket}/unloaded/"
    query = "SELECT userid, rating, 'a b' AS split, rating % 2 AS shard FROM u_data"
    sql = f"UNLOAD ({query}) TO '{target}' WITH (format='PARQUET', compression='SNAPPY', partitioned_by=ARRAY['split','shard'])"
    execution = run(lake, sql)
    assert execution["Status"]["State"] == "SUCCEEDED", execution["Status"]
    manifest = execution["Statistics"]["DataManifestLocation"]
    assert manifest == f"{lake.output}{execution['QueryExecutionId']}-manifest.csv"
    listed = lake.read(manifest).decode().splitlines()
    assert sorted(listed) == sorted(f"s3://{lake.bucket}/{key}" for key in lake.keys("unloaded/"))
    assert listed
    assert all(uri.startswith(f"{target}split=a b/shard=1/") for uri in listed)
    table = pq.read_table(io.BytesIO(lake.read(listed[0])))
    assert table.column_names == ["userid", "rating"]
    assert sorted(table["userid"].to_pylist()) == [22, 186, 196]
    assert "HIVE_PATH_ALREADY_EXISTS: Target directory for table" in reason(lake, sql)


def test_unload_writes_text_and_json(lake: Lake) -> None:
    query = "SELECT userid, CAST(NULL AS varchar) AS nothing, rating * 1e0 AS stars FROM u_data WHERE userid = 22"
    for name, properties, expected in (
        ("text", "format = 'TEXTFILE', field_delimiter = ','", "22,\\N,1.0\n"),
        ("json", "format = 'JSON'", '{"userid":22,"nothing":null,"stars":1.0}\n'),
    ):
        execution = run(lake, f"UNLOAD ({query}) TO 's3://{lake.bucket}/as-{name}/' WITH ({properties})")
        (uri,) = lake.read(execution["Statistics"]["DataManifestLocation"]).decode().splitlines()
        assert uri.endswith(".gz")
        assert gzip.decompress(lake.read(uri)).decode() == expected


@pytest.mark.parametrize(
    ("sql", "text"),
    [
        ("UNLOAD (SELECT 1 AS a) TO '{to}' WITH (format = 'ORC')", "format = 'ORC' is not supported"),
        ("UNLOAD (SELECT 1 AS a) TO '{to}' WITH (format = 'PARQUET', bucketed_by = ARRAY['a'])", "Property bucketed_by is not supported"),
        ("UNLOAD (SELECT 1 AS n, 2 AS b) TO '{to}' WITH ({by_n})", "HIVE_COLUMN_ORDER_MISMATCH"),
        ("UNLOAD (SELECT 1 AS a, n FROM UNNEST(sequence(1, 101)) AS t(n)) TO '{to}' WITH ({by_n})", "HIVE_TOO_MANY_OPEN_PARTITIONS"),
    ],
)
def test_unload_refuses_what_athena_or_this_engine_cannot_write(lake: Lake, sql: str, text: str) -> None:
    by_n = "format = 'PARQUET', partitioned_by = ARRAY['n']"
    assert text in reason(lake, sql.format(to=f"s3://{lake.bucket}/refused/", by_n=by_n))
    assert lake.keys("refused/") == []


def test_create_table_as_makes_a_table_that_can_be_queried_and_extended(lake: Lake) -> None:
    location = f"s3://{lake.bucket}/copied/"
    sql = f"""CREATE TABLE copied WITH (format = 'PARQUET', external_location = '{location}', partitioned_by = ARRAY['rating'])
        AS SELECT userid, CAST(movieid AS varchar) AS movie, rating FROM u_data"""
    execution = run(lake, sql)
    assert execution["Status"]["State"] == "SUCCEEDED", execution["Status"]
    assert (execution["StatementType"], execution["SubstatementType"]) == ("DDL", "CREATE_TABLE_AS_SELECT")
    assert rows(lake, "SELECT rating, count(*) FROM copied GROUP BY rating ORDER BY rating") == [("1", "1"), ("3", "2")]
    assert run(lake, "INSERT INTO copied SELECT 5, 'x', 9")["Status"]["State"] == "SUCCEEDED"
    assert rows(lake, "SELECT * FROM copied WHERE rating = 9") == [("5", "x", "9")]
    assert rows(lake, "SHOW PARTITIONS copied") == [("rating=1",), ("rating=3",), ("rating=9",)]
    assert "TABLE_ALREADY_EXISTS" in reason(lake, sql)


def test_tables_are_declared_described_and_dropped_in_sql(lake: Lake) -> None:
    lake.put("declared/day=1/a.csv", "1,one\n")
    create = f"""CREATE EXTERNAL TABLE IF NOT EXISTS declared (`id` int COMMENT 'the id', name string) PARTITIONED BY (day int)
        ROW FORMAT DELIMITED FIELDS TERMINATED BY ',' LOCATION 's3://{lake.bucket}/declared/' TBLPROPERTIES ('classification'='csv')"""
    assert run(lake, create)["StatementType"] == "DDL"
    assert rows(lake, "SELECT * FROM declared") == []
    assert run(lake, "MSCK REPAIR TABLE declared")["Status"]["State"] == "SUCCEEDED"
    assert rows(lake, "SELECT * FROM declared") == [("1", "one", "1")]
    assert ("declared",) in rows(lake, "SHOW TABLES 'decl*'")
    assert (lake.database,) in rows(lake, "SHOW DATABASES")
    described = [line for (line,) in rows(lake, "DESCRIBE declared") if line]
    assert [part.strip() for part in described[0].split("\t")] == ["id", "int", "the id"]
    assert run(lake, "DROP TABLE declared")["Status"]["State"] == "SUCCEEDED"
    assert "Table not found" in reason(lake, "DROP TABLE declared")
    assert run(lake, "DROP TABLE IF EXISTS declared")["Status"]["State"] == "SUCCEEDED"


GLUE = "arn:aws:glue:us-east-1:123456789012"


def _may_query(lake: Lake, *more: dict[str, Any]) -> list[dict[str, Any]]:
    bucket = f"arn:aws:s3:::{lake.bucket}"
    return [
        allow("athena:*"),
        allow(["glue:GetDatabases", "glue:GetDatabase", "glue:CreateDatabase"], [f"{GLUE}:catalog", f"{GLUE}:database/default"]),
        allow(["s3:GetBucketLocation", "s3:ListBucket"], bucket),
        allow(["s3:GetObject", "s3:PutObject"], f"{bucket}/results/*"),
        *more,
    ]


def test_a_role_without_glue_fails_its_query_with_the_action_and_the_table(lake: Lake, as_role: Callable[..., Aws]) -> None:
    athena = as_role(*_may_query(lake, allow("glue:GetDatabase"), allow("s3:GetObject")))("athena")
    text = reason(lake, "SELECT * FROM u_data", athena)
    assert text.startswith("Insufficient permissions to execute the query. User: arn:aws:sts::")
    assert "is not authorized to perform: glue:GetTable on resource: arn:aws:glue:us-east-1:123456789012:" in text


@pytest.mark.parametrize(("left", "asked"), [((), "GetDatabases"), (("glue:GetDatabases",), "GetDatabase")])
def test_a_role_without_the_database_default_fails_every_query(
    lake: Lake, as_role: Callable[..., Aws], left: tuple[str, ...], asked: str
) -> None:
    rights = [one for one in _may_query(lake) if "glue:GetDatabase" not in one["Action"]]
    text = reason(lake, "SELECT 1", as_role(*rights, *(allow(action) for action in left))("athena"))
    assert text.startswith("Insufficient permissions to execute the query. User: arn:aws:sts::")
    assert f"is not authorized to perform: glue:{asked} on resource: {GLUE}:" in text


def test_a_role_without_the_objects_fails_its_query_even_when_they_are_cached(lake: Lake, as_role: Callable[..., Aws]) -> None:
    assert rows(lake, "SELECT count(*) FROM u_data") == [("3",)]
    athena = as_role(*_may_query(lake, allow("glue:Get*")))("athena")
    text = reason(lake, "SELECT count(*) FROM u_data", athena)
    assert text.startswith(f"PERMISSION_DENIED: Permission denied on S3 path: s3://{lake.bucket}/u_data/u.data.")
    assert "is not authorized to perform: s3:GetObject on resource: " in text
    assert f"arn:aws:s3:::{lake.bucket}/u_data/u.data" in text


def test_a_role_that_may_read_but_not_write_fails_its_unload(lake: Lake, as_role: Callable[..., Aws]) -> None:
    athena = as_role(*_may_query(lake, allow("glue:Get*"), allow("s3:GetObject")))("athena")
    text = reason(lake, f"UNLOAD (SELECT 1 AS a) TO 's3://{lake.bucket}/forbidden/' WITH (format = 'PARQUET')", athena)
    assert "is not authorized to perform: s3:PutObject on resource" in text
    assert f"{lake.bucket}/forbidden/" in text


def test_a_role_without_the_output_buckets_location_cannot_start(lake: Lake, as_role: Callable[..., Aws]) -> None:
    athena = as_role(allow("athena:*"), allow("s3:PutObject"))("athena")
    with pytest.raises(ClientError, match=f"Unable to verify/create output bucket {lake.bucket}.*s3:GetBucketLocation"):
        start(athena, lake, "SELECT 1")


def test_a_role_is_held_to_its_workgroup(lake: Lake, aws: Aws, as_role: Callable[..., Aws], local_aws: LocalAws) -> None:
    name = f"team-{uuid.uuid4().hex[:8]}"
    aws("athena").create_work_group(Name=name, Configuration={"ResultConfiguration": {"OutputLocation": lake.output}})
    arn = f"arn:aws:athena:{local_aws.region}:{local_aws.account}:workgroup/{name}"
    rights = [one for one in _may_query(lake) if "athena:*" not in one["Action"]]
    athena = as_role(allow("athena:*", arn), *rights)("athena")
    assert rows(lake, "SELECT 1", athena, WorkGroup=name) == [("1",)]
    with pytest.raises(ClientError, match=r"not authorized to perform: athena:StartQueryExecution on resource: .*workgroup/primary"):
        start(athena, lake, "SELECT 1")
    other = start(aws("athena"), lake, "SELECT 1")
    with pytest.raises(ClientError, match="not authorized to perform: athena:GetQueryExecution"):
        athena.get_query_execution(QueryExecutionId=other)


def test_an_enforcing_workgroup_decides_where_results_go(lake: Lake, aws: Aws) -> None:
    athena, name = aws("athena"), f"enforcing-{uuid.uuid4().hex[:8]}"
    encrypted = {"OutputLocation": f"s3://{lake.bucket}/enforced/", "EncryptionConfiguration": {"EncryptionOption": "SSE_S3"}}
    athena.create_work_group(
        Name=name, Description="d", Configuration={"ResultConfiguration": encrypted}, Tags=[{"Key": "a", "Value": "b"}]
    )
    execution = run(lake, "SELECT 1", WorkGroup=name)
    assert execution["ResultConfiguration"]["OutputLocation"].startswith(f"s3://{lake.bucket}/enforced/")
    athena.update_work_group(WorkGroup=name, ConfigurationUpdates={"EnforceWorkGroupConfiguration": False})
    assert run(lake, "SELECT 1", WorkGroup=name)["ResultConfiguration"]["OutputLocation"].startswith(lake.output)
    with pytest.raises(ClientError, match="is not empty"):
        athena.delete_work_group(WorkGroup=name)
    athena.update_work_group(WorkGroup=name, State="DISABLED")
    with pytest.raises(ClientError, match="is disabled"):
        start(athena, lake, "SELECT 1", WorkGroup=name)
    athena.delete_work_group(WorkGroup=name, RecursiveDeleteOption=True)
    with pytest.raises(ClientError, match="is not found"):
        athena.get_work_group(WorkGroup=name)
    assert "primary" in [group["Name"] for group in athena.list_work_groups()["WorkGroups"]]


def test_a_query_over_its_workgroups_limit_of_bytes_is_cancelled(lake: Lake, aws: Aws) -> None:
    name = f"limited-{uuid.uuid4().hex[:8]}"
    configuration = {"BytesScannedCutoffPerQuery": 10_000_000, "ResultConfiguration": {"OutputLocation": lake.output}}
    aws("athena").create_work_group(Name=name, Configuration=configuration)
    lake.put("large/a.gz", b"\0" * 10_000_001)
    lake.table("large", columns=(("n", "bigint"),))
    status = run(lake, "SELECT count(*) FROM large", WorkGroup=name)["Status"]
    assert (status["State"], status["StateChangeReason"]) == ("CANCELLED", "Query cancelled! : Bytes scanned limit was exceeded")


_NUMBERS = [f"UNNEST(sequence(1, 9999)) AS {name}(n)" for name in "abc"]
ENDLESS = f"SELECT count(*) FROM {' CROSS JOIN '.join(_NUMBERS)} WHERE a.n * b.n > c.n"


def test_running_queries_do_not_block_others_and_are_really_stopped(lake: Lake, aws: Aws) -> None:
    athena = aws("athena")
    endless = [start(athena, lake, ENDLESS) for _ in range(RUNNING_AT_ONCE - 1)]
    wait_until(
        lambda: [athena.get_query_execution(QueryExecutionId=one)["QueryExecution"]["Status"]["State"] for one in endless],
        "no query is queued",
        ok=lambda states: "QUEUED" not in states,
    )
    assert rows(lake, "SELECT 1") == [("1",)]
    endless.append(start(athena, lake, ENDLESS))
    waiting = start(athena, lake, "SELECT 'at last' AS a")
    with pytest.raises(ClientError, match=r"has not yet finished\. Current state: "):
        athena.get_query_results(QueryExecutionId=endless[0])
    for one in endless:
        athena.stop_query_execution(QueryExecutionId=one)
        assert wait(athena, one)["Status"]["State"] == "CANCELLED"
    assert wait(athena, waiting)["Status"]["State"] == "SUCCEEDED"


def test_the_data_catalog_is_shown_through_glue(lake: Lake, aws: Aws) -> None:
    athena = aws("athena")
    assert athena.get_data_catalog(Name="AwsDataCatalog")["DataCatalog"]["Type"] == "GLUE"
    assert lake.database in [one["Name"] for one in athena.list_databases(CatalogName="AwsDataCatalog")["DatabaseList"]]
    table = athena.get_table_metadata(CatalogName="AwsDataCatalog", DatabaseName=lake.database, TableName="u_data")["TableMetadata"]
    assert [column["Name"] for column in table["Columns"]] == [name for name, _ in COLUMNS]
    with pytest.raises(ClientError, match="MetadataException"):
        athena.get_table_metadata(CatalogName="AwsDataCatalog", DatabaseName=lake.database, TableName="missing")


@pytest.fixture
def connection(lake: Lake, local_aws: LocalAws, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    import boto3
    from pyathena import connect

    for name, value in local_aws.environment.items():
        monkeypatch.setenv(name, value)
    with connect(session=boto3.Session(), s3_staging_dir=lake.output, schema_name=lake.database, poll_interval=0.02) as made:
        yield made


def test_pyathenas_cursors_work_unchanged(connection: Any) -> None:
    from pyathena.cursor import DictCursor

    values = "CAST(rating AS double) / 2 AS half, date '2020-01-02' AS day, true AS yes, 1.50 AS price"
    sql = f"SELECT userid, {values} FROM u_data ORDER BY 1 LIMIT 1"
    row = connection.cursor().execute(sql).fetchone()
    assert (row[0], row[1], row[2].isoformat(), row[3], str(row[4])) == (22, 0.5, "2020-01-02", True, "1.50")
    assert connection.cursor(DictCursor).execute("SELECT 1 AS a").fetchall() == [{"a": 1}]
    parameters = {"user": 196}
    assert connection.cursor().execute("SELECT movieid FROM u_data WHERE userid = %(user)d", parameters).fetchall() == [(242,)]


@pytest.mark.parametrize("unload", [False, True])
def test_pyathenas_pandas_cursor_reads_files_and_unloaded_parquet(connection: Any, unload: bool) -> None:
    from pyathena.pandas.cursor import PandasCursor

    cursor = connection.cursor(PandasCursor, unload=unload, engine="pyarrow")
    frame = cursor.execute("SELECT userid, rating FROM u_data").as_pandas().sort_values("userid")
    assert frame.to_dict("list") == {"userid": [22, 186, 196], "rating": [1, 3, 3]}


def test_a_stack_makes_updates_and_deletes_a_workgroup(lake: Lake, aws: Aws) -> None:
    name = f"stacked-{uuid.uuid4().hex[:8]}"
    properties: dict[str, Any] = {
        "Name": name,
        "RecursiveDeleteOption": True,
        "WorkGroupConfiguration": {"EnforceWorkGroupConfiguration": True, "ResultConfiguration": {"OutputLocation": lake.output}},
    }

    def body() -> str:
        return json.dumps({"Resources": {"Group": {"Type": "AWS::Athena::WorkGroup", "Properties": properties}}})

    formation = aws("cloudformation")
    formation.create_stack(StackName=name, TemplateBody=body())
    formation.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 0.1})
    assert rows(lake, "SELECT 1", WorkGroup=name, ResultConfiguration={}) == [("1",)]
    properties["WorkGroupConfiguration"]["BytesScannedCutoffPerQuery"] = 20_000_000
    formation.update_stack(StackName=name, TemplateBody=body())
    formation.get_waiter("stack_update_complete").wait(StackName=name, WaiterConfig={"Delay": 0.1})
    assert aws("athena").get_work_group(WorkGroup=name)["WorkGroup"]["Configuration"]["BytesScannedCutoffPerQuery"] == 20_000_000
    formation.delete_stack(StackName=name)
    formation.get_waiter("stack_delete_complete").wait(StackName=name, WaiterConfig={"Delay": 0.1})
    with pytest.raises(ClientError, match="is not found"):
        aws("athena").get_work_group(WorkGroup=name)


def _ratings(count: int) -> pd.DataFrame:
    """Ratings with repeated (user, movie) pairs; timestamps differ."""
    random = np.random.default_rng(7)
    return pd.DataFrame(
        {
            "userid": random.integers(1, 944, count),
            "movieid": random.integers(1, 1683, count),
            "rating": random.integers(1, 6, count),
            "timestamp": random.permutation(count) + 880_000_000,
        }
    )


def test_a_hundred_thousand_ratings_are_cleaned_hashed_split_and_unloaded(lake: Lake) -> None:
    ratings = _ratings(100_000)
    lake.put("many/part-0", ratings[:60_000].to_csv(sep="\t", index=False))
    lake.put("many/part-1.gz", gzip.compress(ratings[60_000:].to_csv(sep="\t", index=False).encode()))
    lake.table("many", properties={"field.delim": "\t"}, parameters={"skip.header.line.count": "1"})
    table, rule = RatingsTable(database=lake.database, table="many"), SplitRule(salt="salt", shards=3)
    sql = unload_sql(splits_sql(table, rule), f"s3://{lake.bucket}/split-ratings/", partitioned_by=("split", "shard"))
    execution = run(lake, sql)
    assert execution["Status"]["State"] == "SUCCEEDED", execution["Status"]
    parts = []
    for uri in lake.read(execution["Statistics"]["DataManifestLocation"]).decode().splitlines():
        keys = dict(part.split("=") for part in uri.split("/") if "=" in part)
        parts.append(pq.read_table(io.BytesIO(lake.read(uri))).to_pandas().assign(**keys))
    order = ["user_id", "movie_id"]
    found = pd.concat(parts).sort_values(order).reset_index(drop=True)
    expected = ratings_in_pandas.splits(list(ratings.itertuples(index=False, name=None)), table, rule)
    expected = expected.sort_values(order).reset_index(drop=True)[found.columns].astype({"shard": str})
    pd.testing.assert_frame_equal(found, expected, check_dtype=False)
    assert found.groupby("user_id").apply(lambda rows: (rows["split"] == "test").sum(), include_groups=False).eq(10).all()


def test_the_aws_cli_runs_a_query(lake: Lake, local_aws: LocalAws, tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), **local_aws.environment}
    command = [str(Path(sys.executable).with_name("aws")), "athena", "start-query-execution", "--query-string", "SELECT 1 AS one"]
    command += ["--result-configuration", f"OutputLocation={lake.output}", "--output", "text"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=HANG_S, check=True)
    assert wait(lake.clients("athena"), done.stdout.strip())["Status"]["State"] == "SUCCEEDED"


def test_after_a_kill_ended_queries_are_known_and_running_ones_have_failed(tmp_path: Path) -> None:
    home = tmp_path / "home"
    try:
        local = start_local_aws(home)
        local.client("s3").create_bucket(Bucket="kept")
        local.client("glue").create_database(DatabaseInput={"Name": "kept"})
        kept = Lake(bucket="kept", database="kept", output="s3://kept/results/", clients=local.client)
        local.client("athena").create_work_group(Name="kept")
        ended = run(kept, "SELECT 'still here' AS a")["QueryExecutionId"]
        running = start(local.client("athena"), kept, ENDLESS)
        wait_until_saved(local, ended)
        os.kill(json.loads((home / "server.json").read_text())["pid"], signal.SIGKILL)
        athena = start_local_aws(home).client("athena")
        assert athena.get_query_execution(QueryExecutionId=running)["QueryExecution"]["Status"]["State"] == "FAILED"
        found = athena.get_query_results(QueryExecutionId=ended)["ResultSet"]["Rows"]
        assert [row["Data"][0]["VarCharValue"] for row in found] == ["a", "still here"]
        assert athena.get_work_group(WorkGroup="kept")["WorkGroup"]["State"] == "ENABLED"
    finally:
        lifecycle.down(home)
