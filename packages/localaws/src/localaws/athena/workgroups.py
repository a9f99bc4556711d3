"""Workgroups: their settings, checks of the settings, and the output location of a query from the workgroup and the call."""

import threading
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from typing import Any

from localaws.athena.query_executions import ENGINE_VERSION
from localaws.kit.service import AwsError
from localaws.kit.timestamps import moment

PRIMARY = "primary"
_RESULT = ("OutputLocation", "EncryptionConfiguration", "ExpectedBucketOwner")
_CONFIGURATION = (
    "ResultConfiguration",
    "EnforceWorkGroupConfiguration",
    "PublishCloudWatchMetricsEnabled",
    "BytesScannedCutoffPerQuery",
    "RequesterPaysEnabled",
    "EngineVersion",
)


def refuse(text: str) -> AwsError:
    return AwsError("InvalidRequestException", text)


@dataclass(kw_only=True)
class WorkGroup:
    """`configuration` has the members of AWS's WorkGroupConfiguration; `created_s` is seconds since 1970."""

    name: str
    created_s: float
    description: str = ""
    state: str = "ENABLED"
    configuration: dict[str, Any] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    def answer(self) -> dict[str, Any]:
        return {
            "Name": self.name,
            "State": self.state,
            "Configuration": self.configuration,
            "Description": self.description,
            "CreationTime": moment(self.created_s),
        }

    def summary(self) -> dict[str, Any]:
        members = {name: value for name, value in self.answer().items() if name != "Configuration"}
        return {**members, "EngineVersion": self.configuration["EngineVersion"]}

    def result_configuration(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """The result configuration of a query: the workgroup's if it enforces its settings, otherwise the call's.

        A call without an output location uses the workgroup's.
        """
        own = self.configuration.get("ResultConfiguration", {})
        if self.configuration["EnforceWorkGroupConfiguration"] and own.get("OutputLocation"):
            return deepcopy(dict(own))
        chosen = {**own, **asked} if not asked.get("OutputLocation") else dict(asked)
        if not chosen.get("OutputLocation"):
            text = "No output location provided. An output location is required either through the Workgroup result configuration setting"
            raise refuse(f"{text} or as an API input.")
        return deepcopy(chosen)


def check_result_configuration(result: Mapping[str, Any], account: str) -> None:
    """Raises AwsError for members or values that are not honoured."""
    for name in result:
        if name not in _RESULT:
            raise refuse(f"The local Athena does not honour ResultConfiguration.{name}.")
    location = result.get("OutputLocation")
    if location is not None and not location.startswith("s3://"):
        raise refuse(f"outputLocation is not a valid S3 path: {location}")
    encryption = result.get("EncryptionConfiguration", {})
    option = encryption.get("EncryptionOption")
    if option == "CSE_KMS":
        raise refuse("The local Athena does not honour EncryptionOption CSE_KMS.")
    if option == "SSE_KMS" and not encryption.get("KmsKey"):
        raise refuse("KmsKey is required for EncryptionOption SSE_KMS.")
    if result.get("ExpectedBucketOwner", account) != account:
        raise refuse(f"The expected bucket owner {result['ExpectedBucketOwner']} is not the account of the local AWS.")


def configuration_of(asked: Mapping[str, Any], account: str) -> dict[str, Any]:
    """The settings of a new workgroup. Raises AwsError for the first one that is not honoured."""
    for name, value in asked.items():
        off = value is False or (isinstance(value, Mapping) and value.get("Enabled") is False)  # e.g. {"Enabled": False}
        if name not in _CONFIGURATION and not off:
            raise refuse(f"The local Athena does not honour WorkGroupConfiguration.{name}.")
    for name in ("PublishCloudWatchMetricsEnabled", "RequesterPaysEnabled"):
        if asked.get(name):
            raise refuse(f"The local Athena does not honour WorkGroupConfiguration.{name}.")
    result = asked.get("ResultConfiguration", {})
    check_result_configuration(result, account)
    found = {
        "ResultConfiguration": deepcopy(dict(result)),
        "EnforceWorkGroupConfiguration": asked.get("EnforceWorkGroupConfiguration", True),
        "PublishCloudWatchMetricsEnabled": False,
        "RequesterPaysEnabled": False,
        "EngineVersion": _engine_version(asked.get("EngineVersion", {})),
    }
    if "BytesScannedCutoffPerQuery" in asked:
        found["BytesScannedCutoffPerQuery"] = asked["BytesScannedCutoffPerQuery"]
    return found


def _engine_version(asked: Mapping[str, str]) -> dict[str, str]:
    selected = asked.get("SelectedEngineVersion", "AUTO")
    if selected not in ("AUTO", ENGINE_VERSION["EffectiveEngineVersion"]):
        raise refuse(f"The local Athena does not honour engine version {selected}.")
    return {**ENGINE_VERSION, "SelectedEngineVersion": selected}


def updated(configuration: Mapping[str, Any], updates: Mapping[str, Any], account: str) -> dict[str, Any]:
    """The settings after UpdateWorkGroup's ConfigurationUpdates. Raises AwsError for settings that are not honoured."""
    asked = dict(deepcopy(dict(configuration)))
    changes = dict(updates)
    result = dict(asked.get("ResultConfiguration", {}))
    result_changes = dict(changes.pop("ResultConfigurationUpdates", {}))
    for name in ("OutputLocation", "EncryptionConfiguration", "ExpectedBucketOwner", "AclConfiguration"):
        if result_changes.pop(f"Remove{name}", False):
            result.pop(name, None)
    result.update(result_changes)
    if changes.pop("RemoveBytesScannedCutoffPerQuery", False):
        asked.pop("BytesScannedCutoffPerQuery", None)
    changes.pop("RemoveCustomerContentEncryptionConfiguration", None)
    managed = changes.pop("ManagedQueryResultsConfigurationUpdates", {})
    if managed.get("Enabled"):
        raise refuse("The local Athena does not honour ManagedQueryResultsConfigurationUpdates.")
    return configuration_of({**asked, **changes, "ResultConfiguration": result}, account)


class WorkGroups:
    """All workgroups; `primary` always exists. Safe for several threads."""

    def __init__(self, account: str, region: str) -> None:
        self._account, self._region = account, region
        self._lock = threading.Lock()
        configuration = configuration_of({"EnforceWorkGroupConfiguration": False}, account)  # a call may name its own output location
        self._groups = {PRIMARY: WorkGroup(name=PRIMARY, created_s=0, configuration=configuration)}

    def arn(self, name: str) -> str:
        return f"arn:aws:athena:{self._region}:{self._account}:workgroup/{name}"

    def get(self, name: str) -> WorkGroup:
        with self._lock:
            group = self._groups.get(name)
        if group is None:
            raise refuse(f"WorkGroup {name} is not found.")
        return group

    def by_arn(self, arn: str) -> WorkGroup:
        with self._lock:
            group = next((group for name, group in self._groups.items() if self.arn(name) == arn), None)
        if group is None:
            raise AwsError("ResourceNotFoundException", f"Resource {arn} was not found")
        return group

    def tags_of(self, arn: str) -> dict[str, str]:
        """The workgroup's tags; empty if the workgroup does not exist."""
        with self._lock:
            return next((dict(group.tags) for name, group in self._groups.items() if self.arn(name) == arn), {})

    def create(self, group: WorkGroup) -> None:
        with self._lock:
            if group.name in self._groups:
                raise refuse(f"WorkGroup {group.name} is already created")
            self._groups[group.name] = group

    def delete(self, name: str) -> None:
        if name == PRIMARY:
            raise refuse("The primary workgroup cannot be deleted.")
        with self._lock:
            self._groups.pop(name, None)

    def all(self) -> list[WorkGroup]:
        with self._lock:
            return sorted(self._groups.values(), key=lambda group: group.name)

    def get_state(self) -> list[dict[str, Any]]:
        return [asdict(group) for group in self.all()]

    def load_state(self, state: list[dict[str, Any]]) -> None:
        with self._lock:
            self._groups.update({members["name"]: WorkGroup(**members) for members in state})
