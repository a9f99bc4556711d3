"""01_prep's verbs: look at the table, let Athena index and split it, write what SageMaker reads."""

import io
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from mlkit import handoff, tables
from mlkit.aws.lake import Lake
from mlkit.aws.objects import read_object, write_object
from mlkit.aws.queries import Unloaded, query, unload
from mlkit.errors import InvalidData, UsageError
from mlkit.features import MOVIE, USER, FeatureIndex, one_hot_rows
from mlkit.handoff import Channel, PreparedData, StoredObject
from mlkit.recordio import encode
from mlkit.settings import Project
from mlkit.splits import MAX_SHARDS, SPLITS, SplitRule, feature_index_sql, histogram_sql, profile_sql, splits_sql, unload_sql

TEST_COLUMNS = ("user_id", "movie_id", "label")
_PARTITION = re.compile(r"/split=(\w+)/shard=(\d+)/[^/]+$")


@dataclass(frozen=True, kw_only=True)
class Profile:
    """What Athena counted. `ratings` is what remains when nulls, mistakes and duplicates are left out."""

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

    def summary(self) -> tables.Table:
        names = ("table_rows", "rows_with_nulls", "ratings_out_of_range", "duplicates", "ratings", "users", "movies")
        return tables.facts({name: getattr(self, name) for name in names})


def profile_ratings(lake: Lake) -> Profile:
    """Count the table's rows, users and movies, and what cannot be used. Raises InvalidData for an empty table."""
    frame, query_id = query(lake.aws, lake.workgroup, profile_sql(lake.table))
    counts = {str(name): int(value) for name, value in frame.iloc[0].items()}
    profile = Profile(query_execution_id=query_id, **counts)
    if profile.ratings == 0:
        raise InvalidData(
            f"{lake.table.name} has {profile.table_rows} rows, of which none is usable",
            cure=f"Put ratings below {lake.location}, for example with `mlkit data load ml-100k`.",
        )
    return profile


def check_bad_rows(profile: Profile, rule: str) -> str:
    """What happens to rows with nulls, ratings out of range and duplicates: `drop` leaves them out, `refuse` raises InvalidData."""
    if rule not in ("drop", "refuse"):
        raise UsageError(f"bad_rows is {rule!r}", cure='Choose "drop" or "refuse".')
    if rule == "refuse" and profile.bad_rows:
        raise InvalidData(
            f"{profile.rows_with_nulls} rows have nulls, {profile.ratings_out_of_range} ratings are out of range, "
            f"{profile.duplicates} are duplicates",
            cure='Correct the table, or choose bad_rows="drop".',
        )
    return f"{profile.bad_rows} of {profile.table_rows} rows dropped (of duplicates the newest rating stays)"


def count_ratings(lake: Lake) -> pd.DataFrame:
    """How often each rating was given: columns rating, ratings."""
    return query(lake.aws, lake.workgroup, histogram_sql(lake.table))[0]


@dataclass(frozen=True, kw_only=True)
class Run:
    """One preparation: a prefix of its own, so that nothing that a model refers to is ever overwritten."""

    run_id: str
    s3_uri: str
    rule: SplitRule


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
) -> Run:
    """Choose the run's prefix and its number of shards: `ratings` / `rows_per_shard`, at most 32."""
    shards = min(MAX_SHARDS, max(1, -(-ratings // max(1, rows_per_shard))))
    rule = SplitRule(
        salt=salt,
        split=split,
        test_ratings_per_user=test_ratings_per_user,
        validation_fraction=validation_fraction,
        positive_rating=positive_rating,
        shards=shards,
    )
    run_id = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"
    return Run(run_id=run_id, s3_uri=f"s3://{lake.bucket}/prepared/{run_id}/", rule=rule)


@dataclass(frozen=True, kw_only=True)
class StoredIndex:
    """The feature index with the object that holds it and the query that made it."""

    index: FeatureIndex
    stored: StoredObject
    query_execution_id: str

    def summary(self) -> tables.Table:
        counts = {"users": len(self.index.users), "movies": len(self.index.movies), "feature_dim": self.index.feature_dim}
        return tables.facts({**counts, "sha256": self.stored.sha256, "object": self.stored.s3_uri})


def unload_feature_index(lake: Lake, run: Run) -> StoredIndex:
    """Let Athena number users and movies, and store the index (id -> column) as one Parquet object."""
    unloaded = unload(lake.aws, lake.workgroup, unload_sql(feature_index_sql(lake.table), f"{run.s3_uri}athena/index/"))
    index = FeatureIndex.from_table(pa.concat_tables(_read_parquet(lake, uri) for uri in unloaded.s3_uris))
    stored = write_object(lake.aws, f"{run.s3_uri}feature_index.parquet", index.to_parquet())
    return StoredIndex(index=index, stored=stored, query_execution_id=unloaded.query_execution_id)


def unload_splits(lake: Lake, run: Run) -> Unloaded:
    """Let Athena label, split and shard every rating; the files are listed by UNLOAD's manifest."""
    statement = unload_sql(splits_sql(lake.table, run.rule), f"{run.s3_uri}athena/splits/", partitioned_by=("split", "shard"))
    return unload(lake.aws, lake.workgroup, statement)


@dataclass(frozen=True, kw_only=True)
class Channels:
    """The three splits as written."""

    train: Channel
    validation: Channel
    test: Channel

    def summary(self) -> tables.Table:
        rows = [
            {
                "split": name,
                "rows": channel.rows,
                "positive share": round(channel.positives / channel.rows, 4),
                "objects": len(channel.objects),
                "bytes": sum(item.size_bytes for item in channel.objects),
                "sha256 of the first": channel.objects[0].sha256,
            }
            for name, channel in ((name, getattr(self, name)) for name in SPLITS)
        ]
        return tables.rows(rows, index="split")


def write_channels(lake: Lake, run: Run, unloaded: Unloaded, stored: StoredIndex) -> Channels:
    """Stream Athena's files, one shard at a time, into RecordIO (train, validation) and Parquet (test).

    Each shard is sorted by the salted hash. Raises InvalidData when two splits share a (user, movie) pair, a column does not
    belong to its id, or a split is empty.
    """
    written: dict[str, list[tuple[StoredObject, int, int]]] = {name: [] for name in SPLITS}
    for shard, files in sorted(_by_shard(unloaded).items()):
        tables = {name: _sorted_rows(lake, files.get(name, ())) for name in SPLITS}
        check_disjoint([_pairs(table, stored.index) for table in tables.values()])
        for name, table in tables.items():
            if len(table):
                data = _test_rows(table) if name == "test" else _shard(table, stored.index)
                suffix = "parquet" if name == "test" else "recordio"
                item = write_object(lake.aws, f"{run.s3_uri}{name}/shard-{shard:05d}.{suffix}", data)
                written[name].append((item, len(table), int(table["label"].to_numpy().sum())))
    return Channels(**{name: _channel(f"{run.s3_uri}{name}/", name, items) for name, items in written.items()})


def check_disjoint(pairs: Sequence[npt.NDArray[np.int64]]) -> None:
    """Raises InvalidData when a (user, movie) pair is in two splits, or twice in one."""
    together = np.concatenate(pairs)
    if len(np.unique(together)) != len(together):
        raise InvalidData("The splits overlap: a rating is in two of them", cure="The table changed during prep: run 01_prep again.")


def save_prepared_data(
    lake: Lake, run: Run, stored: StoredIndex, channels: Channels, profile: Profile, unloaded: Unloaded, project: Project
) -> PreparedData:
    """Write handoff/prepared_data.json, which 02_train reads."""
    queries = {"profile": profile.query_execution_id, "feature_index": stored.query_execution_id, "splits": unloaded.query_execution_id}
    prepared = PreparedData(
        run_id=run.run_id,
        your_initials=lake.names.initials,
        bucket=lake.bucket,
        database=lake.table.database,
        table=lake.table.table,
        positive_rating=float(run.rule.positive_rating),
        split=run.rule.split,
        salt=run.rule.salt,
        feature_dim=stored.index.feature_dim,
        feature_index=stored.stored,
        train=channels.train,
        validation=channels.validation,
        test=channels.test,
        query_execution_ids=queries,
    )
    handoff.save(prepared, project.handoff, "prepared_data")
    return prepared


def _by_shard(unloaded: Unloaded) -> dict[int, dict[str, list[str]]]:
    shards: dict[int, dict[str, list[str]]] = {}
    for uri in unloaded.s3_uris:
        match = _PARTITION.search(uri)
        if match is None:
            raise InvalidData(f"Athena wrote {uri}, which is not below split=.../shard=.../")
        shards.setdefault(int(match[2]), {}).setdefault(match[1], []).append(uri)
    return shards


def _read_parquet(lake: Lake, uri: str) -> pa.Table:
    return pq.read_table(io.BytesIO(read_object(lake.aws, uri)))


def _sorted_rows(lake: Lake, uris: Sequence[str]) -> pa.Table:
    if not uris:
        return pa.table({name: [] for name in ("user_id", "movie_id", "user_column", "movie_column", "label", "order_hash")})
    table = pa.concat_tables(_read_parquet(lake, uri) for uri in uris)
    return table.sort_by([("order_hash", "ascending"), ("user_column", "ascending"), ("movie_column", "ascending")]).combine_chunks()


def _pairs(table: pa.Table, index: FeatureIndex) -> npt.NDArray[np.int64]:
    """One number per (user, movie); checks on the way that Athena's columns are those of the index."""
    users, movies = (np.asarray(table[name].to_numpy(), dtype=np.int64) for name in ("user_column", "movie_column"))
    if len(table):
        index.check_columns(table["user_id"], users, field=USER)
        index.check_columns(table["movie_id"], movies, field=MOVIE)
    return users * index.feature_dim + movies


def _shard(table: pa.Table, index: FeatureIndex) -> bytes:
    columns = (np.asarray(table[name].to_numpy(), dtype=np.int64) for name in ("user_column", "movie_column"))
    return encode(one_hot_rows(*columns, labels=table["label"].to_numpy(), feature_dim=index.feature_dim))


def _test_rows(table: pa.Table) -> bytes:
    """Raw ids, since each model encodes them with its own index."""
    sink = io.BytesIO()
    pq.write_table(table.select(TEST_COLUMNS), sink, compression="zstd")
    return sink.getvalue()


def _channel(s3_uri: str, name: str, items: Sequence[tuple[StoredObject, int, int]]) -> Channel:
    if not items:
        raise InvalidData(f"The {name} split is empty", cure="The table holds too few ratings per user for this test_ratings_per_user.")
    return Channel(
        s3_uri=s3_uri,
        rows=sum(rows for _, rows, _ in items),
        positives=sum(positives for *_, positives in items),
        objects=tuple(item for item, *_ in items),
    )
