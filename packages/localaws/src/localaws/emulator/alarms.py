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

# CloudWatch looks further back than the evaluation periods, because metrics arrive late. Its guide's example looks back two more periods.
_EXTRA_PERIODS = 2
# A state that SetAlarmState sets holds "often within seconds" on AWS. Who watches an alarm, as a deployment does, must see it here.
_SET_HOLDS_S = 5


def evaluate_by_period() -> None:
    """Evaluate an alarm by its own metric, in the emulator's place. The current period counts once it has data."""
    from ministack.services import cloudwatch

    found: dict[str, str] = {}  # the state of each alarm that its last evaluation found

    def evaluate(alarm: dict[str, Any]) -> None:
        now, old_state = time.time(), alarm["StateValue"]
        was_set = old_state != found.get(alarm["AlarmName"], "INSUFFICIENT_DATA")
        if was_set and now - alarm["StateUpdatedTimestamp"] < _SET_HOLDS_S:
            return
        new_state, reason = _state(cloudwatch, alarm, now)
        found[alarm["AlarmName"]] = new_state
        if new_state == old_state:
            return
        alarm.update(StateValue=new_state, StateReason=reason, StateUpdatedTimestamp=int(now))
        cloudwatch._record_history(alarm["AlarmName"], old_state, new_state, reason)
        cloudwatch._dispatch_alarm_actions(alarm, old_state, new_state, reason)
        cloudwatch._evaluate_parent_alarms(alarm)

    cloudwatch._evaluate_alarm = evaluate


def _state(cloudwatch: Any, alarm: Mapping[str, Any], now: float) -> tuple[str, str]:
    """The state and its reason, as CloudWatch's guide tells under "Configuring how CloudWatch alarms treat missing data"."""
    periods, missing = int(alarm.get("EvaluationPeriods", 1)), alarm.get("TreatMissingData") or "missing"
    needed = int(alarm.get("DatapointsToAlarm") or periods)
    values = _values(cloudwatch, alarm, now, periods)
    compare = _COMPARISONS[alarm["ComparisonOperator"]]
    breaching, absent = sum(1 for value in values if compare(value, alarm["Threshold"])), periods - len(values)
    if missing == "breaching":
        breaching += absent
    elif missing == "missing" and not values:
        return "INSUFFICIENT_DATA", "Insufficient Data: no datapoints were received"
    elif missing == "missing":
        needed = min(needed, len(values))
    elif missing == "ignore" and breaching == len(values) < needed:
        return str(alarm["StateValue"]), ""
    found = f"{breaching} of the last {periods} datapoints {values}"
    reason = f"Threshold Crossed: {found} against the threshold ({alarm['Threshold']}): {alarm['ComparisonOperator']}"
    return ("ALARM" if breaching >= needed else "OK"), reason


def _values(cloudwatch: Any, alarm: Mapping[str, Any], now: float, periods: int) -> list[float]:
    """The statistic of the newest periods that have data, the newest last: at most `periods`, from the evaluation range."""
    dimensions = cloudwatch._dims_key({item["Name"]: item["Value"] for item in alarm.get("Dimensions") or ()})
    points = cloudwatch._metrics.get((alarm["Namespace"], alarm["MetricName"], dimensions)) or []
    length = int(alarm.get("Period", 60))
    end = (int(now) // length + 1) * length
    name = alarm.get("ExtendedStatistic") or alarm.get("Statistic") or "Average"
    found: list[float] = []
    for start in range(end - (periods + _EXTRA_PERIODS) * length, end, length):
        inside = [point for point in points if start <= point["Timestamp"] < start + length]
        statistics = cloudwatch._calc_stats(inside)
        value = cloudwatch._stat_value(statistics, name, inside) if statistics else None
        if value is not None:
            found.append(value)
    return found[-periods:]
