"""Puts the model back that production served before, from its sealed evidence, and takes the present one's approval away.

The registry then names the earlier version as the champion, so the next pipeline execution is compared with it.
"""

import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mlkit.aws import registry
from mlkit.aws.evidence_store import caller
from mlkit.aws.manual_changes import ByHand, Change, permitted
from mlkit.aws.s3_objects import digest_object, read_object
from mlkit.aws.session import Session
from mlkit.aws.stacks import Stack, deploy_stack
from mlkit.errors import NotFound, SealBroken
from mlkit.evidence.agreement import PRODUCTION
from mlkit.evidence.layout import DEPLOYS, Sealed
from mlkit.evidence.manifest import Manifest, sha256_of
from mlkit.naming import ENDPOINT_TEMPLATE, LabNames

ENVIRONMENT = "production"


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """What production was deployed from: the endpoint's template, its parameters and the stack's tags."""

    template: bytes
    parameters: dict[str, str]
    tags: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class RolledBack:
    """The version that production serves now, the one that it served before, and production's stack."""

    now: registry.Champion
    before: registry.Champion
    stack: Stack


def roll_back(aws: Session, names: LabNames, by_hand: ByHand, *, on_event: Callable[[str], None] | None = None) -> RolledBack:
    """Deploy the approved version before the newest one, as it was sealed, then reject the newest one.

    Calling it again after an interruption goes on where it stopped. Raises NotFound without an earlier version, SealBroken if its sealed
    files changed, NotApproved and UsageError as every change by hand does (`mlkit.aws.manual_changes`).
    """
    found = registry.champions(aws, names.model_group, most=2)
    if len(found) < 2:
        raise NotFound(
            f"{names.model_group} has no approved version before the one that production serves",
            cure="`aws sagemaker list-model-packages --model-package-group-name "
            f"{names.model_group}` lists all; `mlkit undeploy production` removes the endpoint.",
        )
    before, now = found
    sealed = _sealed(aws, now)
    change = Change(action="rollback", environment=ENVIRONMENT, names=names, model_s3_uri=now.model_s3_uri)
    with permitted(aws, change, by_hand, on_event=on_event), tempfile.TemporaryDirectory() as folder:
        template = Path(folder) / ENDPOINT_TEMPLATE.name
        template.write_bytes(sealed.template)
        stack = deploy_stack(aws, change.stack, template, sealed.parameters, tags=sealed.tags, on_event=on_event)
        registry.decide(aws, before.package_arn, approved=False, comment=f"Rolled back by {caller(aws).role}: {by_hand.reason}")
    return RolledBack(now=now, before=before, stack=stack)


def _sealed(aws: Session, version: registry.Champion) -> Deployment:
    """The version's sealed deployment. Raises SealBroken if a file is not the registered seal's, or the model not the registered one."""
    data = _read(aws, version.evidence_uri, version.seal_sha256)
    manifest = Manifest.from_bytes(data)
    place = Sealed.of_manifest(version.evidence_uri, manifest.pipeline_execution_id)
    files = {
        name: _read(aws, place.of_seal(manifest.action, manifest.build, f"{DEPLOYS}/{name}"), sha256)
        for name, sha256 in manifest.deploys.items()
    }
    configuration = json.loads(files[PRODUCTION])
    model = configuration["Parameters"]["ModelDataUrl"]
    if digest_object(aws, model).sha256 != version.model_sha256:
        raise SealBroken(f"{model} changed since it was sealed")
    return Deployment(
        template=files[ENDPOINT_TEMPLATE.name], parameters=dict(configuration["Parameters"]), tags=dict(configuration["Tags"])
    )


def _read(aws: Session, s3_uri: str, sha256: str) -> bytes:
    data = read_object(aws, s3_uri)
    if sha256_of(data) != sha256:
        raise SealBroken(f"{s3_uri} changed since it was sealed")
    return data
