"""The functions of 03_test_endpoint for ratings: predict held-out ratings, compare baselines, apply the lab's own check."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from mlkit.aws.champion_test import ChampionTest, ask_champion
from mlkit.aws.endpoint_test import Tested, estimate_slices, labels_in, read_test_rows, window
from mlkit.aws.endpoints import Codec, Served, ask_endpoint, describe_endpoint
from mlkit.aws.s3_objects import read_object, read_verified
from mlkit.aws.session import Session
from mlkit.aws.training_jobs import encoding_uri
from mlkit.aws.tuning_test import ask_untuned
from mlkit.errors import WrongModel
from mlkit.gate import verdicts
from mlkit.gate.answers import Answers
from mlkit.gate.baselines import baseline_table
from mlkit.gate.estimate import Slice
from mlkit.gate.metrics import RIGHT_ROWS, metric_of
from mlkit.gate.policy import Policy
from mlkit.gate.slices import by_quantiles
from mlkit.gate.target import Target
from mlkit.movielens.algorithm import ALGORITHMS
from mlkit.movielens.features import INDEX_FILE, Encoded, FeatureIndex
from mlkit.movielens.shard_rows import read_rows
from mlkit.notebook import shown_tables
from mlkit.notebook.handoff import TrainedModel
from sagemaker_formats.inference import RECORDIO, decode_recordio_predictions, encode_request
from sagemaker_formats.recordio import Rows

UNTUNED = "the same, untuned"
CODEC = Codec(content_type=RECORDIO, accept=RECORDIO, decode=decode_recordio_predictions)


@dataclass(frozen=True, kw_only=True)
class TestRows:
    """Held-out rows with raw ids: each model encodes them with its own index."""

    __test__ = False  # not a pytest class

    users: pa.Array
    movies: pa.Array
    labels: npt.NDArray[Any]
    target: Target
    cluster: str = "user"

    @property
    def clusters(self) -> npt.NDArray[Any]:
        """The user of each row: rows of one user are alike, so intervals are taken over users."""
        return np.asarray(self.users.to_numpy(zero_copy_only=False))


def load_test_rows(aws: Session, trained: TrainedModel, *, test_rows: int = 0, test_offset: int = 0) -> TestRows:
    """The held-out rows of the model's own preparation, all of them or `test_rows` from `test_offset` on."""
    table = window(read_test_rows(aws, trained), test_rows=test_rows, test_offset=test_offset)
    users, movies = (table[name].combine_chunks() for name in ("user_id", "movie_id"))
    return TestRows(users=users, movies=movies, labels=labels_in(table, trained.target), target=trained.target)


@dataclass(frozen=True, kw_only=True)
class TestedRatings(Tested):
    """The endpoint's answers for the held-out rows, which are encoded with the model's own index."""

    __test__ = False

    rows: TestRows
    encoded: Encoded

    def sample(self, count: int = 10, offset: int = 0) -> pd.DataFrame:
        """Some rows to look at."""
        part, found = slice(offset, offset + count), self.predictions
        ids = {"user": self.rows.users.to_pylist()[part], "movie": self.rows.movies.to_pylist()[part]}
        scores = found.scores[part].round(4)
        if found.labels is None:
            return pd.DataFrame({**ids, "true rating": self.rows.labels[part], "predicted rating": scores})
        return pd.DataFrame({**ids, "true label": self.rows.labels[part], "predicted label": found.labels[part], "score": scores})


def test_endpoint(aws: Session, served: Served, trained: TrainedModel, rows: TestRows) -> TestedRatings:
    """Ask the endpoint for every row. Unknown ids are left out of their rows and counted (`encoded.unseen_users`, `unseen_movies`)."""
    index = FeatureIndex.from_parquet(read_verified(aws, trained.encoding))
    encoded = index.encode(rows.users, rows.movies, labels=rows.labels)
    answers = predict_rows(aws, served.endpoint, encoded.rows, variant=served.variant, target=rows.target)
    return TestedRatings(rows=rows, encoded=encoded, predictions=answers, served=served)


test_endpoint.__test__ = False  # type: ignore[attr-defined]


def test_champion(aws: Session, environment: str, trained: TrainedModel, rows: TestRows) -> ChampionTest | None:
    """Ask production's model, if the endpoint holds it, for the same rows, encoded with its own index.

    A model that predicts something else than the rows' labels cannot be compared.
    """

    def ask(champion: Served) -> Answers:
        index = _index_beside(aws, champion)
        if index.target not in (None, rows.target):
            raise WrongModel(f"it predicts {index.target}, and this model {rows.target}")
        encoded = index.encode(rows.users, rows.movies).rows
        return predict_rows(aws, champion.endpoint, encoded, variant=champion.variant, target=rows.target)

    return ask_champion(aws, environment, trained, ask)


test_champion.__test__ = False  # type: ignore[attr-defined]


def test_untuned(aws: Session, environment: str, trained: TrainedModel, tested: TestedRatings) -> Answers | None:
    """Ask the untuned model, if the endpoint holds it beside a tuned one, for the same rows; it has the same index."""

    def ask(served: Served) -> Answers:
        return predict_rows(aws, served.endpoint, tested.encoded.rows, variant=served.variant, target=tested.rows.target)

    return ask_untuned(aws, environment, trained, ask)


test_untuned.__test__ = False  # type: ignore[attr-defined]


def compare_with_baselines(
    aws: Session, trained: TrainedModel, tested: TestedRatings, policy: Policy, untuned: Answers | None = None
) -> pd.DataFrame:
    """The model beside the untuned one, a linear model and the majority class or mean, on the same rows, by all metrics."""
    train, labels = read_rows(aws, trained.prepared_data.train)
    repository = trained.image_uri.rpartition("/")[2].partition(":")[0]
    title = next(one.title for one in ALGORITHMS if one.name == repository)
    return baseline_table(
        train,
        labels,
        tested.encoded.rows.to_csr(),
        tested.rows.labels,
        tested.rows.clusters,
        metric_of(policy.metric, trained.target),
        trained.target,
        model_scores={title: tested.predictions.scores} | ({UNTUNED: untuned.scores} if untuned else {}),
        linear="linear, no factors",
        confidence=policy.confidence,
    )


def measure_slices(aws: Session, trained: TrainedModel, tested: TestedRatings, policy: Policy) -> tuple[Slice, ...]:
    """The policy's metric for new and heavy users and for rare and popular movies, by their numbers of training ratings.

    The numbers are of the shards that the linear baseline reads: all training ratings up to a million.
    """
    index = FeatureIndex.from_parquet(read_verified(aws, trained.encoding))
    train, _ = read_rows(aws, trained.prepared_data.train)
    ratings = np.append(np.asarray(train.sum(axis=0)).ravel(), 0)  # the last is of ids that are not in the index: no ratings
    user, movie = index.columns(tested.rows.users, tested.rows.movies)
    parts = by_quantiles("training ratings of the user", ratings[user], ("new users", "other users", "heavy users"))
    parts += by_quantiles("training ratings of the movie", ratings[movie], ("rare movies", "other movies", "popular movies"))
    return estimate_slices(tested, policy, parts)


def lab_check(aws: Session, trained: TrainedModel, tested: TestedRatings, *, min_match_rate: float = 0.8) -> pd.DataFrame:
    """The lab's own check (ten rows from the thousandth on, 80 %) on our rows, and the probability that such a model passes it."""
    held_out = trained.prepared_data.test.rows
    if tested.predictions.labels is None:
        return shown_tables.facts({"the lab's rule says": "nothing of a model that predicts a number: it counts right labels"})
    if held_out < 1010:
        return shown_tables.facts({"the lab's rows": f"only {held_out} rows are held out; the lab took rows 1000 to 1009"})
    ten = test_endpoint(aws, tested.served, trained, load_test_rows(aws, trained, test_rows=10, test_offset=1000))
    matches = int((np.asarray(ten.predictions.labels) == ten.rows.labels).sum())
    rate = RIGHT_ROWS.of(tested.rows.labels, tested.predictions.labels)
    odds = verdicts.lab_odds(rate, 10, min_match_rate)
    return shown_tables.facts(
        {
            "matches in the lab's ten rows": matches,
            "the lab's rule says": "passes" if matches / 10 >= min_match_rate else "fails",
            f"a model of {RIGHT_ROWS.name} {rate:.3f} passes": f"{odds:.0%} of the time",
        }
    )


def predict_rows(aws: Session, endpoint: str, rows: Rows, *, variant: str | None = None, target: Target | None = None) -> Answers:
    """Scores and labels for encoded rows, in their order. They are sent as RecordIO.

    Raises WrongModel if the endpoint's model predicts something else than the `target`.
    """

    def encode(first: int, last: int) -> bytes:
        return encode_request(rows[first:last])

    return ask_endpoint(aws, endpoint, encode, CODEC, rows=len(rows), variant=variant, target=target)


def predict(aws: Session, endpoint: str, users: Any, movies: Any) -> pd.DataFrame:
    """Predictions for an application's ids, one row each: user, movie, score and predicted_label, or predicted_rating; and unseen.

    The index is the one beside the endpoint's model. An id that is not in the model is left out of its row; the model predicts from its
    bias and the other id, and `unseen` names the unknown id.
    """
    index = _index_beside(aws, describe_endpoint(aws, endpoint))
    predictions = predict_rows(aws, endpoint, index.encode(users, movies).rows)
    unknown_user, unknown_movie = index.unknown(users, movies)
    unseen = np.select([unknown_user & unknown_movie, unknown_user, unknown_movie], ["user, movie", "user", "movie"], default="")
    answers = {"score": predictions.scores, "predicted_label": predictions.labels}
    if predictions.labels is None:
        answers = {"predicted_rating": predictions.scores}
    return shown_tables.Table({"user": list(users), "movie": list(movies), **answers, "unseen": unseen})


def _index_beside(aws: Session, served: Served) -> FeatureIndex:
    return FeatureIndex.from_parquet(read_object(aws, encoding_uri(served.model_data_url, INDEX_FILE)))
