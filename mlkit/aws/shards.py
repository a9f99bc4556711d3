"""Converts the files of UNLOAD, shard by shard, into the three channels of a preparation under its own prefix."""

import functools
import io
import operator
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Generic, TypeVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mlkit.aws.athena_queries import Unloaded, unload
from mlkit.aws.data_lake import Lake
from mlkit.aws.s3_objects import read_object, write_object
from mlkit.data.label_figures import LabelFigures
from mlkit.data.sql import MAX_SHARDS, MOST_PARTITIONS, SPLIT_SHARDS, SPLITS, unload_sql
from mlkit.errors import InvalidData, UsageError
from mlkit.gate.target import Target
from mlkit.notebook import shown_tables
from mlkit.notebook.handoff import Channel, StoredObject
from mlkit.notebook.journal import log_warning

PARQUET = "application/x-parquet"
Rule = TypeVar("Rule")
Written = tuple[StoredObject, LabelFigures]
Rows = Callable[[str, pa.RecordBatch], pa.RecordBatch]
_BATCH_ROWS = 1 << 17
_PARTITION = re.compile(r"(?:/split=(\w+))?/shard=(\d+)/[^/]+$")


@dataclass(frozen=True, kw_only=True)
class Format:
    """The file format of a split: extension, content type, and the encoder of a shard's rows."""

    suffix: str
    content_type: str
    encode: Callable[[pa.Table], bytes]


@dataclass(frozen=True, kw_only=True)
class UnloadRun(Generic[Rule]):
    """One preparation: its split rule, and its own prefix, so that it never overwrites the data of an earlier model."""

    run_id: str
    s3_uri: str
    rule: Rule

    @classmethod
    def start(cls, lake: Lake, rule: Rule) -> "UnloadRun[Rule]":
        run_id = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"
        return cls(run_id=run_id, s3_uri=f"s3://{lake.bucket}/prepared/{run_id}/", rule=rule)


def shards_for(rows: int, rows_per_shard: int) -> int:
    """The number of files of each split: `rows` / `rows_per_shard`. Raises UsageError below one row."""
    if rows_per_shard < 1:
        raise UsageError(f"rows_per_shard is {rows_per_shard}", cure="Give at least 1; 1000000 suits most tables.")
    return min(MAX_SHARDS, max(1, -(-rows // rows_per_shard)))


def unload_shards(lake: Lake, run_uri: str, select: str, shards: int) -> Unloaded:
    """Let Athena write the query's rows below the run's prefix, by `split` and `shard`, which are its last columns.

    Above 32 shards, the files are by shard only, and have `split` as a column. Each hundred shards take a statement.
    """
    prefix = f"{run_uri}athena/splits/"
    if shards <= SPLIT_SHARDS:
        return unload(lake.aws, lake.workgroup, unload_sql(select, prefix, partitioned_by=("split", "shard")))
    parts = []
    for first in range(0, shards, MOST_PARTITIONS):
        chosen = f"SELECT * FROM (\n{select}\n) WHERE shard BETWEEN {first} AND {first + MOST_PARTITIONS - 1}"
        parts.append(unload(lake.aws, lake.workgroup, unload_sql(chosen, f"{prefix}from={first}/", partitioned_by=("shard",))))
    return Unloaded(
        query_execution_id=",".join(part.query_execution_id for part in parts),
        s3_uris=tuple(uri for part in parts for uri in part.s3_uris),
    )


@dataclass(frozen=True, kw_only=True)
class Channels:
    """The three splits as written."""

    train: Channel
    validation: Channel
    test: Channel

    def summary(self) -> shown_tables.Table:
        rows = [
            {
                "split": name,
                "rows": channel.rows,
                **_shown_labels(channel),
                "objects": len(channel.objects),
                "bytes": sum(item.size_bytes for item in channel.objects),
                "sha256 of the first": channel.objects[0].sha256,
            }
            for name, channel in ((name, getattr(self, name)) for name in SPLITS)
        ]
        return shown_tables.rows(rows, index="split")


def _shown_labels(channel: Channel) -> dict[str, float]:
    if channel.positives is not None:
        return {"positive share": round(channel.positives / channel.rows, 4)}
    return {name: round(figure, 4) for name, figure in channel.labels.items()}


def write_shards(
    lake: Lake,
    run_uri: str,
    unloaded: Unloaded,
    target: Target,
    *,
    order: Sequence[str],
    formats: Mapping[str, Format],
    check: Callable[[Mapping[str, pa.Table]], None],
    kept: Rows = lambda split, rows: rows,
) -> Channels:
    """Stream Athena's files, one shard at a time, into one file for each split, sorted by the columns `order`.

    `kept` gets each batch of rows and its split, and returns the columns that are needed; one shard of them is in memory. `check` gets
    the splits of each shard before they are written, and raises an error if they are wrong. A file is uploaded while the next one is
    made. Raises InvalidData if a split is empty, if all rows of `train` have the same label, and for a label that is none of the target's.
    Warns of a class that no row of `train` has.
    """
    written: dict[str, list[tuple[Future[StoredObject], LabelFigures]]] = {name: [] for name in SPLITS}
    with _Uploads(lake) as uploads:
        for number, files in sorted(_by_shard(unloaded).items()):
            splits = {name: _sorted(batches, order) for name, batches in _batches(lake, files, kept).items()}
            check(splits)
            for name, table in splits.items():
                labels = LabelFigures.of(table["label"].to_numpy(), target)
                address = f"{run_uri}{name}/shard-{number:05d}.{formats[name].suffix}"
                written[name].append((uploads.start(address, formats[name].encode(table)), labels))
    done = {name: [(stored.result(), labels) for stored, labels in items] for name, items in written.items()}
    return Channels(**{name: _channel(f"{run_uri}{name}/", name, formats[name], items) for name, items in done.items()})


class _Uploads:
    """Uploads one file while the caller makes the next one."""

    def __init__(self, lake: Lake) -> None:
        self._lake, self._pool = lake, ThreadPoolExecutor(max_workers=1)
        self._last: Future[StoredObject] | None = None

    def __enter__(self) -> "_Uploads":
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown()

    def start(self, address: str, data: bytes) -> Future[StoredObject]:
        """Wait for the file before, so that only one waits in memory. Raises its error."""
        if self._last is not None:
            self._last.result()
        self._last = self._pool.submit(write_object, self._lake.aws, address, data)
        return self._last


def to_parquet(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd")
    return sink.getvalue()


def read_parquet(lake: Lake, s3_uri: str) -> pa.Table:
    return pq.read_table(io.BytesIO(read_object(lake.aws, s3_uri)))


def _by_shard(unloaded: Unloaded) -> dict[int, list[tuple[str, str]]]:
    """The files of each shard: (split, address), with an empty split for a file that has rows of all splits."""
    shards: dict[int, list[tuple[str, str]]] = {}
    for uri in unloaded.s3_uris:
        match = _PARTITION.search(uri)
        if match is None:
            raise InvalidData(f"Athena wrote {uri}, which is not below shard=.../")
        shards.setdefault(int(match[2]), []).append((match[1] or "", uri))
    return shards


def _batches(lake: Lake, files: Sequence[tuple[str, str]], kept: Rows) -> dict[str, list[pa.RecordBatch]]:
    """The files' rows by split, without the columns that are not needed."""
    found: dict[str, list[pa.RecordBatch]] = {}
    for split, uri in files:
        for batch in pq.ParquetFile(pa.BufferReader(read_object(lake.aws, uri))).iter_batches(_BATCH_ROWS):
            for name, rows in ({split: batch} if split else _divided(batch)).items():
                found.setdefault(name, []).append(kept(name, rows))
    return found


def _divided(batch: pa.RecordBatch) -> dict[str, pa.RecordBatch]:
    rest = batch.drop_columns(["split"])
    parts = {name: rest.filter(pc.equal(batch["split"], name)) for name in SPLITS}
    return {name: rows for name, rows in parts.items() if len(rows)}


def _sorted(batches: Sequence[pa.RecordBatch], order: Sequence[str]) -> pa.Table:
    return pa.Table.from_batches(batches).sort_by([(name, "ascending") for name in order]).combine_chunks()


def _channel(s3_uri: str, name: str, written: Format, items: Sequence[Written]) -> Channel:
    if not items:
        raise InvalidData(f"The {name} split is empty", cure="The table has too few rows for these splits.")
    labels = functools.reduce(operator.add, (found for _, found in items))
    if name == "train":
        _check_learnable(labels)
    return Channel(
        s3_uri=s3_uri,
        content_type=written.content_type,
        rows=labels.rows,
        positives=labels.positives,
        labels=labels.by_name,
        objects=tuple(item for item, _ in items),
    )


def _check_learnable(labels: LabelFigures) -> None:
    if labels.only_label:
        told = f"All {labels.rows:,} rows of the train split have {labels.only_label}: a model cannot learn from one label"
        defines = ", and the parameter that defines label 1" if labels.target.task == "binary" else ""
        raise InvalidData(told, cure=f"Check the table{defines}.")
    if labels.absent:
        log_warning(f"No row of the train split has the {labels.target.name} {', '.join(labels.absent)}, so the model never predicts it.")
