"""Evaluates an alarm on its own metric, period by period. The emulator mixes all dimensions of a metric and all periods."""

import operator
import time
from collections.abc import Callable, Mapping
from typing import Any

_COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "GreaterThanOrEqualToThreshold": operator.ge,
    "GreaterThanThreshold": operator.gt,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}


def evaluate_by_period() -> None:
    """Evaluate alarms when data arrives and when an alarm is created or changed. The current period counts once it has data."""
    from ministack.services import cloudwatch

    def evaluate(alarm: dict[str, Any]) -> None:
        new_state, reason = _state(cloudwatch, alarm, time.time())
        old_state = alarm["StateValue"]
        if new_state == old_state:
            return
        alarm.update(StateValue=new_state, StateReason=reason, StateUpdatedTimestamp=int(time.time()))
        cloudwatch._record_history(alarm["AlarmName"], old_state, new_state, reason)
        cloudwatch._dispatch_alarm_actions(alarm, old_state, new_state, reason)
        cloudwatch._evaluate_parent_alarms(alarm)

    cloudwatch._evaluate_alarm = evaluate


def _state(cloudwatch: Any, alarm: Mapping[str, Any], now: float) -> tuple[str, str]:
    """The state and its reason, as in the table "How alarm state is evaluated when data is missing" of CloudWatch's guide."""
    periods, missing = int(alarm.get("EvaluationPeriods", 1)), alarm.get("TreatMissingData") or "missing"
    needed = int(alarm.get("DatapointsToAlarm") or periods)
    values = _values(cloudwatch, alarm, now, periods)
    compare = _COMPARISONS[alarm["ComparisonOperator"]]
    breaching = sum(1 for value in values if value is not None and compare(value, alarm["Threshold"]))
    absent = values.count(None)
    if missing == "breaching":
        breaching, absent = breaching + absent, 0
    elif missing == "notBreaching":
        absent = 0
    elif absent == periods:
        return (
            (str(alarm["StateValue"]), "")
            if missing == "ignore"
            else ("INSUFFICIENT_DATA", "Insufficient Data: no datapoints were received")
        )
    elif missing == "missing":
        needed = min(needed, periods - absent)
    found = f"{breaching} of the last {periods} datapoints {[value for value in values if value is not None]}"
    reason = f"Threshold Crossed: {found} against the threshold ({alarm['Threshold']}): {alarm['ComparisonOperator']}"
    return ("ALARM" if breaching >= needed else "OK"), reason


def _values(cloudwatch: Any, alarm: Mapping[str, Any], now: float, periods: int) -> list[float | None]:
    """The statistic of each of the last periods, the newest last; None for a period without data."""
    dimensions = cloudwatch._dims_key({item["Name"]: item["Value"] for item in alarm.get("Dimensions") or ()})
    points = cloudwatch._metrics.get((alarm["Namespace"], alarm["MetricName"], dimensions)) or []
    length = int(alarm.get("Period", 60))
    end = (int(now) // length + 1) * length
    name = alarm.get("ExtendedStatistic") or alarm.get("Statistic") or "Average"
    found: list[float | None] = []
    for start in range(end - periods * length, end, length):
        inside = [point for point in points if start <= point["Timestamp"] < start + length]
        statistics = cloudwatch._calc_stats(inside) if inside else {}
        found.append(cloudwatch._stat_value(statistics, name, inside) if statistics else None)
    return found
