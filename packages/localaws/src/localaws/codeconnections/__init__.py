"""CodeConnections of the local AWS: connections, whose handshake is simulated, and the folders that stand for repositories.

`repositories.register` says which folder is which repository.
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
