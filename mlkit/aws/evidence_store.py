"""Stores executed notebooks and their records below an s3:// prefix, while they run and when they end."""

from dataclasses import dataclass

from mlkit.aws.s3_objects import list_objects, object_errors, read_object, split_uri
from mlkit.aws.session import Session, aws_errors
from mlkit.errors import MlkitError
from mlkit.evidence.run_record import Earlier, RunRecord

_CONTENT_TYPES = {".ipynb": "application/x-ipynb+json", ".json": "application/json"}


class EvidenceStore:
    """Stores files below `s3_uri`, the prefix of one attempt. Other attempts have sibling prefixes."""

    def __init__(self, aws: Session, s3_uri: str) -> None:
        split_uri(s3_uri)  # raises UsageError for anything but an S3 address
        self.aws = aws
        self.s3_uri = s3_uri.rstrip("/")

    def address(self, name: str) -> str:
        return f"{self.s3_uri}/{name}"

    def put(self, name: str, data: bytes) -> None:
        """Write the bytes below the prefix; they replace an earlier file of that name."""
        address = self.address(name)
        bucket, key = split_uri(address)
        suffix = name[name.rfind(".") :]
        with object_errors(address):
            self.aws.client("s3").put_object(
                Bucket=bucket, Key=key, Body=data, ContentType=_CONTENT_TYPES.get(suffix, "text/plain"), ChecksumAlgorithm="SHA256"
            )

    def unfinished(self, record_name: str) -> Earlier | None:
        """The newest record of that name in this attempt's place or beside it, if it never ended.

        Also None if the role may not list earlier attempts; that does not fail the run.
        """
        parent = self.s3_uri.rpartition("/")[0]
        bucket = split_uri(self.s3_uri)[0]
        if parent in ("s3:/", f"s3://{bucket}"):
            return None  # at the top of a bucket, sibling prefixes need not be attempts
        try:
            found = [item for item in list_objects(self.aws, f"{parent}/") if item["Key"].endswith(f"/{record_name}")]
            if not found:
                return None
            address = f"s3://{bucket}/{max(found, key=lambda item: item['LastModified'])['Key']}"
            record = RunRecord.from_json(read_object(self.aws, address).decode())
        except MlkitError:
            return None
        return Earlier(record=address, started=record.started) if record.ended is None else None


@dataclass(frozen=True, kw_only=True)
class Caller:
    """The caller's identity from AWS; `role` is the caller's ARN."""

    account: str
    role: str
    region: str


def caller(aws: Session) -> Caller:
    """One call to STS, which every role may make."""
    with aws_errors():
        identity = aws.client("sts").get_caller_identity()
    return Caller(account=str(identity["Account"]), role=str(identity["Arn"]), region=aws.region)
