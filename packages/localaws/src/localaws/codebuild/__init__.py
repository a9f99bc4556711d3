"""CodeBuild of the local AWS: projects, and builds whose commands run on this machine under the project's role."""

from localaws.codebuild.service import CodeBuild

__all__ = ["CodeBuild"]
