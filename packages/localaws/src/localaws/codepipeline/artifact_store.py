"""The artifact store: zip files in S3, under generated keys, read and written as the pipeline's role."""

import io
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from localaws.kit.s3 import encrypted_with

_MISSING = ("NoSuchKey", "404", "NotFound")


class MissingFile(Exception):
    """The artifact, or the file in it, is not there; the text names both."""


def artifact_key(pipeline: str, artifact: str, suffix: str) -> str:
    """Where an output artifact goes: shortened names, then seven characters that make it unique."""
    return f"{pipeline[:20]}/{artifact[:10]}/{suffix}"


def zipped(files: Mapping[str, bytes]) -> bytes:
    """An archive of these files; the same files give the same bytes."""
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(files.items()):
            archive.writestr(zipfile.ZipInfo(name), content)
    return body.getvalue()


@dataclass(frozen=True, kw_only=True)
class Artifacts:
    """One pipeline's store. `kms_key` encrypts what is written; `client` makes the pipeline role's S3 client."""

    bucket: str
    kms_key: str | None
    client: Callable[[], Any]

    def write(self, key: str, body: bytes) -> None:
        encryption = encrypted_with(self.kms_key)
        self.client().put_object(Bucket=self.bucket, Key=key, Body=body, ContentType="application/zip", **encryption)

    def read(self, key: str, artifact: str, path: str) -> bytes:
        """One file of an artifact. Raises MissingFile."""
        from botocore.exceptions import ClientError

        try:
            body = self.client().get_object(Bucket=self.bucket, Key=key)["Body"].read()
        except ClientError as error:
            if error.response["Error"]["Code"] in _MISSING:
                raise MissingFile(f"The artifact [{artifact}] does not exist: there is no s3://{self.bucket}/{key}") from error
            raise
        try:
            with zipfile.ZipFile(io.BytesIO(body)) as archive:
                return archive.read(path.removeprefix("./"))
        except zipfile.BadZipFile as error:
            raise MissingFile(f"The artifact [{artifact}] is no zip file") from error
        except KeyError as error:
            raise MissingFile(f"File [{path}] does not exist in artifact [{artifact}]") from error

    def is_missing(self, key: str) -> bool:
        """Whether nobody wrote the artifact; not known to be missing where the role may not look."""
        from botocore.exceptions import ClientError

        try:
            self.client().head_object(Bucket=self.bucket, Key=key)
        except ClientError as error:
            return error.response["Error"]["Code"] in _MISSING
        return False
