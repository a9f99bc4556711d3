"""The builds' cache of compiled functions, keyed by the source's content, because every build has its sources in another folder.

Numba loads the class by `NUMBA_CACHE_LOCATOR_CLASSES=mlkit.project.jit_cache.ContentLocator`, which buildspecs set together with
`NUMBA_CACHE_DIR`. Without it, numba stores compiled functions beside their source.
https://numba.readthedocs.io/en/stable/reference/envvars.html
"""

import hashlib
import os
from pathlib import Path
from typing import Any

from numba.core import config as _config
from numba.core.caching import _CacheLocator

_CONFIG: Any = _config  # numba creates its settings at run time


class ContentLocator(_CacheLocator):
    """The cache of one function: a folder named by the digest of all modules of its package, because it may call them."""

    def __init__(self, py_func: Any, py_file: str) -> None:
        self._py_file = py_file
        self._lineno = py_func.__code__.co_firstlineno
        digest = hashlib.sha256()
        for path in sorted(Path(py_file).parent.glob("*.py")):
            digest.update(path.name.encode() + b"\0" + path.read_bytes())
        self._stamp = digest.hexdigest()

    def get_cache_path(self) -> str:
        return os.path.join(_CONFIG.CACHE_DIR, self._stamp[:32])

    def get_source_stamp(self) -> str:
        return self._stamp

    def get_disambiguator(self) -> str:
        return str(self._lineno)

    @classmethod
    def from_function(cls, py_func: Any, py_file: str) -> "ContentLocator | None":
        if not _CONFIG.CACHE_DIR or not os.path.exists(py_file):
            return None
        found = cls(py_func, py_file)
        found.ensure_cache_path()  # type: ignore[no-untyped-call]
        return found
