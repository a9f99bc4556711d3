"""Doctor's checks of the project's own local AWS, which the command line alone knows."""

import socket
from importlib import metadata

import psutil

from mlkit.doctor.checking import Check
from mlkit.doctor.findings import Finding, ok, skipped, warn
from mlkit.settings import Project

PORT = 4566  # where `mlkit local up` listens unless told otherwise


def port(project: Project) -> Finding:
    """Whether the local AWS has its port, or could take it."""
    from mlkit.local import lifecycle

    running = lifecycle.status(project.local_home).running
    if running is not None and running.endpoint_url.endswith(f":{PORT}"):
        return ok(f"{PORT} is the local AWS's")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", PORT))
        except OSError:
            if running is not None:
                return ok(f"{PORT} is held by {_holder()}; the local AWS has another")
            return warn(f"{PORT} is held by {_holder()}", f"`mlkit local up --port {PORT + 1}`, or stop what holds it.")
    return ok(f"{PORT} is free")


def local_aws(project: Project) -> Finding:
    from mlkit.local import lifecycle

    found = lifecycle.status(project.local_home)
    if found.running is None:
        return skipped("does not run", "`mlkit local up` starts it; `mlkit local run` does so too.")
    return ok(f"runs at {found.running.endpoint_url}, process {found.running.pid}, on ministack {metadata.version('ministack')}")


def _holder() -> str:
    """The process that listens there; the system tells only of processes of one's own."""
    for process in psutil.process_iter(["pid", "name"]):
        try:
            listening = [item for item in process.net_connections("tcp") if item.status == psutil.CONN_LISTEN]
            if any(item.laddr.port == PORT for item in listening):
                command = " ".join(process.cmdline())
                home = f" of {command.rpartition('--home ')[2].split()[0]}" if "mlkit.local.server" in command else ""
                return f"process {process.pid} ({'a local AWS' if home else process.name()}{home})"
        except psutil.Error:
            continue
    return "a process of another user"


CHECKS = (Check(name="port", run=port), Check(name="local AWS", run=local_aws))
