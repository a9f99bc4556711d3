"""Runs one Athena statement and returns its rows or its files."""

import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from mlkit.aws.s3_objects import read_object
from mlkit.aws.session import Session, aws_errors, translate
from mlkit.errors import AccessDenied, NotFound, QueryFailed

if TYPE_CHECKING:
    import pandas as pd
    from pyathena.cursor import Cursor

_POLL_S = 0.2


@dataclass(frozen=True, kw_only=True)
class Workgroup:
    """The workgroup of the queries. `output_location` is empty if the workgroup enforces its own."""

    name: str
    output_location: str


@dataclass(frozen=True, kw_only=True)
class Unloaded:
    """The files that UNLOAD wrote, from its manifest."""

    query_execution_id: str
    s3_uris: tuple[str, ...]


def query(aws: Session, workgroup: Workgroup, sql: str) -> tuple["pd.DataFrame", str]:
    """The statement's rows (at most a few thousand) and its query execution id. Raises QueryFailed, AccessDenied, NotFound."""
    from pyathena.pandas.util import as_pandas

    with _cursor(aws, workgroup) as cursor:
        cursor.execute(sql)
        return as_pandas(cursor), str(cursor.query_id)


def unload(aws: Session, workgroup: Workgroup, sql: str) -> Unloaded:
    """Run an UNLOAD statement and read its manifest, the only list of its files."""
    with _cursor(aws, workgroup) as cursor:
        cursor.execute(sql)
        manifest, query_id = cursor.data_manifest_location, str(cursor.query_id)
    text = read_object(aws, manifest).decode() if manifest else ""
    return Unloaded(query_execution_id=query_id, s3_uris=tuple(row[0] for row in csv.reader(io.StringIO(text)) if row))


@contextmanager
def _cursor(aws: Session, workgroup: Workgroup) -> Iterator["Cursor"]:
    # Imported here, because commands that only look the lake up would wait for it.
    from pyathena import connect
    from pyathena.cursor import Cursor
    from pyathena.error import DatabaseError, OperationalError

    try:
        with aws_errors():
            connection = connect(
                session=aws.boto_session,
                region_name=aws.region,
                work_group=workgroup.name,
                s3_staging_dir=workgroup.output_location or None,
                poll_interval=_POLL_S,
            )
            with connection.cursor(Cursor) as cursor:
                yield cursor
    except OperationalError as error:
        raise _query_error(str(error)) from error
    except DatabaseError as error:
        if isinstance(error.__cause__, ClientError):
            raise translate(error.__cause__) from error
        raise _query_error(str(error)) from error


def _query_error(text: str) -> QueryFailed | AccessDenied | NotFound:
    if "not authorized" in text or "AccessDenied" in text or "Access Denied" in text:
        return AccessDenied(text)
    if "does not exist" in text or "TABLE_NOT_FOUND" in text or "SCHEMA_NOT_FOUND" in text:
        return NotFound(text, cure="Check database and table; `mlkit data load` fills the lab's table.")
    return QueryFailed(text)
