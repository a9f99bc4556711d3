"""Factorization Machines as an Algorithm of localaws/sagemaker/algorithm_images.py."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from localaws.factorization_machines.hyperparameters import parse
from localaws.factorization_machines.metrics import definitions
from localaws.sagemaker.algorithm_images import MetricDefinition, Predictor

CHANNELS = ("train", "test")


class FactorizationMachines:
    """The Algorithm of the image `factorization-machines`."""

    repository = "factorization-machines"
    versions: Sequence[str] = ()

    @property
    def metric_definitions(self) -> Sequence[MetricDefinition]:
        return [MetricDefinition(name=name, regex=regex) for name, regex in definitions()]

    def training_command(self, ml_root: Path) -> list[str]:
        # -P keeps the working folder, which is the job's, out of the import path
        return [sys.executable, "-P", "-m", "localaws.factorization_machines.train", str(ml_root)]

    def check(self, hyperparameters: Mapping[str, str], channels: Sequence[str]) -> None:
        parse(hyperparameters)
        check_channels(channels)

    def load(self, model_dir: Path) -> Predictor:
        from localaws.factorization_machines.serve import FactorizationMachinesPredictor

        return FactorizationMachinesPredictor(model_dir)


def check_channels(channels: Sequence[str]) -> None:
    """Raises ValueError with the container's text unless the channels are `train`, or `train` and `test`."""
    problem = "Unable to initialize the algorithm. Failed to validate input data configuration. (caused by ValidationError)\n\nCaused by: "
    if "train" not in channels:
        raise ValueError(f"ClientError: {problem}'train' is a required property")
    unknown = [name for name in channels if name not in CHANNELS]
    if unknown:
        raise ValueError(f"ClientError: {problem}Additional properties are not allowed ({', '.join(map(repr, unknown))} unexpected)")
