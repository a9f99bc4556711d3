"""One call to an engine: authenticate, parse, validate, authorise, run the handler, page, validate the answer, send it."""

import asyncio
import contextvars
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from botocore.model import OperationModel

from localaws.emulator import Emulator
from localaws.front import wire_protocol
from localaws.front.answer_texts import cut
from localaws.front.disk_space import check_room
from localaws.front.guard import Request, Signature, check_content
from localaws.front.shape_checks import answer_problems, problems
from localaws.front.wire_protocol import Answer
from localaws.kit.api_record import name_call
from localaws.kit.operation_names import reads_only
from localaws.kit.paging import paging_of
from localaws.kit.service import AwsError, Operation, Service

# Services whose signing name differs from their own name.
_SIGNING_NAMES = {"sagemaker-runtime": "sagemaker"}
# Each service's error code for a request that its model does not allow.
_VALIDATION_CODES = {"athena": "InvalidRequestException", "codebuild": "InvalidInputException", "sagemaker-runtime": "ValidationError"}
_log = logging.getLogger("localaws")


class EngineCalls:
    """Passes requests to the engines' handlers. `engines` has them by botocore's service name."""

    def __init__(
        self, *, emulator: Emulator, engines: Mapping[str, Service], changed: Callable[..., None], saved: Callable[..., Awaitable[None]]
    ) -> None:
        """`changed` has an engine saved soon. `saved` returns when it is."""
        self._emulator, self._engines, self._changed, self._saved = emulator, engines, changed, saved
        # Handlers block and call this process again, so a small pool could wait for itself.
        self._threads = ThreadPoolExecutor(max_workers=256, thread_name_prefix="engine")
        self._names: dict[str, list[str]] = {}
        for name in engines:
            self._names.setdefault(_SIGNING_NAMES.get(name, name), []).append(name)

    def signing_names(self) -> frozenset[str]:
        return frozenset(self._names)

    async def answer(self, request: Request, signature: Signature, body: bytes) -> Answer:
        """The handler's answer. Raises AwsError for requests that AWS would refuse and for those that are not honoured."""
        check_content(request, body)
        self._emulator.pin(request, signature, body)
        operation = wire_protocol.operation_of(request, self._names[signature.service])
        name_call(operation.name)
        engine = self._engines[operation.service_model.service_name]
        ours = engine.operations.get(operation.name)
        if ours is None:
            raise AwsError("UnknownOperationException", f"The local AWS does not honour {engine.name}:{operation.name}.")
        members = wire_protocol.parse(operation, request, body)
        _check_request(engine.name, operation, members)
        check_room(self._emulator.settings.state_dir, operation.name, len(body))
        answer = await self._do(engine.name, operation, ours, signature, members)
        if not reads_only(operation.name):
            await self._saved(engine.name)
        return wire_protocol.serialise(operation, answer)

    async def _do(
        self, service: str, operation: OperationModel, ours: Operation, signature: Signature, members: dict[str, Any]
    ) -> dict[str, Any]:
        caller = self._emulator.caller(signature.access_key_id)
        for permission in ours.permissions(caller, members):
            self._emulator.check(signature.access_key_id, permission)
        paging = None if ours.pages_itself else paging_of(operation)
        start = paging.start(operation, members) if paging is not None else 0
        context = contextvars.copy_context()
        try:
            answer = await asyncio.get_running_loop().run_in_executor(self._threads, context.run, ours.handler, caller, members)
        except AwsError:
            raise
        except Exception as error:
            _log.exception("%s:%s failed", service, operation.name)
            raise AwsError("InternalFailure", f"The local AWS failed in {operation.name}: {error!r}", status=500) from error
        finally:
            if not reads_only(operation.name):
                self._changed(service)
        if paging is not None:
            answer = paging.page(operation, members, answer, start=start)
        if operation.output_shape is not None:
            answer = cut(operation.output_shape, answer)
        _check_answer(service, operation, answer)
        return answer


def _check_request(service: str, operation: OperationModel, members: Mapping[str, Any]) -> None:
    if operation.input_shape is not None and (found := problems(operation.input_shape, members)):
        raise AwsError(_VALIDATION_CODES.get(service, "ValidationException"), _violations(found))


def _check_answer(service: str, operation: OperationModel, answer: Mapping[str, Any]) -> None:
    """Refuse an answer that AWS would not give. It is a fault of the engine, and no client should come to rely on it."""
    if operation.output_shape is None:
        found = [f"{operation.name} has no members in its answer"] if answer else []
    else:
        found = answer_problems(operation.output_shape, answer)
    if found:
        _log.error("%s:%s gave an answer that does not fit its model: %s", service, operation.name, "; ".join(found))
        raise AwsError("InternalFailure", f"The local AWS's answer to {operation.name} is wrong: {'; '.join(found)}", status=500)


def _violations(found: Sequence[str]) -> str:
    return f"{len(found)} validation error{'s' if len(found) > 1 else ''} detected: {'; '.join(found)}"
