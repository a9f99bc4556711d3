"""How a run ended, as the error that says so and carries the exit code."""

from mlkit import errors
from mlkit.errors import Interrupted, KernelDied, MlkitError, NotebookFailed
from mlkit.records import Failure, RunRecord, Status


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
