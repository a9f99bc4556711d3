"""Checks of the data lake: its bucket, stack, database, table, the first rows, the workgroup."""

import csv
import json
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from mlkit.aws.session import aws_errors
from mlkit.doctor.account import Account
from mlkit.doctor.checking import Check
from mlkit.doctor.findings import Finding, fail, ok, skipped, warn
from mlkit.doctor.stack_findings import judge_stack
from mlkit.errors import AccessDenied, InvalidData, NotFound, QueryFailed

if TYPE_CHECKING:
    from types_boto3_glue.type_defs import ColumnOutputTypeDef, TableTypeDef

_HEAD_BYTES = 1024
_ROWS = 3
_COLUMNS = 4  # columns of the table that are shown
_NUMBERS = ("tinyint", "smallint", "int", "integer", "bigint", "float", "double")
_NUMBER = re.compile(r"-?\d+(\.\d+)?")
_OTHERS = "Choose initials of your own with --your-initials: bucket names are unique across AWS."


def initials(account: Account) -> Finding:
    """Interactive runs take the notebook's own initials; in the pipeline the stack passes them."""
    own, asked = account.parameter("01_prep", "your_initials"), account.names.initials
    if own != asked:
        return warn(
            f"01_prep.ipynb has {own}, but these checks are for {asked}",
            f'Set your_initials = "{asked}" in notebooks/01_prep.ipynb, or check with `--your-initials {own}`.',
        )
    return ok(f"{asked}, as in 01_prep.ipynb")


def bucket(account: Account) -> Finding:
    """Whether the bucket's name is ours, somebody else's or free."""
    name = account.names.bucket
    try:
        answer = account.aws.client("s3").head_bucket(Bucket=name, ExpectedBucketOwner=account.id)
    except ClientError as error:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        if status == 404:
            return ok(f"{name} is free; the lake's stack creates it")
        if status == 403:
            return fail(f"{name} is somebody else's, or these credentials may not see it", _OTHERS, AccessDenied)
        raise
    home = answer.get("BucketRegion", account.aws.region)
    if home != account.aws.region:
        return fail(f"{name} is ours, but in {home}; SageMaker reads in its own region", f"`export AWS_DEFAULT_REGION={home}`", NotFound)
    return ok(f"{name} is ours")


def stack(account: Account) -> Finding:
    found = account.lake_stack
    if found is not None:
        return judge_stack(found)
    if account.is_new:
        return warn(f"no stack {account.names.datalake_stack} yet", account.deploy_lake)
    return warn(
        f"no stack {account.names.datalake_stack}, but its bucket exists, so deploying would fail",
        "A lake created by hand needs no stack. Otherwise use other initials, or delete the empty bucket.",
    )


def database(account: Account) -> Finding:
    try:
        with aws_errors(missing=account.deploy_lake):
            account.aws.client("glue").get_database(Name=account.names.database)
    except NotFound:
        if account.is_new:
            return skipped("comes with the lake")
        raise
    return ok(account.names.database)


def lake_formation(account: Account) -> Finding:
    """Whether IAM alone decides about new databases and tables, as AWS sets it up. Otherwise our roles need grants of Lake Formation."""
    settings = account.aws.client("lakeformation").get_data_lake_settings()["DataLakeSettings"]
    missing = [
        kind
        for kind in ("Database", "Table")
        if not any(
            item.get("Principal", {}).get("DataLakePrincipalIdentifier") == "IAM_ALLOWED_PRINCIPALS"
            for item in settings.get(f"Create{kind}DefaultPermissions", [])
        )
    ]
    if not missing:
        return ok("IAM alone decides about new databases and tables")
    what = " and ".join(f"{kind.lower()}s" for kind in missing)
    return warn(
        f"this account gives new {what} to Lake Formation, so that queries fail for roles that only IAM allows",
        f"After the lake is deployed, as a Lake Formation administrator: `{_grant(account, 'Database')}` and `{_grant(account, 'Table')}`",
    )


def _grant(account: Account, kind: str) -> str:
    database, name = account.names.database, account.table_name
    resource = {"Database": {"Name": database}} if kind == "Database" else {"DatabaseName": database, "Name": name}
    shown = json.dumps(resource if kind == "Database" else {"Table": resource}, separators=(",", ":"))
    principal = "DataLakePrincipalIdentifier=IAM_ALLOWED_PRINCIPALS"
    return f"aws lakeformation grant-permissions --principal {principal} --permissions ALL --resource '{shown}'"


def table(account: Account) -> Finding:
    """Whether the table exists with the columns that 01_prep reads."""
    from mlkit.aws.data_lake import find_lake
    from mlkit.kinds import check_columns

    found = find_lake(account.aws, account.names.initials, dataset=account.names.dataset, table=account.table_name)
    check_columns(account.project, found, account.parameters("01_prep"))
    told = [f"{name} {kind}" for name, kind in found.columns.items()]
    more = f" and {len(told) - _COLUMNS} more" if len(told) > _COLUMNS else ""
    return ok(f"{account.table_name} with {', '.join(told[:_COLUMNS])}{more}")


def rows(account: Account) -> Finding:
    """The first rows, read from the table's location with its own delimiter, because a query would cost money."""
    location = account.table["StorageDescriptor"]["Location"]
    bucket_name, _, prefix = location.removeprefix("s3://").partition("/")
    s3 = account.aws.client("s3")
    listed = s3.list_objects_v2(Bucket=bucket_name, Prefix=prefix)
    files = [item for item in listed.get("Contents", []) if item["Size"]]
    if not files:
        return fail(f"nothing below {location}", f"`mlkit data load --your-initials {account.names.initials}`", InvalidData)
    size = sum(item["Size"] for item in files) / 1e6
    some = "at least " if listed["IsTruncated"] else ""
    told = f"{some}{len(files)} {'object' if len(files) == 1 else 'objects'}, {size:.1f} MB"
    head = s3.get_object(Bucket=bucket_name, Key=files[0]["Key"], Range=f"bytes=0-{_HEAD_BYTES - 1}")["Body"].read()
    delimiter = _delimiter(account.table)
    if delimiter is None or files[0]["Key"].endswith((".gz", ".bz2", ".zst")):
        return skipped(f"{told}; not plain text, so its rows are not shown")
    found = _rows(head, delimiter, _header_lines(account.table), whole=files[0]["Size"] <= _HEAD_BYTES)
    wrong = _mismatch(found, account.table["StorageDescriptor"]["Columns"], delimiter)
    if wrong:
        cure = f"`mlkit data load` writes the table's format. {files[0]['Key']} has another one, or the table's delimiter is wrong."
        return fail(f"{told}; {wrong}", cure, InvalidData)
    return ok(f"{told}, first rows: {' | '.join(' '.join(row) for row in found)}")


def workgroup(account: Account) -> Finding:
    """The workgroup and its results. Without the lab's workgroup, the notebooks use `primary`."""
    athena, name = account.aws.client("athena"), account.names.workgroup
    try:
        found = athena.get_work_group(WorkGroup=name)["WorkGroup"]
    except athena.exceptions.InvalidRequestException:
        return warn(
            f"no {name}; queries run in primary", "This is fine for a lake created by hand; the pipeline's roles need the lake's template."
        )
    if found["State"] != "ENABLED":
        return fail(f"{name} is disabled", f"`aws athena update-work-group --work-group {name} --state ENABLED`", QueryFailed)
    configuration = found["Configuration"]
    location = configuration.get("ResultConfiguration", {}).get("OutputLocation", "")
    if not location or not configuration.get("EnforceWorkGroupConfiguration"):
        told = f"{name} enforces no output location"
        return warn(told, f"{account.deploy_lake}; its template enforces one.")
    return ok(f"{name}, results enforced to {location}")


def _delimiter(found: "TableTypeDef") -> str | None:
    """The field delimiter of a table of plain text, else None. Hive's own default is Control-A."""
    serde = found["StorageDescriptor"].get("SerdeInfo", {})
    library, parameters = str(serde.get("SerializationLibrary", "")), serde.get("Parameters", {})
    if library.endswith("LazySimpleSerDe"):
        return str(parameters.get("field.delim") or parameters.get("serialization.format") or "\x01")
    return str(parameters.get("separatorChar", ",")) if library.endswith("OpenCSVSerde") else None


def _header_lines(found: "TableTypeDef") -> int:
    return int(found.get("Parameters", {}).get("skip.header.line.count", 0))


def _rows(head: bytes, delimiter: str, header_lines: int, *, whole: bool) -> list[list[str]]:
    """The first rows, without a line that is cut off."""
    lines = head.decode("utf-8", "replace").splitlines()
    kept = (lines if whole else lines[:-1])[header_lines : header_lines + _ROWS]
    return list(csv.reader(kept, delimiter=delimiter)) if len(delimiter) == 1 else [line.split(delimiter) for line in kept]


def _mismatch(rows: list[list[str]], columns: "Sequence[ColumnOutputTypeDef]", delimiter: str) -> str:
    """How the rows differ from the table's columns; empty if they fit."""
    if not rows:
        return "the first object has no complete row"
    for row in rows:
        if len(row) != len(columns):
            return f"a row has {len(row)} fields by the delimiter {delimiter!r}, the table has {len(columns)} columns: {' '.join(row)[:60]}"
        for value, column in zip(row, columns, strict=True):
            if column["Type"] in _NUMBERS and value and not _NUMBER.fullmatch(value.strip()):
                return f"column {column['Name']} is {column['Type']}, the file has {value[:30]!r}"
    return ""


CHECKS = (
    Check(name="initials", run=initials),
    Check(name="bucket", run=bucket, needs=("identity",)),
    Check(name="lake stack", run=stack, needs=("identity", "bucket"), optional=True),
    Check(name="lake formation", run=lake_formation, needs=("identity", "project"), optional=True),
    Check(name="database", run=database, needs=("identity", "project")),
    Check(name="table", run=table, needs=("database",)),
    Check(name="rows", run=rows, needs=("table",)),
    Check(name="workgroup", run=workgroup, needs=("identity",)),
)
