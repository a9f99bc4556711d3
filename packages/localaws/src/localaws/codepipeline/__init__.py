"""CodePipeline of the local AWS: executes a pipeline's own stages.

`structure` checks a declaration, `engine` moves executions, `runner` runs actions: `source`, `build`, `stacks` and `approval`.
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
