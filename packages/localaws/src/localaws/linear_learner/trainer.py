"""Training: SciPy's L-BFGS minimises objective.py's function over all rows.

The container trains by stochastic gradient descent on mini-batches, and stops near the optimum; L-BFGS goes to the optimum. An epoch here
is at most ITERATIONS_PER_EPOCH of its iterations. After each one, early stopping decides as AWS documents.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import minimize

from localaws.linear_learner import thresholds
from localaws.linear_learner.hyperparameters import Hyperparameters
from localaws.linear_learner.losses import Floats, loss_function
from localaws.linear_learner.model import Model
from localaws.linear_learner.normalization import learn
from localaws.linear_learner.objective import Objective, Rows

if TYPE_CHECKING:
    from scipy.optimize import OptimizeResult

ITERATIONS_PER_EPOCH = 10
# L-BFGS ends by itself when an iteration changes the objective by less than this share, or when the gradient is as small.
_CHANGE, _GRADIENT = 1e-12, 1e-9


class Diverged(Exception):
    """The objective is not a finite number."""


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """One epoch, counted from 0: mean losses of all rows, the value that early stopping looks at, and what it says.

    `stale_epochs` counts the epochs without an improvement up to this one.
    """

    number: int
    train_loss: float
    validation_loss: float | None
    criterion: str
    value: float
    is_best: bool
    stale_epochs: int
    seconds: float


class _EarlyStopping:
    """Keeps the best point by the criterion, and counts epochs without an improvement."""

    def __init__(self, params: Hyperparameters, *, maximize: bool) -> None:
        self._params, self._sign = params, 1.0 if maximize else -1.0
        self._best = -np.inf
        self._counted = -np.inf
        self.stale_epochs = 0
        self.point: Floats | None = None

    def take(self, value: float, point: Floats) -> bool:
        """Whether the value is the best so far."""
        signed = self._sign * value
        needed = self._params.early_stopping_tolerance * abs(self._counted) if np.isfinite(self._counted) else 0.0
        if signed - self._counted > needed:
            self._counted, self.stale_epochs = signed, 0
        else:
            self.stale_epochs += 1
        if signed <= self._best:
            return False
        self._best, self.point = signed, point.copy()
        return True

    @property
    def is_over(self) -> bool:
        return self.stale_epochs >= self._params.early_stopping_patience


class Training:
    """One training. Epochs go to `report`; `should_stop` ends it after the current iteration with the best model so far."""

    def __init__(
        self,
        params: Hyperparameters,
        rows: Rows,
        validation: Rows | None = None,
        *,
        report: Callable[[Epoch], None] = lambda epoch: None,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self._params, self._rows, self._validation = params, rows, validation
        self._report, self._should_stop = report, should_stop
        self._objective = Objective(params, rows, learn(params, rows.features, rows.labels))
        self._criterion = params.criterion if validation is not None else "loss_function"
        self._stopping = _EarlyStopping(params, maximize=self._criterion != "loss_function")
        self._iterations = self._epochs = 0
        self._started = time.perf_counter()

    def run(self) -> Model:
        """The model of the best epoch. Raises Diverged."""
        found = minimize(
            self._objective.value_and_gradient,
            self._objective.start,
            jac=True,
            method="L-BFGS-B",
            bounds=self._objective.bounds,
            callback=self._after_iteration,
            options={"maxiter": ITERATIONS_PER_EPOCH * self._params.epochs, "maxfun": 10**9, "ftol": _CHANGE, "gtol": _GRADIENT},
        )
        if not np.isfinite(found.fun):
            raise Diverged("the objective is not a finite number")
        is_within_epoch = self._iterations % ITERATIONS_PER_EPOCH != 0
        if self._stopping.point is None or (is_within_epoch and not self._should_stop()):
            self._end_epoch(found.x)
        assert self._stopping.point is not None
        model = self._model(self._stopping.point)
        if model.threshold is None or self._params.criterion == "loss_function":
            return model
        return replace(model, threshold=self._choose(model).threshold)

    def _after_iteration(self, intermediate_result: "OptimizeResult") -> None:
        self._iterations += 1
        if self._iterations % ITERATIONS_PER_EPOCH == 0:
            self._end_epoch(intermediate_result.x)
        if self._should_stop() or self._stopping.is_over:
            raise StopIteration

    def _end_epoch(self, point: Floats) -> None:
        model = self._model(point)
        train_loss = mean_loss(self._params, model, self._rows)
        validation_loss = None if self._validation is None else mean_loss(self._params, model, self._validation)
        if self._criterion != "loss_function":
            value = self._choose(model).value
        elif validation_loss is not None:
            value = validation_loss
        else:  # with weights and penalties: without them, the loss may rise on the way to the optimum
            value, _ = self._objective.value_and_gradient(point)
        is_best = self._stopping.take(value, point)
        now = time.perf_counter()
        self._report(
            Epoch(
                number=self._epochs,
                train_loss=train_loss,
                validation_loss=validation_loss,
                criterion=self._criterion,
                value=value,
                is_best=is_best,
                stale_epochs=self._stopping.stale_epochs,
                seconds=now - self._started,
            )
        )
        self._epochs, self._started = self._epochs + 1, now

    def _model(self, point: Floats) -> Model:
        weights, bias = self._objective.raw_weights(point)
        return Model(
            predictor_type=self._params.predictor_type,
            loss=self._params.chosen_loss,
            weights=weights.astype(np.float32),
            bias=bias,
            threshold=thresholds.default_threshold(self._params) if self._params.is_classifier else None,
        )

    def _choose(self, model: Model) -> thresholds.Choice:
        """The threshold by a sample of the validation rows, without them of the training rows."""
        rows = self._validation or self._rows
        size = self._params.num_calibration_samples or len(rows)
        return thresholds.choose(self._params, model.scores(rows.features[:size]), rows.labels[:size])


def mean_loss(params: Hyperparameters, model: Model, rows: Rows) -> float:
    """The mean loss of the rows, without penalties, in the unit of the labels."""
    losses, _ = loss_function(params)(model.raw_scores(rows.features), rows.labels)
    return float(losses.mean())
