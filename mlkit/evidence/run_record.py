"""The record of one notebook run: code, parameters, activity, and how each cell ended. JSON beside the executed notebook."""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from mlkit.errors import InvalidData
from mlkit.gate.estimate import Estimate
from mlkit.typed_json import build

SCHEMA = "mlkit.run/1"  # raise the number when a field changes its meaning; a new field with a default keeps it

UNVERSIONED = (None, "null")  # version ids of a bucket without versions or with suspended versions; their content can change


class Status(StrEnum):
    """How a cell or the run ended. `running` occurs only in the record of a run that has not ended, or was cut off."""

    COMPLETED = "completed"
    FAILED = "failed"
    DIED = "died"
    INTERRUPTED = "interrupted"
    TIMED_OUT = "timed out"
    NOT_RUN = "not run"
    RUNNING = "running"


@dataclass(frozen=True, kw_only=True)
class ParameterRecord:
    """The value that the notebook ran with. `source`: `default`, `-p`, `-f FILE`, `env VARIABLE`, or `given` by a program."""

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
    """The failure that ended a run early: the exception's name and text, and its `cell_number` (None outside of cells).

    `cure` is the next step of an mlkit error.
    """

    cell_number: int | None
    heading: str
    ename: str
    evalue: str
    cure: str = ""


@dataclass(frozen=True, kw_only=True)
class Origin:
    """The code that ran, and where. `tree_clean` is None without git; `lock_sha256` maps lock files to SHA-256."""

    commit: str | None = None
    tree_clean: bool | None = None
    code_sha256: str | None = None
    lock_sha256: Mapping[str, str] = field(default_factory=dict)
    build_id: str | None = None
    pipeline: str | None = None
    pipeline_execution_id: str | None = None
    action: str | None = None
    account: str | None = None
    role: str | None = None
    region: str | None = None
    endpoint_url: str | None = None


@dataclass(frozen=True, kw_only=True)
class Usage:
    """`cpu_s` is user and system time of the kernel and the children it waited for; `peak_memory_bytes` is the peak resident memory."""

    wall_s: float
    cpu_s: float | None = None
    peak_memory_bytes: int | None = None


@dataclass(frozen=True, kw_only=True)
class ObjectRecord:
    """One S3 object. `action`: `read`, `written` or `deleted`.

    `etag` is S3's own digest; it identifies the content in a bucket without versions. `sha256` is of the whole object; None if it is
    unknown: for a deleted object, or one that was read or written in parts and not digested afterwards.
    """

    action: str
    s3_uri: str
    version_id: str | None = None
    etag: str | None = None
    sha256: str | None = None
    size_bytes: int | None = None

    @property
    def content(self) -> tuple[str, str | None]:
        """The address, and the id of the content at this address."""
        return self.s3_uri, self.etag if self.version_id in UNVERSIONED else self.version_id


@dataclass(frozen=True, kw_only=True)
class QueryRecord:
    """One Athena query; `state` (Athena's own, or `STOPPING`) and `bytes_scanned` are None until Athena reports them."""

    query_execution_id: str
    sql: str
    workgroup: str | None = None
    state: str | None = None
    bytes_scanned: int | None = None


@dataclass(frozen=True, kw_only=True)
class JobRecord:
    """One SageMaker job. `kind`: `training`, `tuning`, `processing` or `transform`.

    `status` is SageMaker's own; None if SageMaker never answered the creation, `not created` if it refused it. `image_digest` is known
    only for an image that was named by its digest: AWS does not tell which image a job's tag meant, built-in algorithms included.
    `reused`: an earlier run's finished job was taken over. `stopped`: this run ended early and stopped it.
    """

    kind: str
    name: str
    status: str | None = None
    image: str | None = None
    image_digest: str | None = None
    instance_type: str | None = None
    instance_count: int | None = None
    billable_seconds: int | None = None
    reused: bool = False
    stopped: bool = False


@dataclass(frozen=True, kw_only=True)
class ServedRecord:
    """One image of an endpoint's variant, from DescribeEndpoint; `image_digest` is the one that AWS deployed."""

    endpoint: str
    endpoint_config: str
    variant: str
    image: str | None = None
    image_digest: str | None = None


@dataclass(frozen=True, kw_only=True)
class FileRecord:
    """One local file that a step reads from another step (`input`) or writes for one (`output`); `path` is relative to the project."""

    role: str
    path: str
    sha256: str


@dataclass(frozen=True, kw_only=True)
class InputRecord:
    """An input of the run that is not a single object, such as a table. `sha256` is of its description and listing."""

    name: str
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Activity:
    """The activity that the kernel reported while it ran."""

    objects: tuple[ObjectRecord, ...] = ()
    queries: tuple[QueryRecord, ...] = ()
    jobs: tuple[JobRecord, ...] = ()
    served: tuple[ServedRecord, ...] = ()
    files: tuple[FileRecord, ...] = ()
    inputs: tuple[InputRecord, ...] = ()
    metrics: Mapping[str, float] = field(default_factory=dict)
    verdict: str | None = None
    estimate: Estimate | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Redaction:
    """A redacted secret: the rule that found it, and its place (`source`, `output`, `metadata`, `record`, or a file's path)."""

    rule: str
    place: str
    cell_number: int | None = None


@dataclass(frozen=True, kw_only=True)
class Earlier:
    """An earlier run: its record's address or path, and its start."""

    record: str
    started: str


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """One notebook run.

    `ended` is None while it runs, and stays None if it was cut off. `activity` is None if the kernel could not report it (another Python,
    without mlkit); then `packages` is empty too. `executed_sha256` is the digest of the executed notebook as it was saved and stored; None
    until the run has ended. `stored` is the address of the executed notebook; its record is beside it. `not_kept` says why one of them
    could not be saved or stored. `cut_off` is the previous attempt if that never ended. `reused` is the earlier run whose results were
    taken over.
    """

    notebook: str
    notebook_sha256: str
    executed: str
    executed_sha256: str | None = None
    stored: str | None = None
    kernel: str
    status: Status
    parameters: tuple[ParameterRecord, ...]
    cells: tuple[CellRecord, ...]
    failure: Failure | None
    started: str
    ended: str | None
    usage: Usage
    python: str | None
    packages: Mapping[str, str] = field(default_factory=dict)
    origin: Origin = Origin()
    activity: Activity | None = None
    redactions: tuple[Redaction, ...] = ()
    not_kept: tuple[Failure, ...] = ()
    cut_off: Earlier | None = None
    reused: Earlier | None = None
    step_key: str | None = None
    schema: str = SCHEMA

    def to_json(self) -> str:
        """JSON with sorted keys, indented, with a newline at its end."""
        return json.dumps(dataclasses.asdict(self), indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "RunRecord":
        """The record that `to_json` wrote; raises InvalidData on another schema or a damaged record."""
        try:
            content = json.loads(text)
        except ValueError as problem:
            raise InvalidData(f"This is not a run record: {problem}.", cure="Is the file complete?") from problem
        if not isinstance(content, dict) or content.get("schema") != SCHEMA:
            raise InvalidData(f"This is not a run record of schema {SCHEMA}.", cure="Use the version of mlkit that wrote it.")
        try:
            record: RunRecord = build(cls, content)
        except (KeyError, TypeError, ValueError) as problem:
            raise InvalidData(f"The run record is damaged: {problem}.", cure="Use the version of mlkit that wrote it.") from problem
        return record
