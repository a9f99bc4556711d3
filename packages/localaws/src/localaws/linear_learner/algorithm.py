"""Linear Learner as an Algorithm of localaws/sagemaker/algorithm_images.py."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from localaws.algorithm_kit.first_party import check_channels
from localaws.linear_learner.hyperparameters import parse
from localaws.linear_learner.metrics import definitions
from localaws.sagemaker.algorithm_images import MetricDefinition, Predictor

CHANNELS = ("train", "validation", "test")


class LinearLearner:
    """The Algorithm of the image `linear-learner`."""

    repository = "linear-learner"
    versions: Sequence[str] = ()
    similar_versions: Sequence[str] = ()
    keeps_checkpoints = False

    @property
    def metric_definitions(self) -> Sequence[MetricDefinition]:
        return [MetricDefinition(name=name, regex=regex) for name, regex in definitions()]

    def training_command(self, ml_root: Path) -> list[str]:
        # -P keeps the working folder, which is the job's, out of the import path
        return [sys.executable, "-P", "-m", "localaws.linear_learner.train", str(ml_root)]

    def check(self, hyperparameters: Mapping[str, str], channels: Sequence[str]) -> None:
        parse(hyperparameters)
        check_channels(channels, CHANNELS)

    def load(self, model_dir: Path) -> Predictor:
        from localaws.linear_learner.serve import LinearLearnerPredictor

        return LinearLearnerPredictor(model_dir)
