"""Functions compiled to machine code, kept in numba's disk cache between processes."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(*, parallel: bool = False) -> Callable[[Function], Function]:
    """A decorator: compiled on first use, afterwards loaded from `NUMBA_CACHE_DIR` or the `__pycache__` beside the source.

    The cache is keyed by qualified name, so each compiled function needs a name of its own in its module.
    `error_model="numpy"`: a division by zero gives inf or nan, as arrays do; without it no loop with a division is vectorised.
    """
    decorator = numba.njit(cache=True, nogil=True, error_model="numpy", parallel=parallel)
    return cast(Callable[[Function], Function], decorator)
