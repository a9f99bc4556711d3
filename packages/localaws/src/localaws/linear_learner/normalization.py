"""Shift and scale of features and label. The arrays of rows stay as they are: the trainer applies both to the weights.

A feature x becomes (x - shift) / scale, so a weight v of the normalised feature is a weight v / scale of the feature itself. That keeps
sparse rows sparse, also when they are shifted.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from localaws.linear_learner.hyperparameters import Hyperparameters

Floats: TypeAlias = NDArray[np.float64]
# Rows with at least this share of values that are not zero count as dense.
DENSE = 0.5


@dataclass(frozen=True, kw_only=True, eq=False)
class Normalization:
    """shift and scale of the features, (feature_dim,), and of the label. Values that are not normalised have shift 0 and scale 1."""

    shift: Floats
    scale: Floats
    label_shift: float
    label_scale: float


def learn(params: Hyperparameters, features: csr_array, labels: Floats) -> Normalization:
    """The normalisation by the first `num_point_for_scaler` rows. `features` is (n_rows, feature_dim).

    As AWS documents for "auto": features are scaled, and shifted if the rows are dense; a regressor's label is shifted and scaled. A
    shift needs a bias. A feature that is constant in these rows is not scaled.
    """
    sample = features[: params.num_point_for_scaler]
    mean = np.asarray(sample.mean(axis=0)).ravel()
    square = np.asarray(sample.multiply(sample).mean(axis=0)).ravel()
    deviation = np.sqrt(np.maximum(square - mean**2, 0))
    deviation[deviation <= 1e-6 * np.sqrt(square)] = 0  # what rounding leaves of a constant feature
    is_dense = sample.nnz >= DENSE * sample.shape[0] * sample.shape[1]
    scales = params.normalize_data is not False
    shifts = params.use_bias and (params.unbias_data if params.unbias_data is not None else scales and is_dense)
    label_shift, label_scale = _of_label(params, labels[: params.num_point_for_scaler])
    return Normalization(
        shift=mean if shifts else np.zeros_like(mean),
        scale=np.where(deviation > 0, deviation, 1) if scales else np.ones_like(mean),
        label_shift=label_shift,
        label_scale=label_scale,
    )


def _of_label(params: Hyperparameters, labels: Floats) -> tuple[float, float]:
    if params.is_classifier:
        return 0.0, 1.0
    scales = params.normalize_label is not False
    shifts = params.use_bias and (params.unbias_label if params.unbias_label is not None else scales)
    deviation = float(labels.std())
    return float(labels.mean()) if shifts else 0.0, deviation if scales and deviation > 0 else 1.0
