"""CodeCommit of the local AWS: repositories in local folders. A push goes to the folder, by its path or its clone URL."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from localaws.codecommit.service import CodeCommit

__all__ = ["CodeCommit"]


def __getattr__(name: str) -> Any:
    if name == "CodeCommit":
        from localaws.codecommit.service import CodeCommit

        return CodeCommit
    raise AttributeError(name)
