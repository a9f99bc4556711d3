"""Operations on tuning jobs. A tuning job proposes hyperparameters and starts training jobs until it has its number of them."""

import secrets
import time
from collections.abc import Mapping
from threading import Event, Thread
from typing import Any

from localaws.kit.members import refuse_unhonoured
from localaws.kit.service import AwsError, Caller, Host, Members
from localaws.kit.tags import tags_of_request
from localaws.sagemaker import refusals
from localaws.sagemaker.algorithm_images import TUNING_OBJECTIVE
from localaws.sagemaker.hyperparameter_search import Search
from localaws.sagemaker.listing import select
from localaws.sagemaker.ranges import dimensions
from localaws.sagemaker.resource_tables import TUNING_JOB, Table
from localaws.sagemaker.training_defaults import resources, with_defaults
from localaws.sagemaker.training_job import TrainingJob
from localaws.sagemaker.training_operations import TrainingJobs
from localaws.sagemaker.tuning_job import TuningJob

_NO_METRIC = "No objective metrics found after running {count} training jobs. Please ensure that the algorithm emits the objective metric."
_NOT_A_METRIC = (
    "The objective metric for the hyperparameter tuning job, [{metric}], isn't valid for the [{algorithm}] algorithm. "
    "Choose a valid objective metric."
)
_ALL_FAILED = "All training jobs failed. Please take a look at the training jobs failures to get more details."


class TuningJobs:
    """Runs one thread for each tuning job in progress. The thread sleeps until a training job's status changes."""

    def __init__(self, host: Host, training: TrainingJobs) -> None:
        lock = training.table.lock
        self.table = Table(TUNING_JOB, TuningJob, account=host.account, region=host.region, lock=lock)
        self._host, self._training = host, training
        self._shutdown = Event()
        self._threads: list[Thread] = []

    def create(self, caller: Caller, request: Members) -> Members:
        refuse_unhonoured(request, refusals.TUNING_JOB)
        name = request["HyperParameterTuningJobName"]
        self.table.check_free(name)
        self._check(request)
        request = self._with_defaults(request)
        now = time.time()
        tags = tags_of_request(request)
        job = TuningJob(name=name, arn=self.table.arn(name), created=now, modified=now, tags=tags, request=request)
        self.table.add(job)
        self._begin(job)
        return {"HyperParameterTuningJobArn": job.arn}

    def describe(self, caller: Caller, request: Members) -> Members:
        with self.table.lock:
            job = self.table.get(request["HyperParameterTuningJobName"])
            return job.describe(self._jobs(job))

    def list_summaries(self, caller: Caller, request: Members) -> Members:
        with self.table.lock:
            jobs = select(self.table, request, order="Ascending", sort_by="Name", status=lambda job: job.status)
            return {"HyperParameterTuningJobSummaries": [job.summary(self._jobs(job)) for job in jobs]}

    def list_training_jobs(self, caller: Caller, request: Members) -> Members:
        with self.table.lock:
            tuning = self.table.get(request["HyperParameterTuningJobName"])
            jobs = select(
                self._jobs(tuning),
                {name: value for name, value in request.items() if name != "NameContains"},
                order="Ascending",
                sort_by="Name",
                status=lambda job: job.status,
                values={"FinalObjectiveMetricValue": tuning.objective_value},
            )
            return {"TrainingJobSummaries": [tuning.training_job(job) for job in jobs]}

    def stop(self, caller: Caller, request: Members) -> Members:
        with self._training.moved:
            tuning = self.table.get(request["HyperParameterTuningJobName"])
            if tuning.status != "InProgress":
                text = f"The request was rejected because the hyperparameter tuning job is in status {tuning.status}."
                raise AwsError("ValidationException", text)
            tuning.status = "Stopping"
            for job in self._jobs(tuning):
                if not job.is_ended:
                    self._training.stop_job(job)
            self._training.moved.notify_all()
        return {}

    def resume(self) -> None:
        """Continue after a restart: tuning jobs in progress use the results of their training jobs so far."""
        for job in self.table:
            if job.ended is None:
                self._begin(job)

    def shut_down(self) -> None:
        self._shutdown.set()
        with self._training.moved:
            self._training.moved.notify_all()
        for thread in self._threads:
            thread.join()

    def _begin(self, job: TuningJob) -> None:
        thread = Thread(target=self._run, args=(job,), name=f"tuning-{job.name}", daemon=True)
        self._threads = [*(thread for thread in self._threads if thread.is_alive()), thread]
        thread.start()

    def _check(self, request: Members) -> None:
        definition: Members = request.get("TrainingJobDefinition", {})
        config: Members = request["HyperParameterTuningJobConfig"]
        for member, value in (
            ("TrainingJobDefinition", definition),
            ("HyperParameterTuningJobConfig.HyperParameterTuningJobObjective", config.get("HyperParameterTuningJobObjective")),
            (
                "HyperParameterTuningJobConfig.ResourceLimits.MaxNumberOfTrainingJobs",
                config["ResourceLimits"].get("MaxNumberOfTrainingJobs"),
            ),
        ):
            if not value:
                raise AwsError("ValidationException", f"{member} is required.")
        self._training.check(_training_request(request, "checked", {}), self.table.arn(request["HyperParameterTuningJobName"]))
        algorithm = self._training.algorithm(definition["AlgorithmSpecification"]["TrainingImage"])
        metric = config["HyperParameterTuningJobObjective"]["MetricName"]
        if metric not in [known.name for known in algorithm.metric_definitions]:
            raise AwsError("ValidationException", _NOT_A_METRIC.format(metric=metric, algorithm=algorithm.repository))
        try:
            found = dimensions(config.get("ParameterRanges", {}))
        except ValueError as error:
            raise AwsError("ValidationException", f"{error}.") from error
        if both := {dimension.name for dimension in found} & set(definition.get("StaticHyperParameters", {})):
            raise AwsError("ValidationException", f"The hyperparameters {sorted(both)} are static and have a range.")

    def _with_defaults(self, request: Members) -> Members:
        config, definition = request["HyperParameterTuningJobConfig"], request["TrainingJobDefinition"]
        described = with_defaults(definition, self._training.algorithm(definition["AlgorithmSpecification"]["TrainingImage"]))
        objective = {TUNING_OBJECTIVE: config["HyperParameterTuningJobObjective"]["MetricName"]}
        described["ResourceConfig"] = resources(definition)  # the SDK's attach reads it, also when it sent the other form
        described["StaticHyperParameters"] = {**objective, **definition.get("StaticHyperParameters", {})}
        return {
            **request,
            "HyperParameterTuningJobConfig": {"TrainingJobEarlyStoppingType": "Off", **config},
            "TrainingJobDefinition": described,
        }

    def _jobs(self, tuning: TuningJob) -> list[TrainingJob]:
        return [job for name in tuning.tuned if (job := self._training.table.find(name)) is not None]

    def _run(self, tuning: TuningJob) -> None:
        try:
            search, told = _search(tuning), set[str]()
            with self._training.moved:
                while not self._shutdown.is_set() and not self._is_over(tuning, search, told):
                    self._training.moved.wait()
        except Exception as error:
            with self.table.lock:
                tuning.end("Failed", time.time(), reason=f"InternalServerError: {type(error).__name__}: {error}")
        self._host.changed()

    def _is_over(self, tuning: TuningJob, search: Search, told: set[str]) -> bool:
        """One step with the lock held. Reports ended jobs, starts new ones if allowed, and ends the tuning job. True if it has ended."""
        jobs = self._jobs(tuning)
        for job in jobs:
            if job.is_ended and job.name not in told:
                search.tell(job.name, tuning.proposed[job.name], tuning.objective_value(job) if job.status == "Completed" else None)
                told.add(job.name)
        limits = tuning.config["ResourceLimits"]
        running = sum(not job.is_ended for job in jobs)
        while (
            tuning.status == "InProgress"
            and running < limits["MaxParallelTrainingJobs"]
            and len(tuning.tuned) < limits["MaxNumberOfTrainingJobs"]
        ):
            self._start_next(tuning, search)
            running += 1
        if running:
            return False
        self._end(tuning, self._jobs(tuning))
        return True

    def _start_next(self, tuning: TuningJob, search: Search) -> None:
        name = f"{tuning.name}-{len(tuning.tuned) + 1:03d}-{secrets.token_hex(4)}"
        point = search.propose(name)
        tuning.proposed[name], tuning.tuned[name] = point, search.texts(point)
        tuning.modified = time.time()
        self._training.start(_training_request(tuning.request, name, tuning.tuned[name]), tuning_job_arn=tuning.arn)

    def _end(self, tuning: TuningJob, jobs: list[TrainingJob]) -> None:
        now = time.time()
        if tuning.status == "Stopping":
            tuning.end("Stopped", now)
        elif all(job.status == "Failed" for job in jobs):
            tuning.end("Failed", now, reason=_ALL_FAILED)
        elif tuning.best(jobs) is None:
            tuning.end("Failed", now, reason=_NO_METRIC.format(count=len(jobs)))
        else:
            tuning.end("Completed", now)


def _search(tuning: TuningJob) -> Search:
    seed = tuning.config.get("RandomSeed")
    return Search(
        dimensions(tuning.config["ParameterRanges"]),
        strategy=tuning.config["Strategy"],
        maximize=tuning.objective["Type"] == "Maximize",
        # After a restart the sampler must not propose again what it proposed before.
        seed=None if seed is None else seed + len(tuning.tuned),
    )


def _training_request(request: Mapping[str, Any], name: str, tuned: Mapping[str, str]) -> Members:
    """CreateTrainingJob's members for a training job of a tuning job."""
    definition = dict(request["TrainingJobDefinition"])
    definition["ResourceConfig"] = resources(definition)
    definition.pop("HyperParameterTuningResourceConfig", None)
    hyperparameters = {**definition.pop("StaticHyperParameters", {}), **tuned}
    return {**definition, "TrainingJobName": name, "HyperParameters": hyperparameters, "Tags": request.get("Tags", [])}
