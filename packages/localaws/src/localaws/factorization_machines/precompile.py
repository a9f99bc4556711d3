"""Fills numba's cache: `python -m localaws.factorization_machines.precompile`.

Otherwise the first training job and the first endpoint on a machine wait for the compiler for ten seconds or more, and the parallel jobs of
a tuning job all compile the same functions.
"""

import tempfile
from pathlib import Path

import numpy as np

from localaws.algorithm_kit.channel_rows import read_blocks
from localaws.factorization_machines import model, trainer
from localaws.factorization_machines.hyperparameters import Hyperparameters
from localaws.factorization_machines.row_store import RowStore
from localaws.factorization_machines.serve import FactorizationMachinesPredictor
from sagemaker_formats.inference import RECORDIO, encode_request
from sagemaker_formats.recordio import Rows, encode


def main() -> None:
    """Call each compiled function of training and serving once, on two rows."""
    indptr, keys, values = np.array([0, 1, 2]), np.array([0, 1]), np.ones(2, np.float32)
    rows = Rows(indptr=indptr, keys=keys, values=values, labels=np.array([0, 1], np.float32), feature_dim=2)
    params = Hyperparameters(feature_dim=2, num_factors=2, predictor_type="binary_classifier")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "train").mkdir()
        (folder / "train/part").write_bytes(encode(rows))
        data = RowStore(read_blocks(folder / "train", feature_dim=2, is_classifier=True), batch_rows=2)
        weights = trainer.initial_weights(params)
        list(trainer.train(params, data, trainer.begin(weights)))
        model.save(model.Model(predictor_type=params.predictor_type, weights=weights), folder / "model")
        FactorizationMachinesPredictor(folder / "model").predict(encode_request(rows), RECORDIO, RECORDIO)


if __name__ == "__main__":
    main()
