"""The record of one notebook run: what ran, with which parameters, how each cell ended. Written as JSON beside the executed notebook."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from mlkit import errors
from mlkit.errors import Interrupted, InvalidData, KernelDied, MlkitError, NotebookFailed

SCHEMA = "mlkit.run/1"  # raise the number when a field changes its meaning; a new field with a default keeps it


class Status(StrEnum):
    """How a cell, or the run, ended."""

    COMPLETED = "completed"
    FAILED = "failed"
    DIED = "died"
    INTERRUPTED = "interrupted"
    TIMED_OUT = "timed out"
    NOT_RUN = "not run"


@dataclass(frozen=True, kw_only=True)
class ParameterRecord:
    """The value that the notebook ran with; `source` is `default` or `given`."""

    name: str
    type: str
    value: Any
    source: str


@dataclass(frozen=True, kw_only=True)
class CellRecord:
    """One code cell: `number` counts code cells from 1, `execution_count` is the kernel's; times are ISO 8601 in UTC."""

    number: int
    cell_id: str | None
    heading: str
    status: Status
    execution_count: int | None
    started: str | None
    ended: str | None
    duration_s: float | None


@dataclass(frozen=True, kw_only=True)
class Failure:
    """What ended a run early: the exception's name and text, in the cell of that `cell_number` (None outside of cells)."""

    cell_number: int | None
    heading: str
    ename: str
    evalue: str


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """One notebook run; `packages` is empty when the kernel is another Python than the runner's, whose packages are not known."""

    notebook: str
    notebook_sha256: str
    executed: str
    kernel: str
    status: Status
    parameters: Sequence[ParameterRecord]
    cells: Sequence[CellRecord]
    failure: Failure | None
    started: str
    ended: str
    duration_s: float
    python: str | None
    packages: Mapping[str, str] = field(default_factory=dict)
    schema: str = SCHEMA

    def to_json(self) -> str:
        """JSON with sorted keys, indented, with a newline at its end."""
        return json.dumps(dataclasses.asdict(self), indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "RunRecord":
        """The record that `to_json` wrote; raises InvalidData on another schema."""
        content = json.loads(text)
        if not isinstance(content, dict) or content.get("schema") != SCHEMA:
            raise InvalidData(f"This is not a run record of schema {SCHEMA}.", cure="Use the version of mlkit that wrote it.")
        failure = content.pop("failure")
        return cls(
            status=Status(content.pop("status")),
            parameters=tuple(ParameterRecord(**one) for one in content.pop("parameters")),
            cells=tuple(CellRecord(**{**one, "status": Status(one["status"])}) for one in content.pop("cells")),
            failure=Failure(**failure) if failure else None,
            **content,
        )


def check_run(record: RunRecord) -> None:
    """Raises what the run ended with, unless it is completed.

    An mlkit error that a cell raised comes back as its own class, so that its exit code is the command's; any other exception is
    NotebookFailed. Then KernelDied and Interrupted (signal or time limit).
    """
    if record.status is not Status.COMPLETED:
        raise _error(record)


def _error(record: RunRecord) -> MlkitError:
    failure = record.failure or Failure(cell_number=None, heading="", ename="", evalue="")
    where = _where(record, failure)
    match record.status:
        case Status.FAILED:
            kind = getattr(errors, failure.ename, None)
            if isinstance(kind, type) and issubclass(kind, MlkitError):
                return kind(f"{failure.evalue}\n({where})")
            return NotebookFailed(f"{where}: {failure.ename}: {failure.evalue}", cure=f"Open {record.executed} at the banner.")
        case Status.DIED:
            cure = None if failure.cell_number else "Open the notebook in JupyterLab and see whether its kernel starts there."
            return KernelDied(f"{where}: {failure.evalue}.", cure=cure)
        case Status.TIMED_OUT:
            cure = "Give it more time, or less work; a fresh run starts from the beginning."
            return Interrupted(f"{where}: {failure.evalue}.", cure=cure)
        case _:
            return Interrupted(f"{where}: {failure.evalue}.")


def _where(record: RunRecord, failure: Failure) -> str:
    if failure.cell_number is None:
        return f"{record.notebook}, outside of its cells"
    heading = f', under "{failure.heading}"' if failure.heading else ""
    return f"{record.notebook}, cell {failure.cell_number} of {len(record.cells)}{heading}"
