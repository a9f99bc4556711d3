import pytest

from localaws.factorization_machines import FactorizationMachines
from localaws.linear_learner import LinearLearner
from localaws.sagemaker.algorithm_images import Algorithm, find_algorithm
from localaws.xgboost import XGBoost

ALGORITHMS: list[Algorithm] = [FactorizationMachines(), LinearLearner(), XGBoost()]


@pytest.mark.parametrize(
    ("image", "repository"),
    [
        ("382416733822.dkr.ecr.us-east-1.amazonaws.com/factorization-machines:1", "factorization-machines"),
        ("382416733822.dkr.ecr.us-east-1.amazonaws.com/factorization-machines", "factorization-machines"),
        ("174872318107.dkr.ecr.us-west-2.amazonaws.com/linear-learner:1", "linear-learner"),
        ("111122223333.dkr.ecr.cn-north-1.amazonaws.com.cn/sagemaker-xgboost@sha256:ab12", "sagemaker-xgboost"),
        ("111122223333.dkr.ecr.us-east-1.amazonaws.com/team/sagemaker-xgboost:1", None),
        ("factorization-machines:1", None),
        ("docker.io/factorization-machines:1", None),
        ("", None),
    ],
)
def test_an_image_names_its_algorithm_by_its_repository(image, repository):
    assert getattr(find_algorithm(image, ALGORITHMS), "repository", None) == repository
