"""The data lake under the lab's names, whether the template made it or a person did."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mlkit import tables
from mlkit.aws.inputs import EXPORT, TABLE, find_export, tell_input
from mlkit.aws.queries import Workgroup
from mlkit.aws.session import Session, aws_errors
from mlkit.errors import InvalidData, NotFound
from mlkit.settings import LabNames
from mlkit.splits import RatingsTable

RATINGS_KEY = "movielens-data/u.data/ratings.tsv"
_NO_LAKE = "Deploy CloudFormation/datalake.yaml with the same YourInitials, or make bucket, database and table by hand under these names."


@dataclass(frozen=True, kw_only=True)
class Lake:
    """Where the ratings are and where queries run."""

    aws: Session
    names: LabNames
    table: RatingsTable
    workgroup: Workgroup
    location: str

    @property
    def bucket(self) -> str:
        return self.names.bucket

    def summary(self) -> tables.Table:
        """What was found, for the notebook to show."""
        rows = {
            "bucket": self.bucket,
            "table": self.table.name,
            "location": self.location,
            "workgroup": self.workgroup.name,
            "region": self.aws.region,
        }
        return tables.facts(rows)


def find_lake(aws: Session, your_initials: str, *, table: str = "u_data") -> Lake:
    """The lake under the lab's names. Raises NotFound naming what is missing: bucket, database or table."""
    names = LabNames(initials=your_initials)
    with aws_errors(cure=_NO_LAKE):
        try:
            aws.client("s3").head_bucket(Bucket=names.bucket)
        except aws.client("s3").exceptions.ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
                raise NotFound(f"There is no bucket {names.bucket}", cure=_NO_LAKE) from error
            raise
        described = aws.client("glue").get_table(DatabaseName=names.database, Name=table)["Table"]
    ratings = RatingsTable(database=names.database, table=table)
    columns = {column["Name"]: column["Type"] for column in described["StorageDescriptor"]["Columns"]}
    for column in (ratings.user, ratings.movie, ratings.rating, ratings.timestamp):
        if column not in columns:
            raise InvalidData(
                f"{ratings.name} has no column {column}; it has {', '.join(columns)}",
                cure="The lab's table has userid, movieid, rating and timestamp.",
            )
    tell_input(aws, TABLE, f"{names.database}.{table}")
    return Lake(
        aws=aws, names=names, table=ratings, workgroup=_find_workgroup(aws, names), location=described["StorageDescriptor"]["Location"]
    )


def _find_workgroup(aws: Session, names: LabNames) -> Workgroup:
    """The lab's workgroup when the template made it, else `primary` with results in the lab's bucket."""
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
    export = LabNames(initials=your_initials).execution_role_export
    if value := find_export(aws, export):
        tell_input(aws, EXPORT, export)
        return value
    raise NotFound(
        f"No stack exports {export}",
        cure="Deploy CloudFormation/datalake.yaml, or give the notebook the parameter execution_role with a role's ARN.",
    )


def upload_ratings(aws: Session, your_initials: str, file: Path, *, on_progress: Callable[[int], None] | None = None) -> str:
    """Put the file where the lab's table looks, in place of what `mlkit data load` put there before. Returns its address."""
    bucket = LabNames(initials=your_initials).bucket
    with aws_errors(cure=_NO_LAKE):
        aws.client("s3").upload_file(str(file), bucket, RATINGS_KEY, Callback=on_progress)
    return f"s3://{bucket}/{RATINGS_KEY}"


def rating_type(aws: Session, your_initials: str, table: str = "u_data") -> str:
    """The Glue type of the table's rating column."""
    names = LabNames(initials=your_initials)
    with aws_errors(cure=_NO_LAKE):
        described = aws.client("glue").get_table(DatabaseName=names.database, Name=table)["Table"]
    types = {column["Name"]: column["Type"] for column in described["StorageDescriptor"]["Columns"]}
    return str(types.get(RatingsTable(database=names.database).rating, "missing"))
