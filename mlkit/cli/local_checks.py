"""Doctor's checks of the project's local AWS. They are here because only the command line may import the local AWS."""

from importlib import metadata

from mlkit.doctor.checking import Check
from mlkit.doctor.findings import Finding, ok, skipped
from mlkit.settings import Project


def port(project: Project) -> Finding:
    """Where the local AWS answers, or would answer."""
    from localaws import lifecycle, ports

    running = lifecycle.status(project.local_home).running
    if running is not None and running.endpoint_url.endswith(f":{ports.PORT}"):
        return ok(f"the local AWS uses {ports.PORT}")
    if ports.is_free(ports.PORT):
        return ok(f"{ports.PORT} is free")
    return ok(f"{ports.PORT} is taken by {ports.holder(ports.PORT)}; the local AWS {'uses another' if running else 'will use another'}")


def local_aws(project: Project) -> Finding:
    from localaws import lifecycle

    found = lifecycle.status(project.local_home)
    if found.running is None:
        return skipped("does not run", "`mlkit local up` or `mlkit local run` starts it.")
    return ok(f"runs at {found.running.endpoint_url}, process {found.running.pid}, on ministack {metadata.version('ministack')}")


CHECKS = (Check(name="port", run=port), Check(name="local AWS", run=local_aws))
