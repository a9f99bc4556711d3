"""Ids that are text on the local Athena, and the stack that gives the lake's table columns of text."""

import uuid
from pathlib import Path

import pytest

from mlkit.aws.session import Session
from mlkit.aws.shards import UnloadRun
from mlkit.aws.stacks import deploy_stack
from mlkit.errors import InvalidData
from mlkit.movielens.lake import column_types, find_lake
from mlkit.movielens.preparation import profile_ratings, unload_feature_index
from mlkit.movielens.splits import SplitRule
from mlkit.naming import DATALAKE_TEMPLATE, LabNames

TEMPLATE = Path(__file__).parents[2] / DATALAKE_TEMPLATE
HEADER = "userid\tmovieid\trating\ttimestamp\n"
ROWS = [
    ("anna", 'the "film"', 4, 1), ("anna", 'the "film"', 2, 2), ("ren\xe9", "a,b", 5, 3), ("007", "7", 3, 4),
    ("", "film", 3, 1), ("anna", "", 3, 1), ("anna", "film", 9, 1),
]  # fmt: skip


def types_of(session: Session, initials: str) -> tuple[str, str, str]:
    found = column_types(session, initials)
    return found.userid, found.movieid, found.rating


@pytest.fixture
def lake(session: Session) -> str:
    """The initials of a lake whose table has columns of text."""
    initials = f"t{uuid.uuid4().hex[:8]}"
    deploy(session, initials, YourInitials=initials, IdType="string")
    return initials


def deploy(session: Session, initials: str, **parameters: str) -> None:
    deploy_stack(session, LabNames(initials=initials).datalake_stack, TEMPLATE, parameters, capabilities=("CAPABILITY_IAM",))


def test_a_stack_keeps_the_parameters_that_an_update_does_not_name(session: Session, lake: str) -> None:
    deploy(session, lake, YourInitials=lake, RatingType="double")
    assert types_of(session, lake) == ("string", "string", "double")
    deploy(session, lake, YourInitials=lake)
    assert types_of(session, lake) == ("string", "string", "double")
    deploy(session, lake, YourInitials=lake, IdType="bigint")
    assert types_of(session, lake) == ("bigint", "bigint", "double")


def test_an_empty_text_is_a_null_and_ids_are_compared_as_they_stand(session: Session, lake: str) -> None:
    text = HEADER + "".join("\t".join(map(str, row)) + "\n" for row in ROWS)
    bucket = LabNames(initials=lake).bucket
    session.client("s3").put_object(Bucket=bucket, Key="movielens-data/u.data/ratings.tsv", Body=text.encode())
    found = find_lake(session, lake)
    profile = profile_ratings(found)
    assert (profile.table_rows, profile.rows_with_nulls, profile.ratings_out_of_range, profile.duplicates, profile.ratings) == (
        7,
        2,
        1,
        1,
        3,
    )
    index = unload_feature_index(found, UnloadRun.start(found, SplitRule(salt="s"))).index
    assert index.users.to_pylist() == ["007", "anna", "ren\xe9"]
    assert index.movies.to_pylist() == ["7", "a,b", 'the "film"']


@pytest.mark.parametrize(("column", "kind"), [("userid", "double"), ("movieid", "array<string>"), ("rating", "string")])
def test_a_table_whose_columns_cannot_be_ids_or_ratings_is_refused(session: Session, lake: str, column: str, kind: str) -> None:
    names, glue = LabNames(initials=lake, dataset="movielens"), session.client("glue")
    table = glue.get_table(DatabaseName=names.database, Name="u_data")["Table"]
    storage = table["StorageDescriptor"]
    storage["Columns"] = [{**one, "Type": kind if one["Name"] == column else one["Type"]} for one in storage["Columns"]]
    glue.update_table(
        DatabaseName=names.database,
        TableInput={"Name": "u_data", "TableType": table["TableType"], "Parameters": table["Parameters"], "StorageDescriptor": storage},
    )
    with pytest.raises(InvalidData, match=f"The table's {column} is {kind}"):
        find_lake(session, lake)
