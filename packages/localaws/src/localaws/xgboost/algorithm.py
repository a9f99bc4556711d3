"""XGBoost as an Algorithm of localaws/sagemaker/algorithm_images.py."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from localaws.sagemaker.algorithm_images import MetricDefinition, Predictor
from localaws.xgboost.hyperparameters import parse
from localaws.xgboost.metrics import definitions

CHANNELS = ("train", "validation")


class XGBoost:
    """The Algorithm of the image `sagemaker-xgboost:3.2-0`. It also runs for images whose hyperparameters and answers are the same."""

    repository = "sagemaker-xgboost"
    versions: Sequence[str] = ("3.2-0",)
    similar_versions: Sequence[str] = ("1.3-1", "1.5-1", "1.7-1", "3.0-5")
    keeps_checkpoints = False

    @property
    def metric_definitions(self) -> Sequence[MetricDefinition]:
        return [MetricDefinition(name=name, regex=regex) for name, regex in definitions()]

    def training_command(self, ml_root: Path) -> list[str]:
        # -P keeps the working folder, which is the job's, out of the import path
        return [sys.executable, "-P", "-m", "localaws.xgboost.train", str(ml_root)]

    def check(self, hyperparameters: Mapping[str, str], channels: Sequence[str]) -> None:
        parse(hyperparameters)
        check_channels(channels)

    def load(self, model_dir: Path) -> Predictor:
        from localaws.xgboost.serve import XGBoostPredictor

        return XGBoostPredictor(model_dir)


def check_channels(channels: Sequence[str]) -> None:
    """Raises ValueError with the container's text unless the channels are `train`, or `train` and `validation`."""
    if "train" not in channels:
        raise ValueError("ClientError: Missing required channel: train")
    for name in channels:
        if name not in CHANNELS:
            raise ValueError(f"ClientError: Extraneous channel found: {name}")
