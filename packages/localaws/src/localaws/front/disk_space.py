"""A full disk: what changes something is refused before it does, since what was answered and not saved is gone after a restart."""

import shutil
from pathlib import Path

from localaws.front.honoured_operations import reads_only
from localaws.kit.service import AwsError

# Kept for the state of what goes on by itself: builds, jobs, executions.
RESERVE_BYTES = 4 * 2**20
_FREEING = ("Abort", "Cancel", "Delete", "Stop")


def check_room(folder: Path, operation: str, size_bytes: int) -> None:
    """Raises AwsError when `folder`'s disk could not take what the operation brings. `operation` is its name, without the service's."""
    if reads_only(operation) or operation.startswith(_FREEING):
        return
    free = shutil.disk_usage(folder).free
    if free < RESERVE_BYTES + size_bytes:
        told = f"The local AWS has no room: its disk, at {folder}, has {free / 1e6:.1f} MB left. Free some space; nothing was changed."
        raise AwsError("InsufficientStorage", told, status=507)
