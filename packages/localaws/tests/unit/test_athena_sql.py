"""Trino SQL compiled for DuckDB. Expected values are those of Trino's documentation, or follow from the rules it states."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from localaws.athena import duck
from localaws.athena.trino.casts import Typed, to_text
from localaws.athena.trino.parsing import bind_parameters, parse_query
from localaws.athena.trino.queries import compile_query
from localaws.athena.trino.query_errors import InvalidStatement, QueryError
from localaws.athena.trino.scope import Column, Relation
from localaws.athena.trino.types import BIGINT, VARCHAR, column_info

NOW = datetime(2024, 2, 3, 4, 5, 6, 789_000, tzinfo=UTC)


class OneTable:
    """A catalog with the table `ratings` (user, movie, stars) of five rows."""

    ROWS = "(1, 10, 5), (1, 20, 3), (2, 10, 4), (2, 30, NULL), (3, 20, 1)"

    def table(self, database: str | None, name: str, *, where: str) -> Relation:
        if name != "ratings":
            raise QueryError("TABLE_NOT_FOUND", f"{where}: Table 'awsdatacatalog.{database or 'default'}.{name}' does not exist")
        columns = [Column(name=column, kind=BIGINT, sql=f"k{place}") for place, column in enumerate(("user", "movie", "stars"))]
        return Relation(sql="ratings", columns=columns)


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    made = duck.connect(tmp_path_factory.mktemp("scratch"))
    made.execute(f"CREATE TEMP TABLE ratings AS SELECT * FROM (VALUES {OneTable.ROWS}) AS v(k0, k1, k2)")
    yield made
    made.close()


def rows(connection: duckdb.DuckDBPyConnection, sql: str) -> list[tuple[str | None, ...]]:
    """The query's rows as Trino prints them. Raises QueryError, also for what fails while it runs."""
    relation = compile_query(sql, OneTable(), now=NOW)
    items = ", ".join(to_text(Typed(sql=f"q.{column.sql}", kind=column.kind)) for column in relation.columns)
    try:
        return connection.execute(f"SELECT {items} FROM ({relation.sql}) AS q").fetchall()
    except duckdb.Error as error:
        raise duck.translate_error(error, {column.sql: column.name for column in relation.columns}) from error


VALUES = [
    # integers and division
    ("7 / 2", "3"),
    ("-7 / 2", "-3"),
    ("7e0 / 2", "3.5"),
    ("1e0 / 0", "Infinity"),
    ("-7 % 3", "-1"),
    ("mod(-7, 3)", "-1"),
    ("7.0 / 2", "3.5"),
    ("2.0 / 3", "0.7"),
    ("-2.0 / 3", "-0.7"),
    ("100.0 * 1 / 3", "33.3"),
    ("1 / 3.000", "0.333"),
    ("0.1 + 0.2", "0.3"),
    ("0.1e0 + 0.2e0", "0.30000000000000004"),
    ("10.50 * 2", "21.00"),
    ("abs(-5)", "5"),
    ("round(2.5e0)", "3.0"),
    ("round(-2.5e0)", "-3.0"),
    ("round(1.2345e0, 2)", "1.23"),
    ("floor(-1.5)", "-2"),
    ("ceil(1.2e0)", "2.0"),
    ("sign(-3)", "-1"),
    ("bitwise_and(19, 25)", "17"),
    ("bitwise_right_shift(-1, 56)", "255"),
    ("greatest(1, NULL, 3)", None),
    ("least(2, 1)", "1"),
    # NaN is neither equal, less nor greater, and unlike everything
    ("nan() = nan()", "false"),
    ("nan() <> nan()", "true"),
    ("nan() <> 1e0", "true"),
    ("1e0 <> 1e0", "false"),
    ("nan() > 1", "false"),
    ("nan() >= nan()", "false"),
    ("1e0 < nan()", "false"),
    ("nan() <= nan()", "false"),
    ("CAST(nan() AS real) > 1", "false"),
    ("NOT (nan() > 1)", "true"),
    ("nan() BETWEEN 0 AND 1", "false"),
    ("nan() IS DISTINCT FROM nan()", "false"),
    ("nan() <> CAST(NULL AS double)", None),
    ("CAST(NULL AS double) < 1", None),
    ("infinity() > 1", "true"),
    ("2e0 >= 2", "true"),
    # casts and printing
    ("CAST(2.5e0 AS bigint)", "3"),
    ("CAST(-2.5e0 AS bigint)", "-3"),
    ("TRY_CAST('1.5' AS bigint)", None),
    ("TRY_CAST('x' AS double)", None),
    ("CAST(1e7 AS varchar)", "1.0E7"),
    ("CAST(1.5e-5 AS varchar)", "1.5E-5"),
    ("CAST(123456789.123e0 AS varchar)", "1.23456789123E8"),
    ("CAST(0.1e0 AS varchar)", "1.0E-1"),
    ("CAST(37.7e0 AS varchar)", "3.77E1"),
    ("CAST(12e2 AS varchar(5))", "1.2E3"),
    ("CAST(0e0 AS varchar)", "0E0"),
    ("CAST(-0e0 AS varchar)", "-0E0"),
    ("CAST(infinity() AS varchar)", "Infinity"),
    ("CAST(nan() AS varchar)", "NaN"),
    ("CAST(CAST(37.7e0 AS real) AS varchar)", "3.77E1"),
    ("CAST(5 AS varchar)", "5"),
    ("CAST(1.50 AS varchar)", "1.50"),
    ("CAST(true AS varchar)", "true"),
    ("CAST('T' AS boolean)", "true"),
    ("CAST(timestamp '2020-01-01 00:00:00' AS varchar)", "2020-01-01 00:00:00"),
    ("CAST('2020-01-01 00:00:00' AS timestamp)", "2020-01-01 00:00:00.000"),
    ("try(1 / 0)", None),
    ("typeof(1 + 1.5)", "decimal(12,1)"),
    ("typeof('abc')", "varchar(3)"),
    ("typeof(avg(1))", "double"),
    ("typeof(sum(1))", "bigint"),
    # bytes and hashes
    ("to_hex(xxhash64(to_utf8('')))", "EF46DB3751D8E999"),
    ("to_hex(xxhash64(to_utf8('a')))", "D24EC4F1A98C6E5B"),
    ("to_hex(xxhash64(to_utf8('abc')))", "44BC2CF5AD770999"),
    ("to_hex(xxhash64(to_utf8('Nobody inspects the spammish repetition')))", "FBCEA83C8A378BF1"),
    ("from_big_endian_64(from_hex('FFFFFFFFFFFFFFFE'))", "-2"),
    ("to_hex(to_big_endian_64(258))", "0000000000000102"),
    ("crc32(to_utf8('123456789'))", "3421780262"),
    ("from_base('ff', 16)", "255"),
    ("to_hex(md5(to_utf8('a')))", "0CC175B9C0F1B6A831C399E269772661"),
    ("to_hex(sha256(to_utf8('abc')))", "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD"),
    ("to_base64(to_utf8('a'))", "YQ=="),
    ("from_utf8(from_base64('YQ=='))", "a"),
    ("X'6162'", "61 62"),
    # texts
    ("'a' || NULL", None),
    ("concat('a', 'b', 'c')", "abc"),
    ("concat_ws(',', 'a', NULL, 'c')", "a,c"),
    ("substr('abc', 0)", ""),
    ("substr('abc', -2)", "bc"),
    ("substr('abc', -5)", ""),
    ("substring('abc' FROM 2 FOR 1)", "b"),
    ("split_part('a,b,c', ',', 2)", "b"),
    ("split_part('a,b,c', ',', 9)", None),
    ("strpos('abc', 'c')", "3"),
    ("position('b' IN 'abc')", "2"),
    ("length('héllo')", "5"),
    ("trim('  a \t')", "a"),
    ("lpad('1', 3, '0')", "001"),
    ("rpad('abcd', 2, 'x')", "ab"),
    ("regexp_extract('1a 2b 14m', '(\\d+)([a-z]+)', 2)", "a"),
    ("regexp_extract('abc', 'x')", None),
    ("regexp_replace('1a 2b 14m', '(\\d+)([ab]) ', '3c$2 ')", "3ca 3cb 14m"),
    ("regexp_like('1a 2b 14m', '\\d+b')", "true"),
    ("'a%' LIKE 'a!%' ESCAPE '!'", "true"),
    # moments
    ("date '2020-01-31' + interval '1' month", "2020-02-29"),
    ("date_trunc('month', date '2001-08-22')", "2001-08-01"),
    ("date_add('month', 1, date '2020-01-31')", "2020-02-29"),
    ("date_diff('second', timestamp '2020-03-01 00:00:00', timestamp '2020-03-02 00:00:00')", "86400"),
    ("date_diff('hour', timestamp '2020-03-01 00:50:00', timestamp '2020-03-01 02:10:00')", "1"),
    ("date_diff('day', date '2020-03-01', date '2020-03-02')", "1"),
    ("date_format(timestamp '2022-10-20 05:10:00', '%m-%d-%Y %H')", "10-20-2022 05"),
    ("date_parse('2022/10/20/05', '%Y/%m/%d/%H')", "2022-10-20 05:00:00.000"),
    ("from_unixtime(998449445.321)", "2001-08-22 03:04:05.321 UTC"),
    ("to_unixtime(timestamp '1970-01-01 00:01:00')", "60.0"),
    ("day_of_week(date '2001-08-22')", "3"),
    ("EXTRACT(quarter FROM date '2001-08-22')", "3"),
    ("now()", "2024-02-03 04:05:06.789 UTC"),
    ("current_date", "2024-02-03"),
    # arrays
    ("sequence(3, 1)", "[3, 2, 1]"),
    ("element_at(ARRAY[1, 2, 3], -1)", "3"),
    ("element_at(ARRAY[1, 2, 3], 9)", None),
    ("ARRAY[1, 2, 3][2]", "2"),
    ("contains(ARRAY[1, NULL], 3)", None),
    ("cardinality(ARRAY['a', 'b'])", "2"),
]


@pytest.mark.parametrize(("expression", "expected"), VALUES, ids=[expression for expression, _ in VALUES])
def test_an_expression_has_trinos_value(connection: duckdb.DuckDBPyConnection, expression: str, expected: str | None) -> None:
    assert rows(connection, f"SELECT {expression}") == [(expected,)]


QUERIES = [
    ("SELECT stars FROM ratings ORDER BY stars", "1 3 4 5 -"),
    ("SELECT stars FROM ratings ORDER BY stars DESC", "5 4 3 1 -"),
    ("SELECT stars FROM ratings ORDER BY stars DESC NULLS FIRST LIMIT 2", "- 5"),
    ("SELECT movie FROM ratings ORDER BY 1 DESC, stars OFFSET 1 LIMIT 2", "20 20"),
    ("SELECT count(*), count(stars), count(DISTINCT user), count_if(stars > 3) FROM ratings", "5 4 3 2"),
    ("SELECT count_if(stars > 3) FROM ratings WHERE stars > 9", "0"),
    ("SELECT sum(stars), avg(stars), min(stars), max(stars) FROM ratings", "13 3.25 1 5"),
    ("SELECT avg(x), sum(x) FROM (VALUES 1.5, 2.0) AS t(x)", "1.8 3.5"),
    ("SELECT max_by(movie, stars), min_by(movie, stars) FROM ratings", "10 20"),
    ("SELECT max_by(x, y) FROM (VALUES (1, 1), (NULL, 2), (3, NULL)) AS t(x, y)", "-"),
    ("SELECT array_agg(stars ORDER BY movie, stars) FROM ratings WHERE user < 3", "[4, 5, 3, null]"),
    ("SELECT approx_distinct(movie), approx_percentile(stars, 0.5) FROM ratings", "3 3"),
    ("SELECT user, count(*) AS n FROM ratings GROUP BY user HAVING count(*) > 1 ORDER BY n, user", "1 2 2 2"),
    ("SELECT count(*) FILTER (WHERE stars > 3) FROM ratings GROUP BY user % 2 ORDER BY 1", "1 1"),
    ("SELECT row_number() OVER (PARTITION BY user ORDER BY stars DESC) FROM ratings ORDER BY user, stars", "2 1 1 2 1"),
    (
        "SELECT sum(stars) OVER (ORDER BY user, movie ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM ratings ORDER BY user, movie",
        "5 8 7 4 1",
    ),
    ("SELECT lag(stars, 1, 0) OVER (ORDER BY user, movie) FROM ratings ORDER BY user, movie", "0 5 3 4 -"),
    ("SELECT a.user FROM ratings a JOIN ratings b ON a.movie = b.movie AND a.user < b.user ORDER BY 1", "1 1"),
    ("SELECT user, name FROM ratings LEFT JOIN (VALUES (1, 'one')) AS n(user, name) USING (user) ORDER BY 1 LIMIT 3", "1 one 1 one 2 -"),
    ("SELECT user FROM ratings r WHERE EXISTS (SELECT 1 FROM ratings s WHERE s.user = r.user AND s.stars = 5)", "1 1"),
    ("SELECT DISTINCT user FROM ratings WHERE movie NOT IN (SELECT movie FROM ratings WHERE user = 1)", "2"),
    ("SELECT (SELECT max(stars) FROM ratings) - stars FROM ratings WHERE user = 1 ORDER BY 1", "0 2"),
    ("WITH a AS (SELECT 1 AS x), b(y) AS (SELECT x + 1 FROM a) SELECT x, y FROM a CROSS JOIN b", "1 2"),
    ("SELECT 1 UNION SELECT 1 UNION ALL SELECT 2 ORDER BY 1", "1 2"),
    ("SELECT n FROM UNNEST(sequence(1, 3)) AS t(n) WHERE n > 1 ORDER BY n", "2 3"),
    ("SELECT * FROM (SELECT 1 AS a, 2 AS a)", "1 2"),
    ("SELECT r.* FROM ratings r WHERE r.stars = 5", "1 10 5"),
    ("SELECT stars + 1 AS stars FROM ratings WHERE user = 1 ORDER BY -stars", "6 4"),
]


@pytest.mark.parametrize(("sql", "expected"), QUERIES, ids=[sql for sql, _ in QUERIES])
def test_a_query_has_trinos_rows(connection: duckdb.DuckDBPyConnection, sql: str, expected: str) -> None:
    found = rows(connection, sql)
    assert " ".join("-" if value is None else value for row in found for value in row) == expected


ERRORS = [
    ("SELECT 1 / 0", "DIVISION_BY_ZERO: Division by zero"),
    ("SELECT 1.0 / 0", "DIVISION_BY_ZERO: Division by zero"),
    ("SELECT 5 % (user - user) FROM ratings", "DIVISION_BY_ZERO"),
    ("SELECT 2147483647 + 1", "NUMERIC_VALUE_OUT_OF_RANGE"),
    ("SELECT sum(x) FROM (VALUES 9223372036854775807, 1) AS t(x)", "NUMERIC_VALUE_OUT_OF_RANGE"),
    ("SELECT CAST(300 AS tinyint)", "NUMERIC_VALUE_OUT_OF_RANGE"),
    ("SELECT CAST('1.5' AS bigint)", "INVALID_CAST_ARGUMENT: Cannot cast '1.5' to BIGINT"),
    ("SELECT CAST(12345 AS varchar(2))", "INVALID_CAST_ARGUMENT: Value 12345 cannot be represented as varchar(2)"),
    ("SELECT CAST(date '2020-01-01' AS bigint)", "TYPE_MISMATCH: line 1:18: Cannot cast date to bigint"),
    ("SELECT 1 = 'a'", "TYPE_MISMATCH: line 1:8: Cannot apply operator: integer = varchar(1)"),
    ("SELECT 'a' || 1", "TYPE_MISMATCH"),
    ("SELECT 1 FROM ratings WHERE user", "TYPE_MISMATCH: line 1:29: WHERE clause must evaluate to a boolean: actual type bigint"),
    ("SELECT from_big_endian_64(to_utf8('abc'))", "INVALID_FUNCTION_ARGUMENT: expected 8-byte input, but got instead: 3"),
    ("SELECT ARRAY[1][2]", "INVALID_FUNCTION_ARGUMENT: Array subscript must be less than or equal to array length"),
    ("SELECT sequence(1, 20000)", "INVALID_FUNCTION_ARGUMENT: result of sequence function must not have more than 10000 entries"),
    ("SELECT\n  nothing FROM ratings", "COLUMN_NOT_FOUND: line 2:3: Column 'nothing' cannot be resolved"),
    ("SELECT stars AS s FROM ratings WHERE s = 1", "COLUMN_NOT_FOUND: line 1:38: Column 's' cannot be resolved"),
    ("SELECT a FROM (SELECT 1 AS a, 2 AS a)", "AMBIGUOUS_NAME: line 1:8: Column 'a' is ambiguous"),
    ("SELECT * FROM db.missing", "TABLE_NOT_FOUND: line 1:15: Table 'awsdatacatalog.db.missing' does not exist"),
    ("SELECT read_csv('/etc/passwd')", "FUNCTION_NOT_FOUND: line 1:8: Function 'read_csv' not registered"),
    ("SELECT java_double(1e0)", "FUNCTION_NOT_FOUND: line 1:8: Function 'java_double' not registered"),
    ("SELECT abs('x')", "FUNCTION_NOT_FOUND: line 1:8: Unexpected parameters (varchar(1)) for function abs"),
    ("SELECT length('a') OVER ()", "FUNCTION_NOT_WINDOW"),
    ("SELECT (SELECT user FROM ratings)", "SUBQUERY_MULTIPLE_ROWS"),
    ("SELECT user, stars, count(*) FROM ratings GROUP BY user", "EXPRESSION_NOT_AGGREGATE"),
    ("SELECT user FROM ratings ORDER BY 2", "INVALID_COLUMN_REFERENCE: line 1:35: ORDER BY position 2 is not in select list"),
    ("SELECT 1 UNION SELECT 1, 2", "TYPE_MISMATCH: line 1:8: UNION query has different number of fields: 1, 2"),
]


@pytest.mark.parametrize(("sql", "text"), ERRORS, ids=[sql for sql, _ in ERRORS])
def test_a_wrong_query_fails_in_trinos_words(connection: duckdb.DuckDBPyConnection, sql: str, text: str) -> None:
    with pytest.raises(QueryError, match=re.escape(text)):
        rows(connection, sql)


REFUSED = [
    "SELECT 1 FROM ratings NATURAL JOIN ratings",
    "SELECT 1 FROM ratings TABLESAMPLE BERNOULLI (10)",
    "SELECT user FROM ratings GROUP BY ROLLUP (user)",
    "WITH RECURSIVE a(x) AS (SELECT 1) SELECT x FROM a",
    "SELECT sum(stars) OVER w FROM ratings WINDOW w AS (PARTITION BY user)",
    "SELECT sum(stars) OVER (ORDER BY user RANGE BETWEEN 1 PRECEDING AND CURRENT ROW) FROM ratings",
    "SELECT 'a' ILIKE 'A'",
    "SELECT stars IS TRUE FROM ratings",
    "SELECT CAST('a' AS json)",
    "SELECT CAST('2020-01-01' AS timestamp(6))",
    "SELECT date_format(now(), '%v')",
    "SELECT regexp_extract('a', '(a)|(b)', 2)",
    "SELECT user FROM ratings FETCH FIRST 1 ROWS WITH TIES",
    "SELECT t.n FROM UNNEST(ARRAY[1]) WITH ORDINALITY AS t(n, o)",
    "SELECT listagg('a', ',') WITHIN GROUP (ORDER BY 1)",
]


@pytest.mark.parametrize("sql", REFUSED)
def test_a_query_that_would_differ_from_trino_is_refused_by_name(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    with pytest.raises((QueryError, InvalidStatement), match=r"is not supported by the local Athena|not registered|mismatched input"):
        rows(connection, sql)


def test_columns_are_described_with_athenas_types() -> None:
    sql = "SELECT user AS U, 'ab' AS t, CAST(user AS varchar), 1.25 AS d, CAST(1 AS real) AS r, now() FROM ratings"
    relation = compile_query(sql, OneTable(), now=NOW)
    found = [column_info(column.name, column.kind) for column in relation.columns]
    assert [(one["Name"], one["Type"], one["Precision"], one["Scale"], one["CaseSensitive"]) for one in found] == [
        ("U", "bigint", 19, 0, False),
        ("t", "varchar", 2, 0, True),
        ("_col2", "varchar", 2147483647, 0, True),
        ("d", "decimal", 3, 2, False),
        ("r", "float", 17, 0, False),
        ("_col5", "timestamp with time zone", 3, 0, False),
    ]


def test_parameters_are_literals_and_nothing_else() -> None:
    assert bind_parameters("SELECT '?', ? FROM t -- ?", ["-5"]).split() == ["SELECT", "'?',", "-5", "FROM", "t", "--", "?"]
    assert bind_parameters("SELECT ?", ["DATE '2024-01-01'"]).split() == ["SELECT", "DATE", "'2024-01-01'"]
    for parameter in ("user", "1 + 1", "1 FROM t", "(SELECT 1)", "1, 2", "1) UNION (SELECT 2"):
        with pytest.raises(InvalidStatement):
            bind_parameters("SELECT ?", [parameter])
    with pytest.raises(QueryError, match="expected 1 but found 2"):
        bind_parameters("SELECT ?", ["1", "2"])


@pytest.mark.parametrize("sql", ["SELECT", "SELECT FROM t", "SELECT 'a", "SELECT 1; SELECT 2", "DROP TABLE t", "SELECT 1 1"])
def test_text_that_is_no_query_is_refused(sql: str) -> None:
    with pytest.raises(InvalidStatement):
        parse_query(sql)


def test_duckdb_reaches_no_other_file_and_no_setting(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("a\n1\n")
    with pytest.raises(duckdb.PermissionException):
        connection.execute(f"SELECT * FROM read_csv('{secret}')")
    with pytest.raises(duckdb.Error, match="locked"):
        connection.execute("SET enable_external_access = true")


def test_a_column_of_text_keeps_its_type_through_a_union() -> None:
    relation = compile_query("SELECT 'ab' UNION ALL SELECT 'abcd' UNION ALL SELECT CAST(1 AS varchar)", OneTable(), now=NOW)
    assert relation.columns[0].kind == VARCHAR
