"""The record of API calls: who asked for what, for which service, and whether it was allowed. CloudTrail reads it.

`request` and `check` collect the permissions that one call asks for. The record is a file of JSON lines that is bounded in size.
"""

import contextlib
import contextvars
import json
import os
import threading
import uuid
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_MAX_BYTES = 8 << 20  # of one of the two files
_RECENT = 50_000  # calls that a trail has not delivered yet


@dataclass(frozen=True, kw_only=True)
class Check:
    """One question to IAM. `via` is the service that asks on behalf of the call, as S3 asks for a key's permissions."""

    action: str
    resource: str
    via: str = ""
    is_allowed: bool = True


@dataclass(kw_only=True)
class ApiCall:
    """One call. `invoked_by` is the service that made it, "" for a user's own call; `source` is the event source, s3.amazonaws.com.

    The permission's name is the first check's action. `principal` is the ARN of the user or of the role's session, or a service principal.
    """

    time_s: float
    source: str
    name: str
    principal: str = ""
    access_key_id: str = ""
    invoked_by: str = ""
    user_agent: str = ""
    checks: list[Check] = field(default_factory=list)
    error_code: str | None = None
    error_message: str | None = None
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))


_CURRENT: contextvars.ContextVar["ApiCall | None"] = contextvars.ContextVar("api_call", default=None)


@contextlib.contextmanager
def during(call: "ApiCall | None") -> Iterator[None]:
    """Collect the checks of the block for this call. With None, they are not collected."""
    token = _CURRENT.set(call)
    try:
        yield
    finally:
        _CURRENT.reset(token)


def name_call(operation: str) -> None:
    """Set the operation of the current call, once it is known."""
    if (call := _CURRENT.get()) is not None:
        call.name = operation


def note_check(check: Check) -> None:
    """Add a check to the current call."""
    if (call := _CURRENT.get()) is not None:
        call.checks.append(check)


class ApiRecord:
    """The calls of one local AWS, in `folder`. Any thread may add to it."""

    def __init__(self, folder: Path) -> None:
        self._path, self._older = folder / "calls.jsonl", folder / "calls.1.jsonl"
        self._lock = threading.Lock()
        self._count = 0
        self.recent: deque[tuple[int, ApiCall]] = deque(maxlen=_RECENT)

    @property
    def count(self) -> int:
        """The number of calls that this process has added."""
        return self._count

    def add(self, call: ApiCall) -> None:
        line = json.dumps(_as_json(call), separators=(",", ":")) + "\n"
        with self._lock:
            self._count += 1
            self.recent.append((self._count, call))
            with open(os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a") as file:
                file.write(line)
                is_full = file.tell() > _MAX_BYTES
            if is_full:
                self._path.replace(self._older)

    def since(self, count: int) -> tuple[int, list[ApiCall]]:
        """The calls after the first `count`, and the new count. Calls that no longer fit in memory are missing."""
        with self._lock:
            return self._count, [call for number, call in self.recent if number > count]

    def all(self) -> list[ApiCall]:
        """The calls that the files hold, the oldest first."""
        with self._lock:
            return [*read(self._older), *read(self._path)]


def read(path: Path) -> Sequence[ApiCall]:
    """The calls in one file. A line that a kill cut off is left out."""
    found = []
    for line in path.read_text().splitlines() if path.is_file() else ():
        with contextlib.suppress(ValueError, TypeError, KeyError):
            record = json.loads(line)
            found.append(ApiCall(**{**record, "checks": [Check(**check) for check in record["checks"]]}))
    return found


def _as_json(call: ApiCall) -> Mapping[str, Any]:
    return {**vars(call), "checks": [vars(check) for check in call.checks]}
