"""The data lake in an account that may have no Glue database `default`, with ratings."""

import uuid

from botocore.exceptions import ClientError

from live.lab import Lab
from mlkit.aws.stacks import deploy_stack
from mlkit.cli.console import StackEvents
from mlkit.cli.data_commands import commands_of
from mlkit.errors import MlkitError
from mlkit.naming import DATALAKE_TEMPLATE


def deploy(lab: Lab) -> str:
    """Deploy the lake and load the ratings. Says whether the account has a database `default`, and leaves it as it is."""
    had = _has_default(lab)
    lab.folder.note(had_default=had)
    parameters = {"YourInitials": lab.names.initials}
    template = lab.project.root / DATALAKE_TEMPLATE
    deploy_stack(lab.aws, lab.names.datalake_stack, template, parameters, capabilities=("CAPABILITY_IAM",), on_event=StackEvents())
    address = commands_of(lab.project).load_table(lab.project, lab.project.about.source, lab.names.initials)
    return f"{address}; the account {'has a' if had else 'had no'} Glue database `default` before"


def default_database(lab: Lab) -> str:
    """Whether Athena's queries made a database `default`."""
    return f"Glue database `default`: {'there is one' if _has_default(lab) else 'there is none'}"


def write_once(lab: Lab) -> str:
    """A second write of one key is refused. Raises MlkitError if S3 accepts it."""
    s3, key = lab.client("s3"), f"live/{uuid.uuid4().hex}"
    once = {"Bucket": lab.names.bucket, "Key": key, "IfNoneMatch": "*", "ChecksumAlgorithm": "SHA256"}
    version = s3.put_object(Body=b"1", **once)["VersionId"]
    try:
        s3.put_object(Body=b"2", **once)
    except ClientError as error:
        code, status = error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]
        if code == "PreconditionFailed":
            return f"version {version}; the second write was refused with {code} ({status})"
        raise
    raise MlkitError(f"s3://{lab.names.bucket}/{key} was written twice", cure="Evidence would not be write-once: report it.")


def _has_default(lab: Lab) -> bool:
    try:
        lab.client("glue").get_database(Name="default")
    except ClientError as error:
        if error.response["Error"]["Code"] == "EntityNotFoundException":
            return False
        raise
    return True
