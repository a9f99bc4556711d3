"""Webhooks. Nothing outside of this machine can call one; a push to the registered folder starts the pipeline instead."""

from collections.abc import Callable, Mapping
from threading import RLock
from typing import Any

from localaws.codepipeline.permissions import on_webhook, webhook_arn
from localaws.kit.permissions import Asked
from localaws.kit.service import AwsError, Caller, Members, Operation
from localaws.kit.tags import as_list, tags_of_request

_MASK = "****"


class Webhooks:
    """Operations on webhooks. `target_exists(pipeline, action)` tells whether the source action exists."""

    def __init__(self, lock: RLock, target_exists: Callable[[str, str], bool]) -> None:
        self._lock, self._target_exists = lock, target_exists
        self._webhooks: dict[str, Members] = {}
        self.operations: Mapping[str, Operation] = {
            "PutWebhook": Operation(handler=self._put, permissions=self._on("PutWebhook", lambda request: request["webhook"]["name"])),
            "DeleteWebhook": Operation(handler=self._delete, permissions=self._on("DeleteWebhook", lambda request: request["name"])),
            "ListWebhooks": Operation(handler=self._list, permissions=self._on("ListWebhooks", lambda request: "*")),
            "RegisterWebhookWithThirdParty": Operation(
                handler=self._register,
                permissions=self._on("RegisterWebhookWithThirdParty", lambda request: request.get("webhookName", "*")),
            ),
            "DeregisterWebhookWithThirdParty": Operation(
                handler=self._register,
                permissions=self._on("DeregisterWebhookWithThirdParty", lambda request: request.get("webhookName", "*")),
            ),
        }

    def tags_of(self, arn: str) -> dict[str, str] | None:
        """The webhook's tags, as a dictionary to change in place; None if the webhook does not exist."""
        with self._lock:
            return next((webhook["tags"] for webhook in self._webhooks.values() if webhook["arn"] == arn), None)

    def arn_for(self, pipeline: str, action: str) -> str | None:
        """The ARN of the webhook of a source action; None if it has none."""
        with self._lock:
            for webhook in self._webhooks.values():
                if (webhook["definition"]["targetPipeline"], webhook["definition"]["targetAction"]) == (pipeline, action):
                    return str(webhook["arn"])
        return None

    def to_json(self) -> list[Members]:
        with self._lock:
            return [dict(webhook) for webhook in self._webhooks.values()]

    def load_json(self, rows: list[Members]) -> None:
        with self._lock:
            self._webhooks = {row["definition"]["name"]: row for row in rows}

    def _put(self, caller: Caller, request: Members) -> Members:
        wanted = request["webhook"]
        if not self._target_exists(wanted["targetPipeline"], wanted["targetAction"]):
            raise AwsError("PipelineNotFoundException", f"There is no source action {wanted['targetAction']} in {wanted['targetPipeline']}")
        settings = wanted["authenticationConfiguration"]
        definition = {**wanted, "authenticationConfiguration": {key: _MASK if key == "SecretToken" else settings[key] for key in settings}}
        arn = webhook_arn(caller, wanted["name"])
        tags = tags_of_request(request)
        with self._lock:
            kept = self._webhooks.get(wanted["name"], {}).get("tags", {})
            url = f"https://{caller.region}.webhooks.aws/trigger?t=simulated&v=1"
            made = self._webhooks[wanted["name"]] = {"definition": definition, "url": url, "arn": arn, "tags": tags or kept}
            return {"webhook": _shown(made)}

    def _delete(self, caller: Caller, request: Members) -> Members:
        with self._lock:
            self._webhooks.pop(request["name"], None)
        return {}

    def _list(self, caller: Caller, request: Members) -> Members:
        with self._lock:
            return {"webhooks": [_shown(webhook) for _, webhook in sorted(self._webhooks.items())]}

    def _register(self, caller: Caller, request: Members) -> Members:
        name = request.get("webhookName")
        with self._lock:
            if name is not None and name not in self._webhooks:
                raise AwsError("WebhookNotFoundException", f"There is no webhook {name}")
        return {}

    def _on(self, action: str, name: Callable[[Members], str]) -> Asked:
        return on_webhook(action, name, tags_of=lambda arn: self.tags_of(arn) or {})


def _shown(webhook: Mapping[str, Any]) -> Members:
    tags = {"tags": as_list(webhook["tags"], lower=True)} if webhook["tags"] else {}
    return {**{key: webhook[key] for key in ("definition", "url", "arn")}, **tags}
