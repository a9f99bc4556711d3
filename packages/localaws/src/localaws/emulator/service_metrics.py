"""Metrics that AWS's services put themselves, for example AWS/SageMaker. The data of one second is one statistic set."""

from collections.abc import Mapping
from typing import Any


def put(namespace: str, name: str, value: float, dimensions: Mapping[str, str], *, unit: str, time_s: float) -> None:
    """Add a value. Call it on the event loop, within the emulator's scope."""
    from ministack.services import cloudwatch

    points = cloudwatch._metric_bucket((namespace, name, cloudwatch._dims_key(dict(dimensions))))
    second = float(int(time_s))
    point = next((found for found in reversed(points[-5:]) if found["Timestamp"] == second and "_stat" in found), None)
    if point is None:
        point = {"Timestamp": second, "Unit": unit, "Dimensions": dict(dimensions), "Value": value, "_stat": {}}
        points.append(point)
    statistics = point["_stat"] = _with(point["_stat"], value)
    point["Value"] = statistics["Sum"] / statistics["SampleCount"]


def evaluate_alarms() -> None:
    from ministack.services import cloudwatch

    cloudwatch._evaluate_all_alarms()


def _with(statistics: Mapping[str, Any], value: float) -> dict[str, float]:
    if not statistics:
        return {"SampleCount": 1.0, "Sum": value, "Minimum": value, "Maximum": value}
    return {
        "SampleCount": statistics["SampleCount"] + 1,
        "Sum": statistics["Sum"] + value,
        "Minimum": min(statistics["Minimum"], value),
        "Maximum": max(statistics["Maximum"], value),
    }
