"""Code for the training process of every built-in algorithm: reading its configuration, ending with a text for FailureReason."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

# OpenMP's threads wait for each other in busy loops. With more jobs than cores, that makes them twenty times slower.
_SPINS = "1000"
_NICENESS = 10


def give_way() -> None:
    """Let the server, builds and notebooks of this machine go first; on AWS a job has a machine of its own."""
    os.nice(_NICENESS)


def run(root: Path, train: Callable[[Path], None], log: Callable[..., None]) -> int:
    """Run `train(root)` and return the exit code. Libraries with OpenMP must be imported inside of `train`.

    A ValueError's text goes to `output/failure` and to `log(text, level="ERROR")`. A text that begins with neither "ClientError: " nor
    "AlgorithmError: " gets the prefix "AlgorithmError: ", as any other exception does.
    """
    os.environ.setdefault("GOMP_SPINCOUNT", _SPINS)
    try:
        train(root)
    except ValueError as error:
        return _fail(root, str(error) if str(error).startswith(("ClientError: ", "AlgorithmError: ")) else f"AlgorithmError: {error}", log)
    except Exception as error:
        return _fail(root, f"AlgorithmError: {type(error).__name__}: {error}", log)
    return 0


def configuration(root: Path) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """The content of `input/config/`: hyperparameters, channels by name, resources."""
    hyperparameters, channels, resources = (
        json.loads((root / f"input/config/{name}.json").read_text()) for name in ("hyperparameters", "inputdataconfig", "resourceconfig")
    )
    return hyperparameters, channels, resources


class Stopping:
    """Whether SIGTERM was received. Training then ends after the current step, and the model is still written."""

    def __init__(self) -> None:
        self._requested = False
        signal.signal(signal.SIGTERM, self._stop)

    def _stop(self, *_: object) -> None:
        self._requested = True

    def requested(self) -> bool:
        return self._requested


def _fail(root: Path, reason: str, log: Callable[..., None]) -> int:
    log(f"Customer Error: {reason.removeprefix('ClientError: ')}" if reason.startswith("ClientError: ") else reason, level="ERROR")
    (root / "output").mkdir(parents=True, exist_ok=True)
    (root / "output/failure").write_text(reason)
    return 1
