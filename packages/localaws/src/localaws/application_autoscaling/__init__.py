"""Application Auto Scaling: scalable targets and scaling policies of endpoints' variants. They are recorded; nothing scales."""

from localaws.application_autoscaling.service import ApplicationAutoScaling

__all__ = ["ApplicationAutoScaling"]
