"""The functions of 02_train after a tuning job: the best job beside the untuned one and two baselines, on validation rows.

A job's log has the metrics of all validation rows together, and no answer for a single row: the jobs' figures here have no interval. In
03_test_endpoint, QA's endpoint answers with both models for every test row, and the difference has its interval.
"""

from typing import Any

import numpy as np

from mlkit.aws.job_results import Trained
from mlkit.aws.session import Session
from mlkit.errors import TrainingJobFailed
from mlkit.gate.answers import answers_of
from mlkit.gate.baselines import constant_name, constant_scores, linear_scores
from mlkit.gate.bootstrap import estimate
from mlkit.gate.estimate import number
from mlkit.gate.metrics import metric_of
from mlkit.movielens.shard_rows import read_rows
from mlkit.notebook import shown_tables
from mlkit.notebook.handoff import PreparedData


def compare_tuning(aws: Session, prepared: PreparedData, untuned: Trained, tuned: Trained) -> shown_tables.Table:
    """One line per model: majority class or mean, linear model, untuned job, best tuning job, by the algorithm's `validation_metrics`.

    The baselines' intervals are over users: a row's first feature is its user.
    """
    target = prepared.target
    metrics = {name: metric_of(name, target) for name in tuned.algorithm.validation_metrics}
    train, train_labels = read_rows(aws, prepared.train)
    rows, labels = read_rows(aws, prepared.validation)
    users = rows.indices[rows.indptr[:-1]]
    labels = labels.astype(np.float64 if target.is_number else np.int64)
    baselines = {
        constant_name(target): constant_scores(train_labels, len(labels), target),
        "linear, no factors": linear_scores(train, train_labels, rows, target),
    }
    table: list[dict[str, Any]] = []
    for model, scores in baselines.items():
        line: dict[str, Any] = {"model": model}
        for name, metric in metrics.items():
            found = estimate(metric, labels, getattr(answers_of(scores, target), metric.needs), users, cluster="user")
            line |= {found.title: number(found.value), f"95% interval of {name}": found.interval}
        table.append(line)
    for model, job in (("untuned job", untuned), ("best tuning job", tuned)):
        line = {"model": model}
        for name, metric in metrics.items():
            title = next(key for key in table[0] if key.startswith(metric.name))
            line |= {title: number(validation_value(job, name)), f"95% interval of {name}": "see 03_test_endpoint"}
        table.append(line)
    return shown_tables.rows(table, index="model")


def did_tuning_help(untuned: Trained, tuned: Trained) -> str:
    """In words, by the first of the algorithm's `validation_metrics`, of which less is better."""
    name = next(iter(tuned.algorithm.validation_metrics))
    before, after = validation_value(untuned, name), validation_value(tuned, name)
    figures = f"{name} on the validation rows {number(after)}, untuned {number(before)} (lower is better)"
    if after < before:
        return f"Tuning helped: {figures}. The validation rows chose the job, so it looks a little better here than on other rows."
    return f"Tuning did not help: {figures}. The untuned values are as good or better: set tune = False, or change the ranges."


def validation_value(job: Trained, name: str) -> float:
    """The job's metric on validation rows by mlkit's name of it. Raises TrainingJobFailed if its log did not have it."""
    metric = job.algorithm.validation_metrics[name]
    if metric not in job.metrics:
        raise TrainingJobFailed(f"{job.training_job} has no {metric}", cure="Read the job's log: the validation channel may be missing.")
    return job.metrics[metric]
