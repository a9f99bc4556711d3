"""Turns the end of a run into the error with its exit code."""

from mlkit import errors
from mlkit.errors import Interrupted, KernelDied, MlkitError, NotebookFailed, SecretFound
from mlkit.evidence.run_record import Failure, RunRecord, Status


def check_run(record: RunRecord) -> None:
    """Raises the run's failure: first a secret that was found, then the end of the run itself, then evidence that was not stored.

    An mlkit error of a cell is raised as its own class, so that the command ends with its exit code. Any other exception of a cell is
    NotebookFailed. Other ends are KernelDied and Interrupted (signal or time limit). Returns if the run completed and all is stored.
    """
    problems = [_run_error(record)] if record.status is not Status.COMPLETED else []
    problems += [_named(one, "") or MlkitError(one.evalue) for one in record.not_kept]
    if record.redactions:
        problems.insert(0, _secret_error(record))
    if problems:
        first, *others = problems
        also = "".join(f"\nAlso: {one}" for one in others)
        raise type(first)(f"{first}{also}", cure=first.cure)


def _secret_error(record: RunRecord) -> SecretFound:
    where = [f"{one.rule} in {_place(one.cell_number, one.place)}" for one in record.redactions]
    shown = "; ".join(where[:5]) + (f"; and {len(where) - 5} more" if len(where) > 5 else "")
    return SecretFound(f"{record.notebook} shows secrets, which mlkit redacted: {shown}.")


def _place(cell_number: int | None, place: str) -> str:
    return f"the {place} of cell {cell_number}" if cell_number else f"the {place}"


def _run_error(record: RunRecord) -> MlkitError:
    failure = record.failure or Failure(cell_number=None, heading="", ename="", evalue="")
    where = _where(record, failure)
    match record.status:
        case Status.FAILED:
            cure = failure.cure or f"Open {record.executed} at the banner."
            return _named(failure, f"\n({where})") or NotebookFailed(f"{where}: {failure.ename}: {failure.evalue}", cure=cure)
        case Status.DIED:
            return KernelDied(f"{where}: {failure.evalue}.", cure=failure.cure or None)
        case Status.TIMED_OUT:
            cure = "Give it more time or less work. A new run starts from the first cell."
            return Interrupted(f"{where}: {failure.evalue}.", cure=cure)
        case _:
            return Interrupted(f"{where}: {failure.evalue}.")


def _named(failure: Failure, where: str) -> MlkitError | None:
    """The mlkit error of the failure's name, if it is one."""
    kind = getattr(errors, failure.ename, None)
    return kind(f"{failure.evalue}{where}", cure=failure.cure or None) if isinstance(kind, type) and issubclass(kind, MlkitError) else None


def _where(record: RunRecord, failure: Failure) -> str:
    if failure.cell_number is None:
        return f"{record.notebook}, outside of its cells"
    heading = f', under "{failure.heading}"' if failure.heading else ""
    return f"{record.notebook}, cell {failure.cell_number} of {len(record.cells)}{heading}"
