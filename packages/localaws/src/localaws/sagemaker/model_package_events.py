"""Puts SageMaker's event of a new or changed model package on the default bus.

Source: Amazon SageMaker AI Developer Guide, "Events that SageMaker AI sends to Amazon EventBridge", model package state change.
"""

from datetime import datetime
from typing import Any

from localaws.kit.service import Host
from localaws.sagemaker.model_package_record import ModelPackage


def publish_state(host: Host, package: ModelPackage) -> None:
    """Publish the package's description. The event of a version has no ModelPackageName."""
    described = package.describe()
    if package.group is not None:
        del described["ModelPackageName"]
    detail = {name: _shown(value) for name, value in described.items()}
    host.publish_event("aws.sagemaker", "SageMaker Model Package State Change", detail, [package.arn])


def _shown(value: Any) -> Any:
    return value.strftime("%Y-%m-%dT%H:%M:%SZ") if isinstance(value, datetime) else value
