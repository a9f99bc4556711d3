"""The endpoint's part: a loaded model that answers requests in the formats of the built-in algorithm."""

import json
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import xgboost
from numpy.typing import NDArray
from scipy.sparse import csr_array

from localaws.algorithm_kit.csv_rows import read_dense_request
from localaws.sagemaker.algorithm_images import InvalidPayload, answer_type
from localaws.xgboost import model
from localaws.xgboost.libsvm import read_libsvm
from sagemaker_formats.inference import JSON, JSONLINES

CSV, LIBSVM = "text/csv", ("text/libsvm", "text/x-libsvm")
ANSWERS = (CSV, JSON, JSONLINES)


class XGBoostPredictor:
    """A Predictor. Threads may share it: predictions run one after the other, each on one thread, as in the container."""

    def __init__(self, model_dir: Path) -> None:
        """Raises ValueError if the folder does not hold a model."""
        self._booster, self._lock = model.load(model_dir), Lock()
        self._n_features = self._booster.num_features()
        self.score(np.zeros((1, self._n_features), np.float32))

    def predict(self, body: bytes, content_type: str, accept: str) -> tuple[bytes, str]:
        """The answer's body and content type. Raises InvalidPayload."""
        kind = answer_type(accept, ANSWERS)
        return write_scores(self.score(self._rows(body, content_type)), kind), kind

    def score(self, rows: NDArray[np.float32] | csr_array) -> NDArray[np.float32]:
        """The library's predictions for rows (n_rows, n_features): (n_rows,), or (n_rows, n_classes) for multi:softprob."""
        data = xgboost.DMatrix(rows, nthread=1)
        with self._lock:
            return self._booster.predict(data, validate_features=False)

    def _rows(self, body: bytes, content_type: str) -> NDArray[np.float32] | csr_array:
        """The request's features. Raises InvalidPayload: 415 for an unreadable body, 400 for a wrong number of features."""
        kind = content_type.split(";")[0].strip().lower() or LIBSVM[0]
        if kind != CSV and kind not in LIBSVM:
            raise InvalidPayload(415, f"Content-type {content_type} is not supported. Supported content types: {', '.join((CSV, *LIBSVM))}")
        name = "csv" if kind == CSV else "libsvm"
        try:
            rows = read_dense_request(body) if kind == CSV else read_libsvm(body.splitlines(), has_labels=False).features
            if not rows.shape[0]:
                raise ValueError("there is no row")  # noqa: TRY301  (it is told like what the readers refuse)
        except ValueError as error:
            loading = f"Loading {name} data failed with Exception, please ensure data is in {name} format:"
            raise InvalidPayload(415, f"{loading}\n {type(error)}\n {error}") from error
        self._check_features(name, rows.shape[1])
        if name == "libsvm":
            rows.resize((rows.shape[0], self._n_features))
        return rows

    def _check_features(self, name: str, found: int) -> None:
        problem = f"Unable to evaluate payload provided: Feature size of {name} inference data {found} is"
        if name == "csv" and found != self._n_features:
            raise InvalidPayload(400, f"{problem} not consistent with feature size of trained model {self._n_features}.")
        if found > self._n_features:
            raise InvalidPayload(400, f"{problem} larger than feature size of trained model {self._n_features}.")


def write_scores(scores: NDArray[np.float32], kind: str) -> bytes:
    """The answer's body. Each float32 is written as the equal float64."""
    values: list[Any] = scores.astype(np.float64).tolist()
    if kind == CSV:
        rows = values if scores.ndim == 2 else [[value] for value in values]
        return "".join(",".join(map(repr, row)) + "\n" for row in rows).encode()
    predictions = [{"score": value} for value in values]
    if kind == JSONLINES:
        return "".join(json.dumps(prediction) + "\n" for prediction in predictions).encode()
    return json.dumps({"predictions": predictions}).encode()
