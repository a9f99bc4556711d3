import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from mlkit.notebook import journal
from mlkit.runner.journal_server import JournalListener


@pytest.fixture
def heard(monkeypatch):
    events = []
    listener = JournalListener(events.append)
    listener.start()
    monkeypatch.setenv(journal.ADDRESS, listener.address)
    monkeypatch.setattr(journal, "_line", journal._Line())
    yield events, listener
    listener.stop()


def test_the_runner_has_an_event_before_tell_returns(heard):
    events, _ = heard
    journal.log_metrics({"match rate": 0.7})
    assert events == [{"kind": "metrics", "values": {"match rate": 0.7}}]
    journal.log_verdict("PASS")
    journal.keep_out_of_sight("x" * 100_000)
    assert [event["kind"] for event in events] == ["metrics", "verdict", "secret"]


def test_a_process_that_dies_at_once_has_been_heard(heard):
    events, listener = heard
    dying = "import os\nfrom mlkit.notebook import journal\njournal.tell('job', name='a')\nos.kill(os.getpid(), 9)"
    assert subprocess.run([sys.executable, "-c", dying]).returncode == -9
    listener.stop()
    assert events == [{"kind": "job", "name": "a"}]


def test_threads_and_children_may_tell_at_the_same_time(heard):
    events, _ = heard
    tell = "import sys\nfrom mlkit.notebook import journal\n[journal.tell('n', number=int(sys.argv[1]) + i) for i in range(50)]"
    children = [subprocess.Popen([sys.executable, "-c", tell, str(1000 * child)]) for child in (1, 2)]
    threads = [threading.Thread(target=lambda start: [journal.tell("n", number=start + i) for i in range(50)], args=(n,)) for n in (0, 100)]
    for thread in threads:
        thread.start()
    for one in threads:
        one.join()
    assert [child.wait() for child in children] == [0, 0]
    assert sorted(event["number"] for event in events) == [*range(50), *range(100, 150), *range(1000, 1050), *range(2000, 2050)]


def test_a_runner_that_is_gone_is_no_error_of_the_notebook(heard):
    _, listener = heard
    journal.tell("first")
    listener.stop()
    journal.tell("second")


def test_without_a_runner_telling_does_nothing(monkeypatch):
    monkeypatch.delenv(journal.ADDRESS, raising=False)
    journal.log_verdict("PASS")
    assert not journal.is_listened_to()


def test_the_socket_is_the_users_alone_and_goes_with_the_run():
    listener = JournalListener(lambda event: None)
    folder = Path(listener.address).parent
    assert folder.stat().st_mode & 0o777 == 0o700
    listener.start()
    listener.stop()
    assert not folder.exists()


def test_a_malformed_message_does_not_stop_the_listener(heard):
    events, listener = heard
    from multiprocessing.connection import Client

    with Client(listener.address, family="AF_UNIX") as line:
        line.send_bytes(b"\xff not JSON")
        assert line.recv_bytes() == b"not understood"
        line.send_bytes(json.dumps({"kind": "x", "pid": os.getpid()}).encode())
        line.recv_bytes()
    assert [event["kind"] for event in events] == ["x"]
