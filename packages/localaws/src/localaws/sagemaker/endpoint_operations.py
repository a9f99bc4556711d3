"""Operations on endpoints: create, update without a gap, delete. `rollout` waits and watches the alarms."""

import secrets
import time

from localaws.kit.members import refuse_unhonoured
from localaws.kit.service import AwsError, Caller, Host, Members
from localaws.kit.tags import tags_of_request
from localaws.sagemaker import refusals
from localaws.sagemaker.endpoint_record import Endpoint, EndpointDeployment, deployment_of
from localaws.sagemaker.execution_roles import Roles
from localaws.sagemaker.listing import select
from localaws.sagemaker.model_operations import EndpointConfigs, Models
from localaws.sagemaker.resource_tables import ENDPOINT, Table
from localaws.sagemaker.rollout import Rollouts, check_policy
from localaws.sagemaker.serving import Serving

_INTERNAL_ERROR = "InternalServerError: We encountered an internal error. Please try again."


class Endpoints:
    """CreateEndpoint and the other operations on endpoints."""

    def __init__(self, host: Host, roles: Roles, models: Models, configs: EndpointConfigs, serving: Serving) -> None:
        lock = models.table.lock
        self.table = Table(ENDPOINT, Endpoint.from_json, account=host.account, region=host.region, lock=lock)
        self.serving, self._models, self._configs = serving, models, configs
        self._rollouts = Rollouts(host, roles, serving, lock=lock)

    def create(self, caller: Caller, request: Members) -> Members:
        refuse_unhonoured(request, refusals.ENDPOINT)
        check_policy(request.get("DeploymentConfig", {}))
        name, now = request["EndpointName"], time.time()
        with self.table.lock:
            self.table.check_free(name)
            pending = self._deployment(request["EndpointConfigName"], now)
            tags = tags_of_request(request)
            endpoint = Endpoint(name=name, arn=self.table.arn(name), created=now, modified=now, tags=tags, config_name=pending.config_name)
            endpoint.begin_update(pending, request.get("DeploymentConfig"), now)
            self.table.add(endpoint)
        self._rollouts.begin(endpoint, pending, {})
        return {"EndpointArn": endpoint.arn}

    def update(self, caller: Caller, request: Members) -> Members:
        refuse_unhonoured(request, refusals.ENDPOINT_UPDATE)
        check_policy(request.get("DeploymentConfig", {}))
        now = time.time()
        with self.table.lock:
            endpoint = self._free(request["EndpointName"])
            if endpoint.status == "Failed":
                raise AwsError("ValidationException", f'Cannot update failed endpoint "{endpoint.arn}".')
            pending = self._deployment(request["EndpointConfigName"], now)
            if request.get("RetainAllVariantProperties"):
                excluded = {item["VariantPropertyType"] for item in request.get("ExcludeRetainedVariantProperties", [])}
                _retain(endpoint.deployment, pending, excluded)
            policy = request.get("DeploymentConfig", {})
            if not policy and request.get("RetainDeploymentConfig"):
                policy = endpoint.deployment_config or {}
            endpoint.begin_update(pending, policy, now)
        self._rollouts.begin(endpoint, pending, policy)
        return {"EndpointArn": endpoint.arn}

    def update_weights(self, caller: Caller, request: Members) -> Members:
        refuse_unhonoured(request, refusals.WEIGHTS)
        wanted = request["DesiredWeightsAndCapacities"]
        with self.table.lock:
            endpoint = self._free(request["EndpointName"])
            known = {variant.name for variant in (endpoint.deployment.variants if endpoint.deployment else [])}
            if unknown := [item["VariantName"] for item in wanted if item["VariantName"] not in known]:
                names = ", ".join(f'"{name}"' for name in unknown)
                text = f'The variant name(s) {names} is/are not present within endpoint configuration "{endpoint.config_name}".'
                raise AwsError("ValidationException", text)
            for item in wanted:
                endpoint.set_capacity(
                    item["VariantName"], weight=item.get("DesiredWeight"), instance_count=item.get("DesiredInstanceCount")
                )
            endpoint.modified = time.time()
        return {"EndpointArn": endpoint.arn}

    def describe(self, caller: Caller, request: Members) -> Members:
        with self.table.lock:
            return self.table.get(request["EndpointName"]).describe()

    def list_summaries(self, caller: Caller, request: Members) -> Members:
        with self.table.lock:
            chosen = select(self.table, request, order="Descending", status=lambda endpoint: endpoint.status)
            return {"Endpoints": [endpoint.summary() for endpoint in chosen]}

    def delete(self, caller: Caller, request: Members) -> Members:
        with self.table.lock:
            endpoint = self._free(request["EndpointName"])
            self.table.remove(endpoint.name)
        if endpoint.deployment is not None:
            self.serving.discard(endpoint.deployment)
        return {}

    def resume(self) -> None:
        """Continue after a restart. An endpoint in service loads its model with the first request; a pending deployment fails."""
        now = time.time()
        for endpoint in self.table:
            if endpoint.is_busy:
                endpoint.give_up(_INTERNAL_ERROR, now)
        self.serving.discard_others(endpoint.deployment for endpoint in self.table if endpoint.deployment is not None)

    def shut_down(self) -> None:
        self._rollouts.shut_down()

    def _free(self, name: str) -> Endpoint:
        """The endpoint. Raises AwsError if an operation is in progress."""
        endpoint = self.table.get(name)
        if endpoint.is_busy:
            raise AwsError("ValidationException", f'Cannot update in-progress endpoint "{endpoint.arn}".')
        return endpoint

    def _deployment(self, config_name: str, now: float) -> EndpointDeployment:
        config = self._configs.table.get(config_name)
        names = [variant["ModelName"] for variant in config.request["ProductionVariants"]]
        return deployment_of(config, {name: self._models.table.get(name) for name in names}, id=secrets.token_hex(8), now=now)


def _retain(old: EndpointDeployment | None, new: EndpointDeployment, excluded: set[str]) -> None:
    """Copy weights and counts of the old deployment's variants to the new variants with the same names."""
    known = {variant.name: variant for variant in (old.variants if old else [])}
    for variant in new.variants:
        if variant.name in known and "DesiredWeight" not in excluded:
            variant.weight = known[variant.name].weight
        if variant.name in known and "DesiredInstanceCount" not in excluded:
            variant.instance_count = known[variant.name].instance_count
