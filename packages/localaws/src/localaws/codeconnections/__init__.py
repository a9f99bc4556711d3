"""CodeConnections of the local AWS: connections with a simulated handshake, and local folders in place of repositories.

`repositories.register` assigns a folder to a repository.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from localaws.codeconnections.service import CodeConnections

__all__ = ["CodeConnections"]


def __getattr__(name: str) -> Any:
    if name == "CodeConnections":
        from localaws.codeconnections.service import CodeConnections

        return CodeConnections
    raise AttributeError(name)
