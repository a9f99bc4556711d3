"""The options of a run, and its progress reports."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from mlkit.evidence.run_record import Origin, Status
from mlkit.runner.evidence_writer import Store

if TYPE_CHECKING:
    from mlkit.aws.session import Session as AwsSession


@dataclass(frozen=True, kw_only=True)
class Progress:
    """A code cell that starts (`status` None) or has ended: the `cell`-th of `cells`."""

    cell: int
    cells: int
    heading: str
    status: Status | None


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """The options of a run.

    `cwd` is the kernel's folder, the current one by default; `root` is the project's, for the hand-over files.
    `environment` is added to the kernel's. `store` gets the notebook and its record at the start, while the run goes on (as long as
    that is cheap) and at the end. `sources` gives the source of each parameter, for the record. `aws` creates the session that
    stops jobs and reads the caller's identity; it is called only when needed.
    """

    kernel_name: str | None = None
    cwd: Path | None = None
    cell_timeout_s: float | None = None
    run_timeout_s: float | None = None
    on_progress: Callable[[Progress], None] | None = None
    on_note: Callable[[str], None] | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    store: Store | None = None
    sources: Mapping[str, str] = field(default_factory=dict)
    root: Path | None = None
    origin: Origin = field(default_factory=Origin)
    step_key: str | None = None
    aws: "Callable[[], AwsSession] | None" = None
