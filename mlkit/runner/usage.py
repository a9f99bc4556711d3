"""What a run costs this machine: wall and CPU seconds, and the most memory that the kernel's processes held at once."""

import resource
import sys
import threading
import time

import psutil

from mlkit.records import Usage

SAMPLE_S = 0.25
_MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024


class UsageMeter:
    """Runs from its creation to `stop`. Memory is sampled, so a spike between two samples counts only if the kernel itself had it."""

    def __init__(self) -> None:
        self._began, self._before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
        self._peak = 0
        self._stopped = threading.Event()
        self._sampling: threading.Thread | None = None

    def watch(self, pid: int) -> None:
        """Begin to sample the process and its descendants."""
        self._sampling = threading.Thread(target=self._sample, args=(pid,), daemon=True)
        self._sampling.start()

    def stop(self) -> Usage:
        """Call it when the kernel has been waited for: only then its CPU time is known."""
        self._stopped.set()
        if self._sampling is not None:
            self._sampling.join()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - self._before.ru_utime - self._before.ru_stime
        own_peak = after.ru_maxrss * _MAXRSS_UNIT if after.ru_maxrss > self._before.ru_maxrss else 0
        return Usage(
            wall_s=round(time.monotonic() - self._began, 3),
            cpu_s=round(cpu, 3),
            peak_memory_bytes=max(self._peak, own_peak) or None,
        )

    def _sample(self, pid: int) -> None:
        try:
            kernel = psutil.Process(pid)
        except psutil.Error:
            return
        while True:
            self._peak = max(self._peak, _resident(kernel))
            if self._stopped.wait(SAMPLE_S):
                return


def _resident(process: psutil.Process) -> int:
    total = 0
    try:
        for one in [process, *process.children(recursive=True)]:
            total += int(one.memory_info().rss)
    except psutil.Error:
        pass  # one of them has just ended
    return total
