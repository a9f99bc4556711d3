"""The functions of 03_test_endpoint for production's model, the champion, which QA's endpoint takes in beside the new one."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt
import pandas as pd

from mlkit.aws.champion_variant import planned_champion, serve_champion
from mlkit.aws.endpoint_test import Tested
from mlkit.aws.endpoints import Served
from mlkit.aws.session import Session
from mlkit.errors import MlkitError
from mlkit.gate import verdicts
from mlkit.gate.answers import Answers
from mlkit.gate.bootstrap import estimate, paired_difference
from mlkit.gate.comparison import Comparison
from mlkit.gate.metrics import metric_of
from mlkit.gate.policy import Policy
from mlkit.naming import LabNames
from mlkit.notebook import shown_tables
from mlkit.notebook.handoff import TrainedModel


@dataclass(frozen=True, kw_only=True)
class ChampionTest:
    """Production's model beside the tested one: its answers for the same rows, or the problem that gave none."""

    model_s3_uri: str
    predictions: Answers | None = None
    problem: str = ""


def ask_champion(aws: Session, environment: str, trained: TrainedModel, ask: Callable[[Served], Answers]) -> ChampionTest | None:
    """What the champion that the environment's stack names answers to `ask`; None if it names none.

    A champion that cannot be loaded, gives no answer, or whose encoding cannot be read, is told as the test's problem.
    """
    names = LabNames(initials=trained.your_initials)
    planned = planned_champion(aws, environment, names)
    if planned is None:
        return None
    if planned.problem:
        return ChampionTest(model_s3_uri=planned.model_s3_uri, problem=planned.problem)
    try:
        answers = ask(serve_champion(aws, names.endpoint(environment), planned.configuration))
    except MlkitError as error:
        return ChampionTest(model_s3_uri=planned.model_s3_uri, problem=str(error))
    return ChampionTest(model_s3_uri=planned.model_s3_uri, predictions=answers)


def compare_with_champion(tested: Tested, champion: ChampionTest | None, policy: Policy) -> Comparison | None:
    """The paired comparison by the policy's metric, on the tested rows; None without a champion."""
    if champion is None:
        return None
    place = champion.model_s3_uri
    if champion.predictions is None:
        return Comparison(model_s3_uri=place, problem=champion.problem)
    metric, rows = metric_of(policy.metric, tested.rows.target), tested.rows
    challenger, old = (getattr(predictions, metric.needs) for predictions in (tested.predictions, champion.predictions))
    return Comparison(
        model_s3_uri=place,
        champion=estimate(metric, rows.labels, old, rows.clusters, policy.confidence, cluster=rows.cluster),
        difference=paired_difference(metric, rows.labels, challenger, old, rows.clusters, policy.confidence, cluster=rows.cluster),
    )


def describe_comparison(tested: Tested, champion: ChampionTest | None, comparison: Comparison | None) -> pd.DataFrame:
    """Both models' figures and their difference, with McNemar's test for classes, which does not decide."""
    if champion is None or comparison is None:
        return shown_tables.facts({"production's model": "none beside this one; the required value alone decides"})
    if champion.predictions is None:
        return shown_tables.facts({"production's model": comparison.model_s3_uri, "problem": comparison.problem})
    figures = {
        "production's model": comparison.model_s3_uri,
        f"its {comparison.champion.title if comparison.champion else ''}": str(comparison.champion),
        "this model less production's": str(comparison.difference),
    }
    return shown_tables.facts({**figures, **_mcnemar(tested.rows.labels, tested.predictions.labels, champion.predictions.labels)})


def _mcnemar(labels: npt.ArrayLike, ours: npt.ArrayLike | None, theirs: npt.ArrayLike | None) -> dict[str, Any]:
    """The rows that one model alone predicts right; nothing for numbers, which are never just right."""
    if ours is None or theirs is None:
        return {}
    table = verdicts.mcnemar_table(labels, ours, theirs)
    return {
        "only production's is right": int(table.loc["right", "wrong"]),
        "only this one is right": int(table.loc["wrong", "right"]),
        "McNemar's p-value (rows independent; does not decide)": f"{verdicts.mcnemar_p_value(table):.3f}",
    }
