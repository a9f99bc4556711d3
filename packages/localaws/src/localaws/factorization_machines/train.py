"""The process of a training job: `python -m localaws.factorization_machines.train ML_ROOT`.

ML_ROOT has the layout of a container's /opt/ml. The process writes model/. If it cannot train, it writes output/failure and exits with 1.
"""

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from localaws.algorithm_kit.first_party import check_channels, check_environment, duration_line, log
from localaws.sagemaker import container

if TYPE_CHECKING:
    from localaws.factorization_machines.compiled_loops import Weights
    from localaws.factorization_machines.hyperparameters import Hyperparameters
    from localaws.factorization_machines.row_store import RowStore
    from localaws.factorization_machines.trainer import Report

NAME = "factorization-machines"
CHECKPOINT_S = 30.0


def main(arguments: list[str]) -> int:
    """The exit code."""
    return container.run(Path(arguments[0]), run, log)


def run(root: Path) -> None:
    """Train on the channels below `root` and write the model. Raises ValueError with the text for the job's FailureReason."""
    stopping = container.Stopping()
    hyperparameters, channels, resources = container.configuration(root)
    log(f"Reading provided configuration: {json.dumps(hyperparameters, sort_keys=True)}")
    check_environment("Factorization Machines", channels, resources)
    from localaws.factorization_machines import hyperparameters as declared
    from localaws.factorization_machines.algorithm import CHANNELS

    params = declared.parse(hyperparameters)
    check_channels(list(channels), CHANNELS)
    log(f"Final configuration: {json.dumps({name: getattr(params, name) for name in declared.NAMES}, sort_keys=True)}")
    train_and_test(root, params, has_test="test" in channels, stopping=stopping)


def train_and_test(root: Path, params: "Hyperparameters", *, has_test: bool, stopping: container.Stopping) -> None:
    from localaws.factorization_machines import metrics, model, trainer

    if params.feature_dim >= 2**31:
        raise ValueError("AlgorithmError: Factorization Machines of the local AWS takes a feature_dim below 2147483648 only")
    started = time.perf_counter()
    channels = {name: store_channel(root, name, params) for name in (("train", "test") if has_test else ("train",))}
    log(*(f"Read {len(rows)} rows of the channel '{name}'" for name, rows in channels.items()))
    try:
        weights = train(root, params, channels["train"], stopping)
    except trainer.Diverged as error:
        raise ValueError(f"AlgorithmError: {error}") from error
    if stopping.requested():
        log("Stopped by SIGTERM; the model is what was learned so far")
    if has_test:
        tally = trainer.test(channels["test"], weights, is_classifier=params.is_classifier)
        log(*metrics.quality_lines(tally, "test", is_classifier=params.is_classifier))
    model.save(model.Model(predictor_type=params.predictor_type, weights=weights), root / "model")
    log(duration_line(NAME, "totaltime", time.perf_counter() - started))


def store_channel(root: Path, name: str, params: "Hyperparameters") -> "RowStore":
    from localaws.algorithm_kit.channel_rows import read_blocks
    from localaws.factorization_machines.row_store import RowStore

    blocks = read_blocks(root / "input/data" / name, feature_dim=params.feature_dim, is_classifier=params.is_classifier)
    return RowStore(blocks, batch_rows=params.mini_batch_size, folder=root)


def train(root: Path, params: "Hyperparameters", rows: "RowStore", stopping: container.Stopping) -> "Weights":
    """Train, from the checkpoint if the job has a folder for one and it holds one. Raises Diverged."""
    from localaws.factorization_machines import checkpoint, trainer

    folder = root / "checkpoints"
    has_folder = folder.is_dir()
    state = (checkpoint.load(folder, params, rows) if has_folder else None) or trainer.begin(trainer.initial_weights(params))
    if state.steps:
        log(f"Resumed from the checkpoint after {state.steps} mini-batches, in epoch {state.epoch}")
    saved = time.monotonic()
    for report in trainer.train(params, rows, state, should_stop=stopping.requested):
        log(*report_lines(report, params))
        if has_folder and time.monotonic() - saved >= CHECKPOINT_S:
            checkpoint.save(folder, state, params, rows)
            saved = time.monotonic()
    if has_folder:
        checkpoint.save(folder, state, params, rows)
    return state.weights


def report_lines(report: "Report", params: "Hyperparameters") -> list[str]:
    from localaws.factorization_machines import metrics

    lines = metrics.quality_lines(report.part, f"epoch={report.epoch}, batch={report.batch} train", is_classifier=params.is_classifier)
    if not report.is_last:
        return lines
    throughput = float(report.so_far[0]) / max(report.seconds, 1e-9)
    return [
        *lines,
        *metrics.quality_lines(report.so_far, f"epoch={report.epoch}, train", is_classifier=params.is_classifier),
        duration_line(NAME, "update.time", report.seconds),
        f"#progress_metric: host=algo-1, completed {100 * (report.epoch + 1) / params.epochs:g} % of epochs",
        f"#throughput_metric: host=algo-1, train throughput={throughput!r} records/second",
    ]


if __name__ == "__main__":
    container.give_way()
    sys.exit(main(sys.argv[1:]))
