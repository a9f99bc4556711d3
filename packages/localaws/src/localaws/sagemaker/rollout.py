"""Brings a deployment into service: loads the models, shifts the traffic, watches the alarms, completes or rolls back."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Event, RLock, Thread
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from localaws.kit.job_log import LogStream
from localaws.kit.service import AwsError, Host
from localaws.sagemaker.endpoint_record import Endpoint, EndpointDeployment
from localaws.sagemaker.execution_roles import Roles
from localaws.sagemaker.serving import Serving, ServingFailed

_WATCH_S = 0.5  # between two checks of the alarms
_INTERNAL_ERROR = "InternalServerError: We encountered an internal error. Please try again."


@dataclass(frozen=True, kw_only=True)
class Policy:
    """A DeploymentConfig: how long both deployments stay, the time limit, and the alarms."""

    bake_s: float
    timeout_s: float | None
    alarms: tuple[str, ...]


def policy_of(config: Mapping[str, Any]) -> Policy:
    """The all-at-once policy. The traffic moves in one step, so both of AWS's waits come after it."""
    blue_green = config.get("BlueGreenUpdatePolicy", {})
    wait_s = blue_green.get("TrafficRoutingConfiguration", {}).get("WaitIntervalInSeconds", 0)
    alarms = config.get("AutoRollbackConfiguration", {}).get("Alarms", [])
    return Policy(
        bake_s=wait_s + blue_green.get("TerminationWaitInSeconds", 0),
        timeout_s=blue_green.get("MaximumExecutionTimeoutInSeconds"),
        alarms=tuple(alarm["AlarmName"] for alarm in alarms if "AlarmName" in alarm),
    )


def check_policy(config: Mapping[str, Any]) -> None:
    """Raises ValidationException if the waits cannot end before the time limit."""
    policy = policy_of(config)
    if policy.timeout_s is not None and policy.timeout_s <= policy.bake_s:
        text = "MaximumExecutionTimeoutInSeconds must be larger than the sum of TerminationWaitInSeconds and WaitIntervalInSeconds."
        raise AwsError("ValidationException", text)


class RollBack(Exception):
    """The new deployment must be rolled back. The text is the endpoint's failure reason."""


class Rollouts:
    """One thread for each endpoint that is being created or updated."""

    def __init__(self, host: Host, roles: Roles, serving: Serving, *, lock: RLock) -> None:
        self._host, self._roles, self._serving, self._lock = host, roles, serving, lock
        self._shutdown = Event()
        self._threads: list[Thread] = []

    def begin(self, endpoint: Endpoint, pending: EndpointDeployment, config: Mapping[str, Any]) -> None:
        """Start the thread and return. The endpoint's `pending` must already be set."""
        thread = Thread(target=self._run, args=(endpoint, pending, policy_of(config)), name=f"rollout-{endpoint.name}", daemon=True)
        self._threads = [*(thread for thread in self._threads if thread.is_alive()), thread]
        thread.start()

    def shut_down(self) -> None:
        self._shutdown.set()
        for thread in self._threads:
            thread.join()

    def _run(self, endpoint: Endpoint, pending: EndpointDeployment, policy: Policy) -> None:
        started = time.monotonic()
        try:
            for variant in pending.variants:
                self._serving.predictor(pending, variant, endpoint.arn)
                self._say(endpoint, pending, variant.name, f"Model {variant.model_data_url} is loaded.", self._serving.note(variant))
            self._check_alarms(endpoint, pending, policy)
            with self._lock:
                endpoint.shift_traffic()
            self._bake(endpoint, pending, policy, started)
        except (ServingFailed, RollBack) as error:
            self._give_up(endpoint, str(error))
        except Exception as error:
            self._give_up(endpoint, f"{_INTERNAL_ERROR} ({type(error).__name__}: {error})")
        else:
            if not self._shutdown.is_set():
                self._complete(endpoint)
        self._host.changed()

    def _bake(self, endpoint: Endpoint, pending: EndpointDeployment, policy: Policy, started: float) -> None:
        """Wait as the policy demands, or until the server shuts down. Raises RollBack."""
        ends = time.monotonic() + policy.bake_s
        while True:
            self._check_alarms(endpoint, pending, policy)
            left_s = ends - time.monotonic()
            if left_s <= 0 or self._shutdown.wait(min(left_s, _WATCH_S)):
                return
            if policy.timeout_s is not None and time.monotonic() - started > policy.timeout_s:
                raise RollBack("The deployment did not end within MaximumExecutionTimeoutInSeconds and was rolled back.")

    def _check_alarms(self, endpoint: Endpoint, pending: EndpointDeployment, policy: Policy) -> None:
        """Check the alarms as the new model's execution role. On AWS it needs cloudwatch:DescribeAlarms too. Raises RollBack."""
        if not policy.alarms:
            return
        try:
            client = self._roles.client("cloudwatch", role_arn=pending.variants[0].role_arn, source_arn=endpoint.arn)
            answer = client.describe_alarms(AlarmNames=list(policy.alarms), AlarmTypes=["MetricAlarm", "CompositeAlarm"])
        except (AwsError, ClientError, BotoCoreError) as error:
            raise RollBack(f"The auto-rollback alarms cannot be described, so the deployment was rolled back: {error}") from error
        states = {alarm["AlarmName"]: alarm["StateValue"] for kind in ("MetricAlarms", "CompositeAlarms") for alarm in answer.get(kind, [])}
        if missing := [name for name in policy.alarms if name not in states]:
            raise RollBack(f"The auto-rollback alarms {missing} do not exist, so the deployment was rolled back.")
        if ringing := [name for name in policy.alarms if states[name] == "ALARM"]:
            raise RollBack(f"One or more alarms are in ALARM state: {ringing}. The deployment was rolled back.")

    def _complete(self, endpoint: Endpoint) -> None:
        with self._lock:
            old = endpoint.complete(time.time())
        if old is not None:
            self._serving.discard(old)

    def _give_up(self, endpoint: Endpoint, reason: str) -> None:
        with self._lock:
            if endpoint.deployment is not None:
                endpoint.begin_rollback(time.time())
            dropped = endpoint.give_up(reason, time.time())
        if dropped is not None:
            self._serving.discard(dropped)

    def _say(self, endpoint: Endpoint, deployment: EndpointDeployment, variant_name: str, *lines: str) -> None:
        endpoint_log(self._roles, endpoint, deployment, variant_name).put([line for line in lines if line])


def endpoint_log(roles: Roles, endpoint: Endpoint, deployment: EndpointDeployment, variant_name: str) -> LogStream:
    """The log stream of one variant. Its model's role writes it."""
    role_arn = next(variant.role_arn for variant in deployment.variants if variant.name == variant_name)
    return LogStream(
        lambda: roles.client("logs", role_arn=role_arn, source_arn=endpoint.arn),
        group=f"/aws/sagemaker/Endpoints/{endpoint.name}",
        stream=f"{variant_name}/i-{deployment.id}",
    )
