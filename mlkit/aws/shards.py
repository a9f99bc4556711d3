"""Converts the files of UNLOAD, shard by shard, into the three channels of a preparation under its own prefix."""

import functools
import io
import operator
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Generic, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from mlkit.aws.athena_queries import Unloaded, unload
from mlkit.aws.data_lake import Lake
from mlkit.aws.s3_objects import read_object, write_object
from mlkit.data.label_figures import LabelFigures
from mlkit.data.sql import MAX_SHARDS, SPLITS, unload_sql
from mlkit.errors import InvalidData, UsageError
from mlkit.gate.target import Target
from mlkit.notebook import shown_tables
from mlkit.notebook.handoff import Channel, StoredObject
from mlkit.notebook.journal import log_warning

PARQUET = "application/x-parquet"
Rule = TypeVar("Rule")
Written = tuple[StoredObject, LabelFigures]
_PARTITION = re.compile(r"/split=(\w+)/shard=(\d+)/[^/]+$")


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
    """The number of files of each split: `rows` / `rows_per_shard`, at most 32. Raises UsageError below one row."""
    if rows_per_shard < 1:
        raise UsageError(f"rows_per_shard is {rows_per_shard}", cure="Give at least 1; 1000000 suits most tables.")
    return min(MAX_SHARDS, max(1, -(-rows // rows_per_shard)))


def unload_shards(lake: Lake, run_uri: str, select: str) -> Unloaded:
    """Let Athena write the query's rows below the run's prefix, by `split` and `shard`, which are its last columns."""
    return unload(lake.aws, lake.workgroup, unload_sql(select, f"{run_uri}athena/splits/", partitioned_by=("split", "shard")))


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
) -> Channels:
    """Stream Athena's files, one shard at a time, into one file for each split, sorted by the columns `order`.

    `check` gets the splits of each shard before they are written, and raises an error if they are wrong. Raises InvalidData if a
    split is empty, if all rows of `train` have the same label, and for a label that is none of the target's. Warns of a class that no row
    of `train` has.
    """
    written: dict[str, list[Written]] = {name: [] for name in SPLITS}
    for number, files in sorted(_by_shard(unloaded).items()):
        splits = {name: _sorted(lake, uris, order) for name, uris in files.items()}
        check(splits)
        for name, table in splits.items():
            address = f"{run_uri}{name}/shard-{number:05d}.{formats[name].suffix}"
            labels = LabelFigures.of(table["label"].to_numpy(), target)
            written[name].append((write_object(lake.aws, address, formats[name].encode(table)), labels))
    return Channels(**{name: _channel(f"{run_uri}{name}/", name, formats[name], items) for name, items in written.items()})


def to_parquet(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd")
    return sink.getvalue()


def read_parquet(lake: Lake, s3_uri: str) -> pa.Table:
    return pq.read_table(io.BytesIO(read_object(lake.aws, s3_uri)))


def _by_shard(unloaded: Unloaded) -> dict[int, dict[str, list[str]]]:
    shards: dict[int, dict[str, list[str]]] = {}
    for uri in unloaded.s3_uris:
        match = _PARTITION.search(uri)
        if match is None:
            raise InvalidData(f"Athena wrote {uri}, which is not below split=.../shard=.../")
        shards.setdefault(int(match[2]), {}).setdefault(match[1], []).append(uri)
    return shards


def _sorted(lake: Lake, uris: Sequence[str], order: Sequence[str]) -> pa.Table:
    table = pa.concat_tables(read_parquet(lake, uri) for uri in uris)
    return table.sort_by([(name, "ascending") for name in order]).combine_chunks()


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
