"""The process of a training job: `python -m localaws.linear_learner.train ML_ROOT`.

ML_ROOT has the layout of a container's /opt/ml. The process writes model/. If it cannot train, it writes output/failure and exits with 1.
"""

import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localaws.algorithm_kit.first_party import check_channels, check_environment, content_type, duration_line, log
from localaws.sagemaker import container

if TYPE_CHECKING:
    from localaws.linear_learner.hyperparameters import Hyperparameters
    from localaws.linear_learner.objective import Rows

NAME = "Linear Learner"
CSV = ("text/csv", "text/csv;label_size=1")
CONTENT_TYPES = ("", "application/x-recordio-protobuf", *CSV)


def main(arguments: list[str]) -> int:
    """The exit code."""
    return container.run(Path(arguments[0]), run, log)


def run(root: Path) -> None:
    """Train on the channels below `root` and write the model. Raises ValueError with the text for the job's FailureReason."""
    stopping = container.Stopping()
    hyperparameters, channels, resources = container.configuration(root)
    log(f"Reading provided configuration: {json.dumps(hyperparameters, sort_keys=True)}")
    check_environment(NAME, channels, resources, CONTENT_TYPES)
    from localaws.linear_learner import hyperparameters as declared
    from localaws.linear_learner.algorithm import CHANNELS

    params = declared.parse(hyperparameters)
    check_channels(list(channels), CHANNELS)
    log(f"Final configuration: {json.dumps({name: getattr(params, name) for name in declared.NAMES}, sort_keys=True)}")
    log(
        "Linear Learner of the local AWS trains one model, to the optimum of its objective, by SciPy's L-BFGS. "
        "The container trains up to 32 models by stochastic gradient descent and keeps the best one."
    )
    if unused := declared.without_effect(hyperparameters):
        log(f"These hyperparameters have no effect here: {', '.join(unused)}", level="WARNING")
    train_and_test(params, read_channels(root, channels, params), root / "model", stopping)


def read_channels(root: Path, channels: Mapping[str, Mapping[str, Any]], params: "Hyperparameters") -> dict[str, "Rows"]:
    """The rows of each channel. Without `feature_dim`, the first training row says how many features there are."""
    from localaws.algorithm_kit.channel_rows import find_feature_dim

    folder = root / "input/data"
    feature_dim = params.feature_dim or find_feature_dim(folder / "train", is_csv=content_type(channels["train"]) in CSV)
    found = {}
    for name, channel in channels.items():
        is_csv = content_type(channel) in CSV
        found[name] = read_rows(folder / name, feature_dim=feature_dim, is_classifier=params.is_classifier, is_csv=is_csv)
        log(f"Read {len(found[name])} rows of the channel '{name}'")
    return found


def read_rows(folder: Path, *, feature_dim: int, is_classifier: bool, is_csv: bool) -> "Rows":
    import numpy as np
    from scipy.sparse import csr_array

    from localaws.algorithm_kit.channel_rows import read_channel
    from localaws.linear_learner.objective import Rows

    if feature_dim >= 2**31:
        raise ValueError("AlgorithmError: Linear Learner of the local AWS takes a feature_dim below 2147483648 only")
    data = read_channel(folder, feature_dim=feature_dim, is_classifier=is_classifier, is_csv=is_csv)
    features = csr_array((data.values.astype(np.float64), data.keys, data.indptr), shape=(len(data), feature_dim))
    return Rows(features=features, labels=data.labels.astype(np.float64))


def train_and_test(params: "Hyperparameters", rows: Mapping[str, "Rows"], folder: Path, stopping: container.Stopping) -> None:
    """Train, log the metrics of the channels, and write the model to `folder`."""
    from localaws.linear_learner import metrics, model, objective, trainer

    started, train = time.perf_counter(), rows["train"]
    try:
        trained = trainer.Training(
            params,
            train,
            rows.get("validation"),
            report=lambda epoch: log(*metrics.epoch_lines(epoch, params, len(train))),
            should_stop=stopping.requested,
        ).run()
    except trainer.Diverged as error:
        raise ValueError(f"AlgorithmError: {error}") from error
    if stopping.requested():
        log("Stopped by SIGTERM; the model is what was learned so far")
    selected = "validation" if "validation" in rows else "train"
    log(*metrics.final_lines(metrics.values(params, trained, rows[selected]), selected))
    best = {
        "wd": objective.AUTO_WD if params.wd is None else params.wd,
        "l1": objective.AUTO_L1 if params.l1 is None else params.l1,
        "optimizer": "L-BFGS of the local AWS",
    }
    log(f"Best model found for hyperparameters: {json.dumps(best)}")
    if "test" in rows:
        log(*metrics.final_lines(metrics.values(params, trained, rows["test"]), "test"))
    else:
        log("Test data is not provided.")
    model.save(trained, folder)
    log(duration_line(NAME, "totaltime", time.perf_counter() - started))


if __name__ == "__main__":
    container.give_way()
    sys.exit(main(sys.argv[1:]))
