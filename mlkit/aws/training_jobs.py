"""The functions of 02_train: one training or tuning job of a built-in algorithm, through the SageMaker SDK."""

import logging
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from mlkit.aws.finished_jobs import find_training_job, find_tuning_job, in_name, is_reusing, job_key, tell_reused
from mlkit.aws.inputs import REGION, tell_input
from mlkit.aws.job_results import Trained, job_row, trained_by, tuning_jobs
from mlkit.aws.s3_objects import digest_object, read_verified, write_object
from mlkit.aws.sdk_defaults import sdk_defaults
from mlkit.aws.session import Session, aws_errors
from mlkit.errors import TrainingJobFailed, UsageError
from mlkit.naming import JOB_KEY_TAG, job_prefix
from mlkit.notebook import handoff, journal, shown_tables
from mlkit.notebook.handoff import PreparedData, StoredObject, TrainedModel
from mlkit.settings import Project
from mlkit.training.algorithm_type import Algorithm, Hyperparameters
from mlkit.training.machines import SPOT_WAIT_S, Machines, Network

_POLL_S = 10.0  # on AWS
_INSTANCES = 1
_SEARCH_SEED = 1  # the same data and the same settings search the same way again
# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ContinuousParameterRange.html
SCALINGS = ("Auto", "Linear", "Logarithmic", "ReverseLogarithmic")
_Job = TypeVar("_Job", bound=Mapping[str, Any])


def image_uri(aws: Session, algorithm: Algorithm) -> str:
    """The address of the built-in algorithm's image in the session's region."""
    from sagemaker.core import image_uris  # imported here, because the SDK takes seconds to import

    tell_input(aws, REGION)
    return str(image_uris.retrieve(algorithm.name, aws.region, version=algorithm.version))


def load_prepared_data(project: Project) -> PreparedData:
    return handoff.load(PreparedData, project.handoff, "prepared_data", made_by="notebooks/01_prep.ipynb")


def describe_prepared_data(prepared: PreparedData) -> shown_tables.Table:
    """The training data, for the notebook to show."""
    rows = {
        "run": prepared.run_id,
        "table": f"{prepared.database}.{prepared.table}",
        "predicted": str(prepared.target),
        "feature_dim": prepared.feature_dim,
        "train rows": prepared.train.rows,
        "validation rows": prepared.validation.rows,
        "train data": prepared.train.s3_uri,
    }
    return shown_tables.facts(rows)


def run_training_job(
    aws: Session,
    prepared: PreparedData,
    hyperparameters: Hyperparameters,
    *,
    role: str,
    instance_type: str,
    max_runtime_s: int = 3600,
    spot: bool = False,
    network: Network | None = None,
) -> Trained:
    """Run one training job to its end, or take over a finished one with the same key. Raises TrainingJobFailed with SageMaker's reason."""
    algorithm = hyperparameters.algorithm
    machines = Machines(instance_type=instance_type, max_runtime_s=max_runtime_s, spot=spot, network=network)
    key = job_key("training", prepared, _request(aws, hyperparameters, role, machines))
    if is_reusing() and (job := find_training_job(aws, key)):
        tell_reused("training", job["TrainingJobName"], job)
        return trained_by(job, algorithm, tuning_job=None, jobs=shown_tables.Table([job_row(job, algorithm)]), reused=True)
    trainer = _trainer(aws, prepared, hyperparameters, role, machines, key)
    with aws_errors():
        trainer.train(input_data_config=_channels(prepared, algorithm), wait=False, logs=False)
    name = str(trainer._latest_training_job.training_job_name)
    job = _wait(aws, lambda: aws.client("sagemaker").describe_training_job(TrainingJobName=name), "TrainingJobStatus", name)
    return trained_by(job, algorithm, tuning_job=None, jobs=shown_tables.Table([job_row(job, algorithm)]))


def run_tuning_job(
    aws: Session,
    prepared: PreparedData,
    hyperparameters: Hyperparameters,
    *,
    role: str,
    instance_type: str,
    ranges: Mapping[str, Sequence[Any]],
    max_jobs: int,
    max_parallel_jobs: int,
    objective: str = "",
    max_runtime_s: int = 3600,
    spot: bool = False,
    network: Network | None = None,
) -> Trained:
    """Search the ranges and return the best job by the objective on the validation split.

    A range is [low, high], of integers when both ends are, or [low, high, scaling type] as "Logarithmic"; without one SageMaker chooses.

    The default objective is the algorithm's first one; it decides whether more is better. With --reuse, a finished tuning job with the
    same key is taken over instead.
    """
    algorithm = hyperparameters.algorithm
    machines = Machines(instance_type=instance_type, max_runtime_s=max_runtime_s, spot=spot, network=network)
    objective = objective or algorithm.objective
    kept = Hyperparameters(
        algorithm=algorithm, values={name: value for name, value in hyperparameters.values.items() if name not in ranges}
    )
    search = {"objective": objective, "ranges": dict(ranges), "max_jobs": max_jobs, "max_parallel_jobs": max_parallel_jobs}
    key = job_key("tuning", prepared, {**_request(aws, kept, role, machines), **search})
    client = aws.client("sagemaker")
    tuning = find_tuning_job(aws, key) if is_reusing() else None
    reused = tuning is not None
    if tuning is None:
        trainer = _trainer(aws, prepared, kept, role, machines, key)
        name = _start_tuning(aws, trainer, prepared, algorithm, ranges, max_jobs, max_parallel_jobs, objective, key)
        tuning = _wait(
            aws, lambda: client.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name), "HyperParameterTuningJobStatus", name
        )
    name, best = tuning["HyperParameterTuningJobName"], tuning.get("BestTrainingJob", {}).get("TrainingJobName")
    if best is None:
        raise TrainingJobFailed(
            f"Tuning job {name} ended without a usable training job", cure="Read the failure reasons of its training jobs."
        )
    with aws_errors():
        job = client.describe_training_job(TrainingJobName=best)
        if reused:
            tell_reused("tuning", name, job)
        return trained_by(job, algorithm, tuning_job=name, jobs=tuning_jobs(aws, name), reused=reused)


def save_trained_model(
    aws: Session, prepared: PreparedData, trained: Trained, *, role: str, project: Project, untuned: Trained | None = None
) -> TrainedModel:
    """Store the encoding beside the model and write handoff/trained_model.json, with the untuned job's model if `trained` is tuned."""
    name = prepared.encoding.s3_uri.rpartition("/")[2]
    encoding = write_object(aws, encoding_uri(trained.model_data_url, name), read_verified(aws, prepared.encoding))
    model: StoredObject = digest_object(aws, trained.model_data_url)
    beside = digest_object(aws, untuned.model_data_url) if untuned is not None and trained.tuning_job else None
    value = TrainedModel(
        your_initials=prepared.your_initials,
        training_job=trained.training_job,
        tuning_job=trained.tuning_job,
        image_uri=image_uri(aws, trained.algorithm),
        execution_role=role,
        model=model,
        encoding=encoding,
        hyperparameters=trained.hyperparameters,
        metrics=trained.metrics,
        billable_seconds=trained.billable_seconds,
        prepared_data=prepared,
        untuned=beside,
    )
    handoff.save(value, project.handoff, "trained_model")
    journal.log_metrics({**trained.metrics, "billable_seconds": trained.billable_seconds})
    return value


def encoding_uri(model_data_url: str, name: str) -> str:
    """The address of the encoding, beside the model that was trained with it."""
    return f"{model_data_url.rpartition('/')[0]}/{name}"


def _request(aws: Session, hyperparameters: Hyperparameters, role: str, machines: Machines) -> dict[str, Any]:
    """The request of `_trainer` without names and addresses, spot instances and network: these change nothing of the model."""
    instances = {"instance_type": machines.instance_type, "instance_count": _INSTANCES}
    image, values = image_uri(aws, hyperparameters.algorithm), dict(hyperparameters.values)
    return {"image": image, "role": role, "hyperparameters": values, "max_runtime_s": machines.max_runtime_s, **instances}


def _trainer(
    aws: Session,
    prepared: PreparedData,
    hyperparameters: Hyperparameters,
    role: str,
    machines: Machines,
    key: str,
) -> Any:
    logging.getLogger("sagemaker").setLevel(logging.WARNING)
    from sagemaker.core.helper.session_helper import Session as SdkSession
    from sagemaker.core.shapes import Tag
    from sagemaker.train import ModelTrainer
    from sagemaker.train.configs import Compute, Networking, OutputDataConfig, StoppingCondition

    limits, network = {"max_runtime_in_seconds": machines.max_runtime_s}, machines.network
    with aws_errors():
        return ModelTrainer(
            sagemaker_session=SdkSession(
                boto_session=aws.boto_session,
                sagemaker_client=aws.client("sagemaker"),
                default_bucket=prepared.bucket,
                sagemaker_config=sdk_defaults(),
            ),
            training_image=image_uri(aws, hyperparameters.algorithm),
            role=role,
            hyperparameters=dict(hyperparameters.values),
            base_job_name=_job_prefix(aws, key),
            tags=[Tag(key=JOB_KEY_TAG, value=key)],
            compute=Compute(
                instance_type=machines.instance_type,
                instance_count=_INSTANCES,
                volume_size_in_gb=10,
                enable_managed_spot_training=True if machines.spot else None,
            ),
            networking=Networking(subnets=list(network.subnets), security_group_ids=list(network.security_groups)) if network else None,
            stopping_condition=StoppingCondition(**limits, **({"max_wait_time_in_seconds": SPOT_WAIT_S} if machines.spot else {})),
            output_data_config=OutputDataConfig(s3_output_path=f"s3://{prepared.bucket}/models/"),
        )


def _channels(prepared: PreparedData, algorithm: Algorithm) -> list[Any]:
    """The channels `train` and validation. Training never reads the held-out test rows; they are for the gate alone."""
    from sagemaker.core.shapes import Channel, DataSource, S3DataSource

    return [
        Channel(
            channel_name=name,
            content_type=channel.content_type,
            data_source=DataSource(
                s3_data_source=S3DataSource(s3_data_type="S3Prefix", s3_uri=channel.s3_uri, s3_data_distribution_type="FullyReplicated")
            ),
        )
        for name, channel in (("train", prepared.train), (algorithm.validation_channel, prepared.validation))
    ]


def _range(name: str, given: Sequence[Any]) -> Any:
    """The SDK's parameter of [low, high] or [low, high, scaling type]."""
    from sagemaker.core.parameter import ContinuousParameter, IntegerParameter

    ends, scaling = list(given[:2]), list(given[2:]) or ["Auto"]
    are_numbers = len(ends) == 2 and all(isinstance(end, int | float) for end in ends)
    if not (are_numbers and ends[0] < ends[1] and len(scaling) == 1 and scaling[0] in SCALINGS):
        cure = f"Give two numbers, the lower first, and if you like one of {', '.join(SCALINGS)}."
        raise UsageError(f"The range of {name} is {list(given)}", cure=cure)
    kind = IntegerParameter if all(isinstance(end, int) for end in ends) else ContinuousParameter
    return kind(ends[0], ends[1], scaling_type=scaling[0])


def _wait(aws: Session, describe: Callable[[], _Job], status: str, name: str) -> _Job:
    """DescribeTrainingJob or DescribeHyperParameterTuningJob of the completed job. Raises TrainingJobFailed with SageMaker's reason."""
    while True:
        with aws_errors():
            job = describe()
        if job[status] == "Completed":
            return job
        if job[status] in ("Failed", "Stopped"):
            raise TrainingJobFailed(f"{name} {job[status].lower()}: {job.get('FailureReason', 'no reason given')}")
        time.sleep(aws.poll_s(_POLL_S))


def _start_tuning(
    aws: Session,
    trainer: Any,
    prepared: PreparedData,
    algorithm: Algorithm,
    ranges: Mapping[str, Sequence[Any]],
    max_jobs: int,
    max_parallel_jobs: int,
    objective: str,
    key: str,
) -> str:
    """Start the tuning job without waiting for it. Returns its name."""
    from sagemaker.train.tuner import HyperparameterTuner

    tuner = HyperparameterTuner(
        trainer,
        objective,
        {name: _range(name, ends) for name, ends in ranges.items()},
        objective_type=algorithm.direction(objective),
        max_jobs=max_jobs,
        max_parallel_jobs=max_parallel_jobs,
        random_seed=_SEARCH_SEED,
    )
    name = f"{_job_prefix(aws, key)}-{datetime.now(UTC):%H%M%S}"
    with aws_errors():
        tuner.tune(inputs=_channels(prepared, algorithm), job_name=name, wait=False)
    return name


def _job_prefix(aws: Session, key: str) -> str:
    """The prefix of a job's name: the pipeline execution, by which the sweeper finds it, the beginning of its key, and a unique part.

    At most 25 characters, because a tuning job's name has 32 and ends with the time.
    """
    return f"{job_prefix(aws.pipeline_execution_id)}{in_name(key)}-{secrets.token_hex(2)}"


def check_tuning(
    tune: bool,
    max_jobs: int,
    max_parallel_jobs: int,
    ranges: Mapping[str, Sequence[Any]],
    hyperparameters: Hyperparameters,
    objective: str = "",
) -> None:
    """Refuse, before any job starts, a search that SageMaker would refuse after the untuned job, or whose jobs would all fail.

    Raises UsageError for impossible numbers of jobs, a range that is none, a hyperparameter or an objective that the algorithm does not
    have. Without `tune` nothing is checked.
    """
    if not tune:
        return
    if not 1 <= max_parallel_jobs <= max_jobs:
        raise UsageError(
            f"max_jobs is {max_jobs}, max_parallel_jobs is {max_parallel_jobs}",
            cure="Set both to at least 1, and max_parallel_jobs to at most max_jobs.",
        )
    algorithm = hyperparameters.algorithm
    algorithm.check_tunable(ranges)
    algorithm.direction(objective or algorithm.objective)
    for name, given in ranges.items():
        _range(name, given)
