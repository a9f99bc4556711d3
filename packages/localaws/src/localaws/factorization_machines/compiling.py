"""Compiles functions to machine code; numba's disk cache keeps them between processes."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(*, parallel: bool = False, inlined: bool = False, any_order: bool = False) -> Callable[[Function], Function]:
    """A decorator that compiles the function on first use. Later it comes from `NUMBA_CACHE_DIR` or the `__pycache__` beside the source.

    The cache's key is the qualified name, so each compiled function needs its own name in its module. With `error_model="numpy"`, a
    division by zero gives inf or nan, as in arrays. Without it, numba vectorises no loop with a division. `any_order` lets the compiler
    choose the order of a sum. The machine code then has one order, so each thread gets the same sum. `inlined` is for a short loop over
    arrays: a call would take longer than the loop.
    """
    decorator = numba.njit(
        cache=True, nogil=True, error_model="numpy", parallel=parallel, forceinline=inlined, fastmath={"reassoc"} if any_order else False
    )  # fmt: skip
    return cast(Callable[[Function], Function], decorator)
