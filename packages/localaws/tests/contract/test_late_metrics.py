"""An alarm sees a metric that arrives after its period, and goes back to OK when no more data come."""

import datetime
import uuid
from collections.abc import Callable
from typing import Any

from waiting import wait_until

Aws = Callable[[str], Any]


def test_an_alarm_rings_by_a_late_metric_and_recovers_without_a_call(aws: Aws) -> None:
    cloudwatch, name = aws("cloudwatch"), f"late-{uuid.uuid4().hex[:8]}"
    cloudwatch.put_metric_alarm(
        AlarmName=name,
        Namespace=name,
        MetricName="errors",
        Statistic="Sum",
        Period=10,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
        TreatMissingData="notBreaching",
    )

    def changes() -> list[str]:
        items = cloudwatch.describe_alarm_history(AlarmName=name, HistoryItemType="StateUpdate")["AlarmHistoryItems"]
        return [item["HistorySummary"].rpartition(" ")[2] for item in reversed(items)]

    late = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=12)
    cloudwatch.put_metric_data(Namespace=name, MetricData=[{"MetricName": "errors", "Timestamp": late, "Value": 3}])
    found = wait_until(changes, "the alarm rings and is OK again", ok=lambda states: states[-2:] == ["ALARM", "OK"])
    assert found.count("ALARM") == 1
