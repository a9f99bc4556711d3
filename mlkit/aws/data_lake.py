"""The data lake under the lab's names, created by the template or by hand."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mlkit.aws.athena_queries import Workgroup
from mlkit.aws.inputs import EXPORT, TABLE, tell_input
from mlkit.aws.s3_objects import split_uri
from mlkit.aws.session import Session, aws_errors
from mlkit.aws.stacks import deploy_command as stack_command
from mlkit.aws.stacks import find_export
from mlkit.data.sql import identifier
from mlkit.errors import NotFound
from mlkit.naming import DATALAKE_TEMPLATE, LabNames

if TYPE_CHECKING:
    from mlkit.notebook import shown_tables


def deploy_command(names: LabNames, **parameters: str) -> str:
    """The command that deploys the lake's template, or changes the `parameters` of its stack."""
    return stack_command(DATALAKE_TEMPLATE, names.datalake_stack, {"YourInitials": names.initials, **parameters})


def _no_lake(names: LabNames) -> str:
    return f"Deploy the lake: `{deploy_command(names)}`. Or create bucket, database and table by hand under these names."


def _no_table(names: LabNames) -> str:
    return f"{_no_lake(names)} `mlkit check` compares the table's name with mlkit.yml and the lake's template."


@dataclass(frozen=True, kw_only=True)
class Lake:
    """The table with the rows, and the workgroup of the queries. `columns` maps column names to Glue types, in the table's order."""

    aws: Session
    names: LabNames
    table: str
    columns: Mapping[str, str]
    location: str
    workgroup: Workgroup

    @property
    def bucket(self) -> str:
        return self.names.bucket

    @property
    def database(self) -> str:
        return self.names.database

    def summary(self) -> "shown_tables.Table":
        """The lake's parts, for the notebook to show."""
        rows = {
            "bucket": self.bucket,
            "table": f"{identifier(self.database)}.{identifier(self.table)}",
            "location": self.location,
            "workgroup": self.workgroup.name,
            "region": self.aws.region,
        }
        from mlkit.notebook import shown_tables  # imported here, because commands show no tables and would wait for pandas

        return shown_tables.facts(rows)


def find_lake(aws: Session, your_initials: str, *, dataset: str, table: str) -> Lake:
    """The lake under the lab's names. Raises NotFound with the missing part: bucket, database or table."""
    names = LabNames(initials=your_initials, dataset=dataset)
    with aws_errors(missing=_no_lake(names)):
        try:
            aws.client("s3").head_bucket(Bucket=names.bucket)
        except aws.client("s3").exceptions.ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
                raise NotFound(f"There is no bucket {names.bucket}", cure=_no_lake(names)) from error
            raise
    columns, location = describe_table(aws, names, table)
    tell_input(aws, TABLE, f"{names.database}.{table}")
    return Lake(aws=aws, names=names, table=table, columns=columns, location=location, workgroup=_find_workgroup(aws, names))


def describe_table(aws: Session, names: LabNames, table: str) -> tuple[dict[str, str], str]:
    """The table's columns with their Glue types, in its order, and its location. Raises NotFound."""
    with aws_errors(missing=_no_table(names)):
        storage = aws.client("glue").get_table(DatabaseName=names.database, Name=table)["Table"]["StorageDescriptor"]
    return {column["Name"]: column["Type"] for column in storage["Columns"]}, str(storage["Location"])


def _find_workgroup(aws: Session, names: LabNames) -> Workgroup:
    """The lab's workgroup if it exists, otherwise `primary` with results in the lab's bucket."""
    athena = aws.client("athena")
    try:
        configuration = athena.get_work_group(WorkGroup=names.workgroup)["WorkGroup"]["Configuration"]
    except athena.exceptions.InvalidRequestException:
        return Workgroup(name="primary", output_location=f"s3://{names.bucket}/athena-results/")
    decided = configuration.get("ResultConfiguration", {}).get("OutputLocation", "")
    return Workgroup(name=names.workgroup, output_location="" if decided else f"s3://{names.bucket}/athena-results/")


def find_execution_role(aws: Session, your_initials: str, execution_role: str = "") -> str:
    """The ARN of the role for training jobs and models: the one given, or the one that the data lake's stack exports."""
    if execution_role:
        return execution_role
    names = LabNames(initials=your_initials)
    export = names.execution_role_export
    if value := find_export(aws, export):
        tell_input(aws, EXPORT, export)
        return value
    raise NotFound(
        f"No stack exports {export}",
        cure=f"Deploy the lake: `{deploy_command(names)}`. Or give the notebook a role's ARN as the parameter execution_role.",
    )


def upload_table(aws: Session, names: LabNames, table: str, file: Path, name: str) -> str:
    """Upload the file as the object `name` of the table; it replaces an earlier one of that name. Returns its address."""
    address = f"{describe_table(aws, names, table)[1].rstrip('/')}/{name}"
    bucket, key = split_uri(address)
    with aws_errors(missing=_no_lake(names)):
        aws.client("s3").upload_file(str(file), bucket, key)
    return address
