"""What a training job runs on: instance type, time limit, managed spot instances, network."""

import re
from dataclasses import dataclass

from mlkit.errors import UsageError

# SageMaker's limit for built-in algorithms without checkpoints, https://docs.aws.amazon.com/sagemaker/latest/dg/model-managed-spot-training.html
SPOT_WAIT_S = 3600


@dataclass(frozen=True, kw_only=True)
class Network:
    """The subnets and security groups of a VPC."""

    subnets: tuple[str, ...]
    security_groups: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Machines:
    """Raises UsageError for a time limit that SageMaker does not allow on spot instances."""

    instance_type: str
    max_runtime_s: int
    spot: bool = False
    network: Network | None = None

    def __post_init__(self) -> None:
        if self.spot and self.max_runtime_s > SPOT_WAIT_S:
            raise UsageError(
                f"max_runtime_s is {self.max_runtime_s}, and spot is True",
                cure=f"SageMaker gives a built-in algorithm at most {SPOT_WAIT_S} s on spot instances: lower it, or set spot = False.",
            )


def training_network(subnet_ids: str, security_group_ids: str) -> Network | None:
    """The VPC of training jobs, of ids with commas between; None without any.

    Raises UsageError for other text, and for subnets without security groups or the other way round.
    """
    found = {}
    for name, text, prefix in (("subnet_ids", subnet_ids, "subnet-"), ("security_group_ids", security_group_ids, "sg-")):
        found[name] = tuple(part.strip() for part in text.split(",")) if text.strip() else ()
        if strange := [part for part in found[name] if not re.fullmatch(rf"{prefix}[0-9a-f]{{8,17}}", part)]:
            raise UsageError(f"{name} has {strange[0]!r}", cure=f"Give ids such as {prefix}0a1b2c3d, with commas between.")
    if bool(found["subnet_ids"]) != bool(found["security_group_ids"]):
        missing = next(name for name, ids in found.items() if not ids)
        raise UsageError(f"{missing} is empty", cure="Give subnet_ids and security_group_ids together, or neither.")
    return Network(subnets=found["subnet_ids"], security_groups=found["security_group_ids"]) if found["subnet_ids"] else None
