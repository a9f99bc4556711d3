"""A caller that waits with its body (`Expect: 100-continue`) and is refused sends its next request on a connection that is in order."""

import pytest
from botocore.exceptions import ClientError


def test_the_request_after_a_refused_upload_is_read_from_its_begin(aws, bucket):
    s3 = aws("s3")
    for _ in range(3):
        with pytest.raises(ClientError, match="x-amz-acl"):
            s3.put_object(Bucket=bucket, Key="k", Body=b"x", ACL="public-read")
        with pytest.raises(ClientError, match="does not honour s3:RestoreObject"):
            s3.restore_object(Bucket=bucket, Key="k", RestoreRequest={"Days": 1})
        assert "Contents" not in s3.list_objects_v2(Bucket=bucket)
