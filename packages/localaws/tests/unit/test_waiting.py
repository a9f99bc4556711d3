"""The wait that tests share: it ends with the event, and what hangs is told with what was seen last."""

import pytest
import waiting
from waiting import SLOWNESS, wait_until


def test_it_gives_what_was_seen_when_the_answer_is_yes() -> None:
    states = iter(["Starting", "Training", "Completed", "never seen"])
    assert wait_until(lambda: next(states), "the job ends", ok=lambda state: state == "Completed", every_s=0) == "Completed"


def test_a_wait_that_hangs_reports_the_last_state(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "HANG_S", 0)
    with pytest.raises(AssertionError, match=r"Waited 0 s for this: the job ends\. Last seen: 'Training'"):
        wait_until(lambda: "Training", "the job ends", ok=lambda state: state == "Completed")


def test_the_event_counts_even_after_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "HANG_S", 0)
    assert wait_until(lambda: "Completed", "the job ends", ok=lambda state: state == "Completed") == "Completed"


def test_a_slow_machine_has_longer_limits_and_a_hang_is_told_all_the_same() -> None:
    assert 1 <= SLOWNESS <= 5
    assert waiting.HANG_S < waiting.TEST_HANG_S <= 9000


def test_a_tests_own_limit_is_that_of_the_machine(pytestconfig: pytest.Config) -> None:
    assert pytestconfig.getoption("timeout") > waiting.HANG_S / 5
