"""Acting as the pipeline's role, or as an action's own role, which the pipeline's role assumes."""

import re
import time
from threading import Lock
from typing import Any

from botocore.exceptions import ClientError

from localaws.service import AwsError, Credentials, Host

PRINCIPAL = "codepipeline.amazonaws.com"
_SESSION_S = 900  # a session is used again for this long: a new one costs a new client for each service


class Sessions:
    """Sessions by role and pipeline. What a session may do is decided at each call, so a changed policy holds at once."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._kept: dict[tuple[str, ...], tuple[float, Credentials]] = {}
        self._lock = Lock()

    def client(self, service: str, *, pipeline: str, pipeline_arn: str, role: str, action_role: str | None = None) -> Any:
        """A client of the role. Raises AwsError when it does not trust CodePipeline, or the pipeline's role."""
        return self._host.client(
            service, self.credentials(pipeline=pipeline, pipeline_arn=pipeline_arn, role=role, action_role=action_role)
        )

    def credentials(self, *, pipeline: str, pipeline_arn: str, role: str, action_role: str | None = None) -> Credentials:
        name = session_name(pipeline)
        own = self._session((role, pipeline_arn), lambda: self._of_service(role, pipeline_arn, name))
        if action_role is None:
            return own
        return self._session((role, pipeline_arn, action_role), lambda: self._of_role(own, action_role, name))

    def check(self, *, pipeline: str, pipeline_arn: str, role: str, action_roles: list[str]) -> None:
        """Raises the InvalidStructureException with which CreatePipeline refuses roles that cannot be assumed."""
        try:
            self._of_service(role, pipeline_arn, session_name(pipeline))
        except AwsError as error:
            raise AwsError("InvalidStructureException", f"CodePipeline is not authorized to perform AssumeRole on role {role}") from error
        for action_role in action_roles:
            try:
                self.credentials(pipeline=pipeline, pipeline_arn=pipeline_arn, role=role, action_role=action_role)
            except (AwsError, ClientError) as error:
                text = f"{role} is not authorized to perform AssumeRole on role {action_role}"
                raise AwsError("InvalidStructureException", text) from error

    def _session(self, key: tuple[str, ...], make: Any) -> Credentials:
        now = time.monotonic()
        with self._lock:
            self._kept = {known: session for known, session in self._kept.items() if session[0] > now}
            if key in self._kept:
                return self._kept[key][1]
        made: Credentials = make()
        with self._lock:
            self._kept[key] = (now + _SESSION_S, made)
        return made

    def _of_service(self, role: str, pipeline_arn: str, name: str) -> Credentials:
        return self._host.assume_role(role, service_principal=PRINCIPAL, source_arn=pipeline_arn, session_name=name)

    def _of_role(self, own: Credentials, role: str, name: str) -> Credentials:
        found = self._host.client("sts", own).assume_role(RoleArn=role, RoleSessionName=name)["Credentials"]
        return Credentials(
            access_key_id=found["AccessKeyId"], secret_access_key=found["SecretAccessKey"], session_token=found["SessionToken"]
        )


def session_name(pipeline: str) -> str:
    """CodeBuild tells from it which pipeline started a build."""
    return re.sub(r"[^\w+=,.@-]", "-", f"codepipeline-{pipeline}")[:64]
