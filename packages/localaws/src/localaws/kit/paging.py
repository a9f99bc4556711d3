"""Cuts the answer of a list operation into pages. A handler returns all items; botocore's models describe the paging."""

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from botocore.exceptions import UnknownServiceError
from botocore.model import ListShape, OperationModel, StructureShape

from localaws.kit.service import AwsError
from localaws.kit.service_models import LOADER

_PAGE = 100
# SageMaker documents a default for MaxResults. If the model's minimum is larger, as for ListTags, the minimum applies.
_PAGES = {"sagemaker": 10}
# Error codes for a wrong token, the most specific first. ValidationException exists in all services, declared or not.
_CODES = (
    "InvalidNextTokenException",
    "InvalidContinuationTokenException",
    "InvalidInputException",
    "InvalidRequestException",
    "ValidationException",
)


@dataclass(frozen=True, kw_only=True)
class Paging:
    """The paging members of an operation: `token` and `limit` in its request, `next_token` and `items` in its answer."""

    token: str
    limit: str | None
    next_token: str
    items: str
    page_size: int  # page size if the request has no limit
    refused: str  # error code for an unknown token

    def page(self, operation: OperationModel, request: Mapping[str, Any], answer: Mapping[str, Any], *, start: int) -> dict[str, Any]:
        """The page that begins at `start`. `answer` holds all items."""
        asked = request.get(self.limit) if self.limit else None
        end = start + (asked or self.page_size)  # 0 means the default, if the model allows 0
        items = answer[self.items]
        cut = {**answer, self.items: list(items[start:end])}
        return {**cut, self.next_token: self._encode(operation, request, end)} if end < len(items) else cut

    def start(self, operation: OperationModel, request: Mapping[str, Any]) -> int:
        """The index of the page's first item. Raises AwsError for a token that no earlier page of this request returned."""
        if (token := request.get(self.token)) is None:
            return 0
        try:
            start = int(base64.urlsafe_b64decode(token).partition(b":")[0])
        except (ValueError, binascii.Error):
            start = -1
        if start < 0 or token != self._encode(operation, request, start):
            raise AwsError(self.refused, f"The {self.token} is not valid: {operation.name} did not return it for this request.")
        return start

    def _encode(self, operation: OperationModel, request: Mapping[str, Any], start: int) -> str:
        """A token is valid for the same operation with the same filters and order. The limit may change from page to page."""
        same = {name: value for name, value in request.items() if name not in (self.token, self.limit)}
        text = json.dumps([operation.service_model.service_name, operation.name, start, same], sort_keys=True, default=str)
        return base64.urlsafe_b64encode(f"{start}:{hashlib.sha256(text.encode()).hexdigest()[:32]}".encode()).decode()


def paging_of(operation: OperationModel) -> Paging | None:
    """The operation's paging, from botocore's paginator or, without one, from the token in its shapes. None if it does not page."""
    given, answered = _members(operation.input_shape), _members(operation.output_shape)
    described = _paginators(operation.service_model.service_name).get(operation.name, {})
    token = described.get("input_token") or _named(given, "nexttoken")
    next_token = described.get("output_token") or _named(answered, "nexttoken")
    lists = [name for name, shape in answered.items() if isinstance(shape, ListShape)]
    keys = described.get("result_key") or (lists[0] if len(lists) == 1 else None)
    items = keys[0] if isinstance(keys, list) else keys
    if token is None or next_token is None or items is None:
        return None
    limit = described.get("limit_key") or _named(given, "maxresults")
    bounds = given[limit].metadata if limit else {}
    usual = _PAGES.get(operation.service_model.service_name, _PAGE)
    return Paging(
        token=token,
        limit=limit,
        next_token=next_token,
        items=items,
        page_size=max(min(usual, bounds.get("max", usual)), bounds.get("min", 1)),
        refused=next((code for code in _CODES if code in {shape.name for shape in operation.error_shapes}), _CODES[-1]),
    )


def _members(shape: StructureShape | None) -> Mapping[str, Any]:
    return shape.members if shape is not None else {}


def _named(members: Mapping[str, Any], name: str) -> str | None:
    return next((member for member in members if member.lower() == name), None)


@cache
def _paginators(service: str) -> Mapping[str, Any]:
    try:
        found: Mapping[str, Any] = LOADER.load_service_model(service, "paginators-1")["pagination"]
    except UnknownServiceError:
        return {}
    return found
