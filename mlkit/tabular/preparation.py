"""The functions of 01_prep for a table of labelled rows: profile it, split it in Athena, write XGBoost's files."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
import pyarrow as pa

from mlkit.aws.athena_queries import Unloaded, query
from mlkit.aws.s3_objects import write_object
from mlkit.aws.shards import PARQUET, Channels, Format, UnloadRun, shards_for, to_parquet, unload_shards, write_shards
from mlkit.errors import InvalidData
from mlkit.notebook import handoff, shown_tables
from mlkit.notebook.handoff import PreparedData, StoredObject
from mlkit.settings import Project
from mlkit.tabular.encoding import CSV, FILE, Encoding, to_csv
from mlkit.tabular.lake import Source
from mlkit.tabular.splits import SplitRule, classes_sql, features_sql, profile_sql, splits_sql


@dataclass(frozen=True, kw_only=True)
class Profile:
    """Athena's counts. `usable` rows are those without nulls, copies and contradictions.

    `classes` maps each class to its usable rows.
    """

    table_rows: int
    rows_with_nulls: int
    rows_not_finite: int
    copies: int
    contradictory_rows: int
    usable: int
    classes: Mapping[str, int]
    query_execution_id: str

    @property
    def bad_rows(self) -> int:
        return self.table_rows - self.usable

    @property
    def complaint(self) -> str:
        return (
            f"Unusable rows: {self.rows_with_nulls} with nulls, {self.rows_not_finite} with NaN or infinity, {self.copies} copies, "
            f"{self.contradictory_rows} with the key of a different row"
        )

    @property
    def what_stays(self) -> str:
        return "one of several copies stays; contradictory rows are dropped"

    def summary(self) -> shown_tables.Table:
        names = ("table_rows", "rows_with_nulls", "rows_not_finite", "copies", "contradictory_rows", "usable")
        return shown_tables.facts({**{name: getattr(self, name) for name in names}, **{f"class {k}": v for k, v in self.classes.items()}})


def profile_table(source: Source) -> Profile:
    """Count rows, classes and unusable rows. Raises InvalidData unless there are two classes, one of them the positive one."""
    lake, table = source.lake, source.table
    counts, query_id = query(lake.aws, lake.workgroup, profile_sql(table))
    found = query(lake.aws, lake.workgroup, classes_sql(table))[0]
    classes = {str(name): int(rows) for name, rows in zip(found["class"], found["rows"], strict=True)}
    profile = Profile(query_execution_id=query_id, classes=classes, **{str(k): int(v) for k, v in counts.iloc[0].items()})
    if profile.usable == 0:
        raise InvalidData(
            f"{table.name} has no usable rows ({profile.table_rows} rows in all)",
            cure=f"Put rows below {lake.location}, for example with `mlkit data load`.",
        )
    if len(classes) != 2 or table.positive not in classes:
        told = ", ".join(f"{name!r} ({rows} rows)" for name, rows in list(classes.items())[:5])
        raise InvalidData(
            f"{table.label} holds {len(classes)} classes: {told}. It must hold two, one of them {table.positive!r}",
            cure="Choose another label or positive class, or exclude other classes with a view.",
        )
    return profile


def describe_features(source: Source) -> pd.DataFrame:
    """One line per feature: its lowest, mean and highest value over the usable rows."""
    row = query(source.lake.aws, source.lake.workgroup, features_sql(source.table))[0].iloc[0].astype(float).to_numpy()
    figures = row.reshape(len(source.table.features), 3)
    return pd.DataFrame(figures, columns=["lowest", "mean", "highest"], index=pd.Index(source.table.features, name="feature"))


def start_run(
    source: Source, *, salt: str, test_fraction: float, validation_fraction: float, usable: int, rows_per_shard: int
) -> UnloadRun[SplitRule]:
    """Choose the run's prefix and its number of shards: `usable` / `rows_per_shard`, at most 32."""
    rule = SplitRule(
        salt=salt, test_fraction=test_fraction, validation_fraction=validation_fraction, shards=shards_for(usable, rows_per_shard)
    )
    return UnloadRun.start(source.lake, rule)


@dataclass(frozen=True, kw_only=True)
class StoredEncoding:
    """The encoding with the object that holds it."""

    encoding: Encoding
    stored: StoredObject

    def summary(self) -> shown_tables.Table:
        zero, one = self.encoding.class_names
        facts = {"columns": len(self.encoding.columns), "label 0": zero, "label 1": one}
        return shown_tables.facts({**facts, "sha256": self.stored.sha256, "object": self.stored.s3_uri})


def store_encoding(source: Source, run: UnloadRun[SplitRule], profile: Profile) -> StoredEncoding:
    """Fix the order of the columns and the meaning of the labels, and store them as one object."""
    (negative,) = set(profile.classes) - {source.table.positive}
    encoding = Encoding(
        key=source.table.key, label=source.table.label, classes=(negative, source.table.positive), columns=source.table.features
    )
    stored = write_object(source.lake.aws, f"{run.s3_uri}{FILE}", encoding.to_bytes(), content_type="application/json")
    return StoredEncoding(encoding=encoding, stored=stored)


def unload_splits(source: Source, run: UnloadRun[SplitRule]) -> Unloaded:
    """Label, split and shard every row in Athena. UNLOAD's manifest lists the files."""
    return unload_shards(source.lake, run.s3_uri, splits_sql(source.table, run.rule))


def write_channels(source: Source, run: UnloadRun[SplitRule], unloaded: Unloaded, stored: StoredEncoding) -> Channels:
    """Stream Athena's files, one shard at a time, into CSV with the label first (train, validation) and Parquet (test).

    Each shard is sorted by the salted hash. Raises InvalidData when a row is in two splits or a split is empty.
    """

    def numbers(table: pa.Table) -> bytes:
        return to_csv(stored.encoding.matrix(table), table["label"].to_numpy())

    def raw(table: pa.Table) -> bytes:
        return to_parquet(table.select(["row_key", "label", *source.table.features]))

    shard = Format(suffix="csv", content_type=CSV, encode=numbers)
    formats = {"train": shard, "validation": shard, "test": Format(suffix="parquet", content_type=PARQUET, encode=raw)}
    order = ("order_hash", "row_key")
    return write_shards(source.lake, run.s3_uri, unloaded, order=order, formats=formats, check=check_disjoint)


def check_disjoint(splits: Mapping[str, pa.Table]) -> None:
    """Raises InvalidData when a key is in two splits, or twice in one."""
    keys = np.concatenate([table["row_key"].to_numpy() for table in splits.values()])
    if len(pd.unique(keys)) != len(keys):
        raise InvalidData("The splits overlap: a row is in two of them", cure="The table changed during prep: run 01_prep again.")


@dataclass(frozen=True, kw_only=True)
class TableDetails:
    """The hand-over's details of this kind of data."""

    positive: str
    salt: str
    test_fraction: float
    validation_fraction: float


def save_prepared_data(
    source: Source,
    run: UnloadRun[SplitRule],
    stored: StoredEncoding,
    channels: Channels,
    profile: Profile,
    unloaded: Unloaded,
    project: Project,
) -> PreparedData:
    """Write handoff/prepared_data.json, which 02_train reads."""
    lake, rule = source.lake, run.rule
    details = TableDetails(
        positive=source.table.positive, salt=rule.salt, test_fraction=rule.test_fraction, validation_fraction=rule.validation_fraction
    )
    prepared = PreparedData(
        run_id=run.run_id,
        your_initials=lake.names.initials,
        bucket=lake.bucket,
        database=lake.database,
        table=lake.table,
        feature_dim=len(stored.encoding.columns),
        encoding=stored.stored,
        train=channels.train,
        validation=channels.validation,
        test=channels.test,
        query_execution_ids={"profile": profile.query_execution_id, "splits": unloaded.query_execution_id},
        details=asdict(details),
    )
    handoff.save(prepared, project.handoff, "prepared_data")
    return prepared
