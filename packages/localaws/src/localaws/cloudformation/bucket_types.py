"""AWS::S3::Bucket and AWS::S3::BucketPolicy, by the calls that CloudFormation makes to S3."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from localaws.kit.properties import as_bool, as_json, gone_is_fine, name_of, picked, undone_on_failure
from localaws.kit.service import Provisioned, ResourceRequest, ResourceType

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client


def _encryption(value: Mapping[str, Any]) -> dict[str, Any]:
    rules = [
        {"ApplyServerSideEncryptionByDefault": rule["ServerSideEncryptionByDefault"]} | picked(rule, "BucketKeyEnabled")
        for rule in value["ServerSideEncryptionConfiguration"]
    ]
    return {"Rules": rules}


def _lifecycle(value: Mapping[str, Any]) -> dict[str, Any]:
    return {"Rules": [_lifecycle_rule(rule) for rule in value["Rules"]]}


def _lifecycle_rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    known = {"Id", "Status", "Prefix", "ExpirationInDays", "ExpiredObjectDeleteMarker"}
    same = ("NoncurrentVersionExpiration", "AbortIncompleteMultipartUpload")
    if unknown := set(rule) - known - set(same):
        raise ValueError(f"The local AWS does not honour {', '.join(sorted(unknown))} in a lifecycle rule.")
    found: dict[str, Any] = {"Status": rule["Status"], "Filter": {"Prefix": rule.get("Prefix", "")}} | picked(rule, *same)
    if "Id" in rule:
        found["ID"] = rule["Id"]
    expiration = {"Days": int(rule["ExpirationInDays"])} if "ExpirationInDays" in rule else {}
    if "ExpiredObjectDeleteMarker" in rule:
        expiration |= {"ExpiredObjectDeleteMarker": as_bool(rule["ExpiredObjectDeleteMarker"])}
    return found | ({"Expiration": expiration} if expiration else {})


def _logging(value: Mapping[str, Any]) -> dict[str, Any]:
    return {"LoggingEnabled": {"TargetBucket": value["DestinationBucketName"], "TargetPrefix": value.get("LogFilePrefix", "")}}


def _object_lock(value: Any) -> dict[str, Any]:
    """The setting with numbers for days and years, because a template's parameter passes them as text."""
    rule = value.get("Rule", {}).get("DefaultRetention", {})
    periods = {name: int(rule[name]) for name in ("Days", "Years") if name in rule}
    return {**value, **({"Rule": {"DefaultRetention": {**rule, **periods}}} if rule else {})}


# property -> the call that sets it, its argument, the argument's value, and the call that removes it (None: the first call, with {})
_SETTINGS: Mapping[str, tuple[str, str, Callable[[Any], Any], str | None]] = {
    "VersioningConfiguration": ("put_bucket_versioning", "VersioningConfiguration", dict, None),
    "OwnershipControls": ("put_bucket_ownership_controls", "OwnershipControls", dict, "delete_bucket_ownership_controls"),
    "PublicAccessBlockConfiguration": (
        "put_public_access_block",
        "PublicAccessBlockConfiguration",
        lambda value: {name: as_bool(item) for name, item in value.items()},
        "delete_public_access_block",
    ),
    "BucketEncryption": ("put_bucket_encryption", "ServerSideEncryptionConfiguration", _encryption, "delete_bucket_encryption"),
    "LifecycleConfiguration": ("put_bucket_lifecycle_configuration", "LifecycleConfiguration", _lifecycle, "delete_bucket_lifecycle"),
    "LoggingConfiguration": ("put_bucket_logging", "BucketLoggingStatus", _logging, None),
    "ObjectLockConfiguration": ("put_object_lock_configuration", "ObjectLockConfiguration", _object_lock, None),
    "Tags": ("put_bucket_tagging", "Tagging", lambda value: {"TagSet": value}, "delete_bucket_tagging"),
}


def _create_bucket(request: ResourceRequest) -> Provisioned:
    s3, name = request.client("s3"), name_of(request, request.properties.get("BucketName"), longest=63, lower=True)
    more: dict[str, Any] = {}
    if as_bool(request.properties.get("ObjectLockEnabled", False)):
        more["ObjectLockEnabledForBucket"] = True
    if (region := s3.meta.region_name) != "us-east-1":
        more["CreateBucketConfiguration"] = {"LocationConstraint": region}
    if _exists(s3, name):  # in us-east-1, a second CreateBucket by the owner succeeds
        raise ValueError(f"{name} already exists")
    s3.create_bucket(Bucket=name, **more)
    with undone_on_failure(lambda: s3.delete_bucket(Bucket=name)):
        _configure(s3, name, request)
    return _bucket(name, region)


def _exists(s3: "S3Client", name: str) -> bool:
    """Whether a bucket of this name exists. Status 403 means that it exists and the caller may not read it."""
    from botocore.exceptions import ClientError

    try:
        s3.head_bucket(Bucket=name)
    except ClientError as error:
        return bool(error.response["ResponseMetadata"]["HTTPStatusCode"] == 403)
    return True


def _update_bucket(request: ResourceRequest) -> Provisioned:
    s3, name = request.client("s3"), str(request.physical_id)
    _configure(s3, name, request)
    return _bucket(name, s3.meta.region_name)


def _configure(s3: "S3Client", name: str, request: ResourceRequest) -> None:
    for setting, (put, argument, translate, delete) in _SETTINGS.items():
        old, new = request.old_properties.get(setting), request.properties.get(setting)
        if new is not None and new != old:
            getattr(s3, put)(Bucket=name, **{argument: translate(new)})
        elif new is None and old is not None and delete is not None:
            getattr(s3, delete)(Bucket=name)
        elif new is None and old is not None:
            getattr(s3, put)(Bucket=name, **{argument: {"Status": "Suspended"} if setting == "VersioningConfiguration" else {}})


def _bucket(name: str, region: str) -> Provisioned:
    domains = {"DomainName": f"{name}.s3.amazonaws.com", "RegionalDomainName": f"{name}.s3.{region}.amazonaws.com"}
    return Provisioned(physical_id=name, attributes={"Arn": f"arn:aws:s3:::{name}", **domains})


def _delete_bucket(request: ResourceRequest) -> None:
    with gone_is_fine("NoSuchBucket"):
        request.client("s3").delete_bucket(Bucket=request.physical_id)


def _put_policy(request: ResourceRequest) -> Provisioned:
    bucket = request.properties["Bucket"]
    request.client("s3").put_bucket_policy(Bucket=bucket, Policy=as_json(request.properties["PolicyDocument"]))
    return Provisioned(physical_id=bucket, attributes={})


def _delete_policy(request: ResourceRequest) -> None:
    with gone_is_fine("NoSuchBucket"):
        request.client("s3").delete_bucket_policy(Bucket=request.physical_id)


RESOURCE_TYPES: Mapping[str, ResourceType] = {
    "AWS::S3::Bucket": ResourceType(
        properties=frozenset({"BucketName", "ObjectLockEnabled", *_SETTINGS}),
        replacing=frozenset({"BucketName", "ObjectLockEnabled"}),
        create=_create_bucket,
        update=_update_bucket,
        delete=_delete_bucket,
    ),
    "AWS::S3::BucketPolicy": ResourceType(
        properties=frozenset({"Bucket", "PolicyDocument"}),
        replacing=frozenset({"Bucket"}),
        create=_put_policy,
        update=_put_policy,
        delete=_delete_policy,
    ),
}
