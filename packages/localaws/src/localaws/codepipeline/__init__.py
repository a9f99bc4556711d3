"""CodePipeline of the local AWS: executes a pipeline's own stages.

`structure` checks a declaration, `engine` moves executions, `runner` runs actions: `source`, `build`, `stacks` and `approval`.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from localaws.codepipeline.service import CodePipeline

__all__ = ["SIMULATED", "CodePipeline"]

# What is recorded only, in the words of a run's report. Whatever else an action does, it really does.
SIMULATED = {
    "AWS::CodeConnections::Connection": "the handshake with the provider of the repositories",
    "AWS::CodeStarConnections::Connection": "the handshake with the provider of the repositories",
    "AWS::CodePipeline::Webhook": "calls from the provider of the repositories: nothing outside this machine reaches it",
    "OAuthToken": "signing in to GitHub: the source is a local folder, and the token is not kept",
    "Triggers, DetectChanges, PollForSourceChanges": "the start of an execution by a push: a local folder has none",
}


def __getattr__(name: str) -> Any:
    if name == "CodePipeline":
        from localaws.codepipeline.service import CodePipeline

        return CodePipeline
    raise AttributeError(name)
