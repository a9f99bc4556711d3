"""CodePipeline of the local AWS: runs the stages of a pipeline.

`structure` checks a declaration, `scheduler` moves executions through the stages, and `action_runner` runs actions: `source_action`,
`build_action`, `cloudformation_action` and `approval_action`.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from localaws.codepipeline.service import CodePipeline

__all__ = ["CodePipeline"]


def __getattr__(name: str) -> Any:
    if name == "CodePipeline":
        from localaws.codepipeline.service import CodePipeline

        return CodePipeline
    raise AttributeError(name)
