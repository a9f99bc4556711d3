"""Many rows through an endpoint: no row is lost or moved, whatever is slow, large or throttled."""

import random
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlkit.aws import invocations
from mlkit.aws.invocations import ANSWER_S, BODY_BYTES, FIRST_ROWS, GROWTH, IN_FLIGHT, Pace, Throttled, TooMuch, invoke_for_rows
from mlkit.errors import AwsUnavailable


class Endpoint:
    """Answers for rows, which are numbers as text: four bytes a row, or `row_bytes`. `seconds` is what a row takes on its clock."""

    def __init__(self, *, row_bytes=8, seconds=0.0, most_rows=10**9, throttled=(), together=1):
        self.row_bytes, self.seconds, self.most_rows, self.throttled = row_bytes, seconds, most_rows, set(throttled)
        self.sizes, self.pauses = [], []
        self.together = threading.Barrier(together)  # so many requests are throttled at once
        self.in_flight = self.most_in_flight = self.calls = 0
        self._lock, self._now = threading.Lock(), threading.local()

    def encode(self, first, last):
        return b"".join(str(row).encode().ljust(self.row_bytes) for row in range(first, last))

    def invoke(self, body):
        with self._lock:
            call, self.calls = self.calls, self.calls + 1
            self.in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            rows = len(body) // self.row_bytes
            if call in self.throttled:
                self.together.wait()
                raise Throttled("Rate exceeded")
            if rows > self.most_rows:
                raise TooMuch("timed out")
            with self._lock:
                self.sizes.append(rows)
            self._now.value = self.clock() + rows * self.seconds
            return body
        finally:
            with self._lock:
                self.in_flight -= 1

    def clock(self):
        """Each thread has its own time, so that one request's does not depend on others."""
        return getattr(self._now, "value", 0.0)

    def ask(self, n_rows, **options):
        decoded = invoke_for_rows(
            n_rows,
            self.encode,
            self.invoke,
            lambda body: [int(word) for word in body.split()],
            clock=self.clock,
            pause=self.pauses.append,
            **options,
        )
        return [row for part in decoded for row in part]


CASES = {
    "one row": (Endpoint(), 1),
    "a small test set": (Endpoint(), FIRST_ROWS),
    "one row more": (Endpoint(), FIRST_ROWS + 1),
    "fast and small rows": (Endpoint(), 50_000),
    "rows of 100 kB": (Endpoint(row_bytes=100_000), 120),
    "a second for each row": (Endpoint(seconds=1.0), 300),
    "at most 7 rows in time": (Endpoint(most_rows=7), 2_500),
    "throttled at first": (Endpoint(throttled=[0]), 5_000),
    "throttled in between": (Endpoint(throttled=[2, 3, 5]), 60_000),
    "slow and throttled": (Endpoint(most_rows=100, throttled=range(3, 6)), 2_500),
}


@pytest.mark.parametrize("case", CASES)
def test_every_row_is_answered_once_and_in_its_place(case):
    endpoint, n_rows = CASES[case]
    assert endpoint.ask(n_rows) == list(range(n_rows))
    assert sum(endpoint.sizes) == n_rows
    assert max(endpoint.sizes) * endpoint.row_bytes <= BODY_BYTES
    assert endpoint.most_in_flight <= IN_FLIGHT


@given(st.integers(1, 3_000), st.integers(30, 2_000), st.sets(st.integers(0, 30), max_size=4), st.integers(1, 6))
def test_whatever_is_refused_no_row_is_lost_or_moved(n_rows, most_rows, throttled, in_flight):
    endpoint = Endpoint(most_rows=most_rows, throttled=throttled)
    assert endpoint.ask(n_rows, in_flight=in_flight) == list(range(n_rows))


def test_answers_that_come_in_another_order_are_put_in_theirs():
    late = random.Random(1)
    endpoint = Endpoint()
    waits = threading.Event()

    def invoke(body):
        waits.wait(late.random() / 100)
        return endpoint.invoke(body)

    decoded = invoke_for_rows(60_000, endpoint.encode, invoke, bytes.split)
    assert [int(word) for part in decoded for word in part] == list(range(60_000))


def test_requests_grow_from_a_small_one_to_the_payload_limit():
    endpoint = Endpoint(row_bytes=100)
    endpoint.ask(500_000, in_flight=1)
    assert endpoint.sizes[:3] == [FIRST_ROWS, GROWTH * FIRST_ROWS, BODY_BYTES // 100]


@pytest.mark.parametrize("seconds", [0.004, 0.1, 4.0])
def test_a_slow_endpoint_is_asked_for_what_it_answers_in_time(seconds):
    endpoint = Endpoint(seconds=seconds)
    endpoint.ask(20_000 if seconds < 1 else 1_100, in_flight=1)
    assert max(endpoint.sizes[1:]) * seconds <= ANSWER_S


@pytest.mark.parametrize(
    ("asked", "seconds", "size", "expected"),
    [
        (1_000, 0.001, 64_000, 8_000),  # grows by GROWTH at most
        (60_000, 0.2, 3_840_000, 78_125),  # the payload's limit
        (1_000, 20.0, 64_000, 500),  # too slow: half the rows take ANSWER_S
        (1_000, 0.0, 0, 8_000),
        (1, 59.0, 10, 1),
        (10, 1.0, 6_000_000, 8),
    ],
)
def test_the_next_request_is_as_large_as_time_and_payload_allow(asked, seconds, size, expected):
    pace = Pace()
    pace.answered(asked, seconds=seconds, size=size)
    assert pace.rows == expected


def test_a_row_that_is_never_answered_is_named():
    with pytest.raises(AwsUnavailable, match="did not answer for row 0 alone: timed out"):
        Endpoint(most_rows=0).ask(1_000)


def test_throttling_that_does_not_end_is_an_error_after_growing_pauses():
    endpoint = Endpoint(throttled=range(100))
    with pytest.raises(AwsUnavailable, match="Rate exceeded"):
        endpoint.ask(10)
    assert endpoint.pauses == list(invocations.THROTTLED_PAUSES_S)


def test_requests_that_are_throttled_together_cost_one_pause():
    endpoint = Endpoint(throttled=range(1, 1 + IN_FLIGHT), together=IN_FLIGHT)
    assert endpoint.ask(50_000) == list(range(50_000))
    assert endpoint.pauses == [invocations.THROTTLED_PAUSES_S[0]]


def test_an_error_of_the_endpoint_reaches_the_caller():
    def invoke(body):
        raise ZeroDivisionError("a fault of the model")

    with pytest.raises(ZeroDivisionError, match="a fault of the model"):
        invoke_for_rows(5, Endpoint().encode, invoke, bytes.split)
