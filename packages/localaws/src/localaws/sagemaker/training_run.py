"""Runs one training job, from the download of its data to the upload of its model."""

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, RLock
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from localaws.kit import sandbox
from localaws.kit.child_process import Child
from localaws.kit.job_log import Delivery, LogStream, OutputFile
from localaws.kit.s3 import encrypted_with, parse_uri, upload
from localaws.kit.service import AwsError
from localaws.sagemaker.algorithm_images import Algorithm, version_note
from localaws.sagemaker.checkpoints import Checkpoints
from localaws.sagemaker.input_data import DataUnavailable, describe, download_channel
from localaws.sagemaker.log_metrics import Metric, MetricReader
from localaws.sagemaker.model_archive import pack
from localaws.sagemaker.training_job import TrainingJob, failure_reason

LOG_GROUP = "/aws/sagemaker/TrainingJobs"
_POLL_S = 0.05
# A job takes the processors that nobody else on the laptop wants. Linux shares them out among sessions before it looks at `nice`.
_LOWER = '{ echo 10 > /proc/self/autogroup; } 2>/dev/null; exec nice -n 10 "$@"'
_IN_BACKGROUND = ("sh", "-c", _LOWER, "sh")
_LOG_DELAY_S = 10.0  # a job ends before its log is complete if the delivery takes longer, as on AWS
INTERNAL_ERROR = "InternalServerError: We encountered an internal error. Please try again."


@dataclass(kw_only=True)
class TrainingRun:
    """Runs one job. `client` creates clients with new credentials of the job's role. `stop` and `shutdown` may be set at any time.

    `report` gets each value of a metric that the job logs.
    `stop` asks the algorithm to end within `grace_s`; `shutdown` (of the server) kills it.
    """

    job: TrainingJob
    algorithm: Algorithm
    folder: Path
    region: str
    client: Callable[[str], Any]
    lock: RLock
    changed: Callable[[], None]
    report: Callable[[Metric], None]
    grace_s: float
    shutdown: Event
    home: Path | None = None  # of the local AWS, from which the job is isolated
    stop: Event = field(default_factory=Event)
    _delivery: Delivery | None = field(default=None, init=False)
    _checkpoints: Checkpoints | None = field(default=None, init=False)

    def run(self) -> None:
        """Run the job. Never raises: an error becomes the job's failure reason."""
        try:
            if self._begin():
                self._prepare()
                self._train()
        except (ValueError, DataUnavailable) as error:
            self._fail(str(error))
        except AwsError as error:
            self._fail(f"ClientError: {error.message}")
        except Exception as error:
            self._fail(f"{INTERNAL_ERROR} ({type(error).__name__}: {error})")
        finally:
            if self._checkpoints is not None:
                self._checkpoints.stop()
            shutil.rmtree(self.folder, ignore_errors=True)
            if self._delivery is not None:
                self._settle(self._delivery)

    def _begin(self) -> bool:
        """Start the job. False if it was stopped while it waited."""
        with self.lock:
            if self.job.is_ended or self.shutdown.is_set():
                return False
            self._enter("Downloading")
            return True

    def _prepare(self) -> None:
        request = self.job.request
        channels = request.get("InputDataConfig", [])
        try:
            self.algorithm.check(request["HyperParameters"], [channel["ChannelName"] for channel in channels])
        except ValueError as error:
            raise ValueError(str(error) if str(error).startswith("ClientError") else f"ClientError: {error}") from error
        make_tree(self.folder, self.job)
        s3 = self.client("s3")
        for channel in channels:
            try:
                download_channel(s3, channel["DataSource"]["S3DataSource"], self.folder / "input/data" / channel["ChannelName"])
            except DataUnavailable as error:
                raise DataUnavailable(f"ClientError: Data download failed:{error}") from error
        if (config := request.get("CheckpointConfig")) is not None:
            self._checkpoints = Checkpoints(config["S3Uri"], self.folder / "checkpoints", lambda: self.client("s3"))
            self._checkpoints.download()

    def _train(self) -> None:
        self._enter("Training")
        logs = LogStream(lambda: self.client("logs"), group=LOG_GROUP, stream=f"{self.job.name}/algo-1-{int(time.time())}")
        self.stream_file.write_text(logs.stream)
        child = self._start()
        self._delivery = Delivery(OutputFile(self.output_file), logs, position_file=self.position_file, shutdown=self.shutdown)
        self._delivery.start()
        output, metrics = OutputFile(self.output_file), MetricReader(self.algorithm.metric_definitions, report=self.report)
        if self._checkpoints is not None:
            self._checkpoints.start()
        try:
            code, ending = self._follow(child, each_poll=lambda: metrics.read(output.new_lines()))
        finally:
            child.kill()
        for lines in output.rest():
            metrics.read(lines)
        with self.lock:
            self.job.metrics = metrics.final()
        self._delivery.finish(_LOG_DELAY_S)
        if self._checkpoints is not None:
            self._checkpoints.finish()
        self._finish(code, ending)

    def _start(self) -> Child:
        """Start the algorithm. The log begins with a note if the image names another version, or if the job is not isolated."""
        notes = [version_note(self.algorithm, self.job.request["AlgorithmSpecification"]["TrainingImage"])]
        if not sandbox.is_available():
            notes.append(f"[localaws] The job's processes are {sandbox.NOT_ISOLATED}")
        if told := [note for note in notes if note]:
            self.output_file.write_text("".join(f"{note}\n" for note in told))
        return Child(
            [*_IN_BACKGROUND, *self.algorithm.training_command(self.folder)],
            cwd=self.folder,
            output=self.output_file,
            pidfile=self.folder / "pid",
            environment=self._environment(),
            sandbox=sandbox.for_job(self.home, own=[self.folder]) if self.home else None,
        )

    def _follow(self, child: Child, *, each_poll: Callable[[], None]) -> tuple[int, str]:
        """Follow the process. Returns its exit code, and the status in which the job ends if no later step fails."""
        started = time.monotonic()
        limit_s, ending = self.job.request["StoppingCondition"]["MaxRuntimeInSeconds"], "Completed"
        kill_at: float | None = None
        while (code := child.wait(_POLL_S)) is None:
            each_poll()
            now = time.monotonic()
            if self.shutdown.is_set() or (kill_at is not None and now >= kill_at):
                child.kill()
            elif kill_at is None and (self.stop.is_set() or now - started >= limit_s):
                ending = "Stopped" if self.stop.is_set() else "MaxRuntimeExceeded"
                kill_at = now + self.grace_s
                child.terminate()
        if self.shutdown.is_set():
            raise RuntimeError("the local AWS was stopped")
        return code, "Stopped" if self.stop.is_set() else ending

    def _finish(self, code: int, ending: str) -> None:
        if code != 0 and ending == "Completed":
            text = self.folder / "output/failure"
            self._fail(failure_reason(text.read_text(errors="replace") if text.exists() else "", code))
            return
        if ending == "Completed" or any((self.folder / "model").iterdir()):
            self._enter("Uploading")
            self._upload("model", "model.tar.gz")
        if any((self.folder / "output/data").iterdir()):
            self._upload("output/data", "output.tar.gz")
        self._enter(ending)

    def _upload(self, source: str, name: str) -> None:
        archive = self.folder / name
        pack(self.folder / source, archive)
        target = parse_uri(f"{self.job.output_prefix}/output/{name}")
        encryption = encrypted_with(self.job.request["OutputDataConfig"].get("KmsKeyId"))
        try:
            upload(self.client("s3"), archive, target, encryption=encryption)
        except ClientError as error:
            raise DataUnavailable(f"ClientError: Artifact upload failed:{describe(error)}") from error
        except BotoCoreError as error:
            raise DataUnavailable(f"ClientError: Artifact upload failed:{error}") from error

    def _environment(self) -> dict[str, str]:
        own = {"TRAINING_JOB_NAME": self.job.name, "TRAINING_JOB_ARN": self.job.arn, "AWS_REGION": self.region}
        return {**self.job.request.get("Environment", {}), **own}

    def _enter(self, secondary_status: str) -> None:
        with self.lock:
            self.job.enter(secondary_status, time.time())
        self.changed()

    def _fail(self, reason: str) -> None:
        with self.lock:
            self.job.fail(reason, time.time())
        self.changed()

    # The output file is outside of the job's folder, so that it stays until CloudWatch has all of it.
    @property
    def output_file(self) -> Path:
        return self.folder.with_suffix(".log")

    @property
    def stream_file(self) -> Path:
        return self.folder.with_suffix(".stream")

    @property
    def position_file(self) -> Path:
        return self.folder.with_suffix(".position")

    @property
    def has_run(self) -> bool:
        """Whether an earlier process left files of the job."""
        return self.folder.exists() or self.stream_file.exists()

    def _settle(self, delivery: Delivery) -> None:
        """Wait for the delivery of the log. Lines that CloudWatch did not accept stay on disk; the next start may send them."""
        delivery.finish()
        if delivery.is_delivered:
            self.output_file.unlink(missing_ok=True)
        if delivery.is_delivered or delivery.stream.refused is not None:
            self.stream_file.unlink(missing_ok=True)
            self.position_file.unlink(missing_ok=True)

    def clear_up(self) -> None:
        """After a restart, send the rest of the job's output and remove the job's folder."""
        shutil.rmtree(self.folder, ignore_errors=True)
        if not (self.stream_file.exists() and self.output_file.exists()):
            return
        sent = int(self.position_file.read_text()) if self.position_file.exists() else 0
        logs = LogStream(lambda: self.client("logs"), group=LOG_GROUP, stream=self.stream_file.read_text())
        output = OutputFile(self.output_file, position=sent)
        delivery = Delivery(output, logs, position_file=self.position_file, shutdown=self.shutdown)
        delivery.start()
        self._settle(delivery)


def make_tree(folder: Path, job: TrainingJob) -> None:
    """Create the layout of a container's /opt/ml, without the data."""
    shutil.rmtree(folder, ignore_errors=True)
    channels = job.request.get("InputDataConfig", [])
    for name in ("input/config", "model", "output/data", *(f"input/data/{channel['ChannelName']}" for channel in channels)):
        (folder / name).mkdir(parents=True)
    instance_type = job.request["ResourceConfig"]["InstanceType"]
    group = {"instance_group_name": "homogeneousCluster", "instance_type": instance_type, "hosts": ["algo-1"]}
    configuration = {
        "hyperparameters": job.request["HyperParameters"],
        "inputdataconfig": {channel["ChannelName"]: _channel_configuration(channel) for channel in channels},
        "resourceconfig": {
            "current_host": "algo-1",
            "current_instance_type": instance_type,
            "current_group_name": group["instance_group_name"],
            "hosts": group["hosts"],
            "instance_groups": [group],
            "network_interface_name": "lo",
        },
    }
    for name, value in configuration.items():
        (folder / f"input/config/{name}.json").write_text(json.dumps(value))


def _channel_configuration(channel: dict[str, Any]) -> dict[str, str]:
    content_type = {"ContentType": channel["ContentType"]} if "ContentType" in channel else {}
    return {
        **content_type,
        "TrainingInputMode": "File",
        "S3DistributionType": channel["DataSource"]["S3DataSource"].get("S3DataDistributionType", "FullyReplicated"),
        "RecordWrapperType": "None",
    }
