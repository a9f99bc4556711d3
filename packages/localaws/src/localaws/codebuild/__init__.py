"""CodeBuild of the local AWS: projects and builds whose commands really run, on this machine and under the project's role."""

from localaws.codebuild.service import CodeBuild

__all__ = ["CodeBuild"]
