"""One call to an emulated service: makes the checks that the emulator does not make, then lets it answer."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from localaws.cloudformation.deployments import Deployments
from localaws.emulator import SERVICES, Emulator
from localaws.front.asgi_messages import Receive, Send, hashed, read, replay, send_answer
from localaws.front.call_recording import operation_name
from localaws.front.disk_space import check_room
from localaws.front.emulated_operations import check_honoured, check_unambiguous, passed_roles
from localaws.front.guard import Request, Signature, check_content
from localaws.front.modelled_calls import ModelledCall, modelled, read_call
from localaws.front.wire_protocol import error_answer
from localaws.kit.api_record import during, name_call
from localaws.kit.operation_names import reads_only
from localaws.kit.service import AwsError, Permission

Scope = MutableMapping[str, Any]
_SAVED_TOO = {"cloudformation": ("deployments",)}
_IN_FILES = ("logs:PutLogEvents",)  # the events are in a file before the answer
_OBJECT_READS = ("s3:GetObject", "s3:GetObjectVersion")


class EmulatedCalls:
    """Passes requests to the emulator."""

    def __init__(
        self, *, emulator: Emulator, deployments: Deployments, changed: Callable[..., None], saved: Callable[..., Awaitable[None]]
    ) -> None:
        """`changed` has services saved soon. `saved` returns when they are."""
        self._emulator, self._deployments, self._changed, self._saved = emulator, deployments, changed, saved

    async def answer(self, request: Request, signature: Signature, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the emulator answer. Raises AwsError for a request that must not reach the emulator."""
        if signature.service == "s3":  # the checks need only the request line and headers, so a large object is not read twice
            body, receive = b"", hashed(request.headers.get("x-amz-content-sha256", ""), receive)
        else:
            body = await read(receive)
            check_content(request, body)
            receive = replay(body, receive)
        check_unambiguous(signature.service, request, body)
        service, action = self._emulator.target_of(request, body)
        if service != SERVICES[signature.service] or action is None:
            raise AwsError("UnknownOperationException", f"The local AWS knows no operation of {signature.service} in this request.")
        name_call(operation_name(action, request))
        check_honoured(action, request, body)
        call = self._read(request, signature, action, body)
        check_room(self._emulator.settings.state_dir, action.partition(":")[2], int(request.headers.get("content-length", 0)))
        if service in ("events", "sns"):
            self._emulator.start_schedules()
        accepted = self._admit(request, signature, action, body)
        try:
            await self._emulator.answer(
                scope, receive, self._filtered(request, signature, action, accepted, send if call is None else modelled(call, send))
            )
        finally:
            if not reads_only(action.partition(":")[2]):
                self._changed(signature.service)

    def _read(self, request: Request, signature: Signature, action: str, body: bytes) -> ModelledCall | None:
        """The call by its model, None for S3, whose requests have their own checks. Raises AwsError also for a wrong signature."""
        service, _, name = action.partition(":")
        if service == "s3":
            return None
        self._emulator.pin(request, signature, body)
        return read_call(service, name, request, body)

    def _admit(self, request: Request, signature: Signature, action: str, body: bytes) -> Callable[[], None]:
        """Check iam:PassRole and note who deploys a stack. Call the result once the emulator has accepted the request."""
        key = signature.access_key_id
        roles = passed_roles(action, body)
        if not roles and signature.service != "cloudformation":
            return lambda: None
        self._emulator.pin(request, signature, body)
        for permission in roles:
            self._emulator.check(key, permission)
        if signature.service != "cloudformation":
            return lambda: None
        return self._deployments.admit(body, self._emulator.caller(key), lambda permission: self._emulator.check(key, permission))

    def _filtered(self, request: Request, signature: Signature, action: str, accepted: Callable[[], None], send: Send) -> Send:
        """A `send` that drops CORS headers, and answers 403 for a missing object if the caller may not list the bucket."""
        replaced = False

        async def out(message: MutableMapping[str, Any]) -> None:
            nonlocal replaced
            if message["type"] == "http.response.start":
                if message["status"] < 400:
                    accepted()
                    if signature.service == "cloudformation":
                        await self._deployments.settle()
                    if not reads_only(action.partition(":")[2]) and action not in _IN_FILES:
                        await self._saved(signature.service, *_SAVED_TOO.get(signature.service, ()))
                elif message["status"] == 404 and action in _OBJECT_READS and (denial := self._may_not_list(request, signature)):
                    replaced = True
                    answer = error_answer(denial, request)
                    await send_answer(send, answer, head=request.method == "HEAD")
                headers = [header for header in message["headers"] if not header[0].lower().startswith(b"access-control-")]
                message = {**message, "headers": headers}
            if not replaced:
                await send(message)

        return out

    def _may_not_list(self, request: Request, signature: Signature) -> AwsError | None:
        bucket = request.path.split("/")[1]
        if not self._emulator.has_bucket(bucket):
            return None
        try:
            with during(None):  # S3 asks only how to answer, so the call does not need the permission
                self._emulator.check(signature.access_key_id, Permission(action="s3:ListBucket", resource=f"arn:aws:s3:::{bucket}"))
        except AwsError as error:
            return AwsError("AccessDenied", error.message, status=403)
        return None
