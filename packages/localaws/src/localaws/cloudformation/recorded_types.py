"""Resource types that make nothing, here as on AWS."""

from collections.abc import Mapping

from localaws.kit.properties import words
from localaws.kit.service import Provisioned, ResourceRequest, ResourceType


def _record(request: ResourceRequest) -> Provisioned:
    return Provisioned(physical_id=request.physical_id or request.generated_name, attributes={})


RESOURCE_TYPES: Mapping[str, ResourceType] = {
    # The CDK adds it to every template: it tells AWS which constructs were used.
    "AWS::CDK::Metadata": ResourceType(
        properties=words("Analytics"), replacing=frozenset(), create=_record, update=_record, delete=lambda request: None
    ),
}
