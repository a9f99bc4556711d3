"""AWS's wire formats, from botocore's service models: finds a request's operation, parses its members, writes the answer."""

import base64
import binascii
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote
from uuid import uuid4
from xml.sax.saxutils import escape

from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape
from dateutil.parser import isoparse

from localaws.front.guard import Request
from localaws.kit.service import AwsError
from localaws.kit.service_models import service_model

_JSON = "application/x-amz-json-1.1"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Status, headers and body of an HTTP answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def operation_of(request: Request, services: Iterable[str]) -> OperationModel:
    """The operation that the request names, in one of the services with its signing name. Raises AwsError if there is none."""
    names = list(services)
    if target := request.headers.get("x-amz-target"):
        prefix, _, operation = target.rpartition(".")
        for model in map(service_model, names):
            if prefix == model.metadata.get("targetPrefix") and operation in model.operation_names:
                return model.operation_model(operation)
        raise AwsError("UnknownOperationException", f"The local AWS does not know the operation {target}.")
    for model in map(service_model, names):
        if model.metadata["protocol"].startswith("rest-"):
            for name in model.operation_names:
                http = model.operation_model(name).http
                if http["method"] == request.method and _uri_members(http["requestUri"], request.path) is not None:
                    return model.operation_model(name)
    raise AwsError("UnknownOperationException", f"The local AWS knows no operation at {request.method} {request.path}.", status=404)


def parse(operation: OperationModel, request: Request, body: bytes) -> dict[str, Any]:
    """The members of a request: blobs as bytes, timestamps as aware datetimes. Raises SerializationException."""
    shape = operation.input_shape
    if shape is None:
        return {}
    try:
        if operation.service_model.metadata["protocol"].startswith("rest-"):
            return _parse_rest(operation, shape, request, body)
        return _read_members(shape, json.loads(body or b"{}"))
    except (ValueError, TypeError, AttributeError, binascii.Error) as error:
        raise AwsError("SerializationException", f"The request does not have the shape of {operation.name}: {error}") from error


def serialise(operation: OperationModel, members: Mapping[str, Any]) -> Answer:
    """The HTTP answer that carries these members."""
    shape = operation.output_shape
    if shape is None:
        return Answer(status=200, headers={"content-type": _JSON}, body=b"")
    if not operation.service_model.metadata["protocol"].startswith("rest-"):
        return Answer(status=200, headers={"content-type": _JSON}, body=json.dumps(_write(shape, members)).encode())
    headers, rest, body = {"content-type": "application/json"}, {}, None
    for name, value in members.items():
        member = shape.members[name]
        if member.serialization.get("location") == "header":
            headers[member.serialization["name"].lower()] = str(value)
        elif name == shape.serialization.get("payload"):
            body = value if member.type_name == "blob" else json.dumps(_write(member, value)).encode()
        else:
            rest[member.serialization.get("name", name)] = _write(member, value)
    return Answer(status=operation.http.get("responseCode", 200), headers=headers, body=json.dumps(rest).encode() if body is None else body)


def error_answer(error: AwsError, request: Request) -> Answer:
    """The error in the form that the caller's SDK reads: XML for S3 (and unsigned requests) and the query protocols, JSON for the rest."""
    content = request.headers.get("content-type", "")
    if request.method == "POST" and request.path == "/" and content.startswith("application/x-www-form-urlencoded"):
        return _xml_error(error, query=True)
    signed_for_another = "/aws4_request" in (authorization := request.headers.get("authorization", "")) and "/s3/" not in authorization
    return _json_error(error, request) if signed_for_another else _xml_error(error, query=False)


def _json_error(error: AwsError, request: Request) -> Answer:
    """The error as JSON. Its members, for example ModelError's, are beside its message."""
    body = {"__type": error.code, "message": error.message, **error.members}
    is_rest = "x-amz-target" not in request.headers
    status = 403 if is_rest and error.code == "AccessDeniedException" else error.status
    return Answer(status=status, headers={"content-type": _JSON, "x-amzn-errortype": error.code}, body=json.dumps(body).encode())


def _xml_error(error: AwsError, *, query: bool) -> Answer:
    code, status = error.code, error.status
    if code == "AccessDeniedException":  # JSON's name for it
        code, status = "AccessDenied", 403
    inner = f"<Code>{escape(code)}</Code><Message>{escape(error.message)}</Message>"
    inner += "".join(f"<{name}>{escape(str(value))}</{name}>" for name, value in error.members.items())
    request_id = f"<RequestId>{uuid4()}</RequestId>"
    if query:
        text = f"<ErrorResponse><Error><Type>Sender</Type>{inner}</Error>{request_id}</ErrorResponse>"
    else:
        text = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{inner}{request_id}</Error>'
    return Answer(status=status, headers={"content-type": "text/xml" if query else "application/xml"}, body=text.encode())


def _uri_members(template: str, path: str) -> dict[str, str] | None:
    pattern = "".join(f"(?P<{part[1:-1]}>[^/]+)" if part.startswith("{") else re.escape(part) for part in re.split(r"(\{\w+\})", template))
    match = re.fullmatch(pattern, path)
    return match.groupdict() if match else None


def _parse_rest(operation: OperationModel, shape: StructureShape, request: Request, body: bytes) -> dict[str, Any]:
    payload, members = shape.serialization.get("payload"), {}
    in_path = _uri_members(operation.http["requestUri"], request.path) or {}
    in_body = json.loads(body or b"{}") if payload is None else {}
    for name, member in shape.members.items():
        location, wire_name = member.serialization.get("location"), member.serialization.get("name", name)
        if name == payload and not body and name not in shape.required_members:
            continue  # an empty body is no member
        if name == payload:
            members[name] = body if member.type_name == "blob" else _read(member, json.loads(body))
        elif location == "uri":
            members[name] = unquote(in_path[wire_name])
        elif location == "header" and wire_name.lower() in request.headers:
            members[name] = _read_text(member, request.headers[wire_name.lower()])
        elif location == "querystring" and wire_name in request.query:
            members[name] = _read_text(member, request.query[wire_name][0])
        elif location is None and wire_name in in_body:
            members[name] = _read(member, in_body[wire_name])
    return members


def _read_text(shape: Shape, text: str) -> Any:
    match shape.type_name:
        case "integer" | "long":
            return int(text)
        case "float" | "double":
            return float(text)
        case "boolean":
            return text.lower() == "true"
        case _:
            return text


def _read_members(shape: StructureShape, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError("an object was expected")
    by_wire_name = {member.serialization.get("name", name): (name, member) for name, member in shape.members.items()}
    members = {}
    for wire_name, item in value.items():
        if item is not None:
            name, member = by_wire_name.get(wire_name, (wire_name, None))
            members[name] = item if member is None else _read(member, item)
    return members


def _read(shape: Shape, value: Any) -> Any:
    if isinstance(shape, StructureShape):
        return _read_members(shape, value)
    if isinstance(shape, ListShape):
        return [_read(shape.member, item) for item in value]
    if isinstance(shape, MapShape):
        return {key: _read(shape.value, item) for key, item in value.items()}
    if shape.type_name == "blob":
        return base64.b64decode(value, validate=True)
    if shape.type_name == "timestamp":
        return datetime.fromtimestamp(value, UTC) if isinstance(value, int | float) else isoparse(value)
    return value


def _write(shape: Shape, value: Any) -> Any:
    if isinstance(shape, StructureShape):
        members = shape.members
        return {members[name].serialization.get("name", name): _write(members[name], item) for name, item in value.items()}
    if isinstance(shape, ListShape):
        return [_write(shape.member, item) for item in value]
    if isinstance(shape, MapShape):
        return {key: _write(shape.value, item) for key, item in value.items()}
    if shape.type_name == "blob":
        return base64.b64encode(value).decode()
    if shape.type_name == "timestamp":
        return round(value.timestamp(), 3)
    return value
