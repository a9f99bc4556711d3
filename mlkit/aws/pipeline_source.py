"""Where the pipeline reads its source: a repository behind a connection. Another provider changes this module and codepipeline.yaml."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlkit.aws.pipeline_executions import ActionRun
    from mlkit.aws.session import Session

ARGUMENTS = "GitHubUser=you Repo=the-repository ConnectionArn=arn:..."  # for `mlkit pipeline deploy`
LOCAL_NAME = "local/mlkit"  # the repository of `mlkit local run`
SIMULATED = "the handshake with GitHub"
FINISH_THE_HANDSHAKE = "Finish the connection's handshake: console, Developer Tools, Settings, Connections, Update pending connection."
_PROVIDER = "CodeStarSourceConnection"


def shown(parameters: Mapping[str, str]) -> str:
    """The repository and the branch, by the pipeline stack's parameters."""
    return f"{parameters['GitHubUser']}/{parameters['Repo']}, branch {parameters['Branch']}"


def local_parameters(aws: "Session") -> dict[str, str]:
    """The stack's parameters for the local AWS, with a connection that is created on first use."""
    owner, _, repository = LOCAL_NAME.partition("/")
    client = aws.client("codeconnections")
    known = {found["ConnectionName"]: found["ConnectionArn"] for found in client.list_connections()["Connections"]}
    arn = known.get(repository) or client.create_connection(ProviderType="GitHub", ConnectionName=repository)["ConnectionArn"]
    return {"GitHubUser": owner, "Repo": repository, "Branch": "main", "ConnectionArn": arn}


def connection_state(aws: "Session", parameters: Mapping[str, str]) -> tuple[str, bool]:
    """What the connection is, and whether a push can start the pipeline."""
    arn = parameters.get("ConnectionArn", "")
    if not arn:
        return "none is needed: the pipeline reads its source with a token of GitHub", True
    service = arn.split(":")[2]  # codeconnections, or its former name codestar-connections
    found = aws.client(service).get_connection(ConnectionArn=arn)["Connection"]
    told = f"{found['ConnectionName']} to {found['ProviderType']} is {found['ConnectionStatus']}"
    return told, found["ConnectionStatus"] == "AVAILABLE"


def cure_of(failed: "ActionRun") -> str | None:
    """What to do about a source action that failed; None for another action or failure."""
    return FINISH_THE_HANDSHAKE if failed.provider == _PROVIDER and "is not available" in failed.summary else None
