"""Refuses requests before the body is read: other hosts, other origins, admin paths, unsigned requests and headers."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qs, quote

from localaws.kit.service import AwsError

_LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_SIGNATURE = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[A-Z0-9]{16,128})/\d{8}/(?P<region>[a-z0-9-]+)/(?P<service>[a-z0-9-]+)/aws4_request\s*,.+",
    re.ASCII,
)
_QUERY_SCOPE = re.compile(r"(?P<key>[A-Z0-9]{16,128})/\d{8}/(?P<region>[a-z0-9-]+)/(?P<service>[a-z0-9-]+)/aws4_request", re.ASCII)
_SIGNED_HEADERS = re.compile(r"(?:^|[\s,])SignedHeaders=([^,\s]*)")
_CONTENT = re.compile(r"[0-9a-f]{64}|UNSIGNED-PAYLOAD|STREAMING-UNSIGNED-PAYLOAD-TRAILER|STREAMING-AWS4-HMAC-SHA256-PAYLOAD(?:-TRAILER)?")
_MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. "
    "Consult the service documentation for details."
)
_QUERY_SIGNATURES = ("X-Amz-Credential", "X-Amz-Signature", "X-Amz-Algorithm", "AWSAccessKeyId", "Signature")


@dataclass(frozen=True, kw_only=True)
class Request:
    """One HTTP request as it arrived; header names in lower case, `path` decoded, `raw_path` as sent."""

    method: str
    path: str
    raw_path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    raw_headers: Sequence[tuple[bytes, bytes]] = field(repr=False)
    client: str = "127.0.0.1"

    @classmethod
    def from_scope(cls, scope: Mapping[str, object]) -> "Request":
        raw_headers: Sequence[tuple[bytes, bytes]] = scope["headers"]  # type: ignore[assignment]
        headers: dict[str, str] = {}
        for name, value in raw_headers:
            key, text = name.decode("latin-1").lower(), value.decode("latin-1")
            headers[key] = f"{headers[key]}, {text}" if key in headers else text
        path = str(scope["path"])
        raw_path = scope.get("raw_path") or quote(path).encode()
        client = scope.get("client") or ("127.0.0.1",)
        return cls(
            method=str(scope["method"]),
            path=path,
            raw_path=raw_path.decode("latin-1"),  # type: ignore[attr-defined]
            query=parse_qs(scope.get("query_string", b"").decode("utf-8", "replace"), keep_blank_values=True),  # type: ignore[attr-defined]
            headers=headers,
            raw_headers=raw_headers,
            client=client[0],  # type: ignore[index]
        )


@dataclass(frozen=True, kw_only=True)
class Signature:
    """The key, service and region that the request's signature names. Nothing is verified yet."""

    access_key_id: str
    service: str
    region: str


def check_caller_is_local(request: Request, port: int) -> None:
    """Refuse requests that a web page could send: another Host (DNS rebinding), an Origin, a cross-site fetch."""
    hosts = [value for name, value in request.raw_headers if name.lower() == b"host"]
    if len(hosts) != 1 or request.headers["host"].lower() not in {f"{name}:{port}" for name in _LOOPBACK_NAMES}:
        raise AwsError("AccessDenied", "The local AWS answers only to loopback host names and its own port.", status=403)
    if "origin" in request.headers or request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        raise AwsError("AccessDenied", "The local AWS does not answer to web pages.", status=403)


def check_path(request: Request, signature: Signature) -> None:
    """Refuse every path that does not belong to the signed service, so that the emulator's admin paths stay closed."""
    first = request.path.split("/", 2)[1] if request.path.startswith("/") else None
    if signature.service == "s3":
        if request.path != "/" and not (first and _BUCKET.fullmatch(first)):
            raise AwsError("InvalidBucketName", "The specified bucket is not valid.")
    elif request.path != "/" and not (signature.service == "sagemaker" and first == "endpoints"):
        raise AwsError("AccessDenied", f"The local AWS has nothing at {request.path}.", status=403)


def signature_of(request: Request) -> Signature:
    """The request's signature, from the header or (S3 only) the query string. Raises AwsError unless there is exactly one."""
    in_query = [name for name in request.query if name in _QUERY_SIGNATURES]
    headers = [value for name, value in request.raw_headers if name.lower() == b"authorization"]
    if not headers and not in_query:
        raise AwsError("MissingAuthenticationToken", "Request is missing Authentication Token", status=403)
    kinds = {name.startswith("X-Amz-") for name in in_query}
    if len(headers) > 1 or (headers and in_query) or len(kinds) > 1 or any(len(request.query[name]) > 1 for name in in_query):
        raise AwsError("InvalidRequest", "Only one signature is allowed.", status=400)
    if headers:
        return _from_match(_SIGNATURE.fullmatch(headers[0].decode("latin-1")))
    if "AWSAccessKeyId" in in_query:  # a presigned URL of the older kind, which boto3 still makes by default
        key = request.query["AWSAccessKeyId"][0]
        if not re.fullmatch(r"[A-Z0-9]{16,128}", key, re.ASCII) or "Signature" not in in_query or "Expires" not in request.query:
            raise _incomplete()
        return Signature(access_key_id=key, service="s3", region="")
    if request.query.get("X-Amz-Algorithm") != ["AWS4-HMAC-SHA256"] or "X-Amz-Signature" not in in_query:
        raise _incomplete()
    signature = _from_match(_QUERY_SCOPE.fullmatch(request.query.get("X-Amz-Credential", [""])[0]))
    if signature.service != "s3":
        raise AwsError("IncompleteSignature", "The local AWS accepts signatures in the query string for Amazon S3 only.", status=403)
    return signature


def _from_match(match: re.Match[str] | None) -> Signature:
    if match is None:
        raise _incomplete()
    return Signature(access_key_id=match["key"], service=match["service"], region=match["region"])


def _incomplete() -> AwsError:
    return AwsError("IncompleteSignature", "The request's signature is not a complete AWS Signature Version 4.", status=403)


def check_all_is_signed(request: Request, service: str) -> None:
    """Refuse headers that the signature does not cover. S3 must also be told of the content, by hash or as unsigned. Raises AwsError.

    AWS demands `host` and all `x-amz-*`; S3 also `content-md5`. A presigned URL of the older kind covers all of them and names none.
    https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
    """
    if "AWSAccessKeyId" in request.query:
        return
    named = request.query.get("X-Amz-SignedHeaders") or _SIGNED_HEADERS.findall(request.headers.get("authorization", ""))
    if len(named) > 1:
        raise AwsError("InvalidRequest", "Only one list of signed headers is allowed.")
    covered = {"host", "content-md5"} if service == "s3" else {"host"}
    signed = {name for names in named for name in names.split(";")}
    left = sorted(name for name in request.headers if (name in covered or name.startswith("x-amz-")) and name not in signed)
    if left:
        raise _not_signed(left, request, service)
    if service == "s3" and "authorization" in request.headers:
        _check_content_is_told(request.headers.get("x-amz-content-sha256", ""))


def _not_signed(names: Sequence[str], request: Request, service: str) -> AwsError:
    if service == "s3":
        text, members = "There were headers present in the request which were not signed", {"HeadersNotSigned": ", ".join(names)}
        return AwsError("AccessDenied", text, status=403, members=members)
    shown = "'Host' or ':authority'" if "host" in names else f"'{names[0]}'"
    return _mismatch(request, f"{shown} must be a 'SignedHeader' in the AWS Authorization.")


def _check_content_is_told(told: str) -> None:
    if not told:
        raise AwsError("InvalidRequest", "Missing required header for this request: x-amz-content-sha256")
    if not _CONTENT.fullmatch(told):
        known = "UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
        raise AwsError("InvalidArgument", f"x-amz-content-sha256 must be {known}, or a valid sha256 value.")


def check_content(request: Request, body: bytes) -> None:
    """Refuse a body that is not what the header x-amz-content-sha256 says. For services other than S3, which take no unsigned content."""
    told = request.headers.get("x-amz-content-sha256")
    if told is not None and told != hashlib.sha256(body).hexdigest():
        raise _mismatch(request, _MISMATCH)


def _mismatch(request: Request, text: str) -> AwsError:
    """Services that take forms have another code than those that take JSON."""
    if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return AwsError("SignatureDoesNotMatch", text, status=403)
    return AwsError("InvalidSignatureException", text)
