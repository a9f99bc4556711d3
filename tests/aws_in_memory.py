"""The few operations of S3, CodePipeline, KMS and SageMaker's registry that sealing calls, in memory: no server, no wait."""

import io
from collections.abc import Iterator
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from botocore.exceptions import ClientError
from botocore.response import StreamingBody
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

REGION = "eu-west-3"


def refusal(code: str, operation: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": code}}, operation)


class Pages(SimpleNamespace):
    """A paginator: `paginate` gives the pages of the function that it was made with."""

    def paginate(self, **request: Any) -> Any:
        class Found(list):  # type: ignore[type-arg]
            def search(self, member: str) -> Iterator[Any]:
                return (item for page in self for item in page[member.removesuffix("[]")])

        return Found(self.pages(**request))


class S3:
    """Objects with all their versions. `now` is the time of a write."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.versions: dict[tuple[str, str], list[dict[str, Any]]] = {}
        self.deleted: list[tuple[str, str]] = []
        self.requests: list[dict[str, Any]] = []

    def put(self, s3_uri: str, data: bytes, *at: datetime) -> None:
        """Write the object, once for each time."""
        bucket, key = s3_uri.removeprefix("s3://").split("/", 1)
        for moment in at or (self.now,):
            found = self.versions.setdefault((bucket, key), [])
            found.append({"id": f"v{len(found) + 1}", "data": data, "at": moment})

    def content(self, s3_uri: str) -> bytes:
        return self.get_object(*s3_uri.removeprefix("s3://").split("/", 1))["Body"].read()

    def names(self, bucket: str) -> list[str]:
        return sorted(key for held, key in self.versions if held == bucket)

    def get_object(self, Bucket: str, Key: str, VersionId: str | None = None) -> dict[str, Any]:
        for version in reversed(self.versions.get((Bucket, Key), [])):
            if VersionId in (None, version["id"]):
                data = version["data"]
                return {"Body": StreamingBody(io.BytesIO(data), len(data)), "VersionId": version["id"], "LastModified": version["at"]}
        raise refusal("NoSuchKey", "GetObject")

    def head_object(self, Bucket: str, Key: str) -> dict[str, Any]:
        return self.get_object(Bucket, Key)

    def put_object(self, Bucket: str, Key: str, Body: bytes, **others: Any) -> dict[str, Any]:
        self.requests.append({"Bucket": Bucket, "Key": Key, **others})
        if others.get("IfNoneMatch") == "*" and (Bucket, Key) in self.versions:
            raise refusal("PreconditionFailed", "PutObject")
        self.put(f"s3://{Bucket}/{Key}", Body)
        return {"VersionId": self.versions[Bucket, Key][-1]["id"]}

    def get_paginator(self, operation: str) -> Pages:
        assert operation == "list_object_versions"
        return Pages(pages=self._list)

    def _list(self, Bucket: str, Prefix: str) -> Iterator[dict[str, Any]]:
        """A page for each object, its newest version first."""
        for (bucket, key), found in sorted(self.versions.items()):
            if bucket == Bucket and key.startswith(Prefix):
                items = [{"Key": key, "VersionId": one["id"], "LastModified": one["at"], "Size": len(one["data"])} for one in found]
                yield {"Versions": [{**item, "IsLatest": item is items[-1]} for item in reversed(items)]}
        for bucket, key in self.deleted:
            if bucket == Bucket and key.startswith(Prefix):
                yield {"DeleteMarkers": [{"Key": key, "VersionId": "m", "LastModified": self.now}]}


class CodePipeline:
    """The actions of one execution, as ListActionExecutions tells them, the newest first."""

    def __init__(self, pipeline: str, execution: str) -> None:
        self.of = {"pipelineName": pipeline, "filter": {"pipelineExecutionId": execution}}
        self.actions: list[dict[str, Any]] = []
        self.looks = 0

    def get_paginator(self, operation: str) -> Pages:
        assert operation == "list_action_executions"
        return Pages(pages=self._list)

    def _list(self, **asked: Any) -> Iterator[dict[str, Any]]:
        self.looks += 1
        for action in reversed(self.actions if asked == self.of else []):
            yield {"actionExecutionDetails": [action]}


class Kms:
    """One key of the curve P-256."""

    def __init__(self, number: int = 7) -> None:
        self.key = ec.derive_private_key(number, ec.SECP256R1())
        self.asked: list[str] = []

    def get_public_key(self, KeyId: str) -> dict[str, Any]:
        self.asked.append(KeyId)
        public = self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return {"PublicKey": public, "KeySpec": "ECC_NIST_P256", "KeyUsage": "SIGN_VERIFY"}

    def sign(self, KeyId: str, Message: bytes, MessageType: str, SigningAlgorithm: str) -> dict[str, Any]:
        assert (MessageType, SigningAlgorithm) == ("DIGEST", "ECDSA_SHA_256")
        return {"Signature": self.key.sign(Message, ec.ECDSA(Prehashed(SHA256())))}


class Registry:
    """The versions of one model package group, the newest first."""

    def __init__(self) -> None:
        self.packages: list[dict[str, Any]] = []

    def get_paginator(self, operation: str) -> Pages:
        assert operation == "list_model_packages"
        return Pages(pages=self._list)

    def _list(self, ModelPackageGroupName: str, ModelApprovalStatus: str | None = None, **_: Any) -> Iterator[dict[str, Any]]:
        held = [one for one in reversed(self.packages) if one["ModelPackageGroupName"] == ModelPackageGroupName]
        yield {"ModelPackageSummaryList": [one for one in held if ModelApprovalStatus in (None, one["ModelApprovalStatus"])]}

    def create_model_package(self, **package: Any) -> dict[str, Any]:
        version = len(self.packages) + 1
        arn = f"arn:aws:sagemaker:{REGION}:123456789012:model-package/{package['ModelPackageGroupName']}/{version}"
        self.packages.append({**package, "ModelPackageArn": arn, "ModelPackageVersion": version})
        return {"ModelPackageArn": arn}

    def describe_model_package(self, ModelPackageName: str) -> dict[str, Any]:
        return next(one for one in self.packages if one["ModelPackageArn"] == ModelPackageName)

    def update_model_package(self, ModelPackageArn: str, **changes: Any) -> None:
        self.describe_model_package(ModelPackageArn).update(changes)


class InMemory:
    """In place of mlkit's Session. `polls` holds the waits that were asked for; none waits."""

    def __init__(self, **clients: Any) -> None:
        self.client: Any = clients.__getitem__
        self.region = REGION
        self.polls: list[float] = []

    def poll_s(self, on_aws_s: float) -> float:
        self.polls.append(on_aws_s)
        return 0.0
