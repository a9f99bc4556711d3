"""SageMaker's parameter ranges as Optuna's distributions, and Optuna's numbers as SageMaker's strings."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

# With Auto, a range over this many orders of magnitude is searched on a logarithmic scale.
_AUTO_LOG_ORDERS = 3


@dataclass(frozen=True, kw_only=True)
class Dimension:
    """One hyperparameter: Optuna's distribution, and the conversion to the training job's string."""

    name: str
    distribution: "BaseDistribution"
    to_text: Callable[[Any], str]


def dimensions(ranges: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[Dimension]:
    """One dimension for each range. Raises ValueError for a range that AWS would refuse."""
    found = [
        *(_integer(item) for item in ranges.get("IntegerParameterRanges", [])),
        *(_continuous(item) for item in ranges.get("ContinuousParameterRanges", [])),
        *(_categorical(item) for item in ranges.get("CategoricalParameterRanges", [])),
    ]
    names = [dimension.name for dimension in found]
    if not found or len(set(names)) != len(names):
        raise ValueError("ParameterRanges must hold at least one range, and each hyperparameter once")
    return found


def _integer(item: Mapping[str, Any]) -> Dimension:
    from optuna.distributions import IntDistribution

    low, high = _bounds(item, int)
    distribution = IntDistribution(low, high, log=_is_logarithmic(item, low, high))
    return Dimension(name=item["Name"], distribution=distribution, to_text=str)


def _continuous(item: Mapping[str, Any]) -> Dimension:
    from optuna.distributions import FloatDistribution

    low, high = _bounds(item, float)
    if item.get("ScalingType") == "ReverseLogarithmic":
        if not 0 <= low <= high < 1:
            raise ValueError(f"{item['Name']}: ReverseLogarithmic scaling needs a range within 0 <= x < 1")
        # ReverseLogarithmic searches the distance to one on a logarithmic scale, so most points are close to one.
        reverse = FloatDistribution(1 - high, 1 - low, log=True)
        return Dimension(name=item["Name"], distribution=reverse, to_text=lambda value: repr(min(max(1 - value, low), high)))
    distribution = FloatDistribution(low, high, log=_is_logarithmic(item, low, high))
    return Dimension(name=item["Name"], distribution=distribution, to_text=repr)


def _categorical(item: Mapping[str, Any]) -> Dimension:
    from optuna.distributions import CategoricalDistribution

    return Dimension(name=item["Name"], distribution=CategoricalDistribution(list(item["Values"])), to_text=str)


def _bounds(item: Mapping[str, Any], number: Callable[[str], Any]) -> tuple[Any, Any]:
    try:
        low, high = number(item["MinValue"]), number(item["MaxValue"])
    except ValueError as error:
        raise ValueError(f"{item['Name']}: MinValue and MaxValue must be numbers of the range's type") from error
    if not (math.isfinite(low) and math.isfinite(high) and low <= high):
        raise ValueError(f"{item['Name']}: MinValue must not be greater than MaxValue")
    return low, high


def _is_logarithmic(item: Mapping[str, Any], low: float, high: float) -> bool:
    scaling = item.get("ScalingType", "Auto")
    if scaling == "Logarithmic" and low <= 0:
        raise ValueError(f"{item['Name']}: Logarithmic scaling needs values greater than 0")
    return scaling == "Logarithmic" or (scaling == "Auto" and low > 0 and high / low >= 10**_AUTO_LOG_ORDERS)
