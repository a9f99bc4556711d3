"""CreateBucket with S3's rules for names and places.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
"""

import re
from collections.abc import Mapping
from typing import Any

_PREFIXES = ("xn--", "sthree-", "amzn-s3-demo-")
_SUFFIXES = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")
_PLACE = re.compile(rb"<LocationConstraint>([^<]*)</LocationConstraint>")


def refuse_reserved_names_and_other_regions() -> None:
    """Refuse names that S3 reserves, and buckets that would lie in a region which the local AWS does not have."""
    from ministack.core.responses import get_region
    from ministack.services import s3

    create = s3._create_bucket

    def create_bucket(name: str, body: bytes, headers: Mapping[str, str] | None = None, *more: Any, **others: Any) -> Any:
        if name.startswith(_PREFIXES) or name.endswith(_SUFFIXES):
            return s3._error("InvalidBucketName", "The specified bucket is not valid.", 400, f"/{name}")
        place = _PLACE.search(body or b"")
        if place and place[1].decode() not in ("", get_region(), "us-east-1"):  # S3 itself refuses us-east-1
            text = f"The local AWS serves {get_region()} only: it cannot create a bucket in {place[1].decode()}."
            return s3._error("IllegalLocationConstraintException", text, 400, f"/{name}")
        return create(name, body, headers, *more, **others)

    s3._create_bucket = create_bucket
