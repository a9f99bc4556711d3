"""Reports the calls of every AWS client in a notebook's process - boto3, PyAthena, the SageMaker SDK - to the journal.

It does not see calls that bypass botocore: pyarrow's and DuckDB's own S3 readers, presigned addresses, programs that the notebook
starts. Nor does it see sessions created before `watch`. In JupyterLab nothing calls `watch`.
"""

import functools
import logging
from collections.abc import Callable, MutableMapping
from typing import Any

from wrapt import register_post_import_hook

from mlkit.aws import job_activity, object_activity
from mlkit.evidence.activity_log import ActivityLog, Event
from mlkit.notebook import journal

Params = dict[str, Any]

_NOTE = "mlkit"  # our place in a call's context
_started_here = ActivityLog()
_known_keys: set[str] = set()


def watch() -> None:
    """Report the calls of all sessions created from now on. Call it once, at the start; it does not import botocore."""
    register_post_import_hook(_extend, "botocore.handlers")


def started_here() -> ActivityLog:
    """The jobs and queries of this process."""
    return _started_here


def _extend(handlers: Any) -> None:
    # Each new botocore session registers BUILTIN_HANDLERS. It is not a documented extension point, but it is the only one that
    # reaches every session of a process. A contract test checks that it still does.
    if _HANDLERS[0] not in handlers.BUILTIN_HANDLERS:
        handlers.BUILTIN_HANDLERS.extend(_HANDLERS)


def _announce(*events: Event) -> None:
    for event in events:
        if event["kind"] in ("job", "query"):
            _started_here.add(event)
        journal.tell(**event)


def _harmless(handler: Callable[..., None]) -> Callable[..., None]:
    """Wrap a handler so that its errors never end the notebook's call."""

    @functools.wraps(handler)
    def call(**facts: Any) -> None:
        try:
            handler(**facts)
        except Exception:
            logging.getLogger(__name__).debug("An AWS call could not be reported", exc_info=True)

    return call


@_harmless
def _remember(*, params: Params, context: MutableMapping[str, Any], **_: Any) -> None:
    """The call's parameters, for the events that come without them."""
    context[_NOTE] = dict(params)


@_harmless
def _before_put(*, params: Params, context: MutableMapping[str, Any], **_: Any) -> None:
    """Read the body before it is sent, because a stream may be closed afterwards. `params` is the request here."""
    digest, size = object_activity.digest_body(params["body"], context[_NOTE])
    context[_NOTE] |= {"sha256": digest, "size_bytes": size}


@_harmless
def _before_job(*, model: Any, context: MutableMapping[str, Any], **_: Any) -> None:
    """Report the job before the request, so that it can be stopped even if this process is killed in between."""
    _announce(*job_activity.announced(model.name, context[_NOTE]))


@_harmless
def _after(*, http_response: Any, parsed: dict[str, Any], model: Any, context: MutableMapping[str, Any], **_: Any) -> None:
    service, operation, params = model.service_model.service_name, model.name, context.get(_NOTE, {})
    if http_response.status_code >= 300:
        if service == "sagemaker":
            _announce(*job_activity.refused(operation, params, parsed))
    elif service == "s3":
        _after_object(operation, params, parsed)
    elif service == "athena":
        _announce(*_queries(operation, params, parsed))
    elif service == "sagemaker":
        _announce(*job_activity.answered(operation, params, parsed))
    elif service == "sts" and "Credentials" in parsed:
        _hide(parsed["Credentials"]["AccessKeyId"], parsed["Credentials"]["SecretAccessKey"], parsed["Credentials"]["SessionToken"])


def _after_object(operation: str, params: Params, parsed: dict[str, Any]) -> None:
    objects = object_activity.objects(operation, params, parsed)
    _announce(*({"kind": "object", "object": item} for item in objects))
    if operation == "GetObject" and objects[0]["sha256"] is None and "ContentRange" not in parsed:
        read = objects[0]
        object_activity.digest_while_read(
            parsed, _harmless(lambda sha256: _announce({"kind": "object", "object": read | {"sha256": sha256}}))
        )


def _queries(operation: str, params: Params, parsed: dict[str, Any]) -> list[Event]:
    match operation:
        case "StartQueryExecution":
            query = {"query_execution_id": parsed["QueryExecutionId"], "sql": params["QueryString"], "workgroup": params.get("WorkGroup")}
            return [{"kind": "query", "started": True, "query": query}]
        case "GetQueryExecution":
            return [_query(parsed["QueryExecution"])]
        case "BatchGetQueryExecution":
            return [_query(execution) for execution in parsed["QueryExecutions"]]
        case "StopQueryExecution":
            return [{"kind": "query", "query": {"query_execution_id": params["QueryExecutionId"], "state": "STOPPING"}}]
    return []


def _query(execution: dict[str, Any]) -> Event:
    told = {
        "query_execution_id": execution["QueryExecutionId"],
        "sql": execution["Query"],
        "workgroup": execution.get("WorkGroup"),
        "state": execution["Status"]["State"],
        "bytes_scanned": execution.get("Statistics", {}).get("DataScannedInBytes"),
    }
    return {"kind": "query", "query": told}


@_harmless
def _before_sign(*, request_signer: Any, **_: Any) -> None:
    credentials = request_signer._credentials  # botocore offers handlers no other access to the keys
    if hasattr(credentials, "get_frozen_credentials"):
        keys = credentials.get_frozen_credentials()
        _hide(keys.access_key, keys.secret_key, keys.token)


def _hide(access_key_id: str, secret_access_key: str, session_token: str | None) -> None:
    """The access key's id is no secret; it says which keys have been announced."""
    if access_key_id not in _known_keys:
        for secret in filter(None, (secret_access_key, session_token)):
            journal.keep_out_of_sight(secret)
        _known_keys.add(access_key_id)


_HANDLERS: list[tuple[str, Callable[..., None]]] = [
    ("before-sign", _before_sign),
    ("before-parameter-build.s3", _remember),
    ("before-parameter-build.athena", _remember),
    ("before-parameter-build.sagemaker", _remember),
    ("before-call.s3.PutObject", _before_put),
    ("before-call.sagemaker", _before_job),
    ("after-call.s3", _after),
    ("after-call.athena", _after),
    ("after-call.sagemaker", _after),
    ("after-call.sts", _after),
]
