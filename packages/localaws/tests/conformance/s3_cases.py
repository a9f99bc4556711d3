"""Amazon S3."""

import json
from typing import Any

from conformance_cases import AWS, Call, call, case

SERVICE = "s3"
_API = f"{AWS}/AmazonS3/latest/API"
_GUIDE = f"{AWS}/AmazonS3/latest/userguide"
_NAMES = f"{_GUIDE}/bucketnamingrules.html"
_AWS_KEY = f"{_GUIDE}/UsingKMSEncryption.html"
# Threads that quote S3's answers to policies.
_MATRIX = "spantaleev/matrix-docker-ansible-deploy/issues"
_VERSITY = "versity/versitygw/issues"
_VOD = "aws-samples/aws-media-services-vod-automation/issues"
_WANDB = "wandb/terraform-aws-wandb/issues"
_NO_RESOURCE = "Action does not apply to any resource(s) in statement"
_NOBODY = {"AWS": "arn:aws:iam::<account>:role/none"}
SCENE = [
    call("s3.create_bucket", Bucket="<name>"),
    call("s3.put_object", Bucket="<name>", Key="a", Body=b"abc"),
    call("s3.put_object", Bucket="<name>", Key="b/one", Body=b"1"),
    call("s3.put_object", Bucket="<name>", Key="b/two", Body=b"2"),
    call("kms.create_key", {"key": "KeyMetadata.Arn"}, Description="key"),
]


def _no_bucket(says: str, name: str) -> Any:
    return case(
        f"a bucket's name: {says}",
        _NAMES,
        call("s3.create_bucket", Bucket=name),
        error="InvalidBucketName: The specified bucket is not valid.",
    )


def _put(**more: Any) -> Call:
    return call("s3.put_object", Bucket="<scene>", Key="<name>", Body=b"x", **more)


def _policy(says: str, text: str, thread: str, **more: Any) -> Any:
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::<account>:root"},
        "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::<scene>/*",
    } | more
    document = json.dumps({"Version": "2012-10-17", "Statement": [{name: value for name, value in statement.items() if value is not None}]})
    put = call("s3.put_bucket_policy", Bucket="<scene>", Policy=document)
    return case(says, f"https://github.com/{thread}", put, error=f"MalformedPolicy: {text}")


CASES = [
    _no_bucket("letters are lower case", "Upper"),
    _no_bucket("no underscores", "a_b"),
    _no_bucket("three characters at least", "ab"),
    _no_bucket("63 characters at most", "x" * 64),
    _no_bucket("a letter or digit at the begin", "-ab"),
    _no_bucket("no two dots", "a..b"),
    _no_bucket("no address", "192.168.1.1"),
    _no_bucket("no reserved prefix", "xn--abc"),
    _no_bucket("no reserved suffix", "abc-s3alias"),
    case(
        "a bucket that exists elsewhere than in us-east-1 needs another place",
        f"{_API}/API_CreateBucket.html",
        call("s3.create_bucket", Bucket="<name>", CreateBucketConfiguration={"LocationConstraint": "us-east-1"}),
        error="InvalidLocationConstraint: The specified location-constraint is not valid",
    ),
    case(
        "a bucket in another region",
        f"{_API}/API_CreateBucket.html",
        call("s3.create_bucket", Bucket="<name>", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}),
        refused="The local AWS serves us-east-1 only: it cannot create a bucket in eu-west-1.",
    ),
    case(
        "an object is encrypted by S3 if nothing else is asked",
        f"{_GUIDE}/default-encryption-faq.html",
        _put(),
        gives={"ServerSideEncryption": "AES256"},
    ),
    case(
        "aws:kms without a key uses AWS's own key",
        _AWS_KEY,
        _put(ServerSideEncryption="aws:kms"),
        gives={"ServerSideEncryption": "aws:kms", "starts_with(SSEKMSKeyId, 'arn:aws:kms:us-east-1:')": True},
    ),
    case(
        "an object that AWS's own key encrypts is read without a permission for a key",
        f"{_GUIDE}/troubleshoot-403-errors.html",
        _put(ServerSideEncryption="aws:kms"),
        call("s3.head_object", Bucket="<scene>", Key="<name>"),
        gives={"ServerSideEncryption": "aws:kms", "ContentLength": 1},
    ),
    case(
        "a bucket that encrypts by aws:kms without a key uses AWS's own key",
        _AWS_KEY,
        call("s3.create_bucket", Bucket="<name>"),
        call(
            "s3.put_bucket_encryption",
            Bucket="<name>",
            ServerSideEncryptionConfiguration={"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}]},
        ),
        call("s3.put_object", Bucket="<name>", Key="k", Body=b"x"),
        gives={"ServerSideEncryption": "aws:kms", "starts_with(SSEKMSKeyId, 'arn:aws:kms:us-east-1:')": True},
    ),
    case(
        "an object's key is named by its ARN",
        f"{_API}/API_PutObject.html",
        _put(ServerSideEncryption="aws:kms", SSEKMSKeyId="<key>"),
        gives={"SSEKMSKeyId": "<key>"},
    ),
    case(
        "a key that does not exist encrypts nothing",
        "https://github.com/localstack/localstack/issues/7177",
        _put(ServerSideEncryption="aws:kms", SSEKMSKeyId="11111111-2222-3333-4444-555555555555"),
        error="KMS.NotFoundException: ",
    ),
    case(
        "two layers of encryption",
        f"{_GUIDE}/UsingDSSEncryption.html",
        _put(ServerSideEncryption="aws:kms:dsse"),
        refused="The local AWS does not honour aws:kms:dsse.",
    ),
    case(
        "a key has at most 1,024 bytes",
        f"{_GUIDE}/object-keys.html",
        call("s3.put_object", Bucket="<scene>", Key="k" * 1025, Body=b""),
        error="KeyTooLongError: Your key is too long",
    ),
    _policy("a bucket policy has a principal", "Missing required field Principal", f"{_MATRIX}/1869", Principal=None),
    _policy("a bucket policy is about its bucket", "Policy has invalid resource", f"{_VOD}/17", Resource="arn:aws:s3:::other/*"),
    _policy("a bucket policy names actions that S3 has", "Policy has invalid action", f"{_VERSITY}/650", Action="s3:Nope"),
    _policy("a bucket policy names principals that exist", "Invalid principal in policy", "aws/aws-sdk-net/issues/1317", Principal=_NOBODY),
    _policy("an action on objects has objects as its resource", _NO_RESOURCE, f"{_WANDB}/156", Resource="arn:aws:s3:::<scene>"),
    _policy("a bucket policy allows or denies", "Invalid effect", f"{_VERSITY}/647", Effect="Maybe"),
    case(
        "a bucket policy is JSON",
        f"{_API}/API_PutBucketPolicy.html",
        call("s3.put_bucket_policy", Bucket="<scene>", Policy="{"),
        error="MalformedPolicy: Policies must be valid JSON",
    ),
    case(
        "a public policy is refused while public access is blocked",
        f"{_GUIDE}/access-control-block-public-access.html",
        call(
            "s3.put_bucket_policy",
            Bucket="<scene>",
            Policy=json.dumps(
                {
                    "Version": "2012-10-17",
                    "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::<scene>/*"}],
                }
            ),
        ),
        error="AccessDenied: ",
    ),
    case(
        "a bucket without a policy",
        f"{_API}/API_GetBucketPolicy.html",
        call("s3.create_bucket", Bucket="<name>"),
        call("s3.get_bucket_policy", Bucket="<name>"),
        error="NoSuchBucketPolicy: ",
    ),
    case(
        "a bucket with objects is not deleted",
        f"{_API}/API_DeleteBucket.html",
        call("s3.delete_bucket", Bucket="<scene>"),
        error="BucketNotEmpty: ",
    ),
    case(
        "an object that does not exist",
        f"{_API}/API_GetObject.html",
        call("s3.get_object", Bucket="<scene>", Key="none"),
        error="NoSuchKey: The specified key does not exist.",
    ),
    case(
        "a bucket that does not exist",
        f"{_API}/API_GetObject.html",
        call("s3.get_object", Bucket="<name>", Key="none"),
        error="NoSuchBucket: ",
    ),
    case(
        "keys are grouped by a delimiter",
        f"{_API}/API_ListObjectsV2.html",
        call("s3.list_objects_v2", Bucket="<scene>", Prefix="b", Delimiter="/"),
        gives={"CommonPrefixes[].Prefix": ["b/"], "Contents": None, "KeyCount": 1},
    ),
    case(
        "keys are listed in pages",
        f"{_API}/API_ListObjectsV2.html",
        call("s3.list_objects_v2", {"token": "NextContinuationToken"}, Bucket="<scene>", Prefix="b/", MaxKeys=1),
        call("s3.list_objects_v2", Bucket="<scene>", Prefix="b/", MaxKeys=1, ContinuationToken="<token>"),
        gives={"Contents[].Key": ["b/two"], "IsTruncated": False},
    ),
    case(
        "a range beyond the object",
        f"{_API}/API_GetObject.html",
        call("s3.get_object", Bucket="<scene>", Key="a", Range="bytes=9-"),
        error="InvalidRange: ",
    ),
    case(
        "a part of an object",
        f"{_API}/API_GetObject.html",
        call("s3.get_object", Bucket="<scene>", Key="a", Range="bytes=1-1"),
        gives={"ContentRange": "bytes 1-1/3", "ContentLength": 1},
    ),
    case(
        "a write that expects no object",
        f"{_GUIDE}/conditional-writes.html",
        call("s3.put_object", Bucket="<scene>", Key="a", Body=b"", IfNoneMatch="*"),
        error="PreconditionFailed: ",
    ),
    case(
        "a write that expects another object",
        f"{_GUIDE}/conditional-writes.html",
        call("s3.put_object", Bucket="<scene>", Key="a", Body=b"", IfMatch='"0"'),
        error="PreconditionFailed: ",
    ),
    case(
        "a read that expects another object",
        f"{_API}/API_GetObject.html",
        call("s3.get_object", Bucket="<scene>", Key="a", IfMatch='"0"'),
        error="PreconditionFailed: ",
    ),
    case(
        "content that does not have the hash that is told",
        f"{_API}/API_PutObject.html",
        _put(ContentMD5="1B2M2Y8AsgTpgAmY7PhCfg=="),
        error="BadDigest: ",
    ),
    case(
        "an object has at most ten tags",
        f"{_GUIDE}/object-tagging.html",
        call(
            "s3.put_object_tagging",
            Bucket="<scene>",
            Key="a",
            Tagging={"TagSet": [{"Key": str(place), "Value": "v"} for place in range(11)]},
        ),
        error="BadRequest: Object tags cannot be greater than 10",
    ),
    case(
        "an upload that does not exist",
        f"{_API}/API_CompleteMultipartUpload.html",
        call(
            "s3.complete_multipart_upload",
            Bucket="<scene>",
            Key="a",
            UploadId="none",
            MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": "x"}]},
        ),
        error="NoSuchUpload: ",
    ),
    case(
        "an object is not copied onto itself unchanged",
        "https://github.com/localstack/localstack/issues/5274",
        call("s3.copy_object", Bucket="<scene>", Key="a", CopySource="<scene>/a"),
        error="InvalidRequest: This copy request is illegal",
    ),
    case(
        "keys that do not exist are deleted as others",
        f"{_API}/API_DeleteObjects.html",
        call("s3.delete_objects", Bucket="<scene>", Delete={"Objects": [{"Key": "none"}]}),
        gives={"Deleted[].Key": ["none"], "Errors": None},
    ),
    case("a storage class that does not exist", f"{_API}/API_PutObject.html", _put(StorageClass="NOPE"), error="InvalidStorageClass: "),
    case(
        "the retention of an object whose bucket has no lock",
        "https://github.com/versity/versitygw/issues/1751",
        call(
            "s3.put_object_retention",
            Bucket="<scene>",
            Key="a",
            Retention={"Mode": "GOVERNANCE", "RetainUntilDate": "2040-01-01T00:00:00Z"},
        ),
        error="InvalidRequest: ",
    ),
    case(
        "a website",
        f"{_API}/API_PutBucketWebsite.html",
        call("s3.put_bucket_website", Bucket="<scene>", WebsiteConfiguration={"IndexDocument": {"Suffix": "i"}}),
        refused="The local AWS does not honour s3:PutBucketWebsite.",
    ),
    case(
        "an object that everybody may read",
        f"{_API}/API_PutObject.html",
        _put(ACL="public-read"),
        refused="The local AWS does not honour the header x-amz-acl.",
    ),
    case(
        "the restoration of an archived object",
        f"{_API}/API_RestoreObject.html",
        call("s3.restore_object", Bucket="<scene>", Key="a", RestoreRequest={"Days": 1}),
        refused="The local AWS does not honour s3:RestoreObject.",
    ),
]
