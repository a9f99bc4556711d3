"""One training job from download to upload, as a training container's host does it."""

import contextlib
import json
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, RLock
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from mlkit.local.sagemaker.algorithms import Algorithm
from mlkit.local.sagemaker.artifacts import pack
from mlkit.local.sagemaker.child import Child
from mlkit.local.sagemaker.logs import LogStream, OutputFile
from mlkit.local.sagemaker.metrics import MetricReader
from mlkit.local.sagemaker.objects import DataUnavailable, describe, download_channel, parse_uri
from mlkit.local.sagemaker.training_job import TrainingJob, failure_reason
from mlkit.local.service import AwsError

LOG_GROUP = "/aws/sagemaker/TrainingJobs"
_POLL_S = 0.05
_INTERNAL_ERROR = "InternalServerError: We encountered an internal error. Please try again."


@dataclass(kw_only=True)
class Execution:
    """What runs a job: `client` makes clients with fresh credentials of the job's role; `stop` and `shutdown` may be set at any time.

    `stop` asks the algorithm to end and gives it `grace_s`; `shutdown` (the server goes down) kills it.
    """

    job: TrainingJob
    algorithm: Algorithm
    folder: Path
    region: str
    client: Callable[[str], Any]
    lock: RLock
    changed: Callable[[], None]
    grace_s: float
    shutdown: Event
    stop: Event = field(default_factory=Event)

    def run(self) -> None:
        """Never raises: whatever goes wrong is in the job's failure reason."""
        try:
            if not self.stop.is_set():
                self._enter("Downloading")
                self._prepare()
                self._train()
            else:
                self._enter("Stopped")
        except (ValueError, DataUnavailable) as error:
            self._fail(str(error))
        except AwsError as error:
            self._fail(f"ClientError: {error.message}")
        except Exception as error:
            self._fail(f"{_INTERNAL_ERROR} ({type(error).__name__}: {error})")
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

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

    def _train(self) -> None:
        self._enter("Training")
        output = OutputFile(self.output_file)
        metrics = MetricReader(self.algorithm.metric_definitions)
        logs = LogStream(lambda: self.client("logs"), group=LOG_GROUP, stream=f"{self.job.name}/algo-1-{int(time.time())}")
        self.stream_file.write_text(logs.stream)
        child = Child(
            self.algorithm.training_command(self.folder),
            cwd=self.folder,
            output=self.output_file,
            pidfile=self.folder / "pid",
            environment=self._environment(),
        )
        try:
            code, ending = self._follow(child, lambda ended: self._log(output, logs, metrics, ended=ended))
        finally:
            child.kill()
        self._log(output, logs, metrics, ended=True)
        with self.lock:
            self.job.metrics = metrics.final()
        if logs.refused is None:
            self.discard_output()
        self._finish(code, ending)

    def _follow(self, child: Child, log: Callable[[bool], None]) -> tuple[int, str]:
        """The exit code and the status that the job ends in if nothing goes wrong after it."""
        started = time.monotonic()
        limit_s, ending = self.job.request["StoppingCondition"]["MaxRuntimeInSeconds"], "Completed"
        kill_at: float | None = None
        while (code := child.wait(_POLL_S)) is None:
            log(False)
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

    def _log(self, output: OutputFile, logs: LogStream, metrics: MetricReader, *, ended: bool) -> None:
        lines = output.new_lines(ended=ended)
        metrics.read(lines)
        logs.put(lines)
        if lines and logs.refused is None:
            self.position_file.write_text(str(output.position))

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
        key_id = self.job.request["OutputDataConfig"].get("KmsKeyId")
        encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key_id} if key_id else {}
        try:
            with archive.open("rb") as body:
                self.client("s3").put_object(Bucket=target.bucket, Key=target.key, Body=body, **encryption)
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

    # The output outlives the job's folder until CloudWatch has all of it.
    @property
    def output_file(self) -> Path:
        return self.folder.with_suffix(".log")

    @property
    def stream_file(self) -> Path:
        return self.folder.with_suffix(".stream")

    @property
    def position_file(self) -> Path:
        return self.folder.with_suffix(".position")

    def discard_output(self) -> None:
        for path in (self.output_file, self.stream_file, self.position_file):
            path.unlink(missing_ok=True)

    def abandon(self) -> None:
        """After a kill of the server: sends what it had not sent yet of the job's output, and clears the job's folder."""
        shutil.rmtree(self.folder, ignore_errors=True)
        with contextlib.suppress(FileNotFoundError, AwsError, ClientError, BotoCoreError):
            sent = int(self.position_file.read_text()) if self.position_file.exists() else 0
            logs = LogStream(lambda: self.client("logs"), group=LOG_GROUP, stream=self.stream_file.read_text())
            logs.put(OutputFile(self.output_file, position=sent).new_lines(ended=True))
            if logs.refused is None:
                self.discard_output()


def make_tree(folder: Path, job: TrainingJob) -> None:
    """What a training container finds in /opt/ml, but for the data."""
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
