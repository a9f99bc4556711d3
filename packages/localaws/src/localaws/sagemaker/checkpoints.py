"""Keeps a job's /opt/ml/checkpoints and the objects of its CheckpointConfig alike, under the role.

SageMaker downloads them before training and uploads files that changed while the job runs.
"""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from localaws.kit.s3 import Location, download, encrypted_with, keys_below, parse_uri, path_inside, upload
from localaws.sagemaker.input_data import DataUnavailable, describe, relative_name

LOCAL_PATHS = ("/opt/ml/checkpoints", "/opt/ml/checkpoints/")
_PAUSE_S = 1.0


class Checkpoints:
    """The files in `folder` and the objects below `s3_uri`. `client` creates S3 clients with new credentials of the job's role."""

    def __init__(self, s3_uri: str, folder: Path, client: Callable[[], Any]) -> None:
        location = parse_uri(s3_uri)
        self._prefix = Location(bucket=location.bucket, key=location.key.rstrip("/") + "/" if location.key else "")
        self._folder, self._client = folder, client
        self._sent: dict[Path, tuple[int, int]] = {}
        self._end = Event()
        self._uploads = Thread(target=self._upload_until_end, name="checkpoints", daemon=True)

    def download(self) -> None:
        """Raises DataUnavailable with S3's own code and text."""
        self._folder.mkdir(parents=True)
        s3 = self._client()
        try:
            for key in keys_below(s3, self._prefix):
                path = path_inside(self._folder, relative_name(key, self._prefix.key))
                download(s3, Location(bucket=self._prefix.bucket, key=key), path)
                self._sent[path] = _version(path)
        except ClientError as error:
            raise DataUnavailable(f"ClientError: Data download failed:{describe(error)}") from error
        except (OSError, BotoCoreError, ValueError) as error:
            raise DataUnavailable(f"ClientError: Data download failed:{error}") from error

    def start(self) -> None:
        """Upload what changes, until finish()."""
        self._uploads.start()

    def finish(self) -> None:
        """Upload the rest. Raises DataUnavailable with S3's own code and text."""
        self.stop()
        try:
            self._upload_changed()
        except ClientError as error:
            raise DataUnavailable(f"ClientError: Checkpoint upload failed:{describe(error)}") from error
        except BotoCoreError as error:
            raise DataUnavailable(f"ClientError: Checkpoint upload failed:{error}") from error

    def stop(self) -> None:
        """Upload nothing more. May be called twice, or without start()."""
        self._end.set()
        if self._uploads.is_alive():
            self._uploads.join()

    def _upload_until_end(self) -> None:
        while not self._end.wait(_PAUSE_S):
            with suppress(ClientError, BotoCoreError, OSError):  # the next attempt, or finish(), repeats the upload
                self._upload_changed()

    def _upload_changed(self) -> None:
        files = {path: _version(path) for path in self._folder.rglob("*") if path.is_file()}
        changed = [path for path, version in files.items() if self._sent.get(path) != version]
        if not changed:
            return
        s3 = self._client()
        for path in changed:
            key = self._prefix.key + path.relative_to(self._folder).as_posix()
            upload(s3, path, Location(bucket=self._prefix.bucket, key=key), encryption=encrypted_with(None))
            self._sent[path] = files[path]


def _version(path: Path) -> tuple[int, int]:
    """Changes when the file is replaced or written to."""
    status = path.stat()
    return status.st_ino, status.st_mtime_ns
