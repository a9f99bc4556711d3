"""SageMaker of the local AWS: training and tuning jobs, model registry, models, endpoint configs, endpoints and their runtime.

Modules are imported on first use, because an algorithm's process needs only `algorithm_images` and `container`.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from localaws.sagemaker.runtime import SageMakerRuntime
    from localaws.sagemaker.service import SageMaker

__all__ = ["SageMaker", "SageMakerRuntime"]


def __getattr__(name: str) -> Any:
    if name == "SageMaker":
        from localaws.sagemaker.service import SageMaker

        return SageMaker
    if name == "SageMakerRuntime":
        from localaws.sagemaker.runtime import SageMakerRuntime

        return SageMakerRuntime
    raise AttributeError(name)
