"""Which hyperparameters to try next: Optuna, told what was tried and how it went."""

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
            # constant_liar keeps parallel jobs apart; that it is called experimental is nothing for the log of every tuning job.
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            tpe = strategy == "Bayesian"
            sampler = optuna.samplers.TPESampler(seed=seed, constant_liar=True) if tpe else optuna.samplers.RandomSampler(seed=seed)
        self._study = optuna.create_study(direction="maximize" if maximize else "minimize", sampler=sampler)
        self._trials: dict[str, Any] = {}

    def propose(self, key: str) -> dict[str, Any]:
        """The next point, in Optuna's numbers. `key` names it when its result is told."""
        trial = self._trials[key] = self._study.ask({name: dimension.distribution for name, dimension in self._dimensions.items()})
        return dict(trial.params)

    def tell(self, key: str, point: Mapping[str, Any], value: float | None) -> None:
        """How a point went; None if it gave no value. A point from before a restart is taken as well."""
        import optuna

        if (trial := self._trials.pop(key, None)) is not None:
            self._study.tell(trial, value, state=None if value is not None else optuna.trial.TrialState.FAIL)
        elif value is not None:
            distributions = {name: dimension.distribution for name, dimension in self._dimensions.items()}
            self._study.add_trial(optuna.trial.create_trial(params=dict(point), distributions=distributions, value=value))

    def texts(self, point: Mapping[str, Any]) -> dict[str, str]:
        """The point as a training job's hyperparameters."""
        return {name: self._dimensions[name].to_text(value) for name, value in point.items()}
