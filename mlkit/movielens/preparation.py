"""The functions of 01_prep for ratings: profile the table, index and split it in Athena, write Factorization Machines' files."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from mlkit.aws.athena_queries import Unloaded, query, unload
from mlkit.aws.data_lake import Lake
from mlkit.aws.s3_objects import write_object
from mlkit.aws.shards import PARQUET, Channels, Format, UnloadRun, read_parquet, shards_for, to_parquet, unload_shards, write_shards
from mlkit.data.sql import unload_sql
from mlkit.errors import InvalidData
from mlkit.movielens.features import INDEX_FILE, MOVIE, USER, FeatureIndex, one_hot_rows
from mlkit.movielens.lake import ratings_table
from mlkit.movielens.splits import SplitRule, feature_index_sql, histogram_sql, profile_sql, splits_sql
from mlkit.notebook import handoff, shown_tables
from mlkit.notebook.handoff import PreparedData, StoredObject
from mlkit.notebook.journal import log_warning
from mlkit.settings import Project
from sagemaker_formats.inference import RECORDIO
from sagemaker_formats.recordio import encode

TEST_COLUMNS = ["user_id", "movie_id", "label"]
_MUCH_HELD_OUT = 0.3  # share of all ratings; above it the notebook warns


@dataclass(frozen=True, kw_only=True)
class Profile:
    """Athena's counts. `ratings` excludes nulls, ratings out of range and duplicates."""

    table_rows: int
    rows_with_nulls: int
    ratings_out_of_range: int
    duplicates: int
    ratings: int
    users: int
    movies: int
    query_execution_id: str

    @property
    def bad_rows(self) -> int:
        return self.table_rows - self.ratings

    @property
    def complaint(self) -> str:
        return (
            f"Unusable rows: {self.rows_with_nulls} with nulls, {self.ratings_out_of_range} with a rating out of range, "
            f"{self.duplicates} duplicate{'' if self.duplicates == 1 else 's'}"
        )

    @property
    def what_stays(self) -> str:
        return "the newest of several duplicates stays"

    def summary(self) -> shown_tables.Table:
        names = ("table_rows", "rows_with_nulls", "ratings_out_of_range", "duplicates", "ratings", "users", "movies")
        return shown_tables.facts({name: getattr(self, name) for name in names})


def profile_ratings(lake: Lake) -> Profile:
    """Count the table's rows, users, movies and unusable rows. Raises InvalidData for an empty table."""
    frame, query_id = query(lake.aws, lake.workgroup, profile_sql(ratings_table(lake)))
    counts = {str(name): int(value) for name, value in frame.iloc[0].items()}
    profile = Profile(query_execution_id=query_id, **counts)
    if profile.ratings == 0:
        raise InvalidData(
            f"{ratings_table(lake).name} has no usable rows ({profile.table_rows} rows in all)",
            cure=f"Put ratings below {lake.location}, for example with `mlkit data load ml-100k`.",
        )
    return profile


def count_ratings(lake: Lake) -> pd.DataFrame:
    """The frequency of each rating, with the columns rating and ratings."""
    return query(lake.aws, lake.workgroup, histogram_sql(ratings_table(lake)))[0]


def start_run(
    lake: Lake,
    *,
    salt: str,
    split: str,
    test_ratings_per_user: int,
    validation_fraction: float,
    positive_rating: float,
    ratings: int,
    rows_per_shard: int,
    target: str = "positive",
) -> UnloadRun[SplitRule]:
    """Choose the run's prefix and its number of shards: `ratings` / `rows_per_shard`.

    `target` is "positive" (predict whether a rating reaches `positive_rating`) or "rating" (predict the stars).
    """
    rule = SplitRule(
        salt=salt,
        split=split,
        test_ratings_per_user=test_ratings_per_user,
        validation_fraction=validation_fraction,
        positive_rating=positive_rating,
        predict=target,
        shards=shards_for(ratings, rows_per_shard),
    )
    return UnloadRun.start(lake, rule)


@dataclass(frozen=True, kw_only=True)
class StoredIndex:
    """The feature index, its object, and the query that wrote it."""

    index: FeatureIndex
    stored: StoredObject
    query_execution_id: str

    def summary(self) -> shown_tables.Table:
        counts = {"users": len(self.index.users), "movies": len(self.index.movies), "feature_dim": self.index.feature_dim}
        return shown_tables.facts({**counts, "sha256": self.stored.sha256, "object": self.stored.s3_uri})


def unload_feature_index(lake: Lake, run: UnloadRun[SplitRule]) -> StoredIndex:
    """Number users and movies in Athena, and store the index (id -> column) as one Parquet object."""
    unloaded = unload(lake.aws, lake.workgroup, unload_sql(feature_index_sql(ratings_table(lake)), f"{run.s3_uri}athena/index/"))
    index = FeatureIndex.from_table(pa.concat_tables(read_parquet(lake, uri) for uri in unloaded.s3_uris), run.rule.target)
    stored = write_object(lake.aws, f"{run.s3_uri}{INDEX_FILE}", index.to_parquet())
    return StoredIndex(index=index, stored=stored, query_execution_id=unloaded.query_execution_id)


def unload_splits(lake: Lake, run: UnloadRun[SplitRule]) -> Unloaded:
    """Label, split and shard every rating in Athena. UNLOAD's manifest lists the files."""
    return unload_shards(lake, run.s3_uri, splits_sql(ratings_table(lake), run.rule), run.rule.shards)


def write_channels(lake: Lake, run: UnloadRun[SplitRule], unloaded: Unloaded, stored: StoredIndex) -> Channels:
    """Stream Athena's files, one shard at a time, into RecordIO (train, validation) and Parquet (test).

    Each shard is sorted by the salted hash. Warns when more than 30 % of the ratings are held out. Raises InvalidData when two splits
    share a (user, movie) pair, a column does not belong to its id, or a split is empty.
    """
    index = stored.index

    def kept(split: str, rows: pa.RecordBatch) -> pa.RecordBatch:
        check_columns(rows, index)
        return rows if split == "test" else rows.drop_columns(["user_id", "movie_id"])

    def check(splits: Mapping[str, pa.Table]) -> None:
        check_disjoint([_pairs(table, index) for table in splits.values()])

    shard = Format(suffix="recordio", content_type=RECORDIO, encode=lambda table: _shard(table, index))
    # Test rows hold raw ids, because each model encodes them with its own index.
    test = Format(suffix="parquet", content_type=PARQUET, encode=lambda table: to_parquet(table.select(TEST_COLUMNS)))
    formats = {"train": shard, "validation": shard, "test": test}
    order = ("order_hash", "user_column", "movie_column")
    channels = write_shards(lake, run.s3_uri, unloaded, run.rule.target, order=order, formats=formats, check=check, kept=kept)
    if warning := held_out_warning(channels.test.rows, channels.train.rows + channels.validation.rows):
        log_warning(warning)
    return channels


def held_out_warning(test: int, others: int) -> str:
    """The warning if more than 30 % of the ratings are held out; otherwise empty."""
    share = test / (test + others)
    if share <= _MUCH_HELD_OUT:
        return ""
    return (
        f"{test:,} of {test + others:,} ratings ({share:.0%}) are held out for the test, so the model learns from the others only. "
        "test_ratings_per_user is high for users with so few ratings. Lower it, or load more ratings."
    )


def check_disjoint(pairs: Sequence[npt.NDArray[np.int64]]) -> None:
    """Raises InvalidData when a (user, movie) pair is in two splits, or twice in one."""
    together = np.concatenate(pairs)
    if len(np.unique(together)) != len(together):
        raise InvalidData("The splits overlap: a rating is in two of them", cure="The table changed during prep: run 01_prep again.")


@dataclass(frozen=True, kw_only=True)
class RatingsDetails:
    """The hand-over's details of this kind of data."""

    positive_rating: float
    split: str
    salt: str


def save_prepared_data(
    lake: Lake, run: UnloadRun[SplitRule], stored: StoredIndex, channels: Channels, profile: Profile, unloaded: Unloaded, project: Project
) -> PreparedData:
    """Write handoff/prepared_data.json, which 02_train reads."""
    queries = {"profile": profile.query_execution_id, "feature_index": stored.query_execution_id, "splits": unloaded.query_execution_id}
    details = RatingsDetails(positive_rating=float(run.rule.positive_rating), split=run.rule.split, salt=run.rule.salt)
    prepared = PreparedData(
        run_id=run.run_id,
        your_initials=lake.names.initials,
        bucket=lake.bucket,
        database=lake.database,
        table=lake.table,
        feature_dim=stored.index.feature_dim,
        encoding=stored.stored,
        train=channels.train,
        validation=channels.validation,
        test=channels.test,
        query_execution_ids=queries,
        details=asdict(details),
        target=run.rule.target,
    )
    handoff.save(prepared, project.handoff, "prepared_data")
    return prepared


def check_columns(rows: pa.RecordBatch, index: FeatureIndex) -> None:
    """Raises InvalidData unless Athena's columns are those of the index."""
    for field, ids in ((USER, "user_id"), (MOVIE, "movie_id")):
        index.check_columns(rows[ids], np.asarray(rows[f"{field}_column"], dtype=np.int64), field=field)


def _pairs(table: pa.Table, index: FeatureIndex) -> npt.NDArray[np.int64]:
    """One number for each (user, movie)."""
    users, movies = (np.asarray(table[name].to_numpy(), dtype=np.int64) for name in ("user_column", "movie_column"))
    return users * index.feature_dim + movies


def _shard(table: pa.Table, index: FeatureIndex) -> bytes:
    columns = (np.asarray(table[name].to_numpy(), dtype=np.int64) for name in ("user_column", "movie_column"))
    return encode(one_hot_rows(*columns, labels=table["label"].to_numpy(), feature_dim=index.feature_dim))
