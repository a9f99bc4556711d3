"""02_train's verbs: one training job, or a tuning job, of SageMaker's built-in Factorization Machines, through the SDK."""

import logging
import re
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from mlkit import handoff, tables
from mlkit.aws.objects import digest_object, read_verified, write_object
from mlkit.aws.session import Session, aws_errors
from mlkit.aws.sweeping import job_prefix
from mlkit.errors import TrainingJobFailed, UsageError
from mlkit.handoff import PreparedData, StoredObject, TrainedModel
from mlkit.settings import Project

ALGORITHM = "factorization-machines"
OBJECTIVE = "test:binary_classification_accuracy"
_POLL_S = 0.5
_EPOCH_METRIC = re.compile(r"#quality_metric: .*epoch=(\d+), train binary_classification_cross_entropy <loss>=([0-9.eE+-]+)")
_QUALITY = re.compile(r"^(train|test):(binary_\w+|rmse)$")
_CONTENT_TYPE = "application/x-recordio-protobuf"


def image_uri(aws: Session) -> str:
    """The registry's address of the built-in algorithm in the session's region."""
    from sagemaker.core import image_uris  # the SDK takes seconds to import: only where it is used

    return str(image_uris.retrieve(ALGORITHM, aws.region))


def load_prepared_data(project: Project) -> PreparedData:
    return handoff.load(PreparedData, project.handoff, "prepared_data", made_by="notebooks/01_prep.ipynb")


def describe_prepared_data(prepared: PreparedData) -> tables.Table:
    """What will be trained on, for the notebook to show."""
    rows = {
        "run": prepared.run_id,
        "table": f"{prepared.database}.{prepared.table}",
        "feature_dim": prepared.feature_dim,
        "train rows": prepared.train.rows,
        "validation rows": prepared.validation.rows,
        "train data": prepared.train.s3_uri,
    }
    return tables.facts(rows)


def fm_hyperparameters(prepared: PreparedData, *, num_factors: int, epochs: int, mini_batch_size: int, **others: Any) -> dict[str, str]:
    """Hyperparameters as the service takes them, all text.

    https://docs.aws.amazon.com/sagemaker/latest/dg/fact-machines-hyperparameters.html
    """
    values = {
        "feature_dim": prepared.feature_dim,
        "predictor_type": "binary_classifier",
        "num_factors": num_factors,
        "epochs": epochs,
        "mini_batch_size": mini_batch_size,
        **others,
    }
    return {name: str(value) for name, value in values.items()}


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A finished training job, and the tuning job that started it, if one did."""

    training_job: str
    tuning_job: str | None
    model_data_url: str
    hyperparameters: Mapping[str, str]
    metrics: Mapping[str, float]
    billable_seconds: int
    jobs: tables.Table

    def summary(self) -> tables.Table:
        rows = {
            "training job": self.training_job,
            "tuning job": self.tuning_job or "none",
            "billable seconds": self.billable_seconds,
            "model": self.model_data_url,
            **{name: round(value, 4) for name, value in sorted(self.metrics.items()) if _QUALITY.search(name)},
        }
        return tables.facts(rows)


def run_training_job(
    aws: Session, prepared: PreparedData, hyperparameters: Mapping[str, str], *, role: str, instance_type: str, max_runtime_s: int = 3600
) -> Trained:
    """Run one training job to its end. Raises TrainingJobFailed with SageMaker's reason."""
    trainer = _trainer(aws, prepared, hyperparameters, role, instance_type, max_runtime_s)
    with aws_errors():
        trainer.train(input_data_config=_channels(prepared), wait=False, logs=False)
    name = str(trainer._latest_training_job.training_job_name)
    job = _wait(lambda: aws.client("sagemaker").describe_training_job(TrainingJobName=name), "TrainingJobStatus", name)
    return _trained(job, tuning_job=None, jobs=tables.Table([_job_row(job)]))


def run_tuning_job(
    aws: Session,
    prepared: PreparedData,
    hyperparameters: Mapping[str, str],
    *,
    role: str,
    instance_type: str,
    ranges: Mapping[str, Sequence[float]],
    max_jobs: int,
    max_parallel_jobs: int,
    objective: str = OBJECTIVE,
    max_runtime_s: int = 3600,
) -> Trained:
    """Search the ranges ([low, high]; integers when both ends are) and return the best job by the objective on the validation split."""
    from sagemaker.train.tuner import HyperparameterTuner

    kept = {name: value for name, value in hyperparameters.items() if name not in ranges}
    trainer = _trainer(aws, prepared, kept, role, instance_type, max_runtime_s)
    objective_type = "Maximize" if objective.endswith(("accuracy", "f_beta")) else "Minimize"
    tuner = HyperparameterTuner(
        trainer,
        objective,
        {name: _range(name, ends) for name, ends in ranges.items()},
        objective_type=objective_type,
        max_jobs=max_jobs,
        max_parallel_jobs=max_parallel_jobs,
    )
    name = f"{_job_prefix(aws)}-{datetime.now(UTC):%H%M%S}"
    with aws_errors():
        tuner.tune(inputs=_channels(prepared), job_name=name, wait=False)
    client = aws.client("sagemaker")
    tuning = _wait(
        lambda: client.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name), "HyperParameterTuningJobStatus", name
    )
    best = tuning.get("BestTrainingJob", {}).get("TrainingJobName")
    if best is None:
        raise TrainingJobFailed(f"Tuning job {name} ended without a usable training job", cure="Read its training jobs' failure reasons.")
    with aws_errors():
        return _trained(client.describe_training_job(TrainingJobName=best), tuning_job=name, jobs=_tuning_jobs(aws, name))


def save_trained_model(aws: Session, prepared: PreparedData, trained: Trained, *, role: str, project: Project) -> TrainedModel:
    """Put the feature index next to the model and write handoff/trained_model.json."""
    index_bytes = read_verified(aws, prepared.feature_index)
    index = write_object(aws, feature_index_uri(trained.model_data_url), index_bytes)
    model: StoredObject = digest_object(aws, trained.model_data_url)
    value = TrainedModel(
        your_initials=prepared.your_initials,
        training_job=trained.training_job,
        tuning_job=trained.tuning_job,
        image_uri=image_uri(aws),
        execution_role=role,
        model=model,
        feature_index=index,
        feature_dim=prepared.feature_dim,
        hyperparameters=trained.hyperparameters,
        metrics=trained.metrics,
        billable_seconds=trained.billable_seconds,
        prepared_data=prepared,
    )
    handoff.save(value, project.handoff, "trained_model")
    return value


def feature_index_uri(model_data_url: str) -> str:
    """The index lies next to the model that was trained with it."""
    return model_data_url.rsplit("/", 1)[0] + "/feature_index.parquet"


def _trainer(
    aws: Session, prepared: PreparedData, hyperparameters: Mapping[str, str], role: str, instance_type: str, max_runtime_s: int
) -> Any:
    logging.getLogger("sagemaker").setLevel(logging.WARNING)
    from sagemaker.core.helper.session_helper import Session as SdkSession
    from sagemaker.train import ModelTrainer
    from sagemaker.train.configs import Compute, OutputDataConfig, StoppingCondition

    with aws_errors():
        return ModelTrainer(
            sagemaker_session=SdkSession(
                boto_session=aws.boto_session, sagemaker_client=aws.client("sagemaker"), default_bucket=prepared.bucket
            ),
            training_image=image_uri(aws),
            role=role,
            hyperparameters=dict(hyperparameters),
            base_job_name=_job_prefix(aws),
            compute=Compute(instance_type=instance_type, instance_count=1, volume_size_in_gb=10),
            stopping_condition=StoppingCondition(max_runtime_in_seconds=max_runtime_s),
            output_data_config=OutputDataConfig(s3_output_path=f"s3://{prepared.bucket}/models/"),
        )


def _channels(prepared: PreparedData) -> list[Any]:
    """`train`, and `test` fed with the validation split: the held-out test rows are the gate's alone."""
    from sagemaker.core.shapes import Channel, DataSource, S3DataSource

    sources = {"train": prepared.train.s3_uri, "test": prepared.validation.s3_uri}
    return [
        Channel(
            channel_name=name,
            content_type=_CONTENT_TYPE,
            data_source=DataSource(
                s3_data_source=S3DataSource(s3_data_type="S3Prefix", s3_uri=uri, s3_data_distribution_type="FullyReplicated")
            ),
        )
        for name, uri in sources.items()
    ]


def _range(name: str, ends: Sequence[float]) -> Any:
    from sagemaker.core.parameter import ContinuousParameter, IntegerParameter

    if len(ends) != 2 or not ends[0] < ends[1]:
        raise UsageError(f"The range of {name} is {list(ends)}", cure="Give two numbers, the lower first.")
    kind = IntegerParameter if all(isinstance(end, int) for end in ends) else ContinuousParameter
    return kind(ends[0], ends[1], scaling_type="Auto")


def _wait(describe: Callable[[], dict[str, Any]], status: str, name: str) -> dict[str, Any]:
    while True:
        with aws_errors():
            job = describe()
        if job[status] == "Completed":
            return job
        if job[status] in ("Failed", "Stopped"):
            raise TrainingJobFailed(f"{name} {job[status].lower()}: {job.get('FailureReason', 'no reason given')}")
        time.sleep(_POLL_S)


def _trained(job: Mapping[str, Any], *, tuning_job: str | None, jobs: tables.Table) -> Trained:
    metrics = {item["MetricName"]: float(item["Value"]) for item in job.get("FinalMetricDataList", [])}
    hyperparameters = {key: value for key, value in job["HyperParameters"].items() if not key.startswith("_")}
    return Trained(
        training_job=job["TrainingJobName"],
        tuning_job=tuning_job,
        model_data_url=job["ModelArtifacts"]["S3ModelArtifacts"],
        hyperparameters=hyperparameters,
        metrics=metrics,
        billable_seconds=int(job.get("BillableTimeInSeconds", 0)),
        jobs=jobs,
    )


def _job_row(job: Mapping[str, Any]) -> dict[str, Any]:
    metrics = {item["MetricName"]: float(item["Value"]) for item in job.get("FinalMetricDataList", [])}
    return {"job": job["TrainingJobName"], "status": job["TrainingJobStatus"], "objective": metrics.get(OBJECTIVE)}


def _tuning_jobs(aws: Session, name: str) -> tables.Table:
    """One row per training job: the values tried and the objective reached."""
    rows = []
    pages = aws.client("sagemaker").get_paginator("list_training_jobs_for_hyper_parameter_tuning_job")
    for page in pages.paginate(HyperParameterTuningJobName=name):
        for job in page["TrainingJobSummaries"]:
            objective = job.get("FinalHyperParameterTuningJobObjectiveMetric", {}).get("Value")
            rows.append(
                {
                    "job": job["TrainingJobName"],
                    "status": job["TrainingJobStatus"],
                    **job["TunedHyperParameters"],
                    "objective": objective,
                }
            )
    return tables.Table(rows)


def _job_prefix(aws: Session) -> str:
    """What the names of jobs begin with: the pipeline execution, by which a sweeper finds them, and something of their own."""
    return f"{job_prefix(aws.pipeline_execution_id or 'hand')}{secrets.token_hex(2)}"


def training_history(aws: Session, trained: Trained) -> pd.DataFrame:
    """Each epoch's metrics on the training rows, read from the job's log: columns epoch, train (cross entropy in nats)."""
    rows = []
    with aws_errors():
        pages = (
            aws.client("logs")
            .get_paginator("filter_log_events")
            .paginate(logGroupName="/aws/sagemaker/TrainingJobs", logStreamNamePrefix=f"{trained.training_job}/")
        )
        for page in pages:
            for event in page["events"]:
                match = _EPOCH_METRIC.search(event["message"])
                if match:
                    rows.append({"epoch": int(match[1]) + 1, "train": float(match[2])})
    history = pd.DataFrame(rows, columns=["epoch", "train"])
    return history.drop_duplicates("epoch", keep="last").sort_values("epoch", ignore_index=True)


def check_tuning(tune: bool, max_jobs: int, max_parallel_jobs: int) -> None:
    """Raises UsageError when the numbers of jobs make no sense."""
    if tune and not 1 <= max_parallel_jobs <= max_jobs:
        raise UsageError(
            f"max_jobs is {max_jobs}, max_parallel_jobs is {max_parallel_jobs}", cure="Run at least one job, at most max_jobs at once."
        )
