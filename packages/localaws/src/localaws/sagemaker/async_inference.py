"""Asynchronous invocations: the request is read from S3 and the answer written to S3, both under the model's role.

Source: Amazon SageMaker Developer Guide, "Invoke an asynchronous endpoint".
"""

import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from localaws.kit.s3 import parse_uri
from localaws.kit.service import AwsError, Members

_AT_A_TIME = 2
_MAX_INPUT_BYTES = 100 << 20  # AWS reads up to 1 GB; a request is held in memory here


class AsyncInvocations:
    """The queue of asynchronous invocations. `answer` runs one, given its request and its body; `client` is one of the model's role."""

    def __init__(self, *, answer: Callable[[Members, bytes], tuple[bytes, str]], changed: Callable[[], None]) -> None:
        self._answer, self._changed = answer, changed
        self._waiting: dict[str, Members] = {}
        self._lock = Lock()
        self._workers = ThreadPoolExecutor(max_workers=_AT_A_TIME, thread_name_prefix="async-invocation")

    def add(self, request: Members, config: Mapping[str, Any], client: Callable[[Members], Any]) -> Members:
        """Accept an invocation. Returns InvokeEndpointAsync's answer. `config` is the endpoint's AsyncInferenceConfig."""
        inference_id = request.get("InferenceId") or str(uuid.uuid4())
        output = config["OutputConfig"]
        answer = {"InferenceId": inference_id, "OutputLocation": f"{output['S3OutputPath'].rstrip('/')}/{uuid.uuid4()}.out"}
        if failure := output.get("S3FailurePath"):
            answer["FailureLocation"] = f"{failure.rstrip('/')}/{uuid.uuid4()}-error.out"
        self.load([{**request, **answer, "Received": time.time()}], client)
        return answer

    def load(self, invocations: Sequence[Members], client: Callable[[Members], Any]) -> None:
        """Queue invocations; after a restart, those that had not ended."""
        for invocation in invocations:
            with self._lock:
                self._waiting[invocation["OutputLocation"]] = invocation
            self._workers.submit(self._run, invocation, client)

    def to_json(self) -> list[Members]:
        with self._lock:
            return list(self._waiting.values())

    def shut_down(self) -> None:
        self._workers.shutdown(wait=True, cancel_futures=True)

    def _run(self, invocation: Members, client: Callable[[Members], Any]) -> None:
        try:
            s3 = client(invocation)
            try:
                body, content_type = self._answer(*_read(s3, invocation))
                _write(s3, invocation["OutputLocation"], body, content_type)
            except (AwsError, ClientError, BotoCoreError, ValueError) as error:
                if "FailureLocation" in invocation:
                    _write(s3, invocation["FailureLocation"], str(error).encode(), "text/plain")
        except (AwsError, ClientError, BotoCoreError):
            pass  # the role may not write the answer, or the endpoint is gone: on AWS too, nobody hears of it
        finally:
            with self._lock:
                self._waiting.pop(invocation["OutputLocation"], None)
            self._changed()


def _read(s3: Any, invocation: Members) -> tuple[Members, bytes]:
    """The request with its body. Without a content type it has the object's. Raises ValueError if it waited too long or is too large."""
    if time.time() - invocation["Received"] > invocation.get("RequestTTLSeconds", 21_600):
        raise ValueError("The request waited longer than RequestTTLSeconds.")
    location = parse_uri(invocation["InputLocation"])
    found = s3.get_object(Bucket=location.bucket, Key=location.key)
    if found["ContentLength"] > _MAX_INPUT_BYTES:
        raise ValueError(f"The local AWS reads at most {_MAX_INPUT_BYTES} bytes of an asynchronous request.")
    return {"ContentType": found.get("ContentType", ""), **invocation}, bytes(found["Body"].read())


def _write(s3: Any, uri: str, body: bytes, content_type: str) -> None:
    location = parse_uri(uri)
    s3.put_object(Bucket=location.bucket, Key=location.key, Body=body, ContentType=content_type)
