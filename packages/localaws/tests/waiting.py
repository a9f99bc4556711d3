"""How long a test waits: until what it waits for has come. A limit in seconds only ends a test that hangs.

The limits grow with how slow the machine is when the tests begin, so that a neighbour's load fails no test.
"""

import time
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")

_QUIET_S = 0.045  # what `_work` takes on a quiet core of the machine that the limits were chosen on
_SLOWEST = 5.0  # a hang is to be told within the day


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
    """What `look` gives once `ok` says yes to it; fails with `what` was waited for and what was seen last when that never happens."""
    deadline = time.monotonic() + HANG_S
    while not ok(seen := look()):
        assert time.monotonic() < deadline, f"Waited {HANG_S:.0f} s for this: {what}. Last seen: {seen!r}"
        time.sleep(every_s)
    return seen


def wait_for_stack(cloudformation: Any, name: str) -> dict[str, Any]:
    """The stack's description once its operation has ended."""
    return wait_until(
        lambda: cloudformation.describe_stacks(StackName=name)["Stacks"][0],
        f"the operation of stack {name} ends",
        ok=lambda stack: not stack["StackStatus"].endswith("_IN_PROGRESS"),
    )
