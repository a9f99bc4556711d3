"""The endpoint's part: a loaded model that answers requests."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from localaws.algorithm_kit.channel_rows import Dataset, check_unique_keys
from localaws.algorithm_kit.payloads import TYPES, read_rows, write_predictions
from localaws.factorization_machines import model
from localaws.factorization_machines.trainer import raw_scores
from localaws.sagemaker.algorithm_images import InvalidPayload, answer_type
from sagemaker_formats.inference import RECORDIO, Predictions, encode_request
from sagemaker_formats.recordio import Rows


class FactorizationMachinesPredictor:
    """A Predictor. It keeps no state between calls, so threads may share it."""

    def __init__(self, model_dir: Path) -> None:
        """Raises ValueError if the folder does not hold a model."""
        self._model = model.load(model_dir)
        self._warm_up()

    def predict(self, body: bytes, content_type: str, accept: str) -> tuple[bytes, str]:
        """The answer's body and content type. Raises InvalidPayload."""
        kind = answer_type(accept, TYPES)
        return write_predictions(self.score(read_rows(body, content_type, self._model.feature_dim)), kind), kind

    def score(self, rows: Rows) -> Predictions:
        """A classifier's probability of label 1, with label 1 from 0.5 on; a regressor's value. Raises InvalidPayload."""
        try:
            check_unique_keys(rows)
        except ValueError as error:
            raise InvalidPayload(400, f"Unable to evaluate the payload: {error}") from error
        data = Dataset(
            indptr=rows.indptr.copy(), keys=rows.keys.astype(np.int32), values=rows.values.copy(), labels=np.empty(0, np.float32)
        )
        raw = raw_scores(data, self._model.weights)
        if not np.isfinite(raw).all():
            raise InvalidPayload(400, f"Unable to evaluate the payload: the score of row {int(np.argmin(np.isfinite(raw)))} is not finite")
        if not self._model.is_classifier:
            return Predictions(scores=raw, labels=None)
        return Predictions(scores=_logistic(raw), labels=(raw >= 0).astype(np.float32))

    def _warm_up(self) -> None:
        """Compile all functions that a request needs, or load them from the cache. The endpoint is in service only afterwards."""
        one = Rows(
            indptr=np.array([0, 1]),
            keys=np.zeros(1, np.int64),
            values=np.ones(1, np.float32),
            labels=None,
            feature_dim=self._model.feature_dim,
        )
        self.predict(encode_request(one), RECORDIO, RECORDIO)


def _logistic(raw: NDArray[np.float32]) -> NDArray[np.float32]:
    # exp() of a value that is never positive cannot overflow
    power = np.exp(-np.abs(raw.astype(np.float64)))
    scores: NDArray[np.float32] = (np.where(raw >= 0, 1, power) / (1 + power)).astype(np.float32)
    return scores
