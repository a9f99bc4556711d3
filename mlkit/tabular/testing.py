"""The functions of 03_test_endpoint for a table of labelled rows: predict held-out rows, compare baselines, predict new rows."""

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from mlkit.aws.champion_test import ChampionTest, ask_champion
from mlkit.aws.endpoint_test import BASELINE_ROWS, Tested, estimate_slices, labels_in, read_test_rows, window
from mlkit.aws.endpoints import Codec, Served, ask_endpoint, describe_endpoint
from mlkit.aws.s3_objects import read_object, read_verified
from mlkit.aws.session import Session
from mlkit.aws.training_jobs import encoding_uri
from mlkit.errors import InvalidData, WrongModel
from mlkit.gate.answers import Answers, answers_of
from mlkit.gate.baselines import baseline_table
from mlkit.gate.estimate import Slice
from mlkit.gate.metrics import metric_of
from mlkit.gate.policy import Policy
from mlkit.gate.slices import MOST_CATEGORIES, Part, by_category, by_quantiles
from mlkit.gate.target import Target
from mlkit.notebook import shown_tables
from mlkit.notebook.handoff import TrainedModel
from mlkit.tabular.algorithm import ALGORITHMS
from mlkit.tabular.encoding import CSV, FILE, Encoding, Matrix, from_csv, to_csv
from sagemaker_formats.inference import Predictions

_SEPARATORS = str.maketrans(",[]", "   ")


@dataclass(frozen=True, kw_only=True)
class TestRows:
    """Held-out rows with raw values: each model encodes them with its own order of columns. Rows are independent of each other."""

    __test__ = False  # not a pytest class

    keys: npt.NDArray[np.object_]
    labels: npt.NDArray[Any]
    target: Target
    features: pa.Table
    cluster: str = "row"

    @property
    def clusters(self) -> npt.NDArray[np.int64]:
        """Each row by itself."""
        return np.arange(len(self.labels))


def load_test_rows(aws: Session, trained: TrainedModel, *, test_rows: int = 0, test_offset: int = 0) -> TestRows:
    """The held-out rows of the model's own preparation, all of them or `test_rows` from `test_offset` on."""
    table = window(read_test_rows(aws, trained), test_rows=test_rows, test_offset=test_offset)
    return TestRows(
        keys=table["row_key"].to_numpy(),
        labels=labels_in(table, trained.target),
        target=trained.target,
        features=table.drop_columns(["row_key", "label"]),
    )


def model_encoding(aws: Session, trained: TrainedModel) -> Encoding:
    """The model's own encoding, checked by its digest."""
    return Encoding.from_bytes(read_verified(aws, trained.encoding))


@dataclass(frozen=True, kw_only=True)
class TestedTable(Tested):
    """The endpoint's answers for the held-out rows; `matrix` is the request."""

    __test__ = False

    rows: TestRows
    matrix: Matrix

    def sample(self, count: int = 10, offset: int = 0) -> pd.DataFrame:
        """Some rows to look at."""
        part, found, target = slice(offset, offset + count), self.predictions, self.rows.target
        rows, scores = {"row": self.rows.keys[part]}, found.scores[part].round(4)
        if found.labels is None:
            return pd.DataFrame({**rows, f"true {target.name}": self.rows.labels[part], f"predicted {target.name}": scores})
        names = np.array(target.classes)
        classes = {"true class": names[self.rows.labels[part]], "predicted class": names[found.labels[part]]}
        score = {f"score of {names[1]}": scores} if target.task == "binary" else {"its score": scores.max(axis=1)}
        return pd.DataFrame({**rows, **classes, **score})


def test_endpoint(aws: Session, served: Served, trained: TrainedModel, rows: TestRows) -> TestedTable:
    """Ask the endpoint for every row, its columns in the order of the model's own encoding."""
    matrix = model_encoding(aws, trained).matrix(rows.features)
    answers = _ask(aws, served.endpoint, matrix, rows.target, served.variant)
    return TestedTable(rows=rows, matrix=matrix, predictions=answers, served=served)


test_endpoint.__test__ = False  # type: ignore[attr-defined]


def test_champion(aws: Session, environment: str, trained: TrainedModel, rows: TestRows) -> ChampionTest | None:
    """Ask production's model, if the endpoint holds it, for the same rows, their columns in the order of its own encoding.

    A model that predicts something else than the rows' labels cannot be compared.
    """

    def ask(champion: Served) -> Answers:
        encoding = _encoding_beside(aws, champion)
        if encoding.target != rows.target:
            raise WrongModel(f"it predicts {encoding.target}, and this model {rows.target}")
        return _ask(aws, champion.endpoint, encoding.matrix(rows.features), rows.target, champion.variant)

    return ask_champion(aws, environment, trained, ask)


test_champion.__test__ = False  # type: ignore[attr-defined]


def compare_with_baselines(aws: Session, trained: TrainedModel, tested: TestedTable, policy: Policy) -> pd.DataFrame:
    """The model beside a linear model on standardised columns and the majority class or mean, on the same rows, by all metrics."""
    train, labels = _train_rows(aws, trained)
    centre, spread = _spread(train)
    return baseline_table(
        _standardised(train, centre, spread),
        labels,
        _standardised(tested.matrix, centre, spread),
        tested.rows.labels,
        tested.rows.clusters,
        metric_of(policy.metric, trained.target),
        trained.target,
        model_scores={ALGORITHMS[0].title: tested.predictions.scores},
        confidence=policy.confidence,
    )


def _spread(matrix: Matrix) -> tuple[Matrix, Matrix]:
    """Mean and standard deviation of each column, over the rows that have a value; 1 for a column that never varies."""
    known = np.isfinite(matrix)
    rows = np.maximum(1, known.sum(axis=0))
    centre = np.where(known, matrix, 0).sum(axis=0) / rows
    spread = np.sqrt((np.where(known, matrix - centre, 0) ** 2).sum(axis=0) / rows)
    return centre, np.where(spread == 0, 1, spread)


def _standardised(matrix: Matrix, centre: Matrix, spread: Matrix) -> Matrix:
    """The columns with mean 0 and deviation 1. A missing value is the mean: a linear model has no other way to read it."""
    return np.where(np.isfinite(matrix), (matrix - centre) / spread, 0)


def measure_slices(tested: TestedTable, policy: Policy) -> tuple[Slice, ...]:
    """The policy's metric for low, middle and high values of each column, and for each value of a column with few values."""
    features = tested.rows.features
    parts = [part for name in features.column_names for part in _parts_of(name, features[name])]
    return estimate_slices(tested, policy, parts)


def _parts_of(name: str, values: pa.ChunkedArray) -> list[Part]:
    is_number = pa.types.is_integer(values.type) or pa.types.is_floating(values.type) or pa.types.is_decimal(values.type)
    if is_number and len(values.unique()) > MOST_CATEGORIES:
        return by_quantiles(name, values.cast(pa.float64()).to_numpy())
    return by_category(name, values.to_pylist())


def predict(aws: Session, endpoint: str, rows: pd.DataFrame) -> shown_tables.Table:
    """Predictions for an application's rows, with the model's columns in any order: key (if given), and score and class, or the number.

    The encoding is the one beside the endpoint's model. The score is the probability of label 1, of several classes that of the predicted
    one. Raises InvalidData for rows that lack a column, or a value that the model needs.
    """
    served = describe_endpoint(aws, endpoint)
    encoding = _encoding_beside(aws, served)
    answers = _ask(aws, endpoint, encoding.matrix(rows), encoding.target)
    keys = {encoding.key: rows[encoding.key].to_numpy()} if encoding.key in rows else {}
    if answers.labels is None:
        return shown_tables.Table({**keys, f"predicted {encoding.target.title}": answers.scores})
    scores = answers.scores.max(axis=1) if answers.scores.ndim == 2 else answers.scores
    return shown_tables.Table({**keys, "score": scores, f"predicted {encoding.label}": np.array(encoding.classes)[answers.labels]})


def _encoding_beside(aws: Session, served: Served) -> Encoding:
    return Encoding.from_bytes(read_object(aws, encoding_uri(served.model_data_url, FILE)))


def decode(data: bytes, target: Target) -> Predictions:
    """The scores in an answer of XGBoost, separated by commas or line ends, with the labels that they predict.

    A row has one score for each of several classes; SageMaker's container writes them in brackets. Raises InvalidData.
    """
    try:
        scores = np.array(data.decode().translate(_SEPARATORS).split(), dtype=np.float32)
        scores = scores.reshape(-1, len(target.classes)) if target.task == "multi-class" else scores
    except ValueError as error:
        raise InvalidData(
            f"the answer is not a list of numbers for {target}: {data[:80]!r}",
            cure="Is the endpoint's model an XGBoost model of these labels?",
        ) from error
    labels = answers_of(scores, target).labels
    return Predictions(scores=scores, labels=None if labels is None else labels.astype(np.float32))


def _ask(aws: Session, endpoint: str, matrix: Matrix, target: Target, variant: str | None = None) -> Answers:
    codec = Codec(content_type=CSV, accept=CSV, decode=functools.partial(decode, target=target))

    def encode(first: int, last: int) -> bytes:
        return to_csv(matrix[first:last])

    return ask_endpoint(aws, endpoint, encode, codec, rows=len(matrix), variant=variant, target=target)


def _train_rows(aws: Session, trained: TrainedModel) -> tuple[Matrix, npt.NDArray[np.float64]]:
    blocks, labels, count = [], [], 0
    for item in trained.prepared_data.train.objects:
        matrix, label = from_csv(read_verified(aws, item))
        blocks.append(matrix)
        labels.append(label)
        count += len(matrix)
        if count >= BASELINE_ROWS:
            break
    return np.concatenate(blocks), np.concatenate(labels)
