"""The events of CloudWatch Logs on disk: one file for each stream, to which a batch is appended before its call is answered.

The emulator saves all of a service's state at once. Without this module, every batch would write all events of the account again, twice:
with the streams, and for the pointers of GetLogRecord and Insights, which the local AWS does not offer. Here the state names each
stream's file, and what was written stays as it is.
"""

import json
import os
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from localaws.kit.files import write_whole

FOLDER = "log_events"
_FILE = "eventsFile"  # the member of a stream that names its file
_DAY_MS = 86_400_000


def keep_in_files(state_folder: Path) -> None:
    """Let the emulator keep log events in files below `state_folder`. A start forgets those that are older than their group's retention."""
    from ministack.services import cloudwatch_logs as logs

    folder = state_folder / FOLDER
    append, restore, members = logs._append_log_events, logs.load_persisted_state, list(logs.get_state())
    logs._log_records = _Forgotten()

    def append_to_file(stream: dict[str, Any], events: list[dict[str, Any]]) -> None:
        append(stream, events)
        _append(folder, stream, events)

    def state_without_events() -> dict[str, Any]:
        state = {name: getattr(logs, f"_{name}") for name in members}
        return {**state, "log_groups": _without_events(logs._log_groups)}

    def restore_with_events(state: dict[str, Any]) -> None:
        groups = state.get("log_groups")
        for group in groups._data.values() if groups else ():
            for stream in group["streams"].values():
                _read(folder, stream, group.get("retentionInDays"))
        restore(state)
        _remove_others(folder, {stream.get(_FILE) for stream in _streams(logs._log_groups)})

    logs._append_log_events, logs.get_state, logs.load_persisted_state = append_to_file, state_without_events, restore_with_events


class _Forgotten(dict[str, Any]):
    """Takes the pointers to single events, which nobody can ask for, and holds none."""

    def __setitem__(self, pointer: str, record: Any) -> None:
        pass

    def update(self, *_: Any, **__: Any) -> None:
        pass


def _append(folder: Path, stream: dict[str, Any], events: list[dict[str, Any]]) -> None:
    if not events:
        return
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / stream.setdefault(_FILE, uuid.uuid4().hex)
    with open(path, "ab", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write("".join(f"{json.dumps(event)}\n" for event in events).encode())


def _read(folder: Path, stream: dict[str, Any], retention_days: int | None) -> None:
    """Give the stream the events of its file. A state from before there were files holds them itself: they get one."""
    if _FILE not in stream:
        _append(folder, stream, stream["events"])
        return
    path = folder / stream[_FILE]
    oldest_ms = time.time() * 1000 - retention_days * _DAY_MS if retention_days else 0
    content = path.read_bytes() if path.exists() else b""
    whole = [line for line in content.splitlines(keepends=True) if line.endswith(b"\n")]  # a kill may have cut the last one short
    read = [(line, event) for line in whole if (event := json.loads(line))["timestamp"] >= oldest_ms]
    stream["events"] = [event for _, event in read]
    if (kept := b"".join(line for line, _ in read)) != content:
        write_whole(path, kept)


def _streams(groups: Any) -> Iterator[dict[str, Any]]:
    yield from (stream for group in groups._data.values() for stream in group["streams"].values())


def _without_events(groups: Any) -> Any:
    light = type(groups)()
    light._data = {
        key: {**group, "streams": {name: {**stream, "events": []} for name, stream in group["streams"].items()}}
        for key, group in groups._data.items()
    }
    return light


def _remove_others(folder: Path, named: set[str | None]) -> None:
    """Remove the files of streams that were deleted."""
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.name not in named:
            path.unlink(missing_ok=True)
