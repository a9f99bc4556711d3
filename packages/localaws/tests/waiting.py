"""How long a test waits: until what it waits for has come. A limit in seconds only ends a test that hangs.

The limits grow with how slow the machine is when the tests begin, so that a neighbour's load fails no test.
"""

import time
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")

_QUIET_S = 0.045  # what `_work` takes on a quiet core of the machine that the limits were chosen on
_SLOWEST = 5.0  # a hang is to be told within the day
_LATE, _SELDOM_S = 0.05, 2.0  # an event is noticed within this share of the time waited for it, and within two seconds


def _work() -> int:
    return sum(number * number for number in range(1_000_000))


def _slowness() -> float:
    """How many times longer than on a quiet core a piece of work takes, from 1 to `_SLOWEST`."""
    began = time.perf_counter()
    _work()
    return min(_SLOWEST, max(1.0, (time.perf_counter() - began) / _QUIET_S))


SLOWNESS = _slowness()
HANG_S = 600 * SLOWNESS  # one wait, or one child process
TEST_HANG_S = 1800 * SLOWNESS  # one test with its fixtures


def wait_until(look: Callable[[], T], what: str, *, ok: Callable[[T], object] = bool, every_s: float = 0.05) -> T:
    """What `look` gives once `ok` says yes to it; fails with `what` was waited for and what was seen last when that never happens.

    It looks every `every_s` seconds at first, and more seldom the longer it waits: a look costs time that what it waits for needs.
    """
    began = time.monotonic()
    while not ok(seen := look()):
        waited_s = time.monotonic() - began
        assert waited_s < HANG_S, f"Waited {HANG_S:.0f} s for this: {what}. Last seen: {seen!r}"
        time.sleep(max(every_s, min(waited_s * _LATE, _SELDOM_S)))
    return seen


def wait_for_stack(cloudformation: Any, name: str) -> dict[str, Any]:
    """The stack's description once its operation has ended."""
    return wait_until(
        lambda: cloudformation.describe_stacks(StackName=name)["Stacks"][0],
        f"the operation of stack {name} ends",
        ok=lambda stack: not stack["StackStatus"].endswith("_IN_PROGRESS"),
    )
