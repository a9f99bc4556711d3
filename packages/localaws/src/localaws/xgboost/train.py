"""The process of a training job: `python -m localaws.xgboost.train ML_ROOT`.

ML_ROOT has the layout of a container's /opt/ml. The process writes model/. If it cannot train, it writes output/failure and exits with 1.
"""

import sys
import warnings
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from localaws.sagemaker import container


def main(arguments: list[str]) -> int:
    """The exit code."""
    return container.run(Path(arguments[0]), run, log)


def run(root: Path) -> None:
    """Train on the channels below `root` and write the model. Raises ValueError with the text for the job's FailureReason."""
    hyperparameters, channels, resources = container.configuration(root)
    log("Running XGBoost Sagemaker in algorithm mode")
    check_environment(channels, resources)
    from localaws.xgboost.algorithm import check_channels
    from localaws.xgboost.data import check_labels, data_format, read_channel
    from localaws.xgboost.hyperparameters import parse

    params = parse(hyperparameters)
    check_channels(list(channels))
    # Without save_model_on_termination, SIGTERM ends the process, so there is no model.
    stopping = container.Stopping() if params.save_model_on_termination else None
    kind = data_format(channels)
    rows = {name: read_channel(root / "input/data" / name, kind, csv_weights=params.csv_weights) for name in channels}
    for name, channel in rows.items():
        check_labels(channel, params, name)
    log("Single node training.")
    log(f"Train matrix has {len(rows['train'])} rows and {rows['train'].features.shape[1]} columns")
    if "validation" in rows:
        log(f"Validation matrix has {len(rows['validation'])} rows")
    from localaws.xgboost import model, trainer

    if params.early_stopping_rounds and not trainer.stops_early(params, "validation" in rows):
        log("early_stopping_rounds has no effect: it needs a channel validation and an eval_metric", level="WARNING")
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning  # type: ignore[assignment]  # what it leaves out is where in the library
        booster = trainer.train(
            params,
            rows["train"],
            rows.get("validation"),
            report=lambda line: print(line, flush=True),
            should_stop=stopping.requested if stopping else lambda: False,
        )
    if stopping and stopping.requested():
        log("Stopped by SIGTERM; writing the model learned so far")
    model.save(booster, root / "model")


def check_environment(channels: dict[str, Any], resources: dict[str, Any]) -> None:
    """Raises ValueError for settings that the container honours and this process does not."""
    if len(resources.get("hosts", ["algo-1"])) > 1:
        raise ValueError("AlgorithmError: XGBoost of the local AWS trains on one host only; set InstanceCount to 1")
    for name, channel in channels.items():
        if channel.get("TrainingInputMode", "File") != "File":
            raise ValueError(f"AlgorithmError: XGBoost of the local AWS does not read pipes (channel '{name}'); use File mode")


def log(*messages: str, level: str = "INFO") -> None:
    """Print lines in the form of the container's log. Lines with a round's metrics have no prefix."""
    prefix = f"[{datetime.now(UTC):%Y-%m-%d:%H:%M:%S}:{level}]"
    print("\n".join(f"{prefix} {message}" for message in messages), flush=True)


def _show_warning(message: Warning | str, *_: object) -> None:
    """Log the library's warnings, for example about unused parameters, without their position in its source."""
    log(*(line for line in str(message).splitlines() if line.strip()), level="WARNING")


if __name__ == "__main__":
    container.give_way()
    sys.exit(main(sys.argv[1:]))
