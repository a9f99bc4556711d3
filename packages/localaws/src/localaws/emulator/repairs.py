"""Corrects differences between the emulator and AWS. Each function corrects one."""

import contextvars
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from botocore.exceptions import UnknownServiceError
from botocore.model import ServiceModel

from localaws.emulator import (
    alarms,
    bucket_rules,
    callers,
    catalog,
    encryption,
    event_rules,
    log_batches,
    log_events,
    log_search,
    managed_policies,
    multipart_uploads,
    object_bodies,
    parameters,
    policy_checks,
    secret_versions,
    stored_secrets,
)
from localaws.emulator.emulator_settings import SERVICES, STATE_KEYS
from localaws.kit.api_record import Check, note_check
from localaws.kit.service_models import service_model

_DENIED: contextvars.ContextVar[tuple[str, str]] = contextvars.ContextVar("denied", default=("", "*"))  # action and resource


def apply(state_folder: Path) -> tuple[Any, Any, Any]:
    """Import the emulator, which keeps its state in this folder, and repair it.

    Returns its application, its policy evaluator and its table of actions.
    """
    import ministack.app as ms
    from ministack.core import iam_actions as ia
    from ministack.core import iam_evaluator as ev

    close_everything_but_the_api(ms)
    share_models_of_services()
    leave_docker_alone(ms)
    take_loopback_for_secure(ms, ev)
    encryption.ask_for_key_permissions(ia, ev)
    encryption.rotate_symmetric_keys_only()
    name_the_denied_resource(ia, ev)
    stored_secrets.ask_for_parameters_and_keys(ev)
    resolve_key_aliases(ia)
    name_log_streams(ia)
    name_glue_resources(ia)
    name_alarms(ia)
    tell_condition_keys(ia)
    tell_the_roles_arn(ev)
    tell_checksums_of_what_was_put()
    object_bodies.send_from_files()
    object_bodies.keep_versions_in_files()
    multipart_uploads.keep_parts_on_disk(state_folder / "uploads")
    alarms.evaluate_by_period()
    managed_policies.serve_documents()
    log_search.search_by_pattern_and_page()
    catalog.follow_the_rules_of_glue()
    event_rules.follow_the_rules_of_eventbridge()
    parameters.keep_tiers_and_secrets()
    secret_versions.name_versions_by_token()
    policy_checks.refuse_wrong_policies()
    callers.name_the_caller()
    encryption.encrypt_by_default()
    bucket_rules.refuse_reserved_names_and_other_regions()
    answer_whole_lists_of_keys()
    log_batches.refuse_wrong_batches()
    log_events.keep_in_files(state_folder)
    keep_sessions()
    keep_only_our_services(ms)
    return ms, ev, ia


def close_everything_but_the_api(ms: Any) -> None:
    """Close admin paths, data planes of other services and virtual hosts. Only signed API calls remain."""

    async def nothing(*_: Any, **__: Any) -> None:
        return None

    ms._handle_pre_body_request = nothing
    ms._handle_post_body_shortcuts = nothing
    ms._handle_special_data_plane_request = nothing


def share_models_of_services() -> None:
    """Let the emulator use the models that the server has read. By itself it reads each in a session of its own."""
    from ministack.core import responses

    def shared(service: str) -> ServiceModel | None:
        try:
            return service_model(responses._BOTOCORE_NAME.get(service, service))
        except UnknownServiceError:
            return None

    responses._service_model = shared


def leave_docker_alone(ms: Any) -> None:
    """Stop MiniStack from looking for containers of earlier runs and removing them. The local AWS starts none."""
    ms._docker_socket_present = lambda: False


def take_loopback_for_secure(ms: Any, ev: Any) -> None:
    """Set aws:SecureTransport to true, because no request leaves the machine. A policy that demands TLS would deny every call."""
    ms.pin_request_origin = lambda address, _secure: ev.pin_request_origin(address, True)


def name_the_denied_resource(ia: Any, ev: Any) -> None:
    """Name the resource in every denial, as AWS does. If several resources are checked, name the one that was denied.

    The record of API calls gets every check.
    """
    original_enforce, original_response = ev.enforce, ia.access_denied_response

    def enforce(key: str, action: str, service: str, region: str, resource_arn: str = "*", service_context: Any = None) -> Any:
        denied = original_enforce(key, action, service, region, resource_arn=resource_arn, service_context=service_context)
        via = (service_context or {}).get("kms:ViaService", "") or ("s3" if service == "s3" and action.startswith("kms:") else "")
        asked_by = f"{via.partition('.')[0]}.amazonaws.com" if via else ""
        note_check(Check(action=action, resource=resource_arn, via=asked_by, is_allowed=denied is None))
        if denied is not None:
            _DENIED.set((action, resource_arn))
        return denied

    def response(service: str, action: str, principal_arn: str, request_id: str, **more: Any) -> Any:
        if not more.get("error_code") and not more.get("message") and not more.get("resource_policy_arn"):
            denied_action, resource = _DENIED.get()
            action = denied_action if denied_action.startswith("kms:") else action  # the key's check came before the service's own
            more["resource_arn"] = resource  # the texts of SSM and Logs contain it
            resource = f'"{resource}"' if service == "s3" and resource.startswith("arn:aws:s3:") else resource
            more["message"] = ia.identity_denial_message(action, principal_arn, resource, bool(more.get("explicit_deny")))
        return original_response(service, action, principal_arn, request_id, **more)

    ev.enforce, ia.access_denied_response = enforce, response


def resolve_key_aliases(ia: Any) -> None:
    """Replace an alias in a request by its key's ARN, because IAM and key policies name keys."""
    original = ia.extract_resource_arn

    def extract(service: str, method: str, path: str, headers: Mapping[str, str], *more: Any) -> str:
        arn: str = original(service, method, path, headers, *more)
        if service == "kms" and ":alias/" in arn and not headers.get("x-amz-target", "").endswith("Alias"):
            return encryption.key_arn(arn) or arn
        return arn

    ia.extract_resource_arn = extract


def name_log_streams(ia: Any) -> None:
    """Check rights on the stream, `log-group:NAME:log-stream:STREAM`, as AWS does. So policies end in `log-group:NAME:*`."""
    original = ia.extract_resource_arn

    def extract(service: str, method: str, path: str, headers: Mapping[str, str], body: bytes, *more: Any) -> str:
        arn: str = original(service, method, path, headers, body, *more)
        operation = headers.get("x-amz-target", "").rpartition(".")[2]
        if service == "logs" and operation in ("CreateLogStream", "PutLogEvents", "GetLogEvents", "DeleteLogStream"):
            stream = json.loads(body or b"{}").get("logStreamName", "")
            return f"{arn.removesuffix(':*').partition(':log-stream:')[0]}:log-stream:{stream}"
        return arn

    ia.extract_resource_arn = extract


def name_glue_resources(ia: Any) -> None:
    """Check databases and tables by their ARNs: `database/DB`, and `table/DB/TABLE` for a table and its partitions."""
    original = ia.extract_resource_arn

    def extract(service: str, method: str, path: str, headers: Mapping[str, str], body: bytes, *more: Any) -> str:
        arn: str = original(service, method, path, headers, body, *more)
        operation = headers.get("x-amz-target", "").rpartition(".")[2]
        if service != "glue" or not any(word in operation for word in ("Database", "Table", "Partition")):
            return arn
        asked = json.loads(body or b"{}")
        catalog = ":".join(arn.split(":")[:5])
        database = asked.get("DatabaseName") or asked.get("Name") or asked.get("DatabaseInput", {}).get("Name")
        if "Database" in operation:
            return f"{catalog}:database/{database}" if database else f"{catalog}:catalog"
        inside = "" if "Partition" in operation else asked.get("Name") or asked.get("TableInput", {}).get("Name")
        table = asked.get("TableName") or inside or "*"
        return f"{catalog}:table/{asked.get('DatabaseName')}/{table}"

    ia.extract_resource_arn = extract


def name_alarms(ia: Any) -> None:
    """Check alarms that are deleted or tagged by their ARNs. Of several alarms, only the first is checked."""
    original = ia.extract_resource_arn

    def extract(
        service: str, method: str, path: str, headers: Mapping[str, str], body: bytes, params: Any, region: str, account: str
    ) -> str:
        arn: str = original(service, method, path, headers, body, params, region, account)
        if service != "monitoring" or arn != "*":
            return arn
        asked = json.loads(body) if body[:1] == b"{" else {"AlarmNames": params.get("AlarmNames.member.1"), "ResourceARN": None}
        if tagged := asked.get("ResourceARN") or next(iter(params.get("ResourceARN", [])), None):
            return str(tagged)
        listed = asked.get("AlarmNames")
        return f"arn:aws:cloudwatch:{region}:{account}:alarm:{listed[0]}" if listed else arn

    ia.extract_resource_arn = extract


def tell_condition_keys(ia: Any) -> None:
    """Add the condition keys of PutMetricData and PutEvents. Policies can restrict these operations only by them."""
    original = ia.request_tag_context

    def context(service: str, action: str, body: bytes, params: Mapping[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = original(service, action, body, params)
        if action == "cloudwatch:PutMetricData":
            namespace = json.loads(body).get("Namespace") if body[:1] == b"{" else (params.get("Namespace") or [None])[0]
            if namespace:
                found["cloudwatch:namespace"] = namespace
        if action == "events:PutEvents":
            entries = json.loads(body).get("Entries", [])
            for key, member in (("events:source", "Source"), ("events:detail-type", "DetailType")):
                values = {entry.get(member, "") for entry in entries}
                found[key] = values.pop() if len(values) == 1 else "(several)"  # matches no policy
        return found

    ia.request_tag_context = context
    _tell_conditions_of_writes(ia)


def _tell_conditions_of_writes(ia: Any) -> None:
    """Add s3:if-none-match and s3:ObjectCreationOperation: bucket policies that allow only conditional writes ask for them.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes-enforce.html
    """
    original = ia.s3_service_context

    def context(action: str, query: Mapping[str, Any] | None, path: str = "", headers: Mapping[str, str] | None = None) -> dict[str, Any]:
        found: dict[str, Any] = original(action, query, path, headers)
        if action == "s3:PutObject":
            creates = not {"uploads", "partNumber"} & set(query or {})  # neither the start of a multipart upload nor a part
            found["s3:ObjectCreationOperation"] = str(creates).lower()
            for name in ("if-none-match", "if-match"):
                if (headers or {}).get(name):
                    found[f"s3:{name}"] = (headers or {})[name]
        return found

    ia.s3_service_context = context


def tell_the_roles_arn(ev: Any) -> None:
    """Set aws:PrincipalArn of an assumed role to the ARN of the role, as AWS does; the emulator sets it to the session's."""
    original = ev._resolve_condition_key

    def resolve(key: str, context: Any) -> Any:
        from ministack.services import iam

        if key.lower() == "aws:principalarn" and ":assumed-role/" in context.principal_arn:
            name = ev._role_name_from_assumed_arn(context.principal_arn)
            role = iam._roles.get_scoped(context.principal_account, None, name) or {}
            return role.get("Arn", context.principal_arn)
        return original(key, context)

    ev._resolve_condition_key = resolve


def tell_checksums_of_what_was_put() -> None:
    """Return the checksums that PutObject has verified, as AWS does."""
    from ministack.services import s3

    original = s3._put_object

    def put(bucket: str, key: str, body: bytes, headers: Mapping[str, str]) -> Any:
        status, answered, content = original(bucket, key, body, headers)
        if status == 200 and (checksums := s3._buckets[bucket]["objects"][key].get("checksums")):
            told = {f"x-amz-checksum-{algorithm.lower()}": value for algorithm, value in checksums.items()}
            answered = {**answered, **told, "x-amz-checksum-type": "FULL_OBJECT"}
        return status, answered, content

    s3._put_object = put


def answer_whole_lists_of_keys() -> None:
    """Leave the pages of ListKeys to the front: the emulator cuts the list and gives no marker for the rest."""
    from ministack.services import kms

    original = kms._list_keys
    kms._list_keys = lambda request: original({name: value for name, value in request.items() if name not in ("Limit", "Marker")})


def keep_sessions() -> None:
    """Save the sessions of roles, so that they survive a restart."""
    from ministack.services import sts

    sts.get_state = lambda: {"sessions": dict(sts._sessions)}
    sts.load_persisted_state = lambda data: sts._sessions.update(data.get("sessions", {}))


def keep_only_our_services(ms: Any) -> None:
    """Save the state of enabled services only. CloudFormation imports the modules of all services."""
    modules = {STATE_KEYS.get(name, name) for name in SERVICES}
    ms._state_map = {name: name for name in modules}
