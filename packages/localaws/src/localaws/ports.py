"""The port of the local AWS, and the process that holds it if it is taken."""

import socket
from dataclasses import dataclass
from pathlib import Path

import psutil

PORT = 4566  # the default; a free port if it is taken
_SERVER = "localaws.server"


@dataclass(frozen=True, kw_only=True)
class Holder:
    """A process that listens on the port. `pid` is None for another user's process; `home` is set for a local AWS."""

    pid: int | None = None
    name: str = ""
    home: Path | None = None

    @property
    def folder(self) -> Path | None:
        """The folder to show to a user: the parent of a hidden home such as `.localaws` or `.NAME/local`, otherwise the home."""
        if self.home is None:
            return None
        hidden = next((path for path in (self.home, self.home.parent) if path.name.startswith(".")), None)
        return hidden.parent if hidden else self.home

    def __str__(self) -> str:
        if self.pid is None:
            return "a process of another user"
        return f"the local AWS of {self.folder} (process {self.pid})" if self.home else f"process {self.pid} ({self.name})"


def bind(port: int) -> socket.socket:
    """A socket on 127.0.0.1, not listening yet; port 0 takes a free port. Raises OSError if the port is taken."""
    # asyncio sets TCP_NODELAY only if the protocol is named. Without it, every answer waits 40 ms for the client's acknowledgement.
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
    """The process that listens on the port. The system shows only our own processes, so any other counts as another user's."""
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
