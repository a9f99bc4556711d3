"""Compiled functions are found again when the same source lies in another folder, and not when it changed."""

import os
import subprocess
import sys
from pathlib import Path

from waiting import HANG_S

SOURCE = """
import numba

@numba.njit(cache=True)
def double(x):
    return 2 * x

double(1)
print(sum(double.stats.cache_hits.values()), sum(double.stats.cache_misses.values()))
"""


def hits_and_misses(folder: Path, cache: Path, source: str = SOURCE) -> str:
    folder.mkdir()
    (folder / "compiled.py").write_text(source)
    chosen = {"NUMBA_CACHE_DIR": str(cache), "NUMBA_CACHE_LOCATOR_CLASSES": "mlkit.project.jit_cache.ContentLocator"}
    command = [sys.executable, str(folder / "compiled.py")]
    return subprocess.run(command, env={**os.environ, **chosen}, capture_output=True, text=True, check=True, timeout=HANG_S).stdout.strip()


def test_the_same_source_in_another_folder_is_not_compiled_again(tmp_path: Path) -> None:
    assert hits_and_misses(tmp_path / "one", tmp_path / "cache") == "0 1"
    assert hits_and_misses(tmp_path / "two", tmp_path / "cache") == "1 0"
    assert hits_and_misses(tmp_path / "three", tmp_path / "cache", SOURCE.replace("2 * x", "3 * x")) == "0 1"
