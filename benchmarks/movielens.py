"""MovieLens 100k as 01_prep splits it, for benchmarks that train on it."""

import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mlkit.movielens.downloads import load
from mlkit.settings import Project

HELD_OUT_EACH = 10  # of a user's ratings, as 01_prep's split "latest" holds out


def split_ratings(seed: int = 7) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """`(rows, 3)` user, movie and label with keys from 0, and which rows are held out: ten of each user's, drawn at random."""
    project = Project.here()
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "u.data"
        load("ml-100k", project.data_cache, table, project_root=project.root)
        ratings = np.loadtxt(table, skiprows=1).astype(np.int64)
    users, movies = (np.unique(ratings[:, place], return_inverse=True)[1] for place in (0, 1))
    draw = np.random.default_rng(seed).random(len(ratings))
    order = np.lexsort((draw, users))
    rank = np.arange(len(users)) - np.searchsorted(users[order], users[order], "left")
    held_out = np.zeros(len(users), bool)
    held_out[order[rank < HELD_OUT_EACH]] = True
    return np.column_stack([users, movies + users.max() + 1, ratings[:, 2] >= 4]), held_out
