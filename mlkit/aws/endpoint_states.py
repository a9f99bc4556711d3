"""Waits for an endpoint whose creation or update is in progress, and compares the names that SageMaker tells.

Until the operation has ended, SageMaker neither updates nor deletes the endpoint.
"""

import time
from typing import TYPE_CHECKING

from mlkit.aws.session import Session, aws_errors

if TYPE_CHECKING:
    from types_boto3_sagemaker.type_defs import DescribeEndpointOutputTypeDef

_POLL_S = 10.0  # on AWS
_BUSY = ("Creating", "Updating", "SystemUpdating", "RollingBack")


def name_key(name: str) -> str:
    """The same for both spellings of a name: SageMaker's answers do not always keep the case."""
    return name.casefold()


def settled(aws: Session, endpoint: str) -> "DescribeEndpointOutputTypeDef":
    """The endpoint's description once nothing is in progress. Raises NotFound."""
    with aws_errors():
        while (described := aws.client("sagemaker").describe_endpoint(EndpointName=endpoint))["EndpointStatus"] in _BUSY:
            time.sleep(aws.poll_s(_POLL_S))
        return described
