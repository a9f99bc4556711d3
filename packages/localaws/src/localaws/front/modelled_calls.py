"""One call to an emulated service, as botocore's model describes it.

The emulator takes requests that AWS refuses, passes members over, and answers lists whole. So the front reads the request by its model,
refuses what the model or the rules of `emulated_members` do not allow, and cuts the answer's list into a page.
"""

import json
import xml.etree.ElementTree as ET
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, replace
from typing import Any

from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape

from localaws.front import wire_protocol
from localaws.front.asgi_messages import Send
from localaws.front.emulated_members import PAGED, rule_of
from localaws.front.emulated_operations import form_of
from localaws.front.guard import Request
from localaws.front.query_forms import members_of
from localaws.front.request_rules import check_rules
from localaws.front.shape_checks import problems
from localaws.kit.members import refuse_unhonoured
from localaws.kit.paging import Paging, paging_of
from localaws.kit.service import AwsError
from localaws.kit.service_models import service_model

# Each service's error code for a request that its model does not allow.
_VALIDATION_CODES = {
    "iam": "ValidationError",
    "sts": "ValidationError",
    "cloudformation": "ValidationError",
    "cloudwatch": "ValidationError",
    "sns": "InvalidParameter",
    "logs": "InvalidParameterException",
}


@dataclass(frozen=True, kw_only=True)
class ModelledCall:
    """A request's operation and members, and the page that it asks for if the front cuts the operation's list."""

    operation: OperationModel
    members: Mapping[str, Any]
    is_form: bool
    paging: Paging | None
    start: int

    @property
    def service(self) -> str:
        return self.operation.service_model.service_name

    def answered(self, body: bytes) -> bytes:
        """The emulator's answer as the model allows it: the page that was asked for, without members that are null or unknown."""
        if self.is_form:
            return body if self.paging is None else _cut_xml(body, self, self.paging)
        if self.operation.output_shape is None:
            return b""
        answer = _modelled(self.operation.output_shape, json.loads(body or b"{}"))
        if self.paging is not None:
            answer = self.paging.page(self.operation, self.members, {self.paging.items: [], **answer}, start=self.start)
            if "Truncated" in self.operation.output_shape.members:
                answer["Truncated"] = self.paging.next_token in answer
        return json.dumps(answer).encode()


def read_call(service: str, name: str, request: Request, body: bytes) -> ModelledCall:
    """The call of a request. Raises AwsError for what AWS refuses or the local AWS does not honour."""
    operation = service_model(service).operation_model(name)
    is_form = "x-amz-target" not in request.headers
    members = _members(operation, request, body)
    code = _VALIDATION_CODES.get(service, "ValidationException")
    _check(operation, members, code)
    check_rules(service, name, members)
    paging = paging_of(operation) if name in PAGED.get(service, ()) else None
    if paging is not None and is_form:
        paging = replace(paging, refused=code)  # the models of the query protocol do not have the codes of the JSON services
    start = paging.start(operation, members) if paging is not None else 0
    return ModelledCall(operation=operation, members=members, is_form=is_form, paging=paging, start=start)


def modelled(call: ModelledCall, send: Send) -> Send:
    """A `send` that sends what the call makes of an answer that is no error."""
    start: MutableMapping[str, Any] = {}
    parts: list[bytes] = []

    async def out(message: MutableMapping[str, Any]) -> None:
        nonlocal start
        if message["type"] == "http.response.start":
            start = message
            return
        parts.append(message.get("body", b""))
        if message.get("more_body"):
            return
        body = b"".join(parts)
        if start["status"] < 400:
            body = call.answered(body)
        headers = [header for header in start["headers"] if header[0].lower() != b"content-length"]
        await send({**start, "headers": [*headers, (b"content-length", str(len(body)).encode())]})
        await send({"type": "http.response.body", "body": body})

    return out


def _members(operation: OperationModel, request: Request, body: bytes) -> dict[str, Any]:
    if "x-amz-target" in request.headers or operation.input_shape is None:
        return wire_protocol.parse(operation, request, body)
    try:
        return members_of(operation.input_shape, form_of(body))
    except ValueError as error:
        raise AwsError("MalformedInput", f"The request does not have the shape of {operation.name}: {error}") from error


def _check(operation: OperationModel, members: Mapping[str, Any], code: str) -> None:
    if operation.input_shape is None:
        return
    known = {name: value for name, value in members.items() if name in operation.input_shape.members}  # AWS passes others over
    if found := problems(operation.input_shape, known):
        raise AwsError(code, f"{len(found)} validation error{'s' if len(found) > 1 else ''} detected: {'; '.join(found)}")
    for name, value in known.items():
        if (rule := rule_of(operation.service_model.service_name, operation.name, name)) != "" and not isinstance(rule, str):
            refuse_unhonoured({name: value}, {name: rule}, code=code)


def _modelled(shape: Shape, value: Any) -> Any:
    """The value without members that the model does not have or that are empty: null, or a text that the model does not allow."""
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        names = {member.serialization.get("name", name): member for name, member in shape.members.items()}
        return {name: _modelled(names[name], item) for name, item in value.items() if name in names and not _is_empty(names[name], item)}
    if isinstance(shape, ListShape) and isinstance(value, list):
        return [_modelled(shape.member, item) for item in value]
    if isinstance(shape, MapShape) and isinstance(value, dict):
        return {key: _modelled(shape.value, item) for key, item in value.items() if item is not None}
    return value


def _is_empty(shape: Shape, value: Any) -> bool:
    return value is None or (value == "" and shape.metadata.get("min", 0) > 0)


def _cut_xml(body: bytes, call: ModelledCall, paging: Paging) -> bytes:
    root = ET.fromstring(body)
    space = root.tag[: root.tag.index("}") + 1] if root.tag.startswith("{") else ""
    ET.register_namespace("", space.strip("{}"))
    result = root.find(f"{space}{call.operation.name}Result")
    holder = result.find(f"{space}{paging.items}") if result is not None else None
    if result is None or holder is None:
        return body
    items = list(holder)
    page = paging.page(call.operation, call.members, {paging.items: items}, start=call.start)
    for item in items:
        if not any(item is kept for kept in page[paging.items]):
            holder.remove(item)
    token = page.get(paging.next_token)
    for name, text in (("IsTruncated", str(token is not None).lower()), (paging.next_token, token)):
        for old in result.findall(f"{space}{name}"):
            result.remove(old)
        if text is not None and (name == paging.next_token or name in _answered(call.operation)):
            ET.SubElement(result, f"{space}{name}").text = text
    written: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return written


def _answered(operation: OperationModel) -> Mapping[str, Any]:
    return operation.output_shape.members if operation.output_shape is not None else {}
