"""Writes to a temporary path, then renames: a reader finds the whole old or the whole new file or folder, also after a kill."""

import contextlib
import os
import shutil
import stat
import uuid
from collections.abc import Iterator
from pathlib import Path

SUFFIX = ".part"  # suffix of a path that is not complete yet; its name begins with a dot


@contextlib.contextmanager
def made_whole(target: Path) -> Iterator[Path]:
    """A temporary path beside the target. When the block ends without an error, the file or folder there replaces the target.

    Several callers may write the same target at the same time. Raises OSError if a folder would replace one that is not empty.
    """
    incoming = target.with_name(f".{target.name}.{uuid.uuid4().hex}{SUFFIX}")
    try:
        yield incoming
        incoming.replace(target)
    finally:
        if incoming.is_dir():
            shutil.rmtree(incoming, ignore_errors=True)
        else:
            incoming.unlink(missing_ok=True)


def write_whole(target: Path, content: str | bytes) -> None:
    """Write a file that only its owner may read. The folder must exist."""
    with made_whole(target) as incoming:
        descriptor = os.open(incoming, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)


def read_regular(path: Path) -> bytes | None:
    """The content of a file that somebody else may have put there; None if it is missing, a link, or no regular file."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        return None
    with open(descriptor, "rb") as file:
        return file.read()
