"""The folder of one local AWS: credentials, state, log, and the lock of the process that serves it."""

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from localaws.errors import LocalAwsFailed
from localaws.kit.files import write_whole
from localaws.kit.service import Credentials

ASSUMPTIONS = "assumptions.json"


@dataclass(frozen=True, kw_only=True)
class Home:
    """Only the owner can read it: the folder has mode 0700, its files have 0600."""

    path: Path

    def folder(self, name: str = "") -> Path:
        """A folder below the home for one part, created on first use."""
        self.path.mkdir(parents=True, exist_ok=True)
        self.path.chmod(0o700)  # do not change the mode of the folders above it: they are not ours
        found = self.path / name
        found.mkdir(parents=True, exist_ok=True, mode=0o700)
        return found

    @property
    def log(self) -> Path:
        return self.path / "server.log"

    def credentials(self) -> Credentials | None:
        """The administrator's key, or None before the first start."""
        record = self.read("credentials.json")
        return Credentials(**record) if record else None

    def assumptions(self) -> dict[str, str]:
        """The answers to open questions about AWS that differ from the defaults."""
        return {name: str(value) for name, value in (self.read(ASSUMPTIONS) or {}).items()}

    def read(self, name: str) -> dict[str, Any] | None:
        try:
            record: dict[str, Any] = json.loads((self.path / name).read_text())
        except FileNotFoundError:
            return None
        return record

    def write(self, name: str, record: dict[str, Any]) -> None:
        self.write_text(name, json.dumps(record))

    def write_text(self, name: str, text: str) -> None:
        """Replace a file atomically."""
        target = self.path / name
        self.folder(str(target.parent.relative_to(self.path)))
        write_whole(target, text)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Lock the folder while serving it; a kill releases the lock. Raises LocalAwsFailed when another process holds it."""
        with self._open_lock() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise LocalAwsFailed(f"Another local AWS is serving {self.path}.", cure="Stop it with `localaws down`.") from error
            yield

    def is_locked(self) -> bool:
        """Whether a process serves this folder now."""
        if not self.path.is_dir():
            return False
        with self._open_lock() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
            return False

    def _open_lock(self) -> IO[str]:
        return open(os.open(self.folder() / "lock", os.O_RDWR | os.O_CREAT, 0o600), "r+")
