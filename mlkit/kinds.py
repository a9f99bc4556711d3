"""The kinds of data, by their name in mlkit.yml, and the package of mlkit for each."""

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mlkit.errors import UsageError
from mlkit.settings import Project
from mlkit.training.algorithm_type import Algorithm

if TYPE_CHECKING:
    from mlkit.aws.data_lake import Lake

KINDS = {"movielens": "mlkit.movielens", "tabular": "mlkit.tabular"}


def kind_of(project: Project) -> str:
    """The project's kind. Raises NotFound without mlkit.yml, UsageError for an unknown kind."""
    kind = project.about.kind
    if kind not in KINDS:
        raise UsageError(f"mlkit.yml has the unknown kind {kind!r}", cure=f"Choose one of: {', '.join(KINDS)}.")
    return kind


def algorithms_of(project: Project) -> tuple[Algorithm, ...]:
    """The built-in algorithms that the project's kind trains, one for each task."""
    algorithms: tuple[Algorithm, ...] = importlib.import_module(f"{KINDS[kind_of(project)]}.algorithm").ALGORITHMS
    return algorithms


def check_columns(project: Project, lake: "Lake", parameters: Mapping[str, Any]) -> None:
    """Raises InvalidData or UsageError if 01_prep with these parameters cannot read the lake's table."""
    importlib.import_module(f"{KINDS[kind_of(project)]}.lake").check_columns(lake, parameters)
