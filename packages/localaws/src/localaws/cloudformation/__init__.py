"""The resource types of the emulated services. CloudFormation calls each service's own API, with the deployment's credentials.

So a permission that the stack's role lacks fails the resource, as on AWS. A property that no call can carry is not honoured.
"""

from collections.abc import Mapping

from localaws.cloudformation import bucket_types, glue_types, iam_types, notification_types, recorded_types, secret_types
from localaws.kit.service import ResourceType

RESOURCE_TYPES: Mapping[str, ResourceType] = {
    **bucket_types.RESOURCE_TYPES,
    **glue_types.RESOURCE_TYPES,
    **iam_types.RESOURCE_TYPES,
    **secret_types.RESOURCE_TYPES,
    **notification_types.RESOURCE_TYPES,
    **recorded_types.RESOURCE_TYPES,
}
