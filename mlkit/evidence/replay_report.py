"""Compares the figures of a recorded run with those of its replay: metrics, counts, digests and settings, one line each.

A figure is named by its group and its members, such as `prepared_data.train.rows`. The group is a hand-off file, or `metrics`. Two runs
never agree on addresses, ids and the machine's speed, so these are left out.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeGuard

from mlkit.errors import InvalidData
from mlkit.evidence.manifest import combined_sha256
from mlkit.evidence.run_record import Activity, RunRecord

Value = float | int | str | bool | None
TOLERANCE = 1e-6  # relative
_SHOWN = 10  # characters of a digest
_DIGEST = 64
_FORMAT = {"schema", "content_type"}  # of the file, not of the result
# Members that name a run's own things; another run has others.
_NAMES = {"run_id", "s3_uri", "training_job", "tuning_job", "endpoint", "endpoint_config", "query_execution_ids"}
_OF_THE_PLACE = {"your_initials", "bucket", "database", "execution_role", "image_uri"}  # another account or region has others
_OF_THE_MACHINE = ("throughput", "billable_seconds", "progress")  # metrics that tell nothing about the model


class Verdict(StrEnum):
    """`within`: the numbers differ by no more than the tolerance."""

    EQUAL = "equal"
    WITHIN = "within"
    DIFFERENT = "DIFFERENT"


@dataclass(frozen=True, kw_only=True)
class Compared:
    """One figure of a notebook. `recorded` or `now` is None if that run has no such figure."""

    notebook: str
    figure: str
    recorded: Value
    now: Value
    verdict: Verdict

    @property
    def group(self) -> str:
        return self.figure.partition(".")[0]

    def row(self) -> tuple[str, str, str, str]:
        """The figure below its group, both values, and the verdict, as the report shows them."""
        return self.figure.partition(".")[2], *shown_pair(self.recorded, self.now), str(self.verdict)


def compare_runs(notebook: str, recorded: Mapping[str, Value], now: Mapping[str, Value], tolerance: float = TOLERANCE) -> list[Compared]:
    """All figures of both runs, in the recorded order. A figure that only one of them has is different."""
    return [
        Compared(
            notebook=notebook,
            figure=name,
            recorded=recorded.get(name),
            now=now.get(name),
            verdict=verdict_of(recorded[name], now[name], tolerance) if name in recorded and name in now else Verdict.DIFFERENT,
        )
        for name in dict.fromkeys([*recorded, *now])
    ]


def verdict_of(recorded: Value, now: Value, tolerance: float) -> Verdict:
    """Whole numbers count something, so they and texts must be equal. Other numbers may differ by `tolerance` of the larger one."""
    if _is_number(recorded) and _is_number(now):
        if recorded == now:
            return Verdict.EQUAL
        if float(recorded).is_integer() and float(now).is_integer():
            return Verdict.DIFFERENT
        return Verdict.WITHIN if math.isclose(recorded, now, rel_tol=tolerance) else Verdict.DIFFERENT
    return Verdict.EQUAL if type(recorded) is type(now) and recorded == now else Verdict.DIFFERENT


def figures_of(record: RunRecord, handed_over: Mapping[str, bytes]) -> dict[str, Value]:
    """The figures of a run by name. `handed_over` maps the names of its hand-off files, without `.json`, to their bytes.

    Raises InvalidData for a hand-off file that is not a JSON object.
    """
    activity = record.activity or Activity()
    metrics = {name: value for name, value in activity.metrics.items() if not _is_of_the_machine(name)}
    reported: dict[str, Value] = {**dict(sorted(metrics.items())), **({"verdict": activity.verdict} if activity.verdict else {})}
    found: dict[str, Value] = {}
    for name, data in sorted(handed_over.items()):
        for path, value in _members(_document(name, data), ()):
            if path[-1] not in reported or reported[path[-1]] != value:  # most metrics are also in the hand-off file
                found[".".join((name, *path))] = value
    return {**found, **{f"metrics.{name}": value for name, value in reported.items()}}


def _document(name: str, data: bytes) -> Mapping[str, Any]:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise InvalidData(f"handoff/{name}.json is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise InvalidData(f"handoff/{name}.json is not a JSON object")
    return document


def _members(node: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Value]]:
    """The comparable members below the node, by their paths. Stored objects become one digest; another step's hand-off is that step's."""
    if _is_object(node):
        yield path, str(node["sha256"])
    elif isinstance(node, dict):
        for name, child in node.items():
            is_left_out = name in _NAMES | _OF_THE_PLACE | _FORMAT or _is_of_the_machine(name)
            if not is_left_out and not (isinstance(child, dict) and "schema" in child):
                yield from _members(child, (*path, name))
    elif isinstance(node, list) and node and all(_is_object(item) for item in node):
        digests = [str(item["sha256"]) for item in node]
        yield path, digests[0] if len(digests) == 1 else combined_sha256({f"{number:06}": one for number, one in enumerate(digests)})
    else:
        yield path, json.dumps(node, sort_keys=True) if isinstance(node, list) else node


def _is_object(node: Any) -> bool:
    """Whether it describes one object in S3."""
    return isinstance(node, dict) and {"s3_uri", "sha256"} <= node.keys()


def _is_number(value: Value) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_of_the_machine(name: str) -> bool:
    return any(word in name for word in _OF_THE_MACHINE)


def shown_pair(recorded: Value, now: Value) -> tuple[str, str]:
    """Both values as short texts. Numbers have as many digits as it takes to tell them apart."""
    if _is_number(recorded) and _is_number(now):
        for digits in (6, 9, 12, 17):
            pair = f"{recorded:.{digits}g}", f"{now:.{digits}g}"
            if recorded == now or pair[0] != pair[1]:
                return (_whole(recorded) or pair[0]), (_whole(now) or pair[1])
    return _shown(recorded), _shown(now)


def _whole(value: float) -> str:
    return f"{int(value):,}" if float(value).is_integer() and abs(value) < 1e15 else ""


def _shown(value: Value) -> str:
    if value is None:
        return "none"
    if isinstance(value, str) and len(value) == _DIGEST and set(value) <= set("0123456789abcdef"):
        return value[:_SHOWN]
    return (_whole(value) or f"{value:.6g}") if _is_number(value) else str(value)


def describe(compared: Sequence[Compared], tolerance: float) -> str:
    """How many figures have which verdict."""
    counts = {verdict: sum(one.verdict is verdict for one in compared) for verdict in Verdict}
    return f"{counts[Verdict.EQUAL]} equal, {counts[Verdict.WITHIN]} within {tolerance:g}, {counts[Verdict.DIFFERENT]} different"
