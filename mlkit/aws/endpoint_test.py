"""The functions of 03_test_endpoint for any kind of data: metrics with intervals, the verdict, the result."""

import io
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from mlkit.aws.endpoints import Served
from mlkit.aws.s3_objects import read_verified
from mlkit.aws.session import Session
from mlkit.errors import UsageError
from mlkit.gate import verdicts
from mlkit.gate.answers import Answers
from mlkit.gate.bootstrap import estimate
from mlkit.gate.comparison import Comparison
from mlkit.gate.error_table import error_table
from mlkit.gate.estimate import Estimate, Slice, conspicuous, number
from mlkit.gate.metrics import metric_of, metrics_of
from mlkit.gate.policy import Policy
from mlkit.gate.slices import Part, estimate_parts
from mlkit.gate.target import Target
from mlkit.notebook import handoff, journal, shown_tables
from mlkit.notebook.handoff import TestResult, TrainedModel
from mlkit.settings import Project

if TYPE_CHECKING:
    from mlkit.charts import Chart

# A linear baseline needs no more rows than this to show what the model adds.
BASELINE_ROWS = 1_000_000


class HeldOut(Protocol):
    """Held-out rows of any data set, with raw values: each model encodes them with its own encoding.

    `labels` are classes from 0 on, or numbers, as the `target` says. Rows of one cluster are alike, so intervals are taken over clusters;
    `cluster` names one ("user"; "row" if each row is its own cluster).
    """

    @property
    def labels(self) -> npt.NDArray[Any]: ...

    @property
    def clusters(self) -> npt.NDArray[Any]: ...

    @property
    def cluster(self) -> str: ...

    @property
    def target(self) -> Target: ...


@dataclass(frozen=True, kw_only=True)
class Tested:
    """An endpoint's answers for held-out rows, encoded with its model's own encoding."""

    __test__ = False  # not a pytest class

    rows: HeldOut
    predictions: Answers
    served: Served


def read_test_rows(aws: Session, trained: TrainedModel) -> pa.Table:
    """All held-out rows of the model's own preparation, checked by their digests."""
    objects = trained.prepared_data.test.objects
    return pa.concat_tables(pq.read_table(io.BytesIO(read_verified(aws, item))) for item in objects).combine_chunks()


def labels_in(rows: pa.Table, target: Target) -> npt.NDArray[Any]:
    """The column `label`: numbers for a regression, otherwise classes from 0 on."""
    return np.asarray(rows["label"].to_numpy(), dtype=np.float64 if target.is_number else np.int64)


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


def estimate_metric(tested: Tested, policy: Policy) -> Estimate:
    """The policy's metric on the tested rows, with the interval over clusters."""
    metric, rows = metric_of(policy.metric, tested.rows.target), tested.rows
    return estimate(metric, rows.labels, getattr(tested.predictions, metric.needs), rows.clusters, policy.confidence, cluster=rows.cluster)


def describe_estimate(found: Estimate) -> pd.DataFrame:
    """The value, its interval and, where they exist, Wilson's interval and the design effect."""
    is_grouped = found.cluster != "row"
    rows: dict[str, Any] = {"rows": found.rows}
    if is_grouped:
        rows[f"{found.cluster}s"] = found.clusters
    rows |= {found.title: number(found.value), f"{found.confidence:.0%} interval by {found.cluster}": found.interval}
    if found.wilson_low is not None and found.wilson_high is not None:
        rows["Wilson interval (rows independent)"] = f"{found.wilson_low:.4f} to {found.wilson_high:.4f}"
    if is_grouped and found.design_effect is not None:
        rows["design effect"] = round(found.design_effect, 2)
    return shown_tables.facts(rows)


def estimate_slices(tested: Tested, policy: Policy, parts: Sequence[Part]) -> tuple[Slice, ...]:
    """The policy's metric on each part of the tested rows, and which parts are far worse than the others."""
    metric, rows = metric_of(policy.metric, tested.rows.target), tested.rows
    predictions = getattr(tested.predictions, metric.needs)
    return estimate_parts(metric, rows.labels, predictions, rows.clusters, parts, policy.confidence, cluster=rows.cluster)


def describe_slices(slices: Sequence[Slice]) -> pd.DataFrame:
    """One line per slice: rows, the metric and its interval, how much worse it is, the corrected p-value, and whether it is flagged.

    Of many slices, the most conspicuous ones are shown.
    """
    return shown_tables.Table([_slice_line(one) for one in conspicuous(slices)])


def _slice_line(found: Slice) -> dict[str, Any]:
    line: dict[str, Any] = {"rows by": found.group, "slice": found.name, "rows": found.rows}
    own = found.estimate
    if own is None or found.worse_by is None or found.p_value is None:
        return {**line, "flagged": "not judged"}
    figures = {own.metric: number(own.value), "interval": own.interval, "worse by": f"{found.worse_by:+.4f}"}
    return {**line, **figures, "p (Holm)": f"{found.p_value:.3f}", "flagged": "FAR WORSE" if found.is_flagged else ""}


def confusion(tested: Tested) -> pd.DataFrame:
    """The confusion table of the classes. Raises UsageError for a predicted number, which has none."""
    if tested.predictions.labels is None:
        raise UsageError(f"The model predicts {tested.rows.target}, which has no confusion table", cure="Call describe_answers(tested).")
    return verdicts.confusion_table(tested.rows.labels, tested.predictions.labels, tested.rows.target.classes)


def describe_answers(tested: Tested) -> pd.DataFrame:
    """The confusion table of the classes; for a predicted number, its errors by the size of the true one."""
    if tested.predictions.labels is not None:
        return confusion(tested)
    return shown_tables.Table(error_table(tested.rows.labels, tested.predictions.scores, tested.rows.target).round(4))


def chart_answers(tested: Tested) -> "Chart":
    """The scores of two classes by true label, which of several classes are mistaken for which, or predicted against true numbers."""
    from mlkit import charts  # imported here, because commands draw nothing and would wait for matplotlib

    labels, predictions, target = tested.rows.labels, tested.predictions, tested.rows.target
    if predictions.labels is None:
        return charts.predicted_by_true(predictions.scores, labels, target)
    if target.task == "binary":
        return charts.scores_by_label(predictions.scores, labels, names=target.classes)
    return charts.mistaken_classes(confusion(tested), target)


def save_test_result(
    tested: Tested,
    trained: TrainedModel,
    found: Estimate,
    policy: Policy,
    verdict: verdicts.Verdict,
    table: pd.DataFrame,
    *,
    project: Project,
    comparison: Comparison | None = None,
    slices: Sequence[Slice] = (),
) -> TestResult:
    """Write handoff/test_result.json, whatever the verdict. `table` is of `compare_with_baselines`."""
    model, *baselines = table.to_dict("records")
    others = {metric.name: float(model[metric.name]) for metric in metrics_of(tested.rows.target) if metric.name != found.metric}
    result = TestResult(
        endpoint=tested.served.endpoint,
        endpoint_config=tested.served.endpoint_config,
        model=trained.model,
        verdict=str(verdict.outcome),
        estimate=found,
        policy=policy,
        others={name: value for name, value in others.items() if math.isfinite(value)},
        baselines={str(row["model"]): float(row[found.metric]) for row in baselines},
        champion=comparison,
        slices=tuple(slices),
    )
    handoff.save(result, project.handoff, "test_result")
    beside = {f"{name}: {found.metric}": value for name, value in result.baselines.items()}
    journal.log_metrics({found.metric: found.value, **result.others, **beside})
    journal.log_verdict(result.verdict, asdict(found))
    return result
