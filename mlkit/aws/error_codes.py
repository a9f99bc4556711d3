"""What an AWS error code means to the caller. Services spell the same answer differently: `NoSuchKey`, `EntityNotFoundException`, `404`.

The throttling codes are botocore's own, whose standard retries read them; the other patterns are tested against the error shapes of
every service that mlkit calls.
"""

import re
from enum import StrEnum

from botocore.retries.standard import ThrottledRetryableChecker, TransientRetryableChecker


class Meaning(StrEnum):
    DENIED = "denied"
    UNKNOWN_CALLER = "unknown caller"
    MISSING = "missing"
    QUOTA = "quota"
    THROTTLED = "throttled"
    BROKEN = "broken"  # the service failed, or did not answer in time
    OTHER = "other"


_DENIED = re.compile(
    r"AccessDenied|AccessDeniedException|Unauthorized(Operation|Access)?|NotAuthorized\w*|Forbidden|403|\w*AccessDeniedException"
)
_UNKNOWN_CALLER = {
    "UnrecognizedClientException",
    "InvalidClientTokenId",
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "InvalidSignatureException",
    "ExpiredToken",
    "ExpiredTokenException",
    "RequestExpired",
    "InvalidToken",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
}
_MISSING = re.compile(r"\w*(NotFound|NoSuch|DoesNotExist|NonExistent)\w*|404")
_THROTTLED = re.compile(r"\w*(Throttl|TooManyRequests|RequestLimitExceeded|RateExceeded|SlowDown|BandwidthLimitExceeded)\w*|429")
_QUOTA = re.compile(r"\w*(QuotaExceeded|LimitExceeded)\w*|AccountLimitExceeded\w*|InsufficientCapacity\w*|CapacityError")
_BROKEN = re.compile(r"Internal\w*|\w*ServiceUnavailable\w*|ServiceFailure|\w*Timeout(Exception)?|ModelNotReadyException|5\d\d")
_ABOUT_QUOTA = re.compile(r"\bquota\b|service limit|Cannot have more than \d+ builds", re.IGNORECASE)
_ABOUT_RATE = re.compile(r"\bRate exceeded\b", re.IGNORECASE)
_ABOUT_MISSING = re.compile(r"Could not find|does not exist", re.IGNORECASE)


def meaning_of(code: str, message: str = "", http_status: int = 0) -> Meaning:
    """What the answer means; the message decides where services use one code for several answers, such as `ValidationError`."""
    if _DENIED.fullmatch(code):
        return Meaning.DENIED
    if code in _UNKNOWN_CALLER:
        return Meaning.UNKNOWN_CALLER
    if _THROTTLED.fullmatch(code) or _ABOUT_RATE.search(message):
        return Meaning.THROTTLED
    if _QUOTA.fullmatch(code) or _ABOUT_QUOTA.search(message):
        return Meaning.QUOTA
    if code in ThrottledRetryableChecker._THROTTLED_ERROR_CODES or http_status == 429:  # type: ignore[attr-defined]
        return Meaning.THROTTLED
    if _MISSING.fullmatch(code) or _ABOUT_MISSING.search(message):
        return Meaning.MISSING
    if _BROKEN.fullmatch(code) or http_status >= 500:
        return Meaning.BROKEN
    if code in TransientRetryableChecker._TRANSIENT_ERROR_CODES:  # type: ignore[attr-defined]
        return Meaning.BROKEN
    return Meaning.OTHER
