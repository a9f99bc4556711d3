"""When the state of a service is written: soon after a change, and rarely where writing it takes long."""

import asyncio
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any, cast

import pytest

from localaws.emulator import Emulator
from localaws.home import Home
from localaws.server import checkpoint
from localaws.server.checkpoint import Checkpoint

DELAY_S, SLOW_S = 0.01, 0.05


def spend(seconds: float) -> None:
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


class Saves:
    """Stands for the emulator and the home: counts the saves of each service. `logs` takes long."""

    def __init__(self) -> None:
        self.count: Counter[str] = Counter()

    def start(self) -> None: ...

    def save(self, services: list[str]) -> None:
        self.count.update(services)
        if "logs" in services:
            spend(SLOW_S)

    def read(self, name: str) -> None:
        return None

    def write(self, name: str, state: dict[str, Any]) -> None:
        self.count[name] += 1


class Engine:
    def get_state(self) -> dict[str, Any]:
        return {}

    def load_state(self, state: dict[str, Any]) -> None: ...


@pytest.fixture
def saves(monkeypatch: pytest.MonkeyPatch) -> Saves:
    monkeypatch.setattr(checkpoint, "_DELAY_S", DELAY_S)
    return Saves()


def begun(saves: Saves) -> Checkpoint:
    found = Checkpoint(emulator=cast(Emulator, saves), home=cast(Home, saves), states={"athena": Engine()})
    found.start()
    return found


async def until(saves: Saves, name: str, count: int) -> None:
    while saves.count[name] < count:
        await asyncio.sleep(DELAY_S / 4)


def test_changes_within_a_short_time_are_one_save(saves: Saves) -> None:
    async def run() -> None:
        states = begun(saves)
        for _ in range(20):
            states.changed("iam", "athena")
        await until(saves, "iam", 1)
        await asyncio.sleep(5 * DELAY_S)

    asyncio.run(run())
    assert saves.count == {"iam": 1, "state/athena.json": 1}


def test_a_service_whose_state_is_large_is_saved_rarely_and_keeps_no_other_from_being_saved(saves: Saves) -> None:
    async def run() -> float:
        states = begun(saves)
        began = time.monotonic()
        while saves.count["logs"] < 3:
            states.changed("logs", "iam")
            await asyncio.sleep(DELAY_S)
        return time.monotonic() - began

    took_s = asyncio.run(run())
    assert took_s >= 2 * 9 * SLOW_S  # two pauses between three saves
    assert saves.count["iam"] > saves.count["logs"]


def test_a_small_state_stays_small_when_the_machine_is_busy(saves: Saves, monkeypatch: pytest.MonkeyPatch) -> None:
    def wait_for_the_processor(services: list[str]) -> None:
        saves.count.update(services)
        time.sleep(SLOW_S)

    async def run() -> None:
        monkeypatch.setattr(saves, "save", wait_for_the_processor)
        monkeypatch.setattr(checkpoint, "_LONGEST_WAIT_S", 0.0)
        states = begun(saves)
        for _ in range(3):
            await states.saved("iam")

    asyncio.run(run())
    assert saves.count["iam"] == 3


def test_answers_wait_for_one_save_of_what_changed(saves: Saves) -> None:
    async def run() -> None:
        states = begun(saves)
        await asyncio.gather(*(states.saved("iam", "athena") for _ in range(20)))
        assert saves.count == {"iam": 1, "state/athena.json": 1}
        await states.saved("iam")
        assert saves.count["iam"] == 2
        await states.saved()

    asyncio.run(run())


def test_an_answer_waits_for_the_next_save_of_a_large_state_unless_that_is_far(saves: Saves, monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> list[int]:
        states, found = begun(saves), []
        for longest_s in (60.0, 60.0, 0.0):
            monkeypatch.setattr(checkpoint, "_LONGEST_WAIT_S", longest_s)
            await asyncio.gather(*(states.saved("logs") for _ in range(5)))
            found.append(saves.count["logs"])
        states.save()
        return [*found, saves.count["logs"]]

    assert asyncio.run(run()) == [1, 2, 2, 3]


@pytest.mark.parametrize("service", ["iam", "logs"])
def test_a_save_that_fails_fails_the_answer_and_is_tried_again(saves: Saves, monkeypatch: pytest.MonkeyPatch, service: str) -> None:
    monkeypatch.setattr(checkpoint, "_LONGEST_PAUSE_S", 10 * DELAY_S)

    def full(_services: list[str]) -> None:
        raise OSError(28, "No space left on device")

    async def run() -> None:
        states = begun(saves)
        await states.saved(service)
        with monkeypatch.context() as patched:
            patched.setattr(saves, "save", full)
            with pytest.raises(OSError, match="No space"):
                await states.saved(service)
        await until(saves, service, 2)

    asyncio.run(run())


def test_a_stop_saves_everything_at_once(saves: Saves) -> None:
    async def run() -> None:
        states = begun(saves)
        states.changed("logs")
        await until(saves, "logs", 1)
        states.changed("logs")
        states.save(everything=True)

    asyncio.run(run())
    assert saves.count["logs"] == 2
    assert saves.count["state/athena.json"] == 1


def test_deeply_nested_state_is_read_again(tmp_path: Path) -> None:
    loaded: list[dict[str, Any]] = []

    class Deep(Engine):
        def load_state(self, state: dict[str, Any]) -> None:
            loaded.append(state)

    depth = sys.getrecursionlimit() + 500
    (tmp_path / "state").mkdir()
    (tmp_path / "state/deep.json").write_text('{"a":' * depth + "1" + "}" * depth)

    async def start() -> None:
        found = Checkpoint(emulator=cast(Emulator, Saves()), home=Home(path=tmp_path), states={"deep": Deep()})
        found.start()

    limit = sys.getrecursionlimit()
    asyncio.run(start())
    assert (len(loaded), sys.getrecursionlimit()) == (1, limit)
