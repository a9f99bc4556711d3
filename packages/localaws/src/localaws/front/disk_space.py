"""Refuses write requests while the disk is nearly full, because a restart loses what could not be saved."""

import shutil
from pathlib import Path

from localaws.kit.operation_names import reads_only
from localaws.kit.service import AwsError

# Reserved for the state of running builds, jobs and executions.
RESERVE_BYTES = 4 * 2**20
_FREEING = ("Abort", "Cancel", "Delete", "Stop")


def check_room(folder: Path, operation: str, size_bytes: int) -> None:
    """Raises AwsError if the operation writes and the disk of `folder` has too little space. `operation` has no service prefix."""
    if reads_only(operation) or operation.startswith(_FREEING):
        return
    free = shutil.disk_usage(folder).free
    if free < RESERVE_BYTES + size_bytes:
        told = f"The disk of the local AWS at {folder} has only {free / 1e6:.1f} MB left. Nothing was changed. Free some space."
        raise AwsError("InsufficientStorage", told, status=507)
