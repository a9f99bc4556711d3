"""Data capture: requests and answers of an endpoint, written to S3 as JSON lines under the model's role.

Source: Amazon SageMaker Developer Guide, "Capture data from real-time endpoint".
"""

import base64
import json
import random
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import RLock, Timer
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from localaws.kit.job_log import LogStream
from localaws.kit.s3 import encrypted_with, parse_uri
from localaws.kit.service import AwsError, Members
from localaws.sagemaker.execution_roles import Roles

_FLUSH_S = 1.0  # AWS collects requests for some minutes before it writes a file


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """A request that the model answered."""

    body: bytes
    content_type: str
    answer: bytes
    answer_type: str
    time_s: float
    inference_id: str = ""
    custom_attributes: str = ""


@dataclass(frozen=True, kw_only=True)
class Source:
    """The variant that answered: the prefix of its files, the role and the endpoint that write them, its log group and stream."""

    prefix: str
    role_arn: str
    endpoint_arn: str
    log: tuple[str, str]


def captured_line(config: Mapping[str, Any], exchange: Exchange, event_id: str) -> str:
    """A line of the file. `config` is the endpoint configuration's DataCaptureConfig."""
    modes = {option["CaptureMode"] for option in config["CaptureOptions"]}
    data: Members = {}
    if modes & {"Input", "InputAndOutput"}:
        data["endpointInput"] = _side(config, exchange.body, exchange.content_type, "INPUT")
    if modes & {"Output", "InputAndOutput"}:
        data["endpointOutput"] = _side(config, exchange.answer, exchange.answer_type, "OUTPUT")
    event: Members = {"eventId": event_id, "inferenceTime": f"{_utc(exchange.time_s):%Y-%m-%dT%H:%M:%SZ}"}
    if exchange.inference_id:
        event["inferenceId"] = exchange.inference_id
    if exchange.custom_attributes:
        event["customAttributes"] = [exchange.custom_attributes]
    return json.dumps({"captureData": data, "eventMetadata": event, "eventVersion": "0"})


def _side(config: Mapping[str, Any], content: bytes, content_type: str, mode: str) -> Members:
    """One side of an exchange. Its text is kept for the content types that the configuration names, otherwise it is Base64."""
    headers = config.get("CaptureContentTypeHeader", {})
    kind = content_type.split(";")[0].strip().lower()
    named = next((word for word in ("Csv", "Json") if kind in map(str.lower, headers.get(f"{word}ContentTypes", []))), None)
    encoding = named.upper() if named else "BASE64"
    data = content.decode(errors="replace") if named else base64.b64encode(content).decode()
    return {"observedContentType": content_type, "mode": mode, "data": data, "encoding": encoding}


def _utc(time_s: float) -> datetime:
    return datetime.fromtimestamp(time_s, UTC)


class DataCapture:
    """Collects lines and writes them soon. Lines that are not written yet are part of the service's state."""

    def __init__(self, roles: Roles, *, lock: RLock, chance: random.Random | None = None) -> None:
        self._roles, self._lock, self._chance = roles, lock, chance or random.Random()
        self._waiting: list[Members] = []
        self._timer: Timer | None = None

    def take(self, config: Mapping[str, Any], source: Source, exchange: Exchange) -> bool:
        """Capture the exchange if the sample takes it."""
        if not config.get("EnableCapture") or self._chance.random() * 100 >= config["InitialSamplingPercentage"]:
            return False
        hour, event_id = f"{_utc(exchange.time_s):%Y/%m/%d/%H}", str(uuid.uuid4())
        file = [f"{config['DestinationS3Uri'].rstrip('/')}/{source.prefix}/{hour}", source.role_arn, source.endpoint_arn]
        entry = {"file": [*file, config.get("KmsKeyId", ""), *source.log], "line": captured_line(config, exchange, event_id)}
        self.load([entry])
        return True

    def to_json(self) -> list[Members]:
        with self._lock:
            return list(self._waiting)

    def load(self, entries: Sequence[Members]) -> None:
        with self._lock:
            self._waiting.extend(entries)
            if self._waiting and self._timer is None:
                self._timer = Timer(_FLUSH_S, self.flush)
                self._timer.daemon = True
                self._timer.start()

    def shut_down(self) -> None:
        """Stop writing. Waiting lines are written after the next start."""
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()

    def flush(self) -> None:
        """Write the waiting lines, one file for each variant and hour."""
        with self._lock:
            waiting, self._waiting, self._timer = self._waiting, [], None
        for file in dict.fromkeys(tuple(entry["file"]) for entry in waiting):
            self._write(file, [entry["line"] for entry in waiting if tuple(entry["file"]) == file])

    def _write(self, file: tuple[str, ...], lines: Sequence[str]) -> None:
        folder, role_arn, endpoint_arn, key, group, stream = file
        name = f"{_utc(datetime.now(UTC).timestamp()):%M-%S}-{uuid.uuid4()}.jsonl"
        try:
            location = parse_uri(f"{folder}/{name}")
            s3 = self._roles.client("s3", role_arn=role_arn, source_arn=endpoint_arn)
            s3.put_object(Bucket=location.bucket, Key=location.key, Body="".join(f"{line}\n" for line in lines), **encrypted_with(key))
        except (AwsError, ClientError, BotoCoreError, ValueError) as error:
            log = LogStream(lambda: self._roles.client("logs", role_arn=role_arn, source_arn=endpoint_arn), group=group, stream=stream)
            log.put([f"{len(lines)} captured requests could not be written to {folder}: {error}"])
