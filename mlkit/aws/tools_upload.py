"""Uploads the code that seals evidence and verifies approvals to the evidence bucket, under its digest."""

from mlkit.aws.s3_objects import write_once
from mlkit.aws.session import Session
from mlkit.evidence.layout import tools_object
from mlkit.evidence.manifest import sha256_of


def upload(aws: Session, evidence: str, tools: bytes) -> str:
    """The address of the uploaded tools. An object that is there already is compared, not replaced."""
    address = tools_object(evidence, sha256_of(tools))
    write_once(aws, address, tools)
    return address
