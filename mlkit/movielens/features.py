"""Encodes ratings as features: each rating becomes a one-hot user and a one-hot movie.

The index (id -> column) belongs to the model that was trained with it and is stored beside the model. With another index, the model's
answers would be meaningless.
"""

import io
import json
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mlkit.errors import InvalidData, UsageError
from mlkit.gate.target import Target
from mlkit.typed_json import build
from sagemaker_formats.recordio import Rows

USER, MOVIE = "user", "movie"
INDEX_FILE = "feature_index.parquet"
_TARGET = b"mlkit.target"  # in the file's metadata
_SCHEMA = pa.schema([("field", pa.string()), ("id", pa.string()), ("column", pa.int64())])


@dataclass(frozen=True, kw_only=True)
class Encoded:
    """Rows for the model, and the numbers of ids that are not in its index. With `unseen="omit"` their features are left out."""

    rows: Rows
    unseen_users: int
    unseen_movies: int


@dataclass(frozen=True, eq=False)
class FeatureIndex:
    """Users have the columns 0 .. n_users-1, movies the following ones. `users` and `movies` hold the ids as text, in column order.

    `target` is what the model beside the index predicts; None for an index that was written before it was stored.
    """

    users: pa.Array
    movies: pa.Array
    target: Target | None = None

    @property
    def feature_dim(self) -> int:
        return len(self.users) + len(self.movies)

    @classmethod
    def from_table(cls, table: pa.Table, target: Target | None = None) -> "FeatureIndex":
        """The index from rows (field, id, column) in any order. Raises InvalidData if columns have gaps or repeat."""
        table = table.cast(_SCHEMA).sort_by("column").combine_chunks()
        if not np.array_equal(table["column"].to_numpy(), np.arange(len(table))):
            raise InvalidData("The feature index has gaps or repeated columns", cure="Run 01_prep again.")
        fields = table["field"]
        users = pc.sum(pc.equal(fields, USER)).as_py() or 0
        if pc.sum(pc.equal(fields.slice(0, users), USER)).as_py() not in (users, None) or (
            (pc.sum(pc.equal(fields, MOVIE)).as_py() or 0) + users != len(table)
        ):
            raise InvalidData("The feature index mixes users and movies", cure="Run 01_prep again.")
        ids = table["id"].combine_chunks()
        return cls(users=_flat(ids.slice(0, users)), movies=_flat(ids.slice(users)), target=target)

    @classmethod
    def from_parquet(cls, data: bytes) -> "FeatureIndex":
        try:
            table = pq.read_table(io.BytesIO(data))
            told = (table.schema.metadata or {}).get(_TARGET)
            return cls.from_table(table, build(Target, json.loads(told)) if told else None)
        except (pa.ArrowException, ValueError, TypeError, KeyError) as error:
            raise InvalidData(f"The feature index is damaged: {error}", cure="Train the model again.") from error

    def to_parquet(self) -> bytes:
        """The index as Parquet. The bytes depend only on the ids and the target, so that equal indexes have equal digests."""
        fields = pa.concat_arrays([pa.repeat(USER, len(self.users)), pa.repeat(MOVIE, len(self.movies))])
        ids = pa.concat_arrays([self.users, self.movies])
        told = {_TARGET: json.dumps(asdict(self.target), sort_keys=True)} if self.target else None
        table = pa.table([fields, ids, pa.array(np.arange(self.feature_dim))], schema=_SCHEMA.with_metadata(told))
        sink = io.BytesIO()
        pq.write_table(table, sink, compression="zstd")
        return sink.getvalue()

    def check_columns(self, ids: pa.Array, columns: npt.NDArray[np.int64], *, field: str) -> None:
        """Raises InvalidData unless every id has its column of this index."""
        known, offset = (self.users, 0) if field == USER else (self.movies, len(self.users))
        places = np.asarray(columns) - offset
        if len(places) and (places.min() < 0 or places.max() >= len(known)):
            raise InvalidData(f"A {field} column lies outside the index", cure="The table changed during prep: run 01_prep again.")
        if not pc.all(pc.equal(known.take(pa.array(places)), _flat(ids))).as_py() and len(places):
            raise InvalidData(f"A {field} id and its column do not match", cure="The table changed during prep: run 01_prep again.")

    def unknown(self, users: Any, movies: Any) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
        """For each row, whether its user and whether its movie is not in the index."""
        user_columns, movie_columns = self.columns(users, movies)
        return user_columns < 0, movie_columns < 0

    def columns(self, users: Any, movies: Any) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """The column of each row's user and movie; -1 for an id that is not in the index."""
        return _lookup(users, self.users, 0), _lookup(movies, self.movies, len(self.users))

    def encode(self, users: Any, movies: Any, *, labels: Any = None, unseen: str = "omit") -> Encoded:
        """The ids (any sequence, compared as text) as rows with at most two ones. Without `labels` the rows have no labels.

        With `unseen="omit"`, an unknown id is left out of its row; the model then predicts from its bias and the other id. With "refuse",
        it raises InvalidData.
        """
        if unseen not in ("omit", "refuse"):
            raise UsageError(f"unseen={unseen!r}", cure='Choose "omit" or "refuse".')
        user_columns, movie_columns = self.columns(users, movies)
        missing_users, missing_movies = int((user_columns < 0).sum()), int((movie_columns < 0).sum())
        if unseen == "refuse" and missing_users + missing_movies:
            raise InvalidData(
                f"{missing_users} users and {missing_movies} movies are unknown to the model's index",
                cure='Train on data with these ids, or use unseen="omit".',
            )
        rows = one_hot_rows(user_columns, movie_columns, labels=labels, feature_dim=self.feature_dim)
        return Encoded(rows=rows, unseen_users=missing_users, unseen_movies=missing_movies)


def one_hot_rows(user_columns: npt.NDArray[np.int64], movie_columns: npt.NDArray[np.int64], *, labels: Any, feature_dim: int) -> Rows:
    """CSR rows with the value 1 in each of the two columns. A negative column is left out."""
    columns = np.stack([user_columns, movie_columns], axis=1)
    present = columns >= 0
    indptr = np.concatenate([[0], np.cumsum(present.sum(axis=1))]).astype(np.int64)
    keys = columns[present]
    targets = None if labels is None else np.asarray(labels, dtype=np.float32)
    return Rows(indptr=indptr, keys=keys, values=np.ones(len(keys), dtype=np.float32), labels=targets, feature_dim=feature_dim)


def as_ids(values: Any) -> pa.Array:
    """Ids of any type as text, as the lake casts them: 7 -> "7"."""
    array = values if isinstance(values, (pa.Array, pa.ChunkedArray)) else pa.array(values)
    return _flat(pc.cast(array, pa.string()))


def _lookup(ids: Any, known: pa.Array, offset: int) -> npt.NDArray[np.int64]:
    places = pc.index_in(as_ids(ids), value_set=known)
    return np.where(places.is_null().to_numpy(zero_copy_only=False), -1, pc.fill_null(places, 0).to_numpy().astype(np.int64) + offset)


def _flat(array: Any) -> pa.Array:
    array = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
    return array.cast(pa.string())
