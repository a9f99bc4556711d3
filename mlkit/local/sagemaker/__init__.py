"""SageMaker of the local AWS: training and tuning jobs, models, endpoint configs, endpoints and their runtime.

Nothing here is imported until it is used: an algorithm's own process needs `algorithms` alone.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlkit.local.sagemaker.engine import SageMaker
    from mlkit.local.sagemaker.runtime import SageMakerRuntime

__all__ = ["SageMaker", "SageMakerRuntime"]


def __getattr__(name: str) -> Any:
    if name == "SageMaker":
        from mlkit.local.sagemaker.engine import SageMaker

        return SageMaker
    if name == "SageMakerRuntime":
        from mlkit.local.sagemaker.runtime import SageMakerRuntime

        return SageMakerRuntime
    raise AttributeError(name)
