"""The resource types of the emulated services: each is made by calls to the service's own API, under the deployment's credentials.

So a permission that the stack's role lacks is missing here as it is on AWS, and a template's property that no call carries is not honoured.
"""

from collections.abc import Mapping

from localaws.resources import catalog, events, identities, secrets, storage
from localaws.service import ResourceType

RESOURCE_TYPES: Mapping[str, ResourceType] = {
    **storage.RESOURCE_TYPES,
    **catalog.RESOURCE_TYPES,
    **identities.RESOURCE_TYPES,
    **secrets.RESOURCE_TYPES,
    **events.RESOURCE_TYPES,
}
