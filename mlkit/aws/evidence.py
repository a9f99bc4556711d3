"""Where executed notebooks go: below an s3:// prefix, while they run and when they end."""

from collections.abc import Callable
from pathlib import Path

from mlkit.aws.objects import split_uri
from mlkit.aws.session import Session, aws_errors

_CONTENT_TYPES = {".ipynb": "application/x-ipynb+json", ".json": "application/json"}


def evidence_store(aws: Session, s3_uri: str) -> Callable[[Path], None]:
    """A function that puts a file below `s3_uri` under the file's name, replacing what it put there before."""
    bucket, prefix = split_uri(s3_uri)
    client = aws.client("s3")

    def store(path: Path) -> None:
        key = f"{prefix.rstrip('/')}/{path.name}".lstrip("/")
        with aws_errors():
            client.put_object(Bucket=bucket, Key=key, Body=path.read_bytes(), ContentType=_CONTENT_TYPES.get(path.suffix, "text/plain"))

    return store
