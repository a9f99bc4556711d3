"""A batch transform job: its record, how its input is split into requests, and how answers make a file."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from localaws.kit.timestamps import moment
from localaws.sagemaker.resource_tables import Resource

_MB = 1 << 20
_DEFAULT_PAYLOAD_MB = 6
_MAX_REASON = 1024  # the service keeps this many characters of a failure reason
# Members of the request that DescribeTransformJob shows unchanged.
_ECHOED = (
    "ModelName",
    "MaxConcurrentTransforms",
    "ModelClientConfig",
    "MaxPayloadInMB",
    "BatchStrategy",
    "Environment",
    "TransformInput",
    "TransformOutput",
    "TransformResources",
    "DataProcessing",
)


@dataclass(kw_only=True)
class TransformJob(Resource):
    """`request` is CreateTransformJob's. Image, model file and role are those that the model had at the creation."""

    request: dict[str, Any]
    image: str
    model_data_url: str
    role_arn: str
    status: str = "InProgress"
    failure_reason: str | None = None
    started: float | None = None
    ended: float | None = None

    def end(self, status: str, now: float, reason: str | None = None) -> None:
        if self.ended is None:
            self.status, self.ended, self.modified = status, now, now
            self.failure_reason = reason[:_MAX_REASON] if reason else None

    def describe(self) -> dict[str, Any]:
        shown = {name: self.request[name] for name in _ECHOED if self.request.get(name)}
        times = {"TransformStartTime": self.started, "TransformEndTime": self.ended}
        return {
            "TransformJobName": self.name,
            "TransformJobArn": self.arn,
            "TransformJobStatus": self.status,
            "CreationTime": moment(self.created),
            **shown,
            "TransformInput": {"CompressionType": "None", "SplitType": "None", **self.request["TransformInput"]},
            "TransformOutput": {"AssembleWith": "None", "KmsKeyId": "", **self.request["TransformOutput"]},
            **{name: moment(time) for name, time in times.items() if time is not None},
            **({"FailureReason": self.failure_reason} if self.failure_reason else {}),
        }

    def summary(self) -> dict[str, Any]:
        return {
            "TransformJobName": self.name,
            "TransformJobArn": self.arn,
            "CreationTime": moment(self.created),
            "LastModifiedTime": moment(self.modified),
            "TransformJobStatus": self.status,
            **({"TransformEndTime": moment(self.ended)} if self.ended is not None else {}),
            **({"FailureReason": self.failure_reason} if self.failure_reason else {}),
        }


def requests_of(content: bytes, request: Mapping[str, Any]) -> Iterator[bytes]:
    """The bodies that the model gets for one object, by SplitType, BatchStrategy and MaxPayloadInMB. Raises ValueError."""
    limit = (request.get("MaxPayloadInMB") or _DEFAULT_PAYLOAD_MB) * _MB
    if request["TransformInput"].get("SplitType", "None") == "None":
        records: Sequence[bytes] = [content]
    else:
        records = content.splitlines(keepends=True)
    if any(len(record) > limit for record in records):
        raise ValueError(f"a record has more than {limit} bytes, the limit of MaxPayloadInMB")
    if request.get("BatchStrategy") == "SingleRecord":
        yield from records
        return
    batch, size = list[bytes](), 0
    for record in records:
        if batch and size + len(record) > limit:
            yield b"".join(batch)
            batch, size = [], 0
        batch.append(record)
        size += len(record)
    if batch:
        yield b"".join(batch)


def assembled(answers: Sequence[bytes], request: Mapping[str, Any]) -> bytes:
    """The content of the object with the answers, by AssembleWith."""
    if request["TransformOutput"].get("AssembleWith", "None") == "None":
        return b"".join(answers)
    return b"".join(answer.removesuffix(b"\n") + b"\n" for answer in answers)
