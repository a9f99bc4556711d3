"""The functions of 03_test_endpoint for a table of labelled rows: predict held-out rows, compare baselines, predict new rows."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from mlkit.aws.champion_test import ChampionTest, ask_champion
from mlkit.aws.endpoint_test import BASELINE_ROWS, Tested, estimate_slices, read_test_rows, window
from mlkit.aws.endpoints import Answers, Codec, Served, ask_endpoint, describe_endpoint
from mlkit.aws.s3_objects import read_object, read_verified
from mlkit.aws.session import Session
from mlkit.aws.training_jobs import encoding_uri
from mlkit.errors import InvalidData
from mlkit.gate.baselines import baseline_table, predicted_labels
from mlkit.gate.estimate import Slice
from mlkit.gate.metrics import metric_named
from mlkit.gate.policy import Policy
from mlkit.gate.slices import MOST_CATEGORIES, Part, by_category, by_quantiles
from mlkit.notebook import shown_tables
from mlkit.notebook.handoff import TrainedModel
from mlkit.tabular.encoding import CSV, FILE, Encoding, Matrix, batches, from_csv
from sagemaker_formats.inference import Predictions

MODEL = "XGBoost"


@dataclass(frozen=True, kw_only=True)
class TestRows:
    """Held-out rows with raw values: each model encodes them with its own order of columns. Rows are independent of each other."""

    __test__ = False  # not a pytest class

    keys: npt.NDArray[np.object_]
    labels: npt.NDArray[np.int64]
    label_names: tuple[str, str]
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
        labels=table["label"].to_numpy().astype(np.int64),
        label_names=model_encoding(aws, trained).class_names,
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
        part, names = slice(offset, offset + count), np.array(self.rows.label_names)
        frame = {
            "row": self.rows.keys[part],
            "true class": names[self.rows.labels[part]],
            "predicted class": names[self.predictions.labels[part]],
            f"score of {names[1]}": self.predictions.scores[part].round(4),
        }
        return pd.DataFrame(frame)


def test_endpoint(aws: Session, served: Served, trained: TrainedModel, rows: TestRows) -> TestedTable:
    """Ask the endpoint for every row, its columns in the order of the model's own encoding."""
    matrix = model_encoding(aws, trained).matrix(rows.features)
    return TestedTable(rows=rows, matrix=matrix, predictions=_ask(aws, served.endpoint, matrix, served.variant), served=served)


test_endpoint.__test__ = False  # type: ignore[attr-defined]


def test_champion(aws: Session, environment: str, trained: TrainedModel, rows: TestRows) -> ChampionTest | None:
    """Ask production's model, if the endpoint holds it, for the same rows, their columns in the order of its own encoding."""

    def ask(champion: Served) -> Answers:
        return _ask(aws, champion.endpoint, _encoding_beside(aws, champion).matrix(rows.features), champion.variant)

    return ask_champion(aws, environment, trained, ask)


test_champion.__test__ = False  # type: ignore[attr-defined]


def compare_with_baselines(aws: Session, trained: TrainedModel, tested: TestedTable, policy: Policy) -> pd.DataFrame:
    """The model beside logistic regression on standardised columns and the majority class, on the same rows, by all metrics."""
    train, labels = _train_rows(aws, trained)
    centre, spread = train.mean(axis=0), train.std(axis=0)
    spread[spread == 0] = 1  # a column that never varies
    return baseline_table(
        (train - centre) / spread,
        labels,
        (tested.matrix - centre) / spread,
        tested.rows.labels,
        tested.rows.clusters,
        metric_named(policy.metric),
        model_scores={MODEL: tested.predictions.scores},
        confidence=policy.confidence,
    )


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
    """Predictions for an application's rows, with the model's columns in any order: key (if given), score and class.

    The encoding is the one beside the endpoint's model. Raises InvalidData for rows that lack a column or a number.
    """
    served = describe_endpoint(aws, endpoint)
    encoding = _encoding_beside(aws, served)
    answers = _ask(aws, endpoint, encoding.matrix(rows))
    names = np.array(encoding.class_names)
    keys = {encoding.key: rows[encoding.key].to_numpy()} if encoding.key in rows else {}
    return shown_tables.Table({**keys, "score": answers.scores, f"predicted {encoding.label}": names[answers.labels]})


def _encoding_beside(aws: Session, served: Served) -> Encoding:
    return Encoding.from_bytes(read_object(aws, encoding_uri(served.model_data_url, FILE)))


def decode(data: bytes) -> Predictions:
    """The probabilities of label 1 in an answer of XGBoost, separated by commas or line ends; above one half is label 1."""
    try:
        scores = np.array(data.decode().replace(",", " ").split(), dtype=np.float32)
    except ValueError as error:
        raise InvalidData(
            f"the answer is not a list of numbers: {data[:80]!r}", cure="Is the endpoint's model an XGBoost classifier?"
        ) from error
    return Predictions(scores=scores, labels=predicted_labels(scores).astype(np.float32))


CODEC = Codec(content_type=CSV, accept=CSV, decode=decode)


def _ask(aws: Session, endpoint: str, matrix: Matrix, variant: str | None = None) -> Answers:
    return ask_endpoint(aws, endpoint, batches(matrix), CODEC, rows=len(matrix), variant=variant)


def _train_rows(aws: Session, trained: TrainedModel) -> tuple[Matrix, npt.NDArray[np.int64]]:
    blocks, labels, count = [], [], 0
    for item in trained.prepared_data.train.objects:
        matrix, label = from_csv(read_verified(aws, item))
        blocks.append(matrix)
        labels.append(label)
        count += len(matrix)
        if count >= BASELINE_ROWS:
            break
    return np.concatenate(blocks), np.concatenate(labels)
