"""GetQueryResults: pages of the result file in S3. A page's token holds the offset of the next page in the file."""

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from localaws.athena.caller_s3 import split_uri
from localaws.athena.query_executions import QueryExecution
from localaws.kit.service import AwsError

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

MAX_ROWS = 1000
_CHUNK_BYTES = 1 << 18
# One record of the result file: quoted or empty fields, a line end outside of quotes.
_RECORD = re.compile(rb'(?:(?:"(?:[^"]|"")*")?(?:,|\n))*?(?:"(?:[^"]|"")*")?\n')
_FIELD = re.compile(rb'("(?:[^"]|"")*")?(?:,|\n)')


def page(client: "S3Client", execution: QueryExecution, *, max_rows: int, token: str | None) -> dict[str, Any]:
    """One page of a finished query. The first row of a SELECT's first page is the header. Raises AwsError."""
    offset = 0 if token is None else _offset(execution, token)
    rows: list[Mapping[str, Any]] = []
    following = None
    if execution.output_location.endswith((".csv", ".txt")):
        split = _csv_rows if execution.output_location.endswith(".csv") else _text_rows
        rows, following = _read(client, execution.output_location, offset, max_rows, split)
    answer: dict[str, Any] = {
        "ResultSet": {"Rows": rows, "ResultSetMetadata": {"ColumnInfo": list(execution.columns)}},
        "UpdateCount": execution.update_count or 0,
    }
    if following is not None:
        answer["NextToken"] = base64.urlsafe_b64encode(f"{execution.id}:{following}".encode()).decode()
    return answer


def _offset(execution: QueryExecution, token: str) -> int:
    try:
        execution_id, _, offset = base64.urlsafe_b64decode(token.encode()).decode().partition(":")
        if execution_id == execution.id:
            return int(offset)
    except (binascii.Error, ValueError):
        pass
    raise AwsError("InvalidRequestException", "Token is invalid")


_Split = Callable[[bytes, int, bool], tuple[list[Mapping[str, Any]], int]]


def _read(client: "S3Client", uri: str, offset: int, max_rows: int, split: _Split) -> tuple[list[Mapping[str, Any]], int | None]:
    """Rows from `offset`, and the offset after them if the file has more."""
    bucket, key = split_uri(uri)
    data, size = b"", None
    while True:
        start = offset + len(data)
        if size is None or start < size:
            # Double the range each time: `split` starts again with all data, so small steps would be quadratic for long rows.
            more, size = _range(client, bucket, key, start, max(_CHUNK_BYTES, len(data)))
            data += more
        complete = offset + len(data) >= size
        rows, used = split(data, max_rows, complete)
        if complete or len(rows) == max_rows:
            following = offset + used
            return rows, following if following < size else None


def _range(client: "S3Client", bucket: str, key: str, start: int, length: int) -> tuple[bytes, int]:
    """Bytes of the object from `start`, and the object's size."""
    from botocore.exceptions import ClientError

    try:
        answer = client.get_object(Bucket=bucket, Key=key, Range=f"bytes={start}-{start + length - 1}")
    except ClientError as error:
        text = error.response["Error"].get("Message", "")
        if error.response["Error"].get("Code") == "InvalidRange":
            return b"", start
        raise AwsError("InvalidRequestException", f"Could not read the query results at s3://{bucket}/{key}. {text}") from error
    return answer["Body"].read(), int(answer["ContentRange"].rpartition("/")[2])


def _csv_rows(data: bytes, max_rows: int, complete: bool) -> tuple[list[Mapping[str, Any]], int]:
    """Complete CSV records, and the number of bytes they have. A value is in double quotes; an empty field is NULL."""
    rows: list[Mapping[str, Any]] = []
    at = 0
    while len(rows) < max_rows and (match := _RECORD.match(data, at)):
        rows.append({"Data": [_datum(field) for field in _FIELD.findall(match[0])]})
        at = match.end()
    return rows, at


def _datum(field: bytes) -> Mapping[str, str]:
    return {"VarCharValue": field[1:-1].replace(b'""', b'"').decode()} if field else {}  # a Datum without value is NULL


def _text_rows(data: bytes, max_rows: int, complete: bool) -> tuple[list[Mapping[str, Any]], int]:
    lines = data.split(b"\n")
    whole = lines[:-1] if not complete or not lines[-1] else lines
    chosen = whole[:max_rows]
    used = min(sum(len(line) + 1 for line in chosen), len(data))
    return [{"Data": [{"VarCharValue": line.decode()}]} for line in chosen], used
