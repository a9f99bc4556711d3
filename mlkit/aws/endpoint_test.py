"""The functions of 03_test_endpoint for any kind of data: metrics with intervals, the verdict, the result."""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from mlkit.aws.endpoints import Answers, Served
from mlkit.aws.s3_objects import read_verified
from mlkit.aws.session import Session
from mlkit.errors import UsageError
from mlkit.gate import verdicts
from mlkit.gate.bootstrap import MatchRate
from mlkit.notebook import handoff, journal, shown_tables
from mlkit.notebook.handoff import TestResult, TrainedModel
from mlkit.settings import Project

# A linear baseline needs no more rows than this to show what the model adds.
BASELINE_ROWS = 1_000_000


class HeldOut(Protocol):
    """Held-out rows of any data set, with raw values: each model encodes them with its own encoding.

    Rows of one cluster are alike, so intervals are taken over clusters; `cluster` names one ("user"; "row" if each row is its
    own cluster). `label_names` name label 0 and label 1.
    """

    @property
    def labels(self) -> npt.NDArray[np.int64]: ...

    @property
    def clusters(self) -> npt.NDArray[Any]: ...

    @property
    def cluster(self) -> str: ...

    @property
    def label_names(self) -> tuple[str, str]: ...


@dataclass(frozen=True, kw_only=True)
class Tested:
    """An endpoint's answers for held-out rows, encoded with its model's own encoding."""

    rows: HeldOut
    predictions: Answers
    served: Served


def read_test_rows(aws: Session, trained: TrainedModel) -> pa.Table:
    """All held-out rows of the model's own preparation, checked by their digests."""
    objects = trained.prepared_data.test.objects
    return pa.concat_tables(pq.read_table(io.BytesIO(read_verified(aws, item))) for item in objects).combine_chunks()


def window(rows: pa.Table, *, test_rows: int, test_offset: int) -> pa.Table:
    """`test_rows` rows from `test_offset` on; 0 means all from there. Raises UsageError, or InvalidData past the last row."""
    if test_rows < 0 or test_offset < 0:
        raise UsageError(
            f"test_rows is {test_rows}, test_offset is {test_offset}", cure="0 and 0 mean all rows; the lab took 10 from 1000 on."
        )
    if not test_rows and not test_offset:
        return rows
    part = verdicts.lab_window(len(rows), test_rows or len(rows) - test_offset, test_offset)
    return rows.slice(part.start, part.stop - part.start)


def match_rate(tested: Tested, confidence: float = 0.95) -> MatchRate:
    """The share of rows whose predicted label is right, with the interval over clusters."""
    rows = tested.rows
    return verdicts.match_rate(rows.labels, tested.predictions.labels, rows.clusters, confidence, cluster=rows.cluster)


def describe_rate(rate: MatchRate) -> pd.DataFrame:
    """The rate, its interval, Wilson's interval and, for clusters of rows, the design effect."""
    is_grouped = rate.cluster != "row"
    rows: dict[str, Any] = {
        "rows": rate.rows,
        **({f"{rate.cluster}s": rate.clusters} if is_grouped else {}),
        "matches": rate.matches,
        "match rate": round(rate.value, 4),
        f"{rate.confidence:.0%} interval by {rate.cluster}": f"{rate.low:.4f} to {rate.high:.4f}",
        "Wilson interval (rows independent)": f"{rate.wilson_low:.4f} to {rate.wilson_high:.4f}",
        **({"design effect": round(rate.design_effect, 2)} if is_grouped else {}),
    }
    return shown_tables.facts(rows)


def confusion(tested: Tested) -> pd.DataFrame:
    """The confusion table of the classes."""
    return verdicts.confusion_table(tested.rows.labels, tested.predictions.labels, tested.rows.label_names)


def judge(rate: MatchRate, min_match_rate: float, *, rule: str = "interval") -> verdicts.Verdict:
    """The verdict by the interval's bounds, or by the value alone as the lab did (`rule="value"`)."""
    rules = {"interval": verdicts.decide, "value": verdicts.decide_by_value}
    if rule not in rules:
        raise UsageError(f"gate_rule is {rule!r}", cure='Choose "interval" or "value".')
    if not 0 < min_match_rate <= 1:
        raise UsageError(f"min_match_rate is {min_match_rate}", cure="Give a share above 0 and at most 1, such as 0.65.")
    return rules[rule](rate, min_match_rate)


def save_test_result(
    tested: Tested,
    trained: TrainedModel,
    rate: MatchRate,
    verdict: verdicts.Verdict,
    table: pd.DataFrame,
    *,
    min_match_rate: float,
    project: Project,
) -> TestResult:
    """Write handoff/test_result.json, whatever the verdict."""
    baselines: Mapping[str, float] = {str(row["model"]): float(row["match rate"]) for _, row in table.iloc[1:].iterrows()}
    result = TestResult(
        endpoint=tested.served.endpoint,
        endpoint_config=tested.served.endpoint_config,
        model=trained.model,
        rows=rate.rows,
        match_rate=rate.value,
        low=rate.low,
        high=rate.high,
        confidence=rate.confidence,
        min_match_rate=min_match_rate,
        verdict=str(verdict.outcome),
        log_loss=float(table["log loss"].iloc[0]),
        baselines=baselines,
    )
    handoff.save(result, project.handoff, "test_result")
    figures = {name: getattr(result, name) for name in ("match_rate", "low", "high", "log_loss", "rows", "min_match_rate")}
    journal.log_metrics({**figures, **{f"{name}: match rate": value for name, value in baselines.items()}})
    journal.log_verdict(result.verdict)
    return result
