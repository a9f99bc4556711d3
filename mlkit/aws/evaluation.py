"""03_test_endpoint's verbs: held-out rows through the endpoint, figures beside baselines, a verdict that can stop a pipeline."""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from scipy.sparse import csr_matrix, vstack

from mlkit import gates, handoff, journal, tables
from mlkit.aws.endpoints import Answers, Served, model_index, predict_rows
from mlkit.aws.objects import read_verified
from mlkit.aws.session import Session
from mlkit.baselines import baseline_table
from mlkit.errors import InvalidData, UsageError
from mlkit.features import Encoded, FeatureIndex
from mlkit.handoff import TestResult, TrainedModel
from mlkit.intervals import MatchRate
from mlkit.recordio import Rows, decode
from mlkit.settings import Project

# The linear baseline needs no more rows than this to show what factors add.
BASELINE_ROWS = 1_000_000
MODEL = "factorization machine"


@dataclass(frozen=True, kw_only=True)
class TestRows:
    """Held-out rows with raw ids: each model encodes them with its own index."""

    __test__ = False  # not a pytest class

    users: pa.Array
    movies: pa.Array
    labels: npt.NDArray[np.int64]

    @property
    def clusters(self) -> npt.NDArray[Any]:
        """The user of each row: rows of one user are alike, so intervals are taken over users."""
        return np.asarray(self.users.to_numpy(zero_copy_only=False))

    def window(self, rows: slice) -> "TestRows":
        start, stop, _ = rows.indices(len(self.labels))
        return TestRows(
            users=self.users.slice(start, stop - start), movies=self.movies.slice(start, stop - start), labels=self.labels[rows]
        )


def load_test_rows(aws: Session, trained: TrainedModel, *, test_rows: int = 0, test_offset: int = 0) -> TestRows:
    """The held-out rows of the model's own preparation, all of them or `test_rows` from `test_offset` on."""
    if test_rows < 0 or test_offset < 0:
        raise UsageError(
            f"test_rows is {test_rows}, test_offset is {test_offset}", cure="0 and 0 mean all rows; the lab took 10 from 1000 on."
        )
    objects = trained.prepared_data.test.objects
    table = pa.concat_tables(pq.read_table(io.BytesIO(read_verified(aws, item))) for item in objects).combine_chunks()
    users, movies = (table[name].combine_chunks() for name in ("user_id", "movie_id"))
    rows = TestRows(users=users, movies=movies, labels=table["label"].to_numpy().astype(np.int64))
    if not test_rows and not test_offset:
        return rows
    return rows.window(gates.lab_window(len(rows.labels), test_rows or len(rows.labels) - test_offset, test_offset))


@dataclass(frozen=True, kw_only=True)
class Tested:
    """What the endpoint answered for the held-out rows, encoded with the model's own index."""

    rows: TestRows
    encoded: Encoded
    index: FeatureIndex
    predictions: Answers
    served: Served

    def sample(self, count: int = 10, offset: int = 0) -> pd.DataFrame:
        """Some rows for people to look at."""
        part = slice(offset, offset + count)
        frame = {
            "user": self.rows.users.to_pylist()[part],
            "movie": self.rows.movies.to_pylist()[part],
            "true label": self.rows.labels[part],
            "predicted label": self.predictions.labels[part],
            "score": self.predictions.scores[part].round(4),
        }
        return pd.DataFrame(frame)


def test_endpoint(aws: Session, served: Served, trained: TrainedModel, rows: TestRows) -> Tested:
    """Ask the endpoint for every row. Unknown ids are left out of their rows and counted (`encoded.unseen_users`, `unseen_movies`)."""
    index = model_index(aws, trained)
    encoded = index.encode(rows.users, rows.movies, labels=rows.labels)
    predictions = predict_rows(aws, served.endpoint, encoded.rows, variant=served.variant)
    return Tested(rows=rows, encoded=encoded, index=index, predictions=predictions, served=served)


test_endpoint.__test__ = False  # type: ignore[attr-defined]


def match_rate(tested: Tested, confidence: float = 0.95) -> MatchRate:
    """The share of rows whose predicted label is right, with the interval over users."""
    return gates.match_rate(tested.rows.labels, tested.predictions.labels, tested.rows.clusters, confidence)


def describe_rate(rate: MatchRate) -> pd.DataFrame:
    """The rate, its interval by user, Wilson's beside it, and how much the likeness of a user's rows costs."""
    rows = {
        "rows": rate.rows,
        "users": rate.clusters,
        "matches": rate.matches,
        "match rate": round(rate.value, 4),
        f"{rate.confidence:.0%} interval by user": f"{rate.low:.4f} to {rate.high:.4f}",
        "Wilson interval (rows independent)": f"{rate.wilson_low:.4f} to {rate.wilson_high:.4f}",
        "design effect": round(rate.design_effect, 2),
    }
    return tables.facts(rows)


def compare_with_baselines(aws: Session, trained: TrainedModel, tested: Tested, confidence: float = 0.95) -> pd.DataFrame:
    """The model beside a linear model and the majority class, all on the same rows: match rate, interval, log loss."""
    train = _train_rows(aws, trained)
    return baseline_table(
        _csr(train),
        _labels(train),
        _csr(tested.encoded.rows),
        tested.rows.labels,
        tested.rows.clusters,
        model_scores={MODEL: tested.predictions.scores},
        confidence=confidence,
    )


def lab_check(aws: Session, trained: TrainedModel, served: Served, rate: MatchRate, *, min_match_rate: float = 0.8) -> pd.DataFrame:
    """The lab's own check (ten rows from the thousandth on, 80 %) on our rows, and how often a model like this one passes it by luck."""
    rows = load_test_rows(aws, trained)
    if len(rows.labels) < 1010:
        return tables.facts({"the lab's rows": f"only {len(rows.labels)} rows are held out; the lab took rows 1000 to 1009"})
    tested = test_endpoint(aws, served, trained, rows.window(gates.lab_window(len(rows.labels))))
    matches = int((tested.predictions.labels == tested.rows.labels).sum())
    odds = gates.lab_odds(rate.value, 10, min_match_rate)
    return tables.facts(
        {
            "matches in the lab's ten rows": matches,
            "the lab's rule says": "passes" if matches / 10 >= min_match_rate else "fails",
            f"a model of match rate {rate.value:.3f} passes": f"{odds:.0%} of the time",
        }
    )


def confusion(tested: Tested) -> pd.DataFrame:
    return gates.confusion_table(tested.rows.labels, tested.predictions.labels, ("below 4 stars", "4 or more"))


def judge(rate: MatchRate, min_match_rate: float, *, rule: str = "interval") -> gates.Verdict:
    """The verdict by the interval's bounds, or by the value alone as the lab did (`rule="value"`)."""
    rules = {"interval": gates.decide, "value": gates.decide_by_value}
    if rule not in rules:
        raise UsageError(f"gate_rule is {rule!r}", cure='Choose "interval" or "value".')
    if not 0 < min_match_rate <= 1:
        raise UsageError(f"min_match_rate is {min_match_rate}", cure="A share above 0 and at most 1, such as 0.65.")
    return rules[rule](rate, min_match_rate)


def save_test_result(
    tested: Tested,
    trained: TrainedModel,
    rate: MatchRate,
    verdict: gates.Verdict,
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


def _train_rows(aws: Session, trained: TrainedModel) -> Rows:
    blocks, count = [], 0
    for item in trained.prepared_data.train.objects:
        blocks.append(decode(read_verified(aws, item)))
        count += len(blocks[-1].indptr) - 1
        if count >= BASELINE_ROWS:
            break
    if len(blocks) == 1:
        return blocks[0]
    together = vstack([_csr(block) for block in blocks], format="csr")
    labels = np.concatenate([_labels(block) for block in blocks])
    return Rows(
        indptr=together.indptr.astype(np.int64),
        keys=together.indices.astype(np.int64),
        values=together.data,
        labels=labels,
        feature_dim=blocks[0].feature_dim,
    )


def _labels(rows: Rows) -> npt.NDArray[np.float32]:
    if rows.labels is None:
        raise InvalidData("A shard has no labels", cure="Run 01_prep again.")
    return rows.labels


def _csr(rows: Rows) -> csr_matrix:
    return csr_matrix((rows.values, rows.keys, rows.indptr), shape=(len(rows.indptr) - 1, rows.feature_dim))
