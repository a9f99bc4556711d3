"""Reads metrics from the job's log by regular expressions, as SageMaker does."""

import math
import re
import time
from collections.abc import Callable, Sequence
from typing import TypedDict

from localaws.sagemaker.algorithm_images import MetricDefinition


class Metric(TypedDict):
    """One of DescribeTrainingJob's FinalMetricDataList, with its time in seconds since the epoch."""

    MetricName: str
    Value: float
    Timestamp: float


_REPORT_EVERY_S = 1.0  # a job that writes thousands of lines a second would otherwise hold up the whole server


class MetricReader:
    """The last value of each metric, with the time at which its line was read (seconds since the epoch).

    `report` gets one value of each metric a second, the first and the last among them.
    """

    def __init__(
        self,
        definitions: Sequence[MetricDefinition],
        *,
        clock: Callable[[], float] = time.time,
        report: Callable[[Metric], None] = lambda metric: None,
    ) -> None:
        self._patterns = [(definition.name, re.compile(definition.regex)) for definition in definitions]
        self._clock, self._report = clock, report
        self._last: dict[str, Metric] = {}
        self._reported: dict[str, Metric] = {}

    def read(self, lines: Sequence[str]) -> None:
        for line in lines:
            for name, pattern in self._patterns:
                for match in pattern.finditer(line):
                    self._take(name, match)

    def final(self) -> list[Metric]:
        """FinalMetricDataList, in the order of the definitions. Call it when the job has ended."""
        for name, metric in self._last.items():
            if metric is not self._reported.get(name):
                self._report(metric)
        return [self._last[name] for name, _ in self._patterns if name in self._last]

    def _take(self, name: str, match: re.Match[str]) -> None:
        try:
            value = float(match[1])
        except (ValueError, IndexError):
            return
        if not math.isfinite(value):  # CloudWatch refuses such values too
            return
        self._last[name] = {"MetricName": name, "Value": value, "Timestamp": self._clock()}
        reported = self._reported.get(name)
        if reported is None or self._last[name]["Timestamp"] - reported["Timestamp"] >= _REPORT_EVERY_S:
            self._reported[name] = self._last[name]
            self._report(self._last[name])
