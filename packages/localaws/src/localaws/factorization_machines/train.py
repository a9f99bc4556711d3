"""The process of a training job: `python -m localaws.factorization_machines.train ML_ROOT`.

ML_ROOT has the layout of a container's /opt/ml. The process writes model/. If it cannot train, it writes output/failure and exits with 1.
"""

import json
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localaws.sagemaker import container

if TYPE_CHECKING:
    from localaws.factorization_machines.hyperparameters import Hyperparameters
    from localaws.factorization_machines.trainer import Report

CONTENT_TYPES = (None, "", "application/x-recordio-protobuf")


def main(arguments: list[str]) -> int:
    """The exit code."""
    return container.run(Path(arguments[0]), run, log)


def run(root: Path) -> None:
    """Train on the channels below `root` and write the model. Raises ValueError with the text for the job's FailureReason."""
    stopping = container.Stopping()
    hyperparameters, channels, resources = container.configuration(root)
    log(f"Reading provided configuration: {json.dumps(hyperparameters, sort_keys=True)}")
    check_environment(channels, resources)
    from localaws.factorization_machines import hyperparameters as declared
    from localaws.factorization_machines.algorithm import check_channels

    params = declared.parse(hyperparameters)
    check_channels(list(channels))
    log(f"Final configuration: {json.dumps({name: getattr(params, name) for name in declared.NAMES}, sort_keys=True)}")
    train_and_test(root, params, has_test="test" in channels, stopping=stopping)


def train_and_test(root: Path, params: "Hyperparameters", *, has_test: bool, stopping: container.Stopping) -> None:
    from localaws.factorization_machines import metrics, model, trainer
    from localaws.factorization_machines.data import read_channel

    if params.feature_dim >= 2**31:
        raise ValueError("AlgorithmError: Factorization Machines of the local AWS takes a feature_dim below 2147483648 only")
    started = time.perf_counter()
    channels = {
        name: read_channel(root / "input/data" / name, feature_dim=params.feature_dim, is_classifier=params.is_classifier)
        for name in (("train", "test") if has_test else ("train",))
    }
    log(*(f"Read {len(data)} rows of the channel '{name}'" for name, data in channels.items()))
    weights = trainer.initial_weights(params)
    try:
        for report in trainer.train(params, channels["train"], weights, should_stop=stopping.requested):
            log(*report_lines(report, params))
    except trainer.Diverged as error:
        raise ValueError(f"AlgorithmError: {error}") from error
    if stopping.requested():
        log("Stopped by SIGTERM; the model is what was learned so far")
    if has_test:
        test = channels["test"]
        tally = trainer.tally_scores(trainer.raw_scores(test, weights), test.labels, is_classifier=params.is_classifier)
        log(*metrics.quality_lines(tally, "test", is_classifier=params.is_classifier))
    model.save(model.Model(predictor_type=params.predictor_type, weights=weights), root / "model")
    log(_metrics_line("totaltime", time.perf_counter() - started))


def report_lines(report: "Report", params: "Hyperparameters") -> list[str]:
    from localaws.factorization_machines import metrics

    lines = metrics.quality_lines(report.part, f"epoch={report.epoch}, batch={report.batch} train", is_classifier=params.is_classifier)
    if not report.is_last:
        return lines
    throughput = float(report.so_far[0]) / max(report.seconds, 1e-9)
    return [
        *lines,
        *metrics.quality_lines(report.so_far, f"epoch={report.epoch}, train", is_classifier=params.is_classifier),
        _metrics_line("update.time", report.seconds),
        f"#progress_metric: host=algo-1, completed {100 * (report.epoch + 1) / params.epochs:g} % of epochs",
        f"#throughput_metric: host=algo-1, train throughput={throughput!r} records/second",
    ]


def check_environment(channels: dict[str, Any], resources: dict[str, Any]) -> None:
    """Raises ValueError for settings that this process does not honour, or that a container refuses too."""
    if len(resources.get("hosts", ["algo-1"])) > 1:
        raise ValueError("AlgorithmError: Factorization Machines of the local AWS trains on one host only; set InstanceCount to 1")
    for name, channel in channels.items():
        if channel.get("ContentType") not in CONTENT_TYPES:
            raise ValueError(f"ClientError: Content type {channel['ContentType']} of the channel '{name}' is not supported")
        if channel.get("TrainingInputMode", "File") == "Pipe":
            raise ValueError(
                f"AlgorithmError: Factorization Machines of the local AWS does not read pipes (channel '{name}'); use File mode"
            )


def log(*messages: str, level: str = "INFO") -> None:
    """Print lines in the form of the built-in algorithms' log. Metrics in JSON have no prefix."""
    prefix = f"[{datetime.now(UTC):%m/%d/%Y %H:%M:%S} {level} {os.getpid()}]"
    print("\n".join(message if message.startswith("#metrics") else f"{prefix} {message}" for message in messages), flush=True)


def _metrics_line(name: str, seconds: float) -> str:
    now, ms = time.time(), 1000 * seconds
    body = {
        "StartTime": now - seconds,
        "EndTime": now,
        "Dimensions": {"Algorithm": "factorization-machines", "Host": "algo-1", "Operation": "training"},
        "Metrics": {name: {"sum": ms, "count": 1, "min": ms, "max": ms}},
    }
    return f"#metrics {json.dumps(body)}"


if __name__ == "__main__":
    container.give_way()
    sys.exit(main(sys.argv[1:]))
