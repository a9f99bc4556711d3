"""Sessions of the pipeline's role, and of an action's own role, which the pipeline's role assumes."""

import re
from typing import Any

from botocore.exceptions import ClientError

from localaws.kit.service import AwsError, Credentials, Host
from localaws.kit.sessions import RoleSessions

PRINCIPAL = "codepipeline.amazonaws.com"


class Sessions:
    """Sessions by role and pipeline."""

    def __init__(self, host: Host) -> None:
        self._sessions = RoleSessions(host, principal=PRINCIPAL)

    def client(self, service: str, *, pipeline: str, pipeline_arn: str, role: str, action_role: str | None = None) -> Any:
        """A client of the role. Raises AwsError if the role does not trust CodePipeline, or the pipeline's role."""
        found = self.credentials(pipeline=pipeline, pipeline_arn=pipeline_arn, role=role, action_role=action_role)
        return self._sessions.client(service, found)

    def credentials(self, *, pipeline: str, pipeline_arn: str, role: str, action_role: str | None = None) -> Credentials:
        return self._sessions.get(role, source_arn=pipeline_arn, session_name=session_name(pipeline), then=action_role)

    def check(self, *, pipeline: str, pipeline_arn: str, role: str, action_roles: list[str]) -> None:
        """Check that the roles can be assumed. Raises CreatePipeline's InvalidStructureException if not."""
        try:
            self._sessions.assume(role, source_arn=pipeline_arn, session_name=session_name(pipeline))
        except AwsError as error:
            raise AwsError("InvalidStructureException", f"CodePipeline is not authorized to perform AssumeRole on role {role}") from error
        for action_role in action_roles:
            try:
                self.credentials(pipeline=pipeline, pipeline_arn=pipeline_arn, role=role, action_role=action_role)
            except (AwsError, ClientError) as error:
                text = f"{role} is not authorized to perform AssumeRole on role {action_role}"
                raise AwsError("InvalidStructureException", text) from error


def session_name(pipeline: str) -> str:
    """The session's name. CodeBuild reads from it which pipeline started a build."""
    return re.sub(r"[^\w+=,.@-]", "-", f"codepipeline-{pipeline}")[:64]
