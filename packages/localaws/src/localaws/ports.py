"""Which port the local AWS takes, and who has it when it is taken."""

import socket
from dataclasses import dataclass
from pathlib import Path

import psutil

PORT = 4566  # taken where it is free, unless another is asked for
_SERVER = "localaws.server"


@dataclass(frozen=True, kw_only=True)
class Holder:
    """A process that listens on the port; without `pid` it is another user's. `home` is set when it is a local AWS."""

    pid: int | None = None
    name: str = ""
    home: Path | None = None

    @property
    def folder(self) -> Path | None:
        """The folder to name to a person: the one around a hidden home such as `.localaws` or `.NAME/local`, else the home itself."""
        if self.home is None:
            return None
        hidden = next((path for path in (self.home, self.home.parent) if path.name.startswith(".")), None)
        return hidden.parent if hidden else self.home

    def __str__(self) -> str:
        if self.pid is None:
            return "a process of another user"
        return f"the local AWS of {self.folder} (process {self.pid})" if self.home else f"process {self.pid} ({self.name})"


def bind(port: int) -> socket.socket:
    """A socket on 127.0.0.1, not listening yet; 0 takes a free port. Raises OSError when the port is taken."""
    # With the protocol named, asyncio sends without delay; otherwise every answer waits 40 ms for the client's acknowledgement.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError:
        listener.close()
        raise
    return listener


def is_free(port: int) -> bool:
    try:
        bind(port).close()
    except OSError:
        return False
    return True


def holder(port: int) -> Holder:
    """Who listens there. The system tells only of one's own processes, so whatever is not found is taken for another user's."""
    for process in psutil.process_iter(["name"]):
        try:
            if any(item.status == psutil.CONN_LISTEN and item.laddr.port == port for item in process.net_connections("tcp")):
                return Holder(pid=process.pid, name=process.info["name"], home=_home(process.cmdline()))
        except psutil.Error:
            continue
    return Holder()


def _home(command: list[str]) -> Path | None:
    if _SERVER in command and "--home" in command[:-1]:
        return Path(command[command.index("--home") + 1])
    return None
