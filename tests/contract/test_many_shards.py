"""More shards than one UNLOAD can write: the same rows in more files."""

import io
import uuid
from pathlib import Path

import pandas as pd
import pytest

from mlkit.aws.s3_objects import read_verified
from mlkit.aws.session import Session
from mlkit.aws.shards import UnloadRun
from mlkit.aws.stacks import deploy_stack
from mlkit.movielens import preparation
from mlkit.movielens.lake import find_lake
from mlkit.movielens.splits import SplitRule
from mlkit.naming import DATALAKE_TEMPLATE, LabNames
from mlkit.notebook.handoff import Channel
from sagemaker_formats.recordio import decode

RATINGS = [(user, movie, 1 + (user * movie) % 5, user + movie) for user in range(1, 9) for movie in range(1, 10)]
Found = dict[str, list[tuple[object, ...]]]


@pytest.fixture
def initials(session: Session) -> str:
    """The initials of a lake that holds the ratings."""
    names = LabNames(initials=f"t{uuid.uuid4().hex[:8]}")
    template = Path(__file__).parents[2] / DATALAKE_TEMPLATE
    deploy_stack(session, names.datalake_stack, template, {"YourInitials": names.initials}, capabilities=("CAPABILITY_IAM",))
    text = "userid\tmovieid\trating\ttimestamp\n" + "".join("\t".join(map(str, row)) + "\n" for row in RATINGS)
    session.client("s3").put_object(Bucket=names.bucket, Key="movielens-data/u.data/ratings.tsv", Body=text.encode())
    return names.initials


def prepared(session: Session, initials: str, shards: int) -> tuple[Found, int, int]:
    """The rows of each split, the number of files that Athena wrote, and of those that mlkit wrote."""
    lake = find_lake(session, initials)
    run = UnloadRun.start(lake, SplitRule(salt="s", test_ratings_per_user=2, validation_fraction=0.3, shards=shards))
    index = preparation.unload_feature_index(lake, run)
    unloaded = preparation.unload_splits(lake, run)
    channels = preparation.write_channels(lake, run, unloaded, index)
    assert len(set(unloaded.query_execution_id.split(","))) == -(-shards // 100)
    found = {name: rows(session, getattr(channels, name)) for name in ("train", "validation", "test")}
    assert {name: getattr(channels, name).rows for name in found} == {name: len(items) for name, items in found.items()}
    return found, len(unloaded.s3_uris), sum(len(getattr(channels, name).objects) for name in found)


def rows(session: Session, channel: Channel) -> list[tuple[object, ...]]:
    found: list[tuple[object, ...]] = []
    for item in channel.objects:
        data = read_verified(session, item)
        if item.s3_uri.endswith(".parquet"):
            found.extend(pd.read_parquet(io.BytesIO(data)).itertuples(index=False, name=None))
        else:
            decoded = decode(data)
            assert decoded.labels is not None
            found.extend(zip(*decoded.keys.reshape(-1, 2).T.tolist(), decoded.labels.tolist(), strict=True))
    return sorted(found, key=str)


def test_more_shards_than_an_unload_can_write_hold_the_same_rows(session: Session, initials: str) -> None:
    few, *files = prepared(session, initials, shards=1)
    assert files == [3, 3]
    many, unloaded, written = prepared(session, initials, shards=150)
    assert many == few
    assert 40 < unloaded <= written <= len(RATINGS)
