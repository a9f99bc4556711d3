"""What the figures were measured on: processor, memory, versions, and how busy the machine was."""

import os
import platform
import subprocess
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

PACKAGES = ("numpy", "numba", "scipy", "protobuf", "papermill")
PEER_PACKAGES = ("torch", "modern-fm", "xlearn")


def load() -> float:
    """Processes that ran or waited for a processor, on average over the last minute."""
    return os.getloadavg()[0]


def describe() -> list[str]:
    """Lines for the top of the table."""
    gigabytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    packages = [f"{name} {version(name)}" for name in PACKAGES] + _peers()
    return [
        f"- {_processor()}, {cores()} cores, {gigabytes:.0f} GB, Linux {platform.release().split('-')[0]}.",
        f"- Python {platform.python_version()}, {', '.join(packages)}; SageMaker SDK {_sdk()}.",
    ]


def describe_run(now: datetime, *, quick: bool, load: tuple[float, float]) -> str:
    """The line for a group."""
    text = f"{'Quick' if quick else 'Full'} run of {now:%Y-%m-%d %H:%M} UTC, commit {_commit()}. "
    text += f"Load average {load[0]:.1f} before, {load[1]:.1f} after"
    if max(load) <= cores() + 0.5:
        return text + "."
    return text + f": other processes took part of the {cores()} cores, so processor seconds say more than elapsed ones."


def cores() -> int:
    return len(os.sched_getaffinity(0))


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())


def _commit() -> str:
    return (
        subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False).stdout.strip() or "unknown"
    )


def _peers() -> list[str]:
    program = (
        "import importlib.metadata as m, sys;"
        "print(*[name + ' ' + m.version(name) for name in sys.argv[1:] if any(m.distributions(name=name))], sep='|')"
    )
    python = Path(os.environ.get("MLKIT_PEERS", ".tools/peers")) / "bin/python"
    if not python.exists():
        return []
    done = subprocess.run([str(python), "-c", program, *PEER_PACKAGES], capture_output=True, text=True, check=False)
    return [part for part in done.stdout.strip().split("|") if part]


def _sdk() -> str:
    lock = Path("tests/sdk-v2.lock").read_text()
    return next(line.partition("==")[2].split()[0] for line in lock.splitlines() if line.startswith("sagemaker=="))
