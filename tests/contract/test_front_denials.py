"""A role gets what its policies say, and a denial names the action and the resource."""

import pytest
from botocore.exceptions import ClientError
from conftest import allow


def test_a_role_reaches_only_the_prefix_of_its_policy(aws, as_role):
    aws("s3").create_bucket(Bucket="prefixed")
    client = as_role(allow("s3:PutObject", "arn:aws:s3:::prefixed/mine/*"))("s3")
    client.put_object(Bucket="prefixed", Key="mine/a", Body=b"1")
    with pytest.raises(ClientError) as error:
        client.put_object(Bucket="prefixed", Key="yours/a", Body=b"1")
    assert error.value.response["Error"]["Code"] == "AccessDenied"
