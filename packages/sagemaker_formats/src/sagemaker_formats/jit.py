"""Compiles functions to machine code; numba's disk cache keeps them between processes."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(*, parallel: bool = False) -> Callable[[Function], Function]:
    """A decorator: compiles the function on first use, afterwards loads it from `NUMBA_CACHE_DIR` or the `__pycache__` beside the source.

    The cache is keyed by qualified name, so each compiled function needs a name of its own in its module.
    With `error_model="numpy"`, a division by zero gives inf or nan, as in arrays; without it, numba vectorises no loop with a division.
    """
    decorator = numba.njit(cache=True, nogil=True, error_model="numpy", parallel=parallel)
    return cast(Callable[[Function], Function], decorator)
