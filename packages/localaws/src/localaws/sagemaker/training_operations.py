"""Operations on training jobs: create, list, stop. Two jobs run at a time."""

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Condition, Event, RLock
from typing import TYPE_CHECKING, Any

from localaws.kit.members import refuse_unhonoured
from localaws.kit.s3 import parse_uri
from localaws.kit.service import AwsError, Caller, Host, Members
from localaws.kit.tags import tags_of_request
from localaws.sagemaker import refusals
from localaws.sagemaker.algorithm_images import Algorithm
from localaws.sagemaker.execution_roles import Roles, require_algorithm
from localaws.sagemaker.input_data import has_objects
from localaws.sagemaker.listing import select
from localaws.sagemaker.log_metrics import Metric
from localaws.sagemaker.resource_tables import TRAINING_JOB, Table
from localaws.sagemaker.training_defaults import with_defaults
from localaws.sagemaker.training_job import TrainingJob
from localaws.sagemaker.training_run import INTERNAL_ERROR, TrainingRun

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

_NAMESPACE = "/aws/sagemaker/TrainingJobs"
_AT_A_TIME = 2  # a job takes a core; more would only slow one another down

_OWN_METRICS = (
    "You can't override the metric definitions for Amazon SageMaker algorithms. "
    "Please retry the request without specifying metric definitions."
)
_NO_OBJECTS = (
    'No S3 objects found under S3 URL "{uri}" given in input data source. Please ensure that the bucket exists in the selected region '
    '({region}), that objects exist under that S3 prefix, and that the role "{role}" has "s3:ListBucket" permissions on bucket "{bucket}".'
)


class TrainingJobs:
    """`moved` is notified when a job's status changes. `grace_s` is the time between SIGTERM and SIGKILL."""

    def __init__(self, host: Host, roles: Roles, algorithms: Sequence[Algorithm], *, lock: RLock, grace_s: float) -> None:
        self.table = Table(TRAINING_JOB, TrainingJob, account=host.account, region=host.region, lock=lock)
        self.moved = Condition(lock)
        self._host, self._roles, self._algorithms, self._grace_s = host, roles, algorithms, grace_s
        self._folder = host.home("sagemaker") / "jobs"
        self._folder.mkdir(parents=True, exist_ok=True)
        self._shutdown = Event()
        self._workers = ThreadPoolExecutor(max_workers=_AT_A_TIME, thread_name_prefix="training")
        self._executions: dict[str, TrainingRun] = {}

    def create(self, caller: Caller, request: Members) -> Members:
        refuse_unhonoured(request, refusals.TRAINING_JOB)
        self.table.check_free(request["TrainingJobName"])
        self.check(request, self.table.arn(request["TrainingJobName"]))
        return {"TrainingJobArn": self.start(request).arn}

    def check(self, request: Mapping[str, Any], arn: str) -> None:
        """Check what AWS checks before it creates a job: the image, the role, and that the role can list data for each channel."""
        for member in ("InstanceType", "InstanceCount"):
            if member not in request.get("ResourceConfig", {}):
                raise AwsError("ValidationException", f"ResourceConfig.{member} is required.")
        if "StoppingCondition" not in request:
            raise AwsError("ValidationException", "StoppingCondition is required.")
        algorithm = request["AlgorithmSpecification"]
        implementation = require_algorithm(algorithm.get("TrainingImage"), self._algorithms)
        if algorithm.get("MetricDefinitions"):
            raise AwsError("ValidationException", _OWN_METRICS)
        self._roles.check(role_arn=request["RoleArn"], source_arn=arn)
        self._check_uri("OutputDataConfig.S3OutputPath", request["OutputDataConfig"]["S3OutputPath"])
        if "CheckpointConfig" in request:
            self._check_uri("CheckpointConfig.S3Uri", request["CheckpointConfig"]["S3Uri"])
            if not implementation.keeps_checkpoints:
                text = (
                    f"CheckpointConfig is not honoured by the local AWS for {implementation.repository}, which writes no checkpoint here."
                )
                raise AwsError("ValidationException", text)
        s3 = self._roles.client("s3", role_arn=request["RoleArn"], source_arn=arn)
        for channel in request.get("InputDataConfig", []):
            self._check_channel(s3, channel, request["RoleArn"])

    def start(self, request: Mapping[str, Any], *, tuning_job_arn: str | None = None) -> TrainingJob:
        """Create the job of a checked request and add it to the queue."""
        now, name = time.time(), request["TrainingJobName"]
        job = TrainingJob(
            name=name,
            arn=self.table.arn(name),
            created=now,
            modified=now,
            tags=tags_of_request(request),
            request=self._with_defaults(request),
            tuning_job_arn=tuning_job_arn,
        )
        job.enter("Starting", now)
        self.table.add(job)
        self._submit(job)
        return job

    def describe(self, caller: Caller, request: Members) -> Members:
        with self.table.lock:
            return self.table.get(request["TrainingJobName"]).describe()

    def list_summaries(self, caller: Caller, request: Members) -> Members:
        for member in ("WarmPoolStatusEquals", "TrainingPlanArnEquals"):
            if member in request:
                raise AwsError("ValidationException", f"{member} is not honoured by the local AWS.")
        with self.table.lock:
            jobs = select(self.table, request, order="Ascending", status=lambda job: job.status)
            return {"TrainingJobSummaries": [job.summary() for job in jobs]}

    def stop(self, caller: Caller, request: Members) -> Members:
        with self.table.lock:
            job = self.table.get(request["TrainingJobName"])
            if job.is_ended or job.status == "Stopping":
                raise AwsError("ValidationException", f"The request was rejected because the training job is in status {job.status}.")
            self.stop_job(job)
        return {}

    def stop_job(self, job: TrainingJob) -> None:
        """Ask a job to stop. A job that has ended does not change."""
        with self.table.lock:
            waits = job.secondary_status == "Starting"
            job.enter("Stopping", time.time())
            if waits:
                job.enter("Stopped", time.time())
            elif (execution := self._executions.get(job.name)) is not None:
                execution.stop.set()
        self._changed()

    def algorithm(self, image: str) -> Algorithm:
        return require_algorithm(image, self._algorithms)

    def resume(self) -> None:
        """Continue after a restart. Waiting jobs wait again. Jobs that ran become Failed, and the rest of their output goes to the logs."""
        for job in self.table:
            execution = self._execution(job)
            if job.secondary_status == "Starting" and not execution.has_run:
                self._submit(job)
                continue
            job.fail(INTERNAL_ERROR, time.time())
            if execution.has_run:
                self._workers.submit(execution.clear_up)

    def shut_down(self) -> None:
        """End the processes of all jobs before returning."""
        self._shutdown.set()
        self._workers.shutdown(wait=True, cancel_futures=True)

    def _submit(self, job: TrainingJob) -> None:
        with self.table.lock:
            execution = self._executions[job.name] = self._execution(job)
        self._workers.submit(self._run, execution)

    def _run(self, execution: TrainingRun) -> None:
        try:
            execution.run()
        finally:
            with self.table.lock:
                self._executions.pop(execution.job.name, None)

    def _execution(self, job: TrainingJob) -> TrainingRun:
        def client(service: str) -> Any:
            return self._roles.client(service, role_arn=job.request["RoleArn"], source_arn=job.arn)

        return TrainingRun(
            job=job,
            algorithm=self.algorithm(job.request["AlgorithmSpecification"]["TrainingImage"]),
            folder=self._folder / job.name,
            home=self._host.home(""),
            region=self._host.region,
            client=client,
            lock=self.table.lock,
            changed=self._changed,
            report=lambda metric: self._put_metric(job, metric),
            grace_s=self._grace_s,
            shutdown=self._shutdown,
        )

    def _changed(self) -> None:
        with self.moved:
            self.moved.notify_all()
        self._host.changed()

    def _put_metric(self, job: TrainingJob, metric: Metric) -> None:
        dimensions = [{"TrainingJobName": job.name}]
        self._host.put_metric(_NAMESPACE, metric["MetricName"], metric["Value"], dimensions, unit="None", time_s=metric["Timestamp"])

    def _with_defaults(self, request: Mapping[str, Any]) -> Members:
        found = with_defaults(request, self.algorithm(request["AlgorithmSpecification"]["TrainingImage"]))
        found["AlgorithmSpecification"].setdefault("EnableSageMakerMetricsTimeSeries", False)
        found["HyperParameters"] = dict(request.get("HyperParameters", {}))
        return {name: value for name, value in found.items() if name != "Tags"}

    def _check_channel(self, s3: "S3Client", channel: Mapping[str, Any], role_arn: str) -> None:
        source = channel["DataSource"].get("S3DataSource")
        if source is None:
            raise AwsError("ValidationException", f"Channel {channel['ChannelName']!r} has no S3DataSource.")
        self._check_uri(f"InputDataConfig.{channel['ChannelName']}.S3Uri", source["S3Uri"])
        location = parse_uri(source["S3Uri"])
        if not has_objects(s3, location):
            text = _NO_OBJECTS.format(uri=source["S3Uri"], region=self._host.region, role=role_arn, bucket=location.bucket)
            raise AwsError("ValidationException", text)

    def _check_uri(self, member: str, uri: str) -> None:
        try:
            parse_uri(uri)
        except ValueError as error:
            raise AwsError("ValidationException", f"{member}: {error}.") from error
