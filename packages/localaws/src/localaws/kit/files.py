"""Write, then rename: who reads a file or a folder, or comes after a kill, finds the old one or the new one, each whole."""

import contextlib
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

SUFFIX = ".part"  # of what is not whole yet; its name begins with a dot


@contextlib.contextmanager
def made_whole(target: Path) -> Iterator[Path]:
    """A path beside the target, for a file or a folder that takes the target's place when the block ends without an error.

    Several may make the same target at once. Raises OSError when a folder would replace one that holds something.
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
    """Writes a file that only its owner may read, in a folder that is there."""
    with made_whole(target) as incoming:
        descriptor = os.open(incoming, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
