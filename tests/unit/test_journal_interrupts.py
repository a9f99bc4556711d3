import threading
from multiprocessing.connection import Client, Listener

import pytest

from mlkit.notebook import journal


def test_an_interrupt_while_telling_does_not_let_later_answers_slip(tmp_path, monkeypatch):
    """Each event has its own answer: one that was interrupted must not lend its answer to the next."""
    listener, heard = Listener(str(tmp_path / "journal"), family="AF_UNIX"), []

    def serve():
        for _ in range(2):
            with listener.accept() as connection:
                heard.append(connection.recv_bytes())
                if len(heard) == 2:
                    connection.send_bytes(b"heard")

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    line = journal._Line()

    class Interrupted:
        def __init__(self, *arguments, **more):
            self.connection = Client(*arguments, **more)

        def send_bytes(self, data):
            self.connection.send_bytes(data)

        def recv_bytes(self):
            raise KeyboardInterrupt

    monkeypatch.setattr(journal, "Client", Interrupted)
    with pytest.raises(KeyboardInterrupt):
        line.tell(str(tmp_path / "journal"), b"first")
    monkeypatch.setattr(journal, "Client", Client)
    line.tell(str(tmp_path / "journal"), b"second")
    thread.join(10)
    assert heard == [b"first", b"second"]
    line._connection.close()
    listener.close()
