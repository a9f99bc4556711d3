"""Proposes hyperparameters with Optuna, from the results of earlier training jobs."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from localaws.sagemaker.ranges import Dimension


class Search:
    """Proposes points. `Bayesian` is Optuna's tree-structured Parzen estimator, `Random` its random sampler."""

    def __init__(self, dimensions: Sequence[Dimension], *, strategy: str, maximize: bool, seed: int | None) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._dimensions = {dimension.name: dimension for dimension in dimensions}
        with warnings.catch_warnings():
            # constant_liar makes parallel jobs try different points. Optuna warns that it is experimental; the log needs no such line.
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            tpe = strategy == "Bayesian"
            sampler = optuna.samplers.TPESampler(seed=seed, constant_liar=True) if tpe else optuna.samplers.RandomSampler(seed=seed)
        self._study = optuna.create_study(direction="maximize" if maximize else "minimize", sampler=sampler)
        self._trials: dict[str, Any] = {}

    def propose(self, key: str) -> dict[str, Any]:
        """The next point, in Optuna's numbers. `tell` reports its result under `key`."""
        trial = self._trials[key] = self._study.ask({name: dimension.distribution for name, dimension in self._dimensions.items()})
        return dict(trial.params)

    def tell(self, key: str, point: Mapping[str, Any], value: float | None) -> None:
        """Report a point's result, None if it has no value. Points from before a restart are accepted too."""
        import optuna

        if (trial := self._trials.pop(key, None)) is not None:
            self._study.tell(trial, value, state=None if value is not None else optuna.trial.TrialState.FAIL)
        elif value is not None:
            distributions = {name: dimension.distribution for name, dimension in self._dimensions.items()}
            self._study.add_trial(optuna.trial.create_trial(params=dict(point), distributions=distributions, value=value))

    def texts(self, point: Mapping[str, Any]) -> dict[str, str]:
        """The point as a training job's hyperparameters."""
        return {name: self._dimensions[name].to_text(value) for name, value in point.items()}
