"""The statement that SHOW CREATE TABLE prints: the table as Glue has it, in Hive's layout."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

_NOT_SHOWN = ("EXTERNAL",)


def create_statement(glue: Mapping[str, Any]) -> Sequence[str]:
    """The lines of CREATE EXTERNAL TABLE for the table in the answer of Glue's GetTable."""
    descriptor = glue.get("StorageDescriptor") or {}
    serde = descriptor.get("SerdeInfo") or {}
    lines = [f"CREATE EXTERNAL TABLE `{glue['Name']}`(", *_columns(descriptor.get("Columns") or [])]
    if keys := glue.get("PartitionKeys"):
        lines += ["PARTITIONED BY ( ", *_columns(keys)]
    lines += ["ROW FORMAT SERDE ", f"  {_quoted(serde.get('SerializationLibrary', ''))} "]
    if properties := serde.get("Parameters"):
        lines += ["WITH SERDEPROPERTIES ( ", *_pairs(properties, end=") ")]
    lines += ["STORED AS INPUTFORMAT ", f"  {_quoted(descriptor.get('InputFormat', ''))} "]
    lines += ["OUTPUTFORMAT ", f"  {_quoted(descriptor.get('OutputFormat', ''))}"]
    lines += ["LOCATION", f"  {_quoted(descriptor.get('Location', ''))}"]
    parameters = {name: value for name, value in (glue.get("Parameters") or {}).items() if name not in _NOT_SHOWN}
    return [*lines, "TBLPROPERTIES (", *_pairs(parameters, end=")")] if parameters else lines


def _columns(columns: Sequence[Mapping[str, str]]) -> list[str]:
    shown = [f"  `{column['Name']}` {column.get('Type', 'string')}{_comment(column)}" for column in columns]
    return [f"{line}, " for line in shown[:-1]] + [f"{line})" for line in shown[-1:]]


def _comment(column: Mapping[str, str]) -> str:
    return f" COMMENT {_quoted(column['Comment'])}" if column.get("Comment") else ""


def _pairs(properties: Mapping[str, str], *, end: str) -> list[str]:
    shown = [f"  {_quoted(name)}={_quoted(value)}" for name, value in sorted(properties.items())]
    return [f"{line}, " for line in shown[:-1]] + [f"{line}{end}" for line in shown[-1:]]


def _quoted(text: str) -> str:
    escaped: Iterable[str] = (
        {"\\": "\\\\", "'": "\\'", "\t": "\\t", "\n": "\\n", "\x01": "\\u0001"}.get(letter, letter) for letter in text
    )
    return f"'{''.join(escaped)}'"
