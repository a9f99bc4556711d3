"""The functions of 01_prep for a table of labelled rows: profile it, split it in Athena, write XGBoost's files."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

import numpy as np
import pandas as pd
import pyarrow as pa

from mlkit.aws.athena_queries import Unloaded, query
from mlkit.aws.s3_objects import write_object
from mlkit.aws.shards import PARQUET, Channels, Format, UnloadRun, shards_for, to_parquet, unload_shards, write_shards
from mlkit.errors import InvalidData
from mlkit.gate.target import Target
from mlkit.notebook import handoff, shown_tables
from mlkit.notebook.handoff import PreparedData, StoredObject
from mlkit.settings import Project
from mlkit.tabular.encoding import CSV, FILE, Encoding, to_csv
from mlkit.tabular.lake import Source
from mlkit.tabular.splits import (
    SplitRule,
    categories_sql,
    classes_sql,
    features_sql,
    histogram_sql,
    missing_sql,
    profile_sql,
    splits_sql,
)

MOST_CATEGORIES = 100  # of a feature: each becomes a column


@dataclass(frozen=True, kw_only=True)
class Profile:
    """Athena's counts. `usable` rows are those without nulls, copies and contradictions.

    `classes` maps each class to its usable rows; a regression has none, but a `histogram` (bar, rows, lowest, highest). `categories` maps
    each categorical feature to its categories and their usable rows.
    """

    table_rows: int
    rows_with_nulls: int
    rows_not_finite: int
    copies: int
    contradictory_rows: int
    usable: int
    classes: Mapping[str, int]
    target: Target
    query_execution_id: str
    histogram: pd.DataFrame | None = None
    categories: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

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
    """Count rows, classes, categories and unusable rows. Raises InvalidData for no usable row, and unless the classes fit the task."""
    table = source.table
    counts, query_id = query(source.lake.aws, source.lake.workgroup, profile_sql(table))
    counted = {str(name): int(value) for name, value in counts.iloc[0].items()}
    if counted["usable"] == 0:
        raise InvalidData(
            f"{table.name} has no usable rows ({counted['table_rows']} rows in all)",
            cure=f"Put rows below {source.lake.location}, for example with `mlkit data load`.",
        )
    found = _ask(source, classes_sql(table)) if table.has_classes else None
    classes = {} if found is None else {str(name): int(rows) for name, rows in zip(found["class"], found["rows"], strict=True)}
    return Profile(
        query_execution_id=query_id,
        classes=classes,
        target=table.target_of(classes),
        histogram=None if table.has_classes else _ask(source, histogram_sql(table)),
        categories=_count_categories(source) if table.categorical else {},
        **counted,
    )


def _ask(source: Source, sql: str) -> pd.DataFrame:
    return query(source.lake.aws, source.lake.workgroup, sql)[0]


def _count_categories(source: Source) -> dict[str, dict[str, int]]:
    """The categories of each categorical feature with their rows, sorted by name. Raises InvalidData for more than a column may have."""
    found = _ask(source, categories_sql(source.table))
    counts: dict[str, dict[str, int]] = {name: {} for name in source.table.categorical}
    for feature, category, rows in sorted(zip(found["feature"], map(str, found["category"]), found["rows"], strict=True)):
        counts[feature][category] = int(rows)
    for name, categories in counts.items():
        if not 0 < len(categories) <= MOST_CATEGORIES:
            raise InvalidData(
                f"{name} has {len(categories):,} categories, and a column may have 1 to {MOST_CATEGORIES}",
                cure="Leave the column out (left_out), or group its values with a view.",
            )
    return counts


def describe_features(source: Source, profile: Profile) -> pd.DataFrame:
    """One line per feature: lowest, mean and highest value over the usable rows; for a category how many categories it has.

    Where values may be missing, also the rows without one.
    """
    table, figures = source.table, {}
    if table.numeric:
        row = _ask(source, features_sql(table)).iloc[0].astype(float).to_numpy()
        figures = dict(zip(table.numeric, row.reshape(len(table.numeric), 3), strict=True))
    lines = [dict(zip(("lowest", "mean", "highest"), figures.get(name, (None,) * 3), strict=True)) for name in table.features]
    frame = pd.DataFrame(lines, index=pd.Index(table.features, name="feature"))
    if table.categorical:
        frame["categories"] = [", ".join(profile.categories.get(name, ())) for name in table.features]
    if table.keeps_missing:
        frame["missing"] = _ask(source, missing_sql(table)).iloc[0].astype(int).to_numpy()
    return frame


def start_run(
    source: Source, *, salt: str, test_fraction: float, validation_fraction: float, usable: int, rows_per_shard: int
) -> UnloadRun[SplitRule]:
    """Choose the run's prefix and its number of shards: `usable` / `rows_per_shard`."""
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
        labels = {f"label {number}": name for number, name in enumerate(self.encoding.classes)} or {"label": str(self.encoding.target)}
        facts = {"columns": len(self.encoding.model_columns), **labels}
        return shown_tables.facts({**facts, "sha256": self.stored.sha256, "object": self.stored.s3_uri})


def store_encoding(source: Source, run: UnloadRun[SplitRule], profile: Profile) -> StoredEncoding:
    """Fix the order of the columns, the categories and the meaning of the labels, and store them as one object."""
    table = source.table
    encoding = Encoding(
        key=table.key,
        label=table.label,
        task=table.task,
        classes=profile.target.classes,
        unit=table.unit,
        columns=table.features,
        categories={name: tuple(found) for name, found in profile.categories.items()},
        allows_missing=table.keeps_missing,
    )
    stored = write_object(source.lake.aws, f"{run.s3_uri}{FILE}", encoding.to_bytes(), content_type="application/json")
    return StoredEncoding(encoding=encoding, stored=stored)


def unload_splits(source: Source, run: UnloadRun[SplitRule], stored: StoredEncoding) -> Unloaded:
    """Label, split and shard every row in Athena. UNLOAD's manifest lists the files."""
    return unload_shards(source.lake, run.s3_uri, splits_sql(source.table, stored.encoding.target, run.rule), run.rule.shards)


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
    target = stored.encoding.target
    return write_shards(source.lake, run.s3_uri, unloaded, target, order=order, formats=formats, check=check_disjoint)


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
        feature_dim=len(stored.encoding.model_columns),
        encoding=stored.stored,
        train=channels.train,
        validation=channels.validation,
        test=channels.test,
        query_execution_ids={"profile": profile.query_execution_id, "splits": unloaded.query_execution_id},
        details=asdict(details),
        target=stored.encoding.target,
    )
    handoff.save(prepared, project.handoff, "prepared_data")
    return prepared
