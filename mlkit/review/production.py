"""What a decision means for production: what an approval deploys, what a rejection keeps, and what production served afterwards."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from mlkit.evidence.layout import DEPLOYS
from mlkit.evidence.manifest import Approval
from mlkit.review.bundle_contents import Contents
from mlkit.review.reviewed import ActionTime
from mlkit.review.shown_text import clock, duration

_CONFIGURATION = "configuration_production.json"


@dataclass(frozen=True, kw_only=True)
class Consequence:
    """A question of the decision's card and its answer."""

    label: str
    text: str


def consequences_of(contents: Contents, effect: str, production: str, *, is_decided: bool) -> list[Consequence]:
    """What follows from either decision; once production was tested, what it serves. `production` names the version there."""
    if contents.is_of_production:
        return [Consequence(label="Production", text=_tested(contents))]
    found = [Consequence(label="On approval" if is_decided else "If you approve", text=effect or effect_of(contents))]
    if not is_decided:
        found.append(Consequence(label="If you reject", text=kept_by(contents, production)))
    return found


def effect_of(contents: Contents) -> str:
    """One sentence about the deployment that an approval starts."""
    endpoint = _endpoint(contents)
    served = f"the endpoint {endpoint}" if endpoint else "production's endpoint"
    return f"CloudFormation updates {served} to serve the model {_model(contents)}"


def kept_by(contents: Contents, production: str) -> str:
    """One sentence about what a rejection leaves."""
    if production:
        return f"production keeps {production}"
    return "production keeps its model" if contents.manifest.champion else "production stays without a model"


def waited_for(approval: Approval, actions: Sequence[ActionTime], action: str) -> str:
    """`12 min 4 s`: from the seal on which the decision was made to the decision; empty if CodePipeline's history is not at hand."""
    sealing = action.rpartition(".")[2]
    ended = [one.ended for one in actions if one.action == sealing and one.status == "Succeeded" and one.ended <= approval.decided_at]
    return duration(max(ended, default=""), approval.decided_at)


def _tested(contents: Contents) -> str:
    stage = contents.manifest.action.partition(".")[0]
    run = next((run for run in contents.current.values() if run.action.partition(".")[0] == stage), None)
    when = f" at {clock(run.started)}" if run and run.started else ""
    endpoint = contents.gate.endpoint if contents.gate else ""
    return f"{endpoint or 'the endpoint'} was tested{when}; it served the model {_model(contents)}"


def _model(contents: Contents) -> str:
    return f"{contents.manifest.model_sha256[:12]}..."


def _endpoint(contents: Contents) -> str:
    for path, data in sorted(contents.evidence.files.items()):
        if path.endswith(f"/{DEPLOYS}/{_CONFIGURATION}"):
            try:
                return str(json.loads(data)["Parameters"]["EndpointName"])[:63]
            except (ValueError, KeyError, TypeError):
                return ""
    return ""
