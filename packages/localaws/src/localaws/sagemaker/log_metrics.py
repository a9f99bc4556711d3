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


class MetricReader:
    """The last value of each metric, with the time at which its line was read (seconds since the epoch). `report` gets each value."""

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

    def read(self, lines: Sequence[str]) -> None:
        for line in lines:
            for name, pattern in self._patterns:
                for match in pattern.finditer(line):
                    self._take(name, match)

    def final(self) -> list[Metric]:
        """FinalMetricDataList, in the order of the definitions."""
        return [self._last[name] for name, _ in self._patterns if name in self._last]

    def _take(self, name: str, match: re.Match[str]) -> None:
        try:
            value = float(match[1])
        except (ValueError, IndexError):
            return
        if not math.isfinite(value):  # CloudWatch refuses such values too
            return
        self._last[name] = {"MetricName": name, "Value": value, "Timestamp": self._clock()}
        self._report(self._last[name])
