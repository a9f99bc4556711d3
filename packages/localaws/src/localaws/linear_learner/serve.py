"""The endpoint's part: a loaded model that answers requests."""

from pathlib import Path

import numpy as np

from localaws.algorithm_kit.channel_rows import check_unique_keys
from localaws.algorithm_kit.payloads import CSV, TYPES, read_rows, write_predictions
from localaws.linear_learner import model
from localaws.sagemaker.algorithm_images import InvalidPayload, answer_type
from sagemaker_formats.inference import Predictions
from sagemaker_formats.recordio import Rows

REQUESTS = (*TYPES, CSV)


class LinearLearnerPredictor:
    """A Predictor. Nothing changes between calls, so threads may share it."""

    def __init__(self, model_dir: Path) -> None:
        """Raises ValueError if the folder does not hold a model."""
        self._model = model.load(model_dir)

    def predict(self, body: bytes, content_type: str, accept: str) -> tuple[bytes, str]:
        """The answer's body and content type. Raises InvalidPayload."""
        kind = answer_type(accept, TYPES)
        rows = read_rows(body, content_type, self._model.weights.size, REQUESTS)
        return write_predictions(self.score(rows), kind, label_texts=("0", "1")), kind

    def score(self, rows: Rows) -> Predictions:
        """The scores, and a classifier's labels: 1 above the model's threshold. Raises InvalidPayload."""
        try:
            check_unique_keys(rows)
        except ValueError as error:
            raise InvalidPayload(400, f"Unable to evaluate the payload: {error}") from error
        scores = self._model.scores(rows.to_csr())
        with np.errstate(over="ignore"):
            answered = scores.astype(np.float32)
        if not np.isfinite(answered).all():
            row = int(np.argmin(np.isfinite(answered)))
            raise InvalidPayload(400, f"Unable to evaluate the payload: the score of row {row} is not finite")
        if self._model.threshold is None:
            return Predictions(scores=answered, labels=None)
        return Predictions(scores=answered, labels=(scores > self._model.threshold).astype(np.float32))
