"""Alarms on missing and late data, against the examples in CloudWatch's guide ("Configuring how CloudWatch alarms treat missing data")."""

import uuid
from collections.abc import Callable
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest

from localaws.emulator import alarms
from localaws.emulator.core import Emulator

NOW = 1_800_000_030.0  # half a minute into a period
TREATMENTS = ("missing", "ignore", "breaching", "notBreaching")


def state(points: str, *, treatment: str = "missing", periods: int = 3, needed: int | None = None, **more: Any) -> str:
    """The state by the newest periods, oldest first: `-` has no data, `0` has a value below the threshold, `X` one above."""
    from ministack.services import cloudwatch

    begin = int(NOW) // 60 * 60 - 60 * (len(points) - 1)
    stored = [
        {"Timestamp": float(begin + 60 * number), "Value": 9.0 if sign == "X" else 0.0} for number, sign in enumerate(points) if sign != "-"
    ]
    module = SimpleNamespace(
        _metrics={("N", "m", ()): stored},
        _dims_key=lambda found: tuple(sorted(found.items())),
        _calc_stats=cloudwatch._calc_stats,
        _stat_value=cloudwatch._stat_value,
    )
    alarm = {
        "Namespace": "N",
        "MetricName": "m",
        "Statistic": "Sum",
        "Period": 60,
        "EvaluationPeriods": periods,
        "DatapointsToAlarm": needed,
        "Threshold": 5.0,
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": treatment,
        "StateValue": "before",
        **more,
    }
    return alarms._state(module, alarm, NOW)[0]


@pytest.mark.parametrize(
    ("points", "states"),
    [
        ("0-X-X", ("OK", "OK", "OK", "OK")),
        ("----0", ("OK", "OK", "OK", "OK")),
        ("-----", ("INSUFFICIENT_DATA", "before", "ALARM", "OK")),
        ("0XX-X", ("ALARM", "ALARM", "ALARM", "ALARM")),
        ("--X--", ("ALARM", "before", "ALARM", "OK")),
    ],
)
def test_three_of_three_periods_as_in_the_guide(points: str, states: tuple[str, ...]) -> None:
    assert tuple(state(points, treatment=treatment) for treatment in TREATMENTS) == states


@pytest.mark.parametrize(
    ("points", "states"),
    [
        ("0-X-X", ("ALARM", "ALARM", "ALARM", "ALARM")),
        ("00X0X", ("ALARM", "ALARM", "ALARM", "ALARM")),
        ("0-X--", ("OK", "OK", "ALARM", "OK")),
        ("----0", ("OK", "OK", "ALARM", "OK")),
        ("---X-", ("ALARM", "before", "ALARM", "OK")),
    ],
)
def test_two_of_three_periods_as_in_the_guide(points: str, states: tuple[str, ...]) -> None:
    assert tuple(state(points, treatment=treatment, needed=2) for treatment in TREATMENTS) == states


@pytest.mark.parametrize(("points", "expected"), [("X-", "ALARM"), ("X--", "ALARM"), ("X---", "OK"), ("X0-", "OK"), ("0X", "ALARM")])
def test_an_alarm_of_one_period_sees_data_that_arrive_late(points: str, expected: str) -> None:
    assert state(points, treatment="notBreaching", periods=1) == expected


def test_an_alarm_sees_its_own_dimensions_alone() -> None:
    dimensions = [{"Name": "EndpointConfigName", "Value": "new"}]
    assert state("XXX", treatment="notBreaching", periods=1, Dimensions=dimensions) == "OK"


def test_metrics_of_one_moment_evaluate_the_alarms_once(monkeypatch):
    """Before, a job that logged thousands of lines a second left the event loop no time for anything else."""
    emulator = Emulator.__new__(Emulator)  # one process can have one emulator only, and this test needs none
    emulator._evaluates = False
    put: list[float] = []
    evaluated: list[int] = []
    later: list[Callable[[], None]] = []
    monkeypatch.setattr(Emulator, "module", lambda self, name: None)
    monkeypatch.setattr(Emulator, "scope", lambda self: nullcontext())
    monkeypatch.setattr(Emulator, "_on_loop", lambda self, work, delay_s=0: later.append(work) if delay_s else work())
    monkeypatch.setattr("localaws.emulator.core.service_metrics.put", lambda namespace, name, value, *_, **__: put.append(value))
    monkeypatch.setattr("localaws.emulator.core.service_metrics.evaluate_alarms", lambda: evaluated.append(len(put)))
    for moment in (1, 2):
        for value in range(1000):
            emulator.put_metric("AWS/SageMaker", "Invocations", value, [{"EndpointName": "a"}], unit="Count", time_s=0.0)
        (evaluate,) = later
        later.clear()
        evaluate()
        assert evaluated == [1000, 2000][:moment]


def test_a_state_that_somebody_sets_holds_for_seconds_and_then_gives_way(monkeypatch):
    """A deployment looks at its alarms twice a second. An evaluation between SetAlarmState and its next look hid the alarm from it."""
    from ministack.services import cloudwatch

    alarm = {"AlarmName": uuid.uuid4().hex, "StateValue": "INSUFFICIENT_DATA", "StateUpdatedTimestamp": int(NOW)}
    for name in ("_evaluate_alarm", "_dispatch_alarm_actions", "_evaluate_parent_alarms", "_record_history"):
        monkeypatch.setattr(cloudwatch, name, lambda *_: None)
    monkeypatch.setattr(alarms, "_state", lambda *_: ("OK", "evaluated"))
    alarms.evaluate_by_period()

    def evaluated_at(now):
        monkeypatch.setattr(alarms, "time", SimpleNamespace(time=lambda: now))
        cloudwatch._evaluate_alarm(alarm)
        return alarm["StateValue"]

    assert evaluated_at(NOW) == "OK"
    alarm.update(StateValue="ALARM", StateUpdatedTimestamp=int(NOW + 1))
    assert [evaluated_at(NOW + late) for late in (1, 4, 7)] == ["ALARM", "ALARM", "OK"]
