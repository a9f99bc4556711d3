"""Invokes an endpoint for many rows: in requests near the payload limit, a few at a time, with the answers in the order of the rows.

AWS ends an invocation that takes 60 seconds. So the first request is small, and the next ones are as large as the answer time allows.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html
"""

import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar

from mlkit.errors import AwsUnavailable

Answer = TypeVar("Answer")
Range = tuple[int, int]  # first row, row after the last

BODY_BYTES = 5_000_000  # of a request or an answer, most of the 6,291,456 that are allowed: later rows may be longer
ANSWER_S = 10.0  # a sixth of what AWS allows, because an endpoint may become slower under load
FIRST_ROWS = 1_000
GROWTH = 8  # times the rows of the request before
IN_FLIGHT = 4
THROTTLED_PAUSES_S = (2.0, 4.0, 8.0, 16.0)  # after botocore's own attempts


class TooMuch(Exception):
    """The endpoint did not answer in time, or the body was too large: fewer rows may work."""


class Throttled(Exception):
    """AWS limits the rate of requests, also after botocore's attempts."""


@dataclass(kw_only=True)
class Pace:
    """The rows of the next request."""

    rows: int = FIRST_ROWS

    def answered(self, rows: int, *, seconds: float, size: int) -> None:
        """`size`: bytes of the request or of its answer, whichever is more."""
        allowed = min(ANSWER_S / max(seconds, 1e-6), BODY_BYTES / max(size, 1), GROWTH)
        self.rows = max(1, int(rows * allowed))

    def was_too_much(self, rows: int) -> None:
        self.rows = max(1, min(self.rows, rows // 2))


@dataclass(frozen=True, kw_only=True)
class Answered(Generic[Answer]):
    answer: Answer
    size: int
    seconds: float


def invoke_for_rows(
    n_rows: int,
    encode: Callable[[int, int], bytes],
    invoke: Callable[[bytes], bytes],
    decode: Callable[[bytes], Answer],
    *,
    in_flight: int = IN_FLIGHT,
    pause: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> list[Answer]:
    """The decoded answers, in the order of the rows. `encode` makes the body of the rows from a first row to before a last.

    `invoke` may raise TooMuch or Throttled. The rows of a request that was too much are asked for again in two halves, those of a throttled
    one after a pause. Raises AwsUnavailable if a single row is too much, or the throttling does not end.
    """

    def ask(rows: Range) -> Answered[Answer]:
        body = encode(*rows)
        if len(body) > BODY_BYTES and rows[1] - rows[0] > 1:
            raise TooMuch
        began = clock()
        answer = invoke(body)
        return Answered(answer=decode(answer), size=max(len(body), len(answer)), seconds=clock() - began)

    work, asked = _Work[Answer](n_rows, pause), deque[tuple[Range, int, Future[Answered[Answer]]]]()
    with ThreadPoolExecutor(in_flight, thread_name_prefix="invocation") as threads:
        while True:
            # until the first answer, size and time are not known
            while len(asked) < (in_flight if work.answers else 1) and (rows := work.next_range()):
                asked.append((rows, work.pauses, threads.submit(ask, rows)))
            if not asked:
                return [work.answers[first] for first in sorted(work.answers)]
            rows, pauses, future = asked.popleft()
            try:
                work.take(rows, future.result())
            except TooMuch as error:
                work.divide(rows, error)
            except Throttled as error:
                work.wait(rows, error, pauses)


class _Work(Generic[Answer]):
    """Which rows are answered, and which are next."""

    def __init__(self, n_rows: int, pause: Callable[[float], None]) -> None:
        self.answers: dict[int, Answer] = {}  # by first row
        self.pauses = 0  # since the last answer
        self._n_rows, self._pause, self._pace = n_rows, pause, Pace()
        self._next, self._again = 0, deque[Range]()

    def next_range(self) -> Range | None:
        """The rows of the next request; None if there are no more."""
        if self._again:
            return self._again.popleft()
        first = self._next
        self._next = min(self._n_rows, first + self._pace.rows)
        return (first, self._next) if first < self._n_rows else None

    def take(self, rows: Range, found: Answered[Answer]) -> None:
        self.answers[rows[0]], self.pauses = found.answer, 0
        self._pace.answered(rows[1] - rows[0], seconds=found.seconds, size=found.size)

    def divide(self, rows: Range, error: TooMuch) -> None:
        first, last = rows
        if last - first == 1:
            raise AwsUnavailable(
                f"The endpoint did not answer for row {first} alone: {error}", cure="Is its instance large enough? Its log may tell more."
            ) from error
        self._pace.was_too_much(last - first)
        middle = (first + last) // 2
        self._again.extendleft([(middle, last), (first, middle)])

    def wait(self, rows: Range, error: Throttled, pauses: int) -> None:
        """Pause, unless the request was made before the last pause: requests that are made together are throttled together."""
        self._again.appendleft(rows)
        if pauses < self.pauses:
            return
        if self.pauses == len(THROTTLED_PAUSES_S):
            raise AwsUnavailable(f"InvokeEndpoint: {error}", cure="AWS limits the rate of calls. Try again in a minute.") from error
        self._pause(THROTTLED_PAUSES_S[self.pauses])
        self.pauses += 1
