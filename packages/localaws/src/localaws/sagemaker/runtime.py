"""InvokeEndpoint and InvokeEndpointAsync: pass a request to one variant's model, in the algorithm's own formats."""

import random
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from localaws.kit.members import refuse_unhonoured
from localaws.kit.service import AwsError, Caller, Members, Operation, ResourceType
from localaws.sagemaker import endpoint_metrics, refusals
from localaws.sagemaker.algorithm_images import InvalidPayload, Predictor
from localaws.sagemaker.async_inference import AsyncInvocations
from localaws.sagemaker.data_capture import Exchange, Source
from localaws.sagemaker.endpoint_record import Endpoint, EndpointDeployment, Variant
from localaws.sagemaker.permissions import on
from localaws.sagemaker.rollout import endpoint_log
from localaws.sagemaker.service import SageMaker
from localaws.sagemaker.serving import DeploymentGone, ServingFailed

# Of a request and of an answer. The first is the limit in botocore's model of both; AWS now documents 25 MB for some endpoints. The second
# is in the Developer Guide, "Invoke a serverless endpoint".
MAX_BODY_BYTES, MAX_SERVERLESS_BODY_BYTES = 6_291_456, 4 << 20
_TOO_LARGE = "The model's answer has {size} bytes. An answer of this endpoint has at most {limit}: send fewer rows in a request."

Target: TypeAlias = tuple[Endpoint, EndpointDeployment, Variant, Predictor]


class SageMakerRuntime:
    """The runtime of a `SageMaker`. Its state is the asynchronous invocations that wait. `chance` draws a variant by the weights."""

    name = "sagemaker-runtime"

    def __init__(self, sagemaker: SageMaker, *, chance: random.Random | None = None) -> None:
        self._sagemaker, self._chance = sagemaker, chance or random.Random()
        self._waiting = AsyncInvocations(answer=self._answer_waiting, changed=sagemaker.host.changed)

        def operation(name: str, handler: Callable[[Caller, Members], Members]) -> Operation:
            return Operation(handler=handler, permissions=on(name, ("endpoint", "EndpointName"), tags_of=sagemaker.tagging.of))

        self.operations: Mapping[str, Operation] = {
            "InvokeEndpoint": operation("InvokeEndpoint", self.invoke),
            "InvokeEndpointAsync": operation("InvokeEndpointAsync", self.invoke_async),
        }
        self.resource_types: Mapping[str, ResourceType] = {}

    def invoke(self, caller: Caller, request: Members) -> Members:
        refuse_unhonoured(request, refusals.INVOCATION, code="ValidationError")
        target = self._target(request)
        endpoint, deployment, variant, _ = target
        limit = MAX_BODY_BYTES if variant.serverless is None else MAX_SERVERLESS_BODY_BYTES
        if len(request["Body"]) > limit:
            raise AwsError("ValidationError", f"The request's body is larger than {limit} bytes.")
        if deployment.asynchronous is not None:
            raise AwsError("ValidationError", f"Endpoint {endpoint.name} answers asynchronously: use InvokeEndpointAsync.")
        body, content_type = self._predict(target, request, request["Body"], limit=limit)
        if deployment.capture is not None:
            self._capture(endpoint, deployment, variant, request, body, content_type)
        return {"Body": body, "ContentType": content_type, "InvokedProductionVariant": variant.name}

    def invoke_async(self, caller: Caller, request: Members) -> Members:
        refuse_unhonoured(request, refusals.ASYNC_INVOCATION, code="ValidationError")
        if "InputLocation" not in request:
            raise AwsError("ValidationError", "InputLocation is required.")
        endpoint, deployment, variant, _ = self._target(request)
        if deployment.asynchronous is None:
            raise AwsError("ValidationError", f"Endpoint {endpoint.name} answers at once: use InvokeEndpoint.")
        queued = {**request, "RoleArn": variant.role_arn, "EndpointArn": endpoint.arn}
        answer = self._waiting.add(queued, deployment.asynchronous, self._client)
        self._sagemaker.host.changed()
        return answer

    def get_state(self) -> dict[str, Any]:
        return {"waiting": self._waiting.to_json()}

    def load_state(self, state: dict[str, Any]) -> None:
        self._waiting.load(state.get("waiting", []), self._client)

    def stop(self) -> None:
        self._waiting.shut_down()

    def _client(self, invocation: Members) -> Any:
        return self._sagemaker.roles.client("s3", role_arn=invocation["RoleArn"], source_arn=invocation["EndpointArn"])

    def _answer_waiting(self, invocation: Members, body: bytes) -> tuple[bytes, str]:
        return self._predict(self._target(invocation), invocation, body)

    def _predict(self, target: Target, request: Members, content: bytes, *, limit: int | None = None) -> tuple[bytes, str]:
        """The model's answer, of `limit` bytes at most, and its content type. Each answer and each failure is counted."""
        endpoint, deployment, variant, predictor = target
        status, started = 200, time.monotonic()
        try:
            answer = predictor.predict(content, request.get("ContentType", ""), request.get("Accept", ""))
            _check_size(answer[0], limit)
        except InvalidPayload as error:
            status = error.status
            raise self._model_error(endpoint, deployment, variant, error.status, error.message) from error
        except Exception as error:
            status = 500
            raise self._model_error(endpoint, deployment, variant, 500, f"{type(error).__name__}: {error}") from error
        else:
            return answer
        finally:
            latency_s = time.monotonic() - started
            endpoint_metrics.count(self._sagemaker.host, endpoint, deployment, variant, status=status, latency_s=latency_s)

    def _capture(
        self, endpoint: Endpoint, deployment: EndpointDeployment, variant: Variant, request: Members, answer: bytes, answer_type: str
    ) -> None:
        log = endpoint_log(self._sagemaker.roles, endpoint, deployment, variant.name)
        source = Source(
            prefix=f"{endpoint.name}/{variant.name}", role_arn=variant.role_arn, endpoint_arn=endpoint.arn, log=(log.group, log.stream)
        )
        exchange = Exchange(
            body=request["Body"],
            content_type=request.get("ContentType", ""),
            answer=answer,
            answer_type=answer_type,
            time_s=time.time(),
            inference_id=request.get("InferenceId", ""),
            custom_attributes=request.get("CustomAttributes", ""),
        )
        if self._sagemaker.capture.take(deployment.capture or {}, source, exchange):
            self._sagemaker.host.changed()

    def _target(self, request: Members) -> Target:
        """The deployment and variant that answer. An update may replace the deployment at any moment, also during this call."""
        while True:
            with self._sagemaker.lock:
                endpoint = self._sagemaker.endpoints.table.find(request["EndpointName"])
                deployment = endpoint.live if endpoint is not None else None
            if endpoint is None or deployment is None:
                raise AwsError(
                    "ValidationError", f"Endpoint {request['EndpointName']} of account {self._sagemaker.host.account} not found."
                )
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


def _check_size(body: bytes, limit: int | None) -> None:
    if limit is not None and len(body) > limit:
        raise InvalidPayload(500, _TOO_LARGE.format(size=len(body), limit=limit))
