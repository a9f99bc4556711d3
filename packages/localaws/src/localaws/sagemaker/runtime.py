"""InvokeEndpoint: passes a request to one variant's model, in the algorithm's own formats."""

import random
import time
from collections.abc import Mapping
from typing import Any

from localaws.kit.members import refuse_unhonoured
from localaws.kit.service import AwsError, Caller, Members, Operation, ResourceType
from localaws.sagemaker import endpoint_metrics, refusals
from localaws.sagemaker.algorithm_images import InvalidPayload, Predictor
from localaws.sagemaker.endpoint_record import Endpoint, EndpointDeployment, Variant
from localaws.sagemaker.permissions import on
from localaws.sagemaker.rollout import endpoint_log
from localaws.sagemaker.service import SageMaker
from localaws.sagemaker.serving import DeploymentGone, ServingFailed

# The limit of botocore's model, and for years of AWS's API reference. AWS now documents 25 MB for some endpoints.
MAX_BODY_BYTES = 6_291_456


class SageMakerRuntime:
    """The runtime of a `SageMaker`, without its own state. `chance` draws a variant by the weights."""

    name = "sagemaker-runtime"

    def __init__(self, sagemaker: SageMaker, *, chance: random.Random | None = None) -> None:
        self._sagemaker, self._chance = sagemaker, chance or random.Random()
        permissions = on("InvokeEndpoint", ("endpoint", "EndpointName"), tags_of=sagemaker.tagging.of)
        self.operations: Mapping[str, Operation] = {"InvokeEndpoint": Operation(handler=self.invoke, permissions=permissions)}
        self.resource_types: Mapping[str, ResourceType] = {}

    def invoke(self, caller: Caller, request: Members) -> Members:
        refuse_unhonoured(request, refusals.INVOCATION, code="ValidationError")
        if len(request["Body"]) > MAX_BODY_BYTES:
            raise AwsError("ValidationError", f"The request's body is larger than {MAX_BODY_BYTES} bytes.")
        endpoint, deployment, variant, predictor = self._target(caller, request)
        status, started = 200, time.monotonic()
        try:
            body, content_type = predictor.predict(request["Body"], request.get("ContentType", ""), request.get("Accept", ""))
        except InvalidPayload as error:
            status = error.status
            raise self._model_error(endpoint, deployment, variant, error.status, error.message) from error
        except Exception as error:
            status = 500
            raise self._model_error(endpoint, deployment, variant, 500, f"{type(error).__name__}: {error}") from error
        finally:
            latency_s = time.monotonic() - started
            endpoint_metrics.count(self._sagemaker.host, endpoint, deployment, variant, status=status, latency_s=latency_s)
        return {"Body": body, "ContentType": content_type, "InvokedProductionVariant": variant.name}

    def get_state(self) -> dict[str, Any]:
        return {}

    def load_state(self, state: dict[str, Any]) -> None:
        pass

    def stop(self) -> None:
        pass

    def _target(self, caller: Caller, request: Members) -> tuple[Endpoint, EndpointDeployment, Variant, Predictor]:
        """The deployment and variant that answer. An update may replace the deployment at any moment, also during this call."""
        while True:
            with self._sagemaker.lock:
                endpoint = self._sagemaker.endpoints.table.find(request["EndpointName"])
                deployment = endpoint.live if endpoint is not None else None
            if endpoint is None or deployment is None:
                raise AwsError("ValidationError", f"Endpoint {request['EndpointName']} of account {caller.account} not found.")
            variant = self._variant(deployment, request.get("TargetVariant"))
            try:
                return endpoint, deployment, variant, self._sagemaker.endpoints.serving.predictor(deployment, variant, endpoint.arn)
            except DeploymentGone:
                continue
            except ServingFailed as error:
                raise AwsError("ServiceUnavailable", str(error), status=503) from error

    def _variant(self, deployment: EndpointDeployment, target: str | None) -> Variant:
        if target is not None:
            found = next((variant for variant in deployment.variants if variant.name == target), None)
            if found is None:
                raise AwsError("ValidationError", f"Variant {target} not found for Request")
            return found
        weights = [variant.weight for variant in deployment.variants]
        if sum(weights) <= 0:
            raise AwsError("ValidationError", "Every production variant has the weight 0; name one with TargetVariant.")
        return self._chance.choices(deployment.variants, weights)[0]

    def _model_error(self, endpoint: Endpoint, deployment: EndpointDeployment, variant: Variant, status: int, text: str) -> AwsError:
        """AWS's text around the container's error. The error also goes to the endpoint's log."""
        host = self._sagemaker.host
        log = endpoint_log(self._sagemaker.roles, endpoint, deployment, variant.name)
        log.put([text])
        side = "client" if status < 500 else "server"
        message = (
            f'Received {side} error ({status}) from primary with message "{text}". See '
            f"https://{host.region}.console.aws.amazon.com/cloudwatch/home?region={host.region}#logEventViewer:group={log.group} "
            f"in account {host.account} for more information."
        )
        arn = f"arn:aws:logs:{host.region}:{host.account}:log-group:{log.group}"
        members = {"OriginalStatusCode": status, "OriginalMessage": text, "LogStreamArn": arn}
        return AwsError("ModelError", message, status=424, members=members)
