"""The artifact store: zip files in S3 with generated keys, read and written as the pipeline's role."""

import io
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from localaws.kit.s3 import encrypted_with

# https://docs.aws.amazon.com/codepipeline/latest/userguide/limits.html
_MOST_ARTIFACT_BYTES = 256 << 20
_MOST_FILE_BYTES = 1 << 20
_MISSING = ("NoSuchKey", "404", "NotFound")


class MissingFile(Exception):
    """The artifact, or the file in it, does not exist or is too large. The text names both."""


def artifact_key(pipeline: str, artifact: str, suffix: str) -> str:
    """The key of an output artifact: shortened names, then seven characters that make it unique."""
    return f"{pipeline[:20]}/{artifact[:10]}/{suffix}"


def zipped(files: Mapping[str, bytes]) -> bytes:
    """A zip archive of these files. The same files give the same bytes."""
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(files.items()):
            archive.writestr(zipfile.ZipInfo(name), content)
    return body.getvalue()


@dataclass(frozen=True, kw_only=True)
class Artifacts:
    """The artifact store of one pipeline. `kms_key` encrypts the artifacts; `client` creates the pipeline role's S3 client."""

    bucket: str
    kms_key: str | None
    client: Callable[[], Any]

    def write(self, key: str, body: bytes) -> None:
        encryption = encrypted_with(self.kms_key)
        self.client().put_object(Bucket=self.bucket, Key=key, Body=body, ContentType="application/zip", **encryption)

    def read(self, key: str, artifact: str, path: str) -> bytes:
        """The content of one file of an artifact. Raises MissingFile."""
        from botocore.exceptions import ClientError

        try:
            answer = self.client().get_object(Bucket=self.bucket, Key=key)
            if answer["ContentLength"] > _MOST_ARTIFACT_BYTES:
                raise MissingFile(f"The artifact [{artifact}] is larger than 256 MB, the most that an action of CloudFormation takes")
            body = answer["Body"].read()
        except ClientError as error:
            if error.response["Error"]["Code"] in _MISSING:
                raise MissingFile(f"The artifact [{artifact}] does not exist: s3://{self.bucket}/{key} is missing") from error
            raise
        try:
            with zipfile.ZipFile(io.BytesIO(body)) as archive:
                info = archive.getinfo(path.removeprefix("./"))
                if info.file_size > _MOST_FILE_BYTES:
                    raise MissingFile(f"File [{path}] in artifact [{artifact}] is larger than 1 MB, the most that CloudFormation takes")
                return archive.read(info)
        except zipfile.BadZipFile as error:
            raise MissingFile(f"The artifact [{artifact}] is not a zip file") from error
        except KeyError as error:
            raise MissingFile(f"File [{path}] does not exist in artifact [{artifact}]") from error

    def is_missing(self, key: str) -> bool:
        """Whether the artifact is missing. False if the role may not see it."""
        from botocore.exceptions import ClientError

        try:
            self.client().head_object(Bucket=self.bucket, Key=key)
        except ClientError as error:
            return error.response["Error"]["Code"] in _MISSING
        return False
