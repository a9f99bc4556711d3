"""The training container's process: `python -m localaws.xgboost.train ML_ROOT`.

It finds below ML_ROOT what a container finds in /opt/ml, writes model/, and exits with 1 and output/failure if it cannot train.
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
    """Train on what is below `root` and write the model. Raises ValueError with the text for the job's FailureReason."""
    hyperparameters, channels, resources = container.configuration(root)
    log("Running XGBoost Sagemaker in algorithm mode")
    check_environment(channels, resources)
    from localaws.xgboost.algorithm import check_channels
    from localaws.xgboost.data import check_labels, data_format, read_channel
    from localaws.xgboost.hyperparameters import parse

    params = parse(hyperparameters)
    check_channels(list(channels))
    # Without save_model_on_termination SIGTERM simply ends the process: no model is kept.
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
        log("Stopped by SIGTERM; the model is what was learned so far")
    model.save(booster, root / "model")


def check_environment(channels: dict[str, Any], resources: dict[str, Any]) -> None:
    """Raises ValueError for what a container would do and this process does not."""
    if len(resources.get("hosts", ["algo-1"])) > 1:
        raise ValueError("AlgorithmError: XGBoost of the local AWS trains on one host only; set InstanceCount to 1")
    for name, channel in channels.items():
        if channel.get("TrainingInputMode", "File") != "File":
            raise ValueError(f"AlgorithmError: XGBoost of the local AWS does not read pipes (channel '{name}'); use File mode")


def log(*messages: str, level: str = "INFO") -> None:
    """Print lines as the container's log has them; rounds' metrics stand alone."""
    prefix = f"[{datetime.now(UTC):%Y-%m-%d:%H:%M:%S}:{level}]"
    print("\n".join(f"{prefix} {message}" for message in messages), flush=True)


def _show_warning(message: Warning | str, *_: object) -> None:
    """The library's warnings, such as parameters that it does not use, without a place in its source."""
    log(*(line for line in str(message).splitlines() if line.strip()), level="WARNING")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
