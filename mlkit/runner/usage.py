"""Measures a run's wall and CPU seconds, and the peak memory of the kernel's processes."""

import resource
import sys
import threading
import time

import psutil

from mlkit.evidence.run_record import Usage

SAMPLE_S = 0.25
_MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024


class UsageMeter:
    """Measures from its creation to `stop`. Memory is sampled; a spike between two samples counts only if it was in the kernel itself."""

    def __init__(self) -> None:
        self._began, self._before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
        self._peak = 0
        self._stopped = threading.Event()
        self._sampling: threading.Thread | None = None

    def watch(self, pid: int) -> None:
        """Start to sample the process and its descendants."""
        self._sampling = threading.Thread(target=self._sample, args=(pid,), daemon=True)
        self._sampling.start()

    def stop(self) -> Usage:
        """Stop and return the usage. Call it after waiting for the kernel, when its CPU time is known."""
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
