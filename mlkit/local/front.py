"""The local AWS as one ASGI application: every request passes the guard, then goes to an engine or to the emulator."""

import asyncio
import contextvars
import logging
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from mlkit.local import guard, protocol
from mlkit.local.deployments import Deployments
from mlkit.local.emulated import check_honoured, passed_roles
from mlkit.local.emulator import SERVICES, Emulator
from mlkit.local.emulator.core import Receive, Send
from mlkit.local.guard import Request, Signature
from mlkit.local.protocol import Answer
from mlkit.local.service import AwsError, Service
from mlkit.local.shapes import problems

_MAX_BODY_BYTES = 64 * 2**20
_READ_PREFIXES = ("Get", "List", "Describe", "BatchGet", "Head", "Lookup", "Search", "Simulate", "Validate", "Detect", "Filter")
_VALIDATION_CODES = {"athena": "InvalidRequestException", "sagemaker-runtime": "ValidationError"}
_log = logging.getLogger("mlkit.local")


class Front:
    """Guards, recognises, authorises and answers. `engines` by botocore's service name."""

    def __init__(
        self, *, emulator: Emulator, engines: Mapping[str, Service], deployments: Deployments, changed: Callable[..., None]
    ) -> None:
        self._emulator, self._engines, self._deployments, self._changed = emulator, engines, deployments, changed
        self._threads = ThreadPoolExecutor(max_workers=256, thread_name_prefix="engine")
        self._by_signing_name: dict[str, list[str]] = {}
        for name in engines:
            self._by_signing_name.setdefault(SIGNING_NAMES.get(name, name), []).append(name)

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        request = Request.from_scope(scope)
        try:
            signature = self._admit(request)
            if signature.service in self._by_signing_name:
                await _send(send, await self._engine_answer(request, signature, await _read(receive)))
            else:
                await self._pass_on(request, signature, scope, receive, send)
        except AwsError as error:
            await _send(send, _error_answer(request, error))

    def _admit(self, request: Request) -> Signature:
        guard.check_caller_is_local(request, self._emulator.settings.port)
        signature = guard.signature_of(request)
        if self._emulator.is_root(signature.access_key_id):
            raise AwsError("InvalidClientTokenId", "The security token included in the request is invalid.", status=403)
        if signature.service not in SERVICES and signature.service not in self._by_signing_name:
            raise AwsError("UnknownOperationException", f"The local AWS does not honour the service {signature.service}.")
        guard.check_path(request, signature)
        region = self._emulator.settings.region
        if signature.region not in (region, "") and not (signature.service in ("iam", "sts") and signature.region == "us-east-1"):
            raise AwsError("InvalidRegion", f"The local AWS serves {region} only, the request is signed for {signature.region}.", status=403)
        return signature

    # --- our engines --------------------------------------------------------------------------------------------------

    async def _engine_answer(self, request: Request, signature: Signature, body: bytes) -> Answer:
        self._emulator.pin(request, signature, body)
        operation = protocol.operation_of(request, self._by_signing_name[signature.service])
        engine = self._engines[operation.service_model.service_name]
        ours = engine.operations.get(operation.name)
        if ours is None:
            raise AwsError("UnknownOperationException", f"The local AWS does not honour {engine.name}:{operation.name}.")
        members = protocol.parse(operation, request, body)
        if operation.input_shape is not None and (found := problems(operation.input_shape, members)):
            raise AwsError(_VALIDATION_CODES.get(engine.name, "ValidationException"), _violations(found))
        caller = self._emulator.caller(signature.access_key_id)
        for permission in ours.permissions(caller, members):
            self._emulator.check(signature.access_key_id, permission)
        context = contextvars.copy_context()
        try:
            answer = await asyncio.get_running_loop().run_in_executor(self._threads, context.run, ours.handler, caller, members)
        except AwsError:
            raise
        except Exception as error:
            _log.exception("%s:%s failed", engine.name, operation.name)
            raise AwsError("InternalFailure", f"The local AWS failed in {operation.name}: {error!r}", status=500) from error
        finally:
            if not operation.name.startswith(_READ_PREFIXES):
                self._changed(engine.name)
        if operation.output_shape is not None and (found := problems(operation.output_shape, answer)):
            _log.error("%s:%s gave an answer that AWS would not give: %s", engine.name, operation.name, "; ".join(found))
            raise AwsError("InternalFailure", f"The local AWS's answer to {operation.name} is not AWS's shape: {'; '.join(found)}", status=500)
        return protocol.serialise(operation, answer)

    # --- the emulator's services --------------------------------------------------------------------------------------

    async def _pass_on(self, request: Request, signature: Signature, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if signature.service == "s3":
            body, source = b"", receive
        else:
            body = await _read(receive)
            source = _replay(body, receive)
        service, action = self._emulator.target_of(request, body)
        if service != SERVICES[signature.service] or action is None:
            raise AwsError("UnknownOperationException", f"The local AWS knows no operation of {signature.service} in this request.")

        check_honoured(action, request, body)
        accepted = await self._more_than_the_emulator_checks(request, signature, action, body)

        async def without_cors(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                if message["status"] < 400:
                    accepted()
                message = {**message, "headers": [h for h in message["headers"] if not h[0].lower().startswith(b"access-control-")]}
            await send(message)

        try:
            await self._emulator.answer(scope, source, without_cors)
        finally:
            if not action.partition(":")[2].startswith(_READ_PREFIXES):
                self._changed(signature.service)


    async def _more_than_the_emulator_checks(self, request: Request, signature: Signature, action: str, body: bytes) -> Callable[[], None]:
        """PassRole, and who deploys a stack. The result is to be called when the emulator has accepted the request."""
        key = signature.access_key_id
        if signature.service == "cloudformation":
            self._emulator.pin(request, signature, body)
            return self._deployments.admit(body, self._emulator.caller(key), lambda permission: self._emulator.check(key, permission))
        roles = passed_roles(action, body)
        if roles:
            self._emulator.pin(request, signature, body)
            for permission in roles:
                self._emulator.check(key, permission)
        return lambda: None


# Services whose requests are signed for another name than their own.
SIGNING_NAMES = {"sagemaker-runtime": "sagemaker"}


def _violations(found: Sequence[str]) -> str:
    return f"{len(found)} validation error{'s' if len(found) > 1 else ''} detected: {'; '.join(found)}"


def _error_answer(request: Request, error: AwsError) -> Answer:
    """The error in the form that the caller's SDK reads: XML for S3 and the query protocols, JSON for the rest."""
    if "x-amz-target" in request.headers or "json" in request.headers.get("content-type", ""):
        return protocol.error_answer(error)
    if request.path.startswith("/endpoints/") and request.method == "POST":
        return protocol.error_answer(error)
    return protocol.xml_error_answer(error, query=request.path == "/" and request.method == "POST")


async def _read(receive: Receive) -> bytes:
    parts, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise AwsError("RequestTimeout", "The connection was closed in the middle of the request.", status=400)
        part = message.get("body", b"")
        size += len(part)
        if size > _MAX_BODY_BYTES:
            raise AwsError("RequestEntityTooLargeException", "The request is too large.", status=413)
        parts.append(part)
        more = message.get("more_body", False)
    return b"".join(parts)


def _replay(body: bytes, receive: Receive) -> Receive:
    pending = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> MutableMapping[str, Any]:
        return pending.pop() if pending else await receive()

    return again


async def _send(send: Send, answer: Answer) -> None:
    headers = [(name.encode(), value.encode("latin-1", "replace")) for name, value in answer.headers.items()]
    headers.append((b"content-length", str(len(answer.body)).encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
