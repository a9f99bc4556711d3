"""Build projects: create, update, delete and describe."""

import time
from collections.abc import Mapping
from threading import RLock
from typing import Any

from localaws.codebuild import refusals
from localaws.codebuild.environment_variables import merged
from localaws.codebuild.refusals import invalid
from localaws.kit.service import AwsError, Caller, Host, Members
from localaws.kit.tags import tags_of_request
from localaws.kit.timestamps import moment

PRINCIPAL = "codebuild.amazonaws.com"

_SORT_KEYS = {"NAME": "name", "CREATED_TIME": "created", "LAST_MODIFIED_TIME": "lastModified"}


def project_arn(name: str, *, account: str, region: str) -> str:
    return f"arn:aws:codebuild:{region}:{account}:project/{name}"


def role_arn(role: str, account: str) -> str:
    """The role's ARN. A request may give the role by name."""
    return role if role.startswith("arn:") else f"arn:aws:iam::{account}:role/{role}"


class Projects:
    """Projects by name, in the form of CreateProject's answer, but with times in seconds. `builds` counts the builds of each project."""

    def __init__(self, host: Host, lock: RLock) -> None:
        self._host, self._lock = host, lock
        self._projects: dict[str, Members] = {}
        self._builds: dict[str, int] = {}

    def create(self, caller: Caller, request: Members) -> Members:
        refusals.check_members(request, refusals.PROJECT)
        now, name = time.time(), request["name"]
        with self._lock:
            if name in self._projects:
                raise AwsError("ResourceAlreadyExistsException", f"Project already exists: {self.arn(name)}")
        project = self._completed({**request, "created": now, "lastModified": now})
        with self._lock:
            self._projects[name] = project
        return {"project": self._shown(project)}

    def update(self, caller: Caller, request: Members) -> Members:
        refusals.check_members(request, refusals.PROJECT)
        changed = {**self.get(request["name"]), **request, "lastModified": time.time()}
        if changed.get("concurrentBuildLimit") == -1:
            del changed["concurrentBuildLimit"]
        project = self._completed(changed)
        with self._lock:
            self._projects[request["name"]] = project
        return {"project": self._shown(project)}

    def delete(self, caller: Caller, request: Members) -> Members:
        """Delete the project; its builds stay. A missing project is no error, as on AWS."""
        with self._lock:
            self._projects.pop(self.name_of(request["name"]), None)
        return {}

    def batch_get(self, caller: Caller, request: Members) -> Members:
        with self._lock:
            found = {given: self._projects.get(self.name_of(given)) for given in request["names"]}
        return {
            "projects": [self._shown(project) for project in found.values() if project is not None],
            "projectsNotFound": [given for given, project in found.items() if project is None],
        }

    def list_names(self, caller: Caller, request: Members) -> Members:
        key = _SORT_KEYS[request.get("sortBy", "NAME")]
        with self._lock:
            ordered = sorted(self._projects.values(), key=lambda project: (project[key], project["name"]))
        if request.get("sortOrder") == "DESCENDING":
            ordered.reverse()
        return {"projects": [project["name"] for project in ordered]}

    def get(self, name: str) -> Members:
        """The project with this name or ARN. Raises AwsError."""
        with self._lock:
            if (project := self._projects.get(self.name_of(name))) is None:
                raise AwsError("ResourceNotFoundException", f"Project cannot be found: {self.arn(self.name_of(name))}")
            return dict(project)

    def next_build_number(self, name: str) -> int:
        with self._lock:
            self._builds[name] = self._builds.get(name, 0) + 1
            return self._builds[name]

    def tags_of(self, name: str) -> Mapping[str, str]:
        with self._lock:
            return tags_of_request(self._projects.get(self.name_of(name), {}))

    def arn(self, name: str) -> str:
        return project_arn(name, account=self._host.account, region=self._host.region)

    def name_of(self, given: str) -> str:
        return given.removeprefix(self.arn(""))

    def get_state(self) -> Members:
        with self._lock:
            return {"projects": list(self._projects.values()), "builds": dict(self._builds)}

    def load_state(self, state: Mapping[str, Any]) -> None:
        with self._lock:
            self._projects = {project["name"]: project for project in state.get("projects", [])}
            self._builds = dict(state.get("builds", {}))

    def _completed(self, project: Members) -> Members:
        """The project with AWS's defaults, after the checks. Raises AwsError, also if CodeBuild may not assume the role."""
        project = {name: value for name, value in project.items() if name not in ("badgeEnabled", "autoRetryLimit")}
        refusals.check_pipeline_types(project)
        refusals.check_project(project)
        if project.get("concurrentBuildLimit", 1) < 1:
            raise invalid("Invalid concurrentBuildLimit: it must be at least 1")
        role = role_arn(project["serviceRole"], self._host.account)
        environment = {"privilegedMode": False, "imagePullCredentialsType": "CODEBUILD", **project["environment"]}
        environment["environmentVariables"] = merged(environment.get("environmentVariables", []), [])
        arn = self.arn(project["name"])
        try:
            self._host.assume_role(role, service_principal=PRINCIPAL, source_arn=arn, session_name="AWSCodeBuild")
        except AwsError as error:
            raise invalid(f"CodeBuild is not authorized to perform: sts:AssumeRole on {role}") from error
        defaults = {
            "timeoutInMinutes": 60,
            "queuedTimeoutInMinutes": 480,
            "encryptionKey": default_key(self._host),
            "cache": {"type": "NO_CACHE"},
            "tags": [],
        }
        artifacts = _with_defaults(project["artifacts"], project["name"])
        return {**defaults, **project, "environment": environment, "artifacts": artifacts, "serviceRole": role, "arn": arn}

    def _shown(self, project: Members) -> Members:
        times = {name: moment(project[name]) for name in ("created", "lastModified")}
        return {**project, **times, "badge": {"badgeEnabled": False}, "projectVisibility": "PRIVATE"}


def default_key(host: Host) -> str:
    """The key that AWS shows for a project without a key: the account's key for S3."""
    return f"arn:aws:kms:{host.region}:{host.account}:alias/aws/s3"


def _with_defaults(artifacts: Mapping[str, Any], name: str) -> Members:
    if artifacts["type"] != "S3":
        return dict(artifacts)
    return {"name": name, "namespaceType": "NONE", "packaging": "NONE", "encryptionDisabled": False, **artifacts}
