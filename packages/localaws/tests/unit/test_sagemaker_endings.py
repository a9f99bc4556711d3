"""Training jobs and deployments without a server: whatever goes wrong, no job completes and no endpoint serves the new model."""

import io
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Event, RLock
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from localaws.kit.service import AwsError
from localaws.sagemaker.algorithm_images import MetricDefinition
from localaws.sagemaker.endpoint_record import Endpoint, EndpointDeployment, Variant
from localaws.sagemaker.rollout import Rollouts
from localaws.sagemaker.serving import ServingFailed
from localaws.sagemaker.training_job import TrainingJob
from localaws.sagemaker.training_run import TrainingRun


def denied(operation: str) -> ClientError:
    return ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": 403}}, operation)  # type: ignore[typeddict-item]


UNREACHABLE = EndpointConnectionError(endpoint_url="http://x")


# --- training


class Algorithm:
    """Trains by a few lines of Python; `wrong` is what it says of the hyperparameters."""

    repository, versions, similar_versions, keeps_checkpoints = "a", (), (), False
    metric_definitions: Sequence[MetricDefinition] = (MetricDefinition(name="m", regex="m=([0-9.]+)"),)

    def __init__(self, code: str, wrong: str = "") -> None:
        self._code, self._wrong = code, wrong

    def training_command(self, ml_root: Path) -> list[str]:
        return [sys.executable, "-I", "-S", "-c", self._code]

    def check(self, hyperparameters: Mapping[str, str], channels: Sequence[str]) -> None:
        if self._wrong:
            raise ValueError(self._wrong)

    def load(self, model_dir: Path) -> Any:
        raise AssertionError("training loads no model")


class S3:
    """Objects in memory; what `faults` names raises, `put_object` for the keys that end in its text."""

    def __init__(self, objects: Mapping[str, bytes], faults: Mapping[str, Exception]) -> None:
        self.objects, self._faults = dict(objects), faults

    def get_paginator(self, operation: str) -> Any:
        return SimpleNamespace(paginate=lambda Bucket, Prefix: [self._listed(Prefix)])

    def _listed(self, prefix: str) -> dict[str, Any]:
        if "list" in self._faults:
            raise self._faults["list"]
        return {"Contents": [{"Key": key} for key in self.objects if key.startswith(prefix)]}

    def get_object(self, Bucket: str, Key: str) -> dict[str, Any]:
        if Key in self._faults:
            raise self._faults[Key]
        return {"Body": io.BytesIO(self.objects[Key])}

    def put_object(self, Bucket: str, Key: str, Body: Any, **_: Any) -> None:
        if (error := self._faults.get(Key.rpartition("/")[2])) is not None:
            raise error
        self.objects[Key] = Body.read()


WRITE_MODEL = "open('model/weights', 'w').write('w'); open('output/data/more', 'w').write('m'); print('m=0.5')"
DATA = {"train/a": b"a", "train/b": b"b", "test/c": b"c"}


class World:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.stop, self.shutdown = Event(), Event()

    def train(
        self,
        code: str = WRITE_MODEL,
        *,
        wrong: str = "",
        objects: Mapping[str, bytes] = DATA,
        faults: Mapping[str, Exception] | None = None,
        limit_s: int = 3600,
    ) -> tuple[TrainingJob, S3]:
        s3 = S3(objects, faults or {})

        def client(service: str) -> Any:
            if service == "s3" and "client" in (faults or {}):
                raise (faults or {})["client"]
            return s3 if service == "s3" else SimpleNamespace(create_log_group=_none, create_log_stream=_none, put_log_events=_none)

        def channel(name: str) -> dict[str, Any]:
            source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://bucket/{name}/"}
            return {"ChannelName": name, "DataSource": {"S3DataSource": source}}

        request = {
            "AlgorithmSpecification": {"TrainingImage": "a"},
            "HyperParameters": {},
            "InputDataConfig": [channel("train"), channel("test")],
            "OutputDataConfig": {"S3OutputPath": "s3://bucket/out"},
            "ResourceConfig": {"InstanceType": "local"},
            "StoppingCondition": {"MaxRuntimeInSeconds": limit_s},
        }
        job = TrainingJob(name="j", arn="arn", created=1.0, modified=1.0, request=request)
        job.enter("Starting", 1.0)
        execution = TrainingRun(
            job=job,
            algorithm=Algorithm(code, wrong),
            folder=self.folder / "job",
            region="us-east-1",
            client=client,
            lock=RLock(),
            changed=lambda: None,
            report=lambda metric: None,
            grace_s=60.0,
            shutdown=self.shutdown,
            stop=self.stop,
        )
        execution.run()
        assert job.is_ended or self.shutdown.is_set()
        assert not (self.folder / "job").exists()
        return job, s3


def _none(**_: Any) -> None:
    """Takes the log."""


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_a_job_without_faults_completes_with_its_model_its_output_and_its_metrics(world: World) -> None:
    job, s3 = world.train()
    assert (job.status, job.failure_reason) == ("Completed", None)
    assert {"out/j/output/model.tar.gz", "out/j/output/output.tar.gz"} <= s3.objects.keys()
    assert [(one["MetricName"], one["Value"]) for one in job.metrics] == [("m", 0.5)]


ENDS = [
    ("raise SystemExit(3)", "AlgorithmError: , exit code: 3"),
    ("open('output/failure', 'w').write('ClientError: bad data'); raise SystemExit(1)", "ClientError: bad data, exit code: 1"),
    ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "AlgorithmError: , exit code: 137"),
    (f"{WRITE_MODEL}; raise SystemExit(1)", "AlgorithmError: , exit code: 1"),
    ("import (", "AlgorithmError: , exit code: 1"),
]


@pytest.mark.parametrize(("code", "reason"), ENDS)
def test_a_process_that_ends_badly_fails_the_job_and_leaves_no_model(world: World, code: str, reason: str) -> None:
    job, s3 = world.train(code)
    assert (job.status, job.failure_reason) == ("Failed", reason)
    assert s3.objects == DATA


FAULTS = [
    ({"list": denied("ListObjectsV2")}, "Data download failed:AccessDenied"),
    ({"train/b": denied("GetObject")}, "Data download failed:AccessDenied"),
    ({"test/c": denied("GetObject")}, "Data download failed:AccessDenied"),
    ({"test/c": UNREACHABLE}, "Data download failed:Could not connect"),
    ({"client": AwsError("AccessDenied", "the role does not trust SageMaker")}, "ClientError: the role does not trust SageMaker"),
    ({"client": RuntimeError("unforeseen")}, "InternalServerError"),
    ({"model.tar.gz": denied("PutObject")}, "Artifact upload failed:AccessDenied"),
    ({"output.tar.gz": denied("PutObject")}, "Artifact upload failed:AccessDenied"),
    ({"model.tar.gz": UNREACHABLE}, "Artifact upload failed:Could not connect"),
]


@pytest.mark.parametrize(("faults", "reason"), FAULTS)
def test_a_call_that_fails_fails_the_job_with_its_text(world: World, faults: dict[str, Exception], reason: str) -> None:
    job, _ = world.train(faults=faults)
    assert job.status == "Failed"
    assert reason in str(job.failure_reason)


@pytest.mark.parametrize("empty", ["train/", "test/"])
def test_one_of_several_channels_without_data_fails_the_job(world: World, empty: str) -> None:
    job, _ = world.train(objects={key: data for key, data in DATA.items() if not key.startswith(empty)})
    assert job.status == "Failed"
    assert f"No S3 objects found under S3 URL 's3://bucket/{empty}'" in str(job.failure_reason)


@pytest.mark.parametrize(("wrong", "reason"), [("mini_batch_size", "ClientError: mini_batch_size"), ("ClientError: x", "ClientError: x")])
def test_hyperparameters_that_the_algorithm_refuses_fail_the_job_before_any_download(world: World, wrong: str, reason: str) -> None:
    job, _ = world.train(wrong=wrong, faults={"list": denied("ListObjectsV2")})
    assert (job.status, job.failure_reason) == ("Failed", reason)


OBEYS = f"import signal, sys, time; {WRITE_MODEL}; signal.signal(signal.SIGTERM, lambda *_: sys.exit(0)); time.sleep(600)"


def test_a_job_that_is_stopped_is_not_completed(world: World) -> None:
    world.stop.set()
    job, s3 = world.train(OBEYS)
    assert (job.status, job.secondary_status) == ("Stopped", "Stopped")
    assert "out/j/output/output.tar.gz" in s3.objects or s3.objects == DATA  # whether it had come to write anything


def test_a_job_that_passes_its_time_is_not_completed(world: World) -> None:
    job, _ = world.train(OBEYS, limit_s=0)
    assert (job.status, job.secondary_status) == ("Stopped", "MaxRuntimeExceeded")


def test_a_job_whose_server_goes_down_while_it_runs_fails(world: World) -> None:
    started = world.folder / "started"
    world.shutdown = Shutdown(started)
    job, s3 = world.train(f"open({str(started)!r}, 'w').close(); import time; time.sleep(600)")
    assert job.status == "Failed"
    assert "the local AWS was stopped" in str(job.failure_reason)
    assert s3.objects == DATA


class Shutdown(Event):
    """Set as soon as a file is there."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self._file = file

    def is_set(self) -> bool:
        return self._file.exists()


def test_a_job_that_ended_while_it_waited_is_left_as_it_is(world: World) -> None:
    world.shutdown.set()
    job, s3 = world.train()
    assert (job.status, s3.objects) == ("InProgress", DATA)


# --- deployments


def deployment(name: str, *variants: str) -> EndpointDeployment:
    made = [
        Variant(name=one, image="i", model_data_url="s3://b/m", role_arn="r", weight=1.0, instance_count=1)
        for one in variants or ("a", "b")
    ]
    return EndpointDeployment(id=name, config_name=f"config-{name}", started=1.0, variants=made)


class Rollout:
    """One endpoint, updated from `old` (None: created) to "new"; `alarms` are their states."""

    def __init__(self, *, old: EndpointDeployment | None, alarms: Mapping[str, str], faults: Mapping[str, Exception]) -> None:
        self.endpoint = Endpoint(name="e", arn="arn", created=1.0, modified=1.0, config_name="config-old", deployment=old)
        self.discarded: list[str] = []
        self.alarms, self._faults = alarms, faults
        serving: Any = SimpleNamespace(
            predictor=self._predictor, note=lambda variant: "", discard=lambda one: self.discarded.append(one.id)
        )
        roles: Any = SimpleNamespace(client=self._client)
        host: Any = SimpleNamespace(changed=lambda: None)
        self.rollouts = Rollouts(host, roles, serving, lock=RLock())

    def _predictor(self, pending: EndpointDeployment, variant: Variant, arn: str) -> None:
        if variant.name in self._faults:
            raise self._faults[variant.name]

    def _client(self, service: str, **_: Any) -> Any:
        if service == "logs":
            return SimpleNamespace(create_log_group=_none, create_log_stream=_none, put_log_events=_none)
        return SimpleNamespace(describe_alarms=self._describe)

    def _describe(self, AlarmNames: list[str], AlarmTypes: list[str]) -> dict[str, Any]:
        if "describe_alarms" in self._faults:
            raise self._faults["describe_alarms"]
        found = [{"AlarmName": name, "StateValue": state} for name, state in self.alarms.items() if name in AlarmNames]
        return {"MetricAlarms": found[:1], "CompositeAlarms": found[1:]}

    def run(self, **config: Any) -> Endpoint:
        alarms = {"Alarms": [{"AlarmName": name} for name in ("one", "two")]}
        pending = deployment("new")
        self.endpoint.begin_update(pending, None, 2.0)
        self.rollouts.begin(self.endpoint, pending, {"AutoRollbackConfiguration": alarms, **config})
        for thread in self.rollouts._threads:
            thread.join()
        return self.endpoint


GOOD = {"one": "OK", "two": "INSUFFICIENT_DATA"}


def test_a_deployment_without_faults_takes_the_place_of_the_old_one() -> None:
    rollout = Rollout(old=deployment("old"), alarms=GOOD, faults={})
    endpoint = rollout.run()
    assert (endpoint.status, endpoint.config_name, endpoint.failure_reason) == ("InService", "config-new", None)
    assert rollout.discarded == ["old"]


BAD = [
    ({"one": "ALARM", "two": "OK"}, {}, "ALARM state: ['one']"),
    ({"one": "OK", "two": "ALARM"}, {}, "ALARM state: ['two']"),
    ({"one": "OK"}, {}, "['two'] do not exist"),
    ({}, {}, "['one', 'two'] do not exist"),
    (GOOD, {"describe_alarms": denied("DescribeAlarms")}, "cannot be described"),
    (GOOD, {"describe_alarms": UNREACHABLE}, "cannot be described"),
    (GOOD, {"describe_alarms": AwsError("AccessDenied", "no")}, "cannot be described"),
    (GOOD, {"describe_alarms": RuntimeError("unforeseen")}, "InternalServerError"),
    (GOOD, {"a": ServingFailed("no model")}, "no model"),
    (GOOD, {"b": ServingFailed("no model")}, "no model"),
    (GOOD, {"b": RuntimeError("unforeseen")}, "InternalServerError"),
]


@pytest.mark.parametrize(("alarms", "faults", "reason"), BAD)
@pytest.mark.parametrize("is_first", [True, False], ids=["created", "updated"])
def test_a_deployment_that_fails_leaves_the_old_one_in_service_or_the_endpoint_failed(
    alarms: dict[str, str], faults: dict[str, Exception], reason: str, is_first: bool
) -> None:
    old = None if is_first else deployment("old")
    rollout = Rollout(old=old, alarms=alarms, faults=faults)
    endpoint = rollout.run()
    assert reason in str(endpoint.failure_reason)
    assert (endpoint.status, endpoint.config_name) == ("Failed" if is_first else "InService", "config-old")
    assert (endpoint.deployment, endpoint.pending, endpoint.live) == (old, None, old)
    assert rollout.discarded == ["new"]


def test_an_alarm_that_rings_while_both_deployments_wait_brings_the_old_one_back() -> None:
    looks: list[bool] = []

    class Rings(dict[str, str]):
        def items(self) -> Any:
            looks.append(True)
            return {"one": "OK", "two": "OK" if len(looks) < 3 else "ALARM"}.items()

    rollout = Rollout(old=deployment("old"), alarms=Rings(), faults={})
    endpoint = rollout.run(BlueGreenUpdatePolicy={"TerminationWaitInSeconds": 600})
    assert (endpoint.status, endpoint.config_name) == ("InService", "config-old")
    assert "['two']" in str(endpoint.failure_reason)


def test_a_deployment_that_takes_longer_than_it_may_is_rolled_back() -> None:
    waits = {"TerminationWaitInSeconds": 600, "MaximumExecutionTimeoutInSeconds": 0}
    endpoint = Rollout(old=deployment("old"), alarms=GOOD, faults={}).run(BlueGreenUpdatePolicy=waits)
    assert (endpoint.status, endpoint.config_name) == ("InService", "config-old")
    assert "MaximumExecutionTimeoutInSeconds" in str(endpoint.failure_reason)
