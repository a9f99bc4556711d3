"""The refusals and the log of Amazon's own algorithms, in the form of their containers.

The texts are those of public reports on Factorization Machines, PCA and Linear Learner.
"""

import json
import math
import os
import re
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

RECORDIO_CHANNEL = ("", "application/x-recordio-protobuf")


def client_error(message: str) -> ValueError:
    """The error for a hyperparameter or channel that the container refuses."""
    return ValueError(f"ClientError: {message} (caused by ValidationError)")


def check_names(given: Sequence[str], known: Sequence[str], required: Sequence[str]) -> None:
    """Raises ValueError for hyperparameters that are unknown, or that are missing."""
    unknown = [name for name in given if name not in known]
    if unknown:
        verb = "was" if len(unknown) == 1 else "were"
        raise client_error(f"Additional hyperparameters are not allowed ({', '.join(map(repr, unknown))} {verb} unexpected)")
    missing = [name for name in required if name not in given]
    if missing:
        raise client_error(f"No value(s) were specified for {', '.join(map(repr, missing))} which are required hyperparameter(s)")


def invalid_value(name: str, text: str, expected: str) -> ValueError:
    """The error for a hyperparameter's value. `expected` is for example "expects a number greater than or equal to 0"."""
    return client_error(f"The value '{text}' is not valid for the '{name}' hyperparameter which {expected}")


def parse_choice(name: str, text: str, choices: Sequence[str]) -> str:
    """The text if it is one of the choices. Raises ValueError."""
    if text not in choices:
        raise invalid_value(name, text, f"accepts one of the following: {', '.join(map(repr, choices))}")
    return text


def parse_integer(name: str, text: str) -> int:
    """An integer of at least 1. Raises ValueError."""
    if not re.fullmatch(r"[1-9][0-9]{0,17}", text):
        raise invalid_value(name, text, "expects an integer greater than or equal to 1")
    return int(text)


def parse_number(name: str, text: str, *, low: float = -math.inf, high: float = math.inf, expected: str) -> float:
    """A finite number from `low` to `high`. Raises ValueError that says what is `expected`, for example "a number"."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and low <= number <= high):
        raise invalid_value(name, text, f"expects {expected}")
    return number


def check_channels(channels: Sequence[str], known: Sequence[str]) -> None:
    """Raises ValueError unless `train` is there and all channels are known."""
    problem = "Unable to initialize the algorithm. Failed to validate input data configuration. (caused by ValidationError)\n\nCaused by: "
    if "train" not in channels:
        raise ValueError(f"ClientError: {problem}'train' is a required property")
    unknown = [name for name in channels if name not in known]
    if unknown:
        raise ValueError(f"ClientError: {problem}Additional properties are not allowed ({', '.join(map(repr, unknown))} unexpected)")


def check_environment(
    title: str, channels: Mapping[str, Mapping[str, Any]], resources: Mapping[str, Any], content_types: Sequence[str] = RECORDIO_CHANNEL
) -> None:
    """Raises ValueError for settings that the local AWS does not honour, or that a container refuses too. `title` is the algorithm's."""
    if len(resources.get("hosts", ["algo-1"])) > 1:
        raise ValueError(f"AlgorithmError: {title} of the local AWS trains on one host only; set InstanceCount to 1")
    for name, channel in channels.items():
        if content_type(channel) not in content_types:
            raise ValueError(f"ClientError: Content type {channel['ContentType']} of the channel '{name}' is not supported")
        if channel.get("TrainingInputMode", "File") == "Pipe":
            raise ValueError(f"AlgorithmError: {title} of the local AWS does not read pipes (channel '{name}'); use File mode")


def content_type(channel: Mapping[str, Any]) -> str:
    """The channel's content type in lower case, without blanks; empty if it has none."""
    return str(channel.get("ContentType") or "").lower().replace(" ", "")


def log(*messages: str, level: str = "INFO") -> None:
    """Print lines in the form of the containers' log. Metrics in JSON have no prefix."""
    prefix = f"[{datetime.now(UTC):%m/%d/%Y %H:%M:%S} {level} {os.getpid()}]"
    print("\n".join(message if message.startswith("#metrics") else f"{prefix} {message}" for message in messages), flush=True)


def duration_line(algorithm: str, name: str, seconds: float) -> str:
    """A line `#metrics {...}` with a duration, as the containers log it."""
    now, ms = time.time(), 1000 * seconds
    body = {
        "StartTime": now - seconds,
        "EndTime": now,
        "Dimensions": {"Algorithm": algorithm, "Host": "algo-1", "Operation": "training"},
        "Metrics": {name: {"sum": ms, "count": 1, "min": ms, "max": ms}},
    }
    return f"#metrics {json.dumps(body)}"
