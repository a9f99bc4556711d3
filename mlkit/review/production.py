"""What an approval deploys, from the sealed files for production."""

import json

from mlkit.evidence.layout import DEPLOYS
from mlkit.review.bundle_contents import Contents

_CONFIGURATION = "configuration_production.json"


def effect_of(contents: Contents) -> str:
    """One sentence about the deployment that an approval starts."""
    model = contents.manifest.model_sha256[:12]
    endpoint = _endpoint(contents)
    served = f"the endpoint {endpoint}" if endpoint else "production's endpoint"
    return f"CloudFormation updates {served} to serve the model {model}..."


def _endpoint(contents: Contents) -> str:
    for path, data in sorted(contents.evidence.files.items()):
        if path.endswith(f"/{DEPLOYS}/{_CONFIGURATION}"):
            try:
                return str(json.loads(data)["Parameters"]["EndpointName"])[:63]
            except (ValueError, KeyError, TypeError):
                return ""
    return ""
