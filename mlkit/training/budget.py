"""The maximum cost of training, shown before it starts and compared with the allowed instance hours."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from mlkit.errors import OverBudget, UsageError
from mlkit.notebook import shown_tables

_SECONDS_PER_HOUR = 3600


@dataclass(frozen=True, kw_only=True)
class Bound:
    """An upper bound: `jobs` training jobs, each on `instance_count` instances and stopped by SageMaker after `max_runtime_s`.

    SageMaker gives a job that it stops two more minutes to save its model; the bound does not include them.
    """

    instance_type: str
    instance_count: int
    jobs: int
    parallel_jobs: int
    max_runtime_s: int

    @property
    def instance_hours(self) -> float:
        return self.jobs * self.max_runtime_s * self.instance_count / _SECONDS_PER_HOUR

    @property
    def clock_hours(self) -> float:
        """The minimum duration if every job runs to its limit and at most `parallel_jobs` run at once."""
        return math.ceil(self.jobs / self.parallel_jobs) * self.max_runtime_s / _SECONDS_PER_HOUR


def check_budget(
    instance_type: str,
    max_runtime_s: int,
    *,
    max_instance_hours: float,
    jobs: int = 1,
    parallel_jobs: int = 1,
    instance_count: int = 1,
    usd_per_instance_hour: Mapping[str, float] | None = None,
) -> shown_tables.Table:
    """The maximum instance hours of `jobs` training jobs, and their price in USD if the type's price is given.

    Raises OverBudget above `max_instance_hours`, UsageError for impossible numbers.
    """
    bound = Bound(
        instance_type=instance_type, instance_count=instance_count, jobs=jobs, parallel_jobs=parallel_jobs, max_runtime_s=max_runtime_s
    )
    _check(bound, max_instance_hours)
    price = price_of(instance_type, usd_per_instance_hour or {})
    if bound.instance_hours > max_instance_hours:
        raise OverBudget(f"{_sentence(bound, price)} max_instance_hours allows {max_instance_hours:g}; nothing was started.")
    rows = {
        "instances": f"{instance_count} x {instance_type}",
        "training jobs": jobs if jobs == 1 else f"{jobs}, at most {min(jobs, parallel_jobs)} at once",
        "time limit of a job": f"{max_runtime_s:,} s",
        "instance hours, at most": _hours(bound.instance_hours),
        "allowed (max_instance_hours)": f"{max_instance_hours:g}",
        "USD, at most": money(bound.instance_hours, price, instance_type),
        "hours by the clock if each job takes its limit, at least": _hours(bound.clock_hours),
    }
    return shown_tables.facts(rows)


def price_of(instance_type: str, usd_per_instance_hour: Mapping[str, float]) -> float | None:
    """The type's price in USD per instance hour; None if it is not given. Raises UsageError if any price is not a number of 0 or more."""
    for name, price in usd_per_instance_hour.items():
        if isinstance(price, bool) or not isinstance(price, int | float) or not 0 <= price < math.inf:
            raise UsageError(f"The price of {name} is {price!r}", cure='Give USD per hour as a number: {"ml.c5.xlarge": 0.2}.')
    return usd_per_instance_hour.get(instance_type)


def money(instance_hours: float, price: float | None, instance_type: str) -> str:
    """The price in USD, rounded up to the cent; without the type's price, a sentence that says so."""
    if price is None:
        return f"not known: usd_per_instance_hour has no price of {instance_type}"
    return f"{math.ceil(round(instance_hours * price * 100, 6)) / 100:.2f}"


def _sentence(bound: Bound, price: float | None) -> str:
    jobs = f"{bound.jobs} training job{'s' if bound.jobs > 1 else ''}"
    cost = "" if price is None else f", {money(bound.instance_hours, price, bound.instance_type)} USD"
    instances = f"{bound.instance_count} {bound.instance_type}"
    return f"{jobs} x {bound.max_runtime_s:,} s x {instances} may take {_hours(bound.instance_hours)} instance hours{cost}."


def _hours(hours: float) -> str:
    """Two decimals, rounded up: the shown bound must not be below the real one."""
    return f"{math.ceil(round(hours * 100, 6)) / 100:.2f}"


def _check(bound: Bound, max_instance_hours: float) -> None:
    numbers = {
        "jobs": bound.jobs,
        "parallel_jobs": bound.parallel_jobs,
        "instance_count": bound.instance_count,
        "max_runtime_s": bound.max_runtime_s,
    }
    for name, number in numbers.items():
        if number < 1:
            raise UsageError(f"{name} is {number}", cure=f"Give {name} of at least 1.")
    if not 0 <= max_instance_hours < math.inf:
        raise UsageError(f"max_instance_hours is {max_instance_hours}", cure="Give the maximum of instance hours, for example 4.")
