"""Waits for an endpoint whose creation or update is in progress: until it has ended, SageMaker neither updates nor deletes it."""

import time
from typing import TYPE_CHECKING

from mlkit.aws.session import Session, aws_errors

if TYPE_CHECKING:
    from types_boto3_sagemaker.type_defs import DescribeEndpointOutputTypeDef

_POLL_S = 10.0  # on AWS
_BUSY = ("Creating", "Updating", "SystemUpdating", "RollingBack")


def settled(aws: Session, endpoint: str) -> "DescribeEndpointOutputTypeDef":
    """The endpoint's description once nothing is in progress. Raises NotFound."""
    with aws_errors():
        while (described := aws.client("sagemaker").describe_endpoint(EndpointName=endpoint))["EndpointStatus"] in _BUSY:
            time.sleep(aws.poll_s(_POLL_S))
        return described
