"""Whether a process that the product started is still there."""

from pathlib import Path

from waiting import wait_until


def is_alive(pid: int) -> bool:
    """False also for a zombie that its new parent has not asked for yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):  # the second when it goes away between opening and reading
        return False


def wait_until_ended(*pids: int) -> None:
    wait_until(lambda: [pid for pid in pids if is_alive(pid)], f"the processes {pids} have ended", ok=lambda alive: not alive)
