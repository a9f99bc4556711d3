"""The lab's table of ratings in the lake: its columns, and the file that `mlkit data load` puts there."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlkit.aws import data_lake
from mlkit.aws.data_lake import Lake
from mlkit.aws.session import Session
from mlkit.data.cell_values import is_text
from mlkit.errors import InvalidData
from mlkit.movielens.columns import ColumnTypes
from mlkit.movielens.splits import RatingsTable
from mlkit.naming import LabNames

DATASET = "movielens"
TABLE = "u_data"
FILE = "ratings.tsv"


def find_lake(aws: Session, your_initials: str, *, table: str = TABLE) -> Lake:
    """The lake with the lab's ratings. Raises NotFound with the missing bucket, database or table, InvalidData for a column."""
    found = data_lake.find_lake(aws, your_initials, dataset=DATASET, table=table)
    check_columns(found)
    return found


def check_columns(found: Lake, parameters: Mapping[str, Any] | None = None) -> None:
    """Raises InvalidData unless the table has the lab's columns with possible types. The `parameters` of 01_prep do not matter."""
    ratings = ratings_table(found)
    for column in ratings.columns:
        if column not in found.columns:
            raise InvalidData(
                f"{ratings.name} has no column {column}; it has {', '.join(found.columns)}",
                cure="The lab's table has userid, movieid, rating and timestamp.",
            )
    ColumnTypes.of_table(found.columns)


def ratings_table(found: Lake) -> RatingsTable:
    """The lake's table by the lab's column names."""
    text = tuple(name for name in ("userid", "movieid") if is_text(found.columns.get(name, "")))
    return RatingsTable(database=found.database, table=found.table, text_ids=text)


def upload_ratings(aws: Session, your_initials: str, file: Path) -> str:
    """Upload the file to the lab's table; it replaces the file of an earlier `mlkit data load`. Returns its address."""
    return data_lake.upload_table(aws, LabNames(initials=your_initials, dataset=DATASET), TABLE, file, FILE)


def column_types(aws: Session, your_initials: str) -> ColumnTypes:
    """The types of the table's columns, with the commands that change them. Raises NotFound without a lake."""
    names = LabNames(initials=your_initials, dataset=DATASET)
    found, _ = data_lake.describe_table(aws, names, TABLE)
    return ColumnTypes.of_table(
        found,
        text_ids=f"For ids that are text, give the table columns of text first: `{data_lake.deploy_command(names, IdType='string')}`",
        half_stars=f"`{data_lake.deploy_command(names, RatingType='double')}`",
    )
