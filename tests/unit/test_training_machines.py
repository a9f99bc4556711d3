"""What training jobs run on is refused before anything starts if SageMaker could not use it."""

import pytest

from mlkit.errors import UsageError
from mlkit.training.machines import SPOT_WAIT_S, Machines, Network, training_network


def test_without_ids_there_is_no_network() -> None:
    assert training_network("", " ") is None


def test_ids_may_have_blanks_around_their_commas() -> None:
    assert training_network("subnet-0a1b2c3d, subnet-4e5f6a7b", "sg-0123456789abcdef0") == Network(
        subnets=("subnet-0a1b2c3d", "subnet-4e5f6a7b"), security_groups=("sg-0123456789abcdef0",)
    )


@pytest.mark.parametrize(
    ("subnets", "groups", "told"),
    [
        ("subnet-0a1b2c3d", "", "security_group_ids is empty"),
        ("", "sg-0a1b2c3d", "subnet_ids is empty"),
        ("sg-0a1b2c3d", "sg-0a1b2c3d", "subnet_ids has 'sg-0a1b2c3d'"),
        ("subnet-0a1b2c3d,", "sg-0a1b2c3d", "subnet_ids has ''"),
        ("subnet-0a1b2c3d", "default", "security_group_ids has 'default'"),
    ],
)
def test_half_a_network_and_other_text_are_refused(subnets: str, groups: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        training_network(subnets, groups)


@pytest.mark.parametrize(
    ("spot", "limit", "is_refused"), [(True, SPOT_WAIT_S, False), (True, SPOT_WAIT_S + 1, True), (False, 86_400, False)]
)
def test_a_spot_job_has_no_longer_time_limit_than_sagemaker_allows(spot: bool, limit: int, is_refused: bool) -> None:
    if not is_refused:
        assert Machines(instance_type="ml.m5.large", max_runtime_s=limit, spot=spot).spot is spot
        return
    with pytest.raises(UsageError, match=f"max_runtime_s is {limit}, and spot is True"):
        Machines(instance_type="ml.m5.large", max_runtime_s=limit, spot=spot)
