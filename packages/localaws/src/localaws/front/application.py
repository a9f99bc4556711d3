"""The local AWS as one ASGI application: every request passes the guard, then goes to an engine or to the emulator."""

import logging
from collections.abc import Callable, MutableMapping
from typing import Any

from localaws.emulator import SERVICES, Emulator
from localaws.front import call_recording, guard
from localaws.front.asgi_messages import Receive, Send, Uploads, closing_if_unread, read, send_answer
from localaws.front.emulated_calls import EmulatedCalls
from localaws.front.engine_calls import EngineCalls
from localaws.front.guard import Request, Signature
from localaws.front.wire_protocol import error_answer
from localaws.kit.api_record import during
from localaws.kit.service import AwsError

_log = logging.getLogger("localaws")
# Signed for us-east-1 wherever the caller is.
_GLOBAL = ("iam", "sts")


class Front:
    """Checks each request with the guard, then passes it on."""

    def __init__(self, *, emulator: Emulator, engines: EngineCalls, emulated: EmulatedCalls, invoked_by: Callable[[str], str]) -> None:
        """`invoked_by` gives the principal of the service whose user agent a request has, or ""."""
        self._emulator, self._engines, self._emulated, self._invoked_by = emulator, engines, emulated, invoked_by
        self._uploads = Uploads()

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        request = Request.from_scope(scope)
        receive, send = closing_if_unread(scope, receive, send)
        try:
            signature = self._admit(request)
            with self._uploads.counted(receive) as counted:
                await self._recorded(request, signature, scope, counted, send)
        except AwsError as error:
            await send_answer(send, error_answer(error, request), head=request.method == "HEAD")
        except RecursionError:
            refused = AwsError("SerializationException", "The request is nested too deeply.")
            await send_answer(send, error_answer(refused, request), head=request.method == "HEAD")
        except Exception:
            _log.exception("%s %s failed", request.method, request.path)
            failure = AwsError("InternalFailure", "The local AWS failed. Its log has the stack trace.", status=500)
            await send_answer(send, error_answer(failure, request), head=request.method == "HEAD")

    async def _recorded(
        self, request: Request, signature: Signature, scope: MutableMapping[str, Any], receive: Receive, send: Send
    ) -> None:
        call = call_recording.new_call(request, signature, self._invoked_by)
        try:
            with during(call):
                if signature.service in SERVICES:
                    await self._emulated.answer(request, signature, scope, receive, call_recording.recording(call, self._emulator, send))
                else:
                    answer = await self._engines.answer(request, signature, await read(receive))
                    await send_answer(call_recording.recording(call, self._emulator, send), answer)
        except AwsError as error:
            call.error_code, call.error_message = error.code, error.message
            raise
        finally:
            call_recording.finish(call, self._emulator)

    def _admit(self, request: Request) -> Signature:
        """The signature of a request that the guard accepts; nothing is verified yet. Raises AwsError."""
        guard.check_caller_is_local(request, self._emulator.settings.port)
        signature = guard.signature_of(request)
        if signature.service not in SERVICES and signature.service not in self._engines.signing_names():
            raise AwsError("UnknownOperationException", f"The local AWS does not honour the service {signature.service}.")
        guard.check_path(request, signature)
        if self._emulator.is_root(signature.access_key_id):
            raise AwsError("InvalidClientTokenId", "The security token included in the request is invalid.", status=403)
        region = self._emulator.settings.region
        if signature.region not in (region, "") and not (signature.service in _GLOBAL and signature.region == "us-east-1"):
            raise AwsError(
                "InvalidRegion", f"The local AWS serves {region} only, the request is signed for {signature.region}.", status=403
            )
        guard.check_all_is_signed(request, signature.service)
        return signature
