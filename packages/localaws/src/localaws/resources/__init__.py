"""The resource types of the emulated services: each is made by calls to the service's own API, under the deployment's credentials.

So a permission that the stack's role lacks is missing here as it is on AWS, and a template's property that no call carries is not honoured.
"""

from collections.abc import Mapping

from localaws.resources import catalog, events, identities, secrets, storage
from localaws.service import ResourceType

TYPES: Mapping[str, ResourceType] = {**storage.TYPES, **catalog.TYPES, **identities.TYPES, **secrets.TYPES, **events.TYPES}
