"""Scalable targets and their policies, as records, and their descriptions."""

import hashlib
import re
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from threading import RLock
from typing import Any

from localaws.kit.service import AwsError, Members
from localaws.kit.timestamps import moment

NAMESPACE, DIMENSION = "sagemaker", "sagemaker:variant:DesiredInstanceCount"
_VARIANT = re.compile(r"endpoint/(?P<endpoint>[A-Za-z0-9-]+)/variant/(?P<variant>[A-Za-z0-9-]+)")
# AWS makes this role itself when the first target is registered.
_ROLE = "aws-service-role/sagemaker.application-autoscaling.amazonaws.com/AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"
_SUSPENDED = ("DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended")


def check_kind(request: Mapping[str, Any]) -> None:
    """Refuse targets of other services, which the local AWS does not have."""
    for member, honoured in (("ServiceNamespace", NAMESPACE), ("ScalableDimension", DIMENSION)):
        if request.get(member, honoured) != honoured:
            text = f"{member} {request[member]!r} is not honoured by the local AWS; it honours {honoured!r}."
            raise AwsError("ValidationException", text)


def endpoint_of(resource_id: str) -> tuple[str, str]:
    """The endpoint and the variant that a ResourceId names."""
    match = _VARIANT.fullmatch(resource_id)
    if match is None:
        raise AwsError("ValidationException", f"ResourceId {resource_id!r} is not of the form endpoint/NAME/variant/NAME.")
    return match["endpoint"], match["variant"]


def target_arn(resource_id: str, *, account: str, region: str) -> str:
    digest = hashlib.sha256(f"{NAMESPACE}|{resource_id}|{DIMENSION}".encode()).hexdigest()[:32]
    return f"arn:aws:application-autoscaling:{region}:{account}:scalable-target/{digest}"


@dataclass(kw_only=True)
class ScalableTarget:
    """`policies` has the members of PutScalingPolicy's request by the policy's name, each with its ARN and time."""

    resource_id: str
    arn: str
    created: float
    least: int
    most: int
    role_arn: str
    suspended: dict[str, bool]
    tags: dict[str, str] = field(default_factory=dict)
    policies: dict[str, Members] = field(default_factory=dict)

    def describe(self) -> Members:
        return {
            **_kind(self.resource_id),
            "MinCapacity": self.least,
            "MaxCapacity": self.most,
            "RoleARN": self.role_arn,
            "CreationTime": moment(self.created),
            "SuspendedState": self.suspended,
            "ScalableTargetARN": self.arn,
        }

    def describe_policy(self, name: str) -> Members:
        """The policy without alarms: the local AWS makes none, because nothing scales."""
        policy = self.policies[name]
        return {**policy, **_kind(self.resource_id), "CreationTime": moment(policy["CreationTime"]), "Alarms": []}


class ScalableTargets:
    """The registered targets by their ResourceId."""

    def __init__(self, *, account: str, region: str) -> None:
        self.lock = RLock()
        self._account, self._region = account, region
        self._targets: dict[str, ScalableTarget] = {}

    def all(self) -> list[ScalableTarget]:
        with self.lock:
            return list(self._targets.values())

    def arn(self, resource_id: str) -> str:
        return target_arn(resource_id, account=self._account, region=self._region)

    def find(self, resource_id: str) -> ScalableTarget | None:
        return self._targets.get(resource_id)

    def get(self, resource_id: str) -> ScalableTarget:
        if (found := self.find(resource_id)) is None:
            kind = f"service namespace: {NAMESPACE}, resource ID: {resource_id}, scalable dimension: {DIMENSION}"
            raise AwsError("ObjectNotFoundException", f"No scalable target found for {kind}")
        return found

    def by_arn(self, arn: str) -> ScalableTarget:
        found = next((target for target in self.all() if target.arn == arn), None)
        if found is None:
            raise AwsError("ResourceNotFoundException", f"There is no scalable target {arn}.")
        return found

    def register(self, request: Mapping[str, Any], now: float) -> ScalableTarget:
        """Register a target, or change one. Members that a change leaves out stay."""
        name, old = request["ResourceId"], self.find(request["ResourceId"])
        least = request.get("MinCapacity", old.least if old else None)
        most = request.get("MaxCapacity", old.most if old else None)
        if least is None or most is None:
            raise AwsError("ValidationException", "MinCapacity and MaxCapacity are required for a new scalable target.")
        if least > most:
            raise AwsError("ValidationException", "Maximum capacity cannot be less than minimum capacity")
        target = old or ScalableTarget(
            resource_id=name,
            arn=self.arn(name),
            created=now,
            least=least,
            most=most,
            role_arn=f"arn:aws:iam::{self._account}:role/{_ROLE}",
            suspended=dict.fromkeys(_SUSPENDED, False),
        )
        target.least, target.most = least, most
        target.role_arn = request.get("RoleARN", target.role_arn)
        target.suspended |= request.get("SuspendedState", {})
        self._targets[name] = target
        return target

    def deregister(self, resource_id: str) -> None:
        self.get(resource_id)
        del self._targets[resource_id]

    def put_policy(self, request: Mapping[str, Any], now: float) -> Members:
        target, name = self.get(request["ResourceId"]), request["PolicyName"]
        known = target.policies.get(name)
        kept = {key: value for key, value in request.items() if key.endswith(("Name", "Type", "Configuration"))}
        place = f"resource/{NAMESPACE}/{target.resource_id}:policyName/{name}"
        arn = known["PolicyARN"] if known else f"arn:aws:autoscaling:{self._region}:{self._account}:scalingPolicy:{uuid.uuid4()}:{place}"
        created = known["CreationTime"] if known else now
        target.policies[name] = {"PolicyType": "StepScaling", **kept, "PolicyARN": arn, "CreationTime": created}
        return target.policies[name]

    def to_json(self) -> list[Members]:
        with self.lock:
            return [asdict(target) for target in self._targets.values()]

    def load_json(self, rows: list[Members]) -> None:
        with self.lock:
            self._targets = {row["resource_id"]: ScalableTarget(**row) for row in rows}


def _kind(resource_id: str) -> Members:
    return {"ServiceNamespace": NAMESPACE, "ResourceId": resource_id, "ScalableDimension": DIMENSION}
