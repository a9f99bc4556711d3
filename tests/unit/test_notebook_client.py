"""What the client makes of a kernel's messages and of its end, without a kernel."""

import asyncio
import signal
from queue import Empty
from types import SimpleNamespace
from typing import Any

import pytest
from nbclient.exceptions import CellExecutionComplete, CellExecutionError, DeadKernelError
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell
from test_papermill_engine import Heard, loaded, started

from mlkit.errors import NEXT
from mlkit.evidence.run_record import Status
from mlkit.runner.iopub import QUIET_S
from mlkit.runner.notebook_client import SHUTDOWN_WAIT_S, End, StoppableClient
from mlkit.runner.run_state import RunStopped

ERROR = {"ename": "ValueError", "evalue": "why", "traceback": ["line 1", "line 2"]}


class At:
    """A client at work on a notebook of the cells, the signals it sends, and its state."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *cells: NotebookNode) -> None:
        heard = Heard()
        self.manager = started(heard, *cells)
        self.state, self.told = heard.state, heard.told
        self.client = StoppableClient(self.manager, self.state, record_timing=False)
        self.client.clear_before_next_output = False  # as nbclient does when a cell begins
        self.cells = self.manager.nb.cells
        self.signals: list[int] = []
        monkeypatch.setattr(self.state, "signal_kernel", self.signals.append)
        for cell in self.cells:
            self.manager.cell_start(cell, 0)

    def hears(self, kind: str, request: str = "", cell: int | None = None, **content: Any) -> None:
        """A message comes; with `cell` while that one runs."""
        message = {"msg_type": kind, "parent_header": {"msg_id": request} if request else {}, "content": content}
        self.client._hear(message)
        if cell is not None:
            self.client._cells[request] = self.cells[cell]

    def replies(self, **content: Any) -> None:
        self.client._hear_reply(execute_reply={"content": content}, cell=None, cell_index=0)

    @property
    def cure(self) -> str:
        assert self.state.failure is not None
        return self.state.failure[1].cure

    def runs(self, monkeypatch: pytest.MonkeyPatch, ends: Any) -> None:
        """The first cell runs; `ends` is the exception that nbclient raises, or the reply's content."""

        def execute(cell: NotebookNode, index: int) -> None:
            assert cell is self.cells[index]
            if isinstance(ends, Exception):
                raise ends
            self.replies(**ends)

        monkeypatch.setattr(self.client, "execute_cell", execute)
        self.client._run_cell(self.cells[0], 0)


def cell_error(ename: str = "ValueError", evalue: str = "why", traceback: str = "") -> CellExecutionError:
    return CellExecutionError(traceback=traceback, ename=ename, evalue=evalue)


def failure_of(at: At) -> tuple[Status, Any, str, str]:
    cell, failure = at.state.failure or (None, None)
    assert failure is not None
    return at.state.status, cell, failure.ename, failure.evalue


def test_a_cell_that_completes_is_stamped_so_and_the_kernel_lives(monkeypatch):
    at = At(monkeypatch, new_code_cell("1"))
    at.runs(monkeypatch, {"status": "ok"})
    assert at.state.status is Status.COMPLETED
    assert at.state.failure is None
    assert at.told[-1] == ("1", Status.COMPLETED)
    assert at.signals == []


@pytest.mark.parametrize(
    ("ends", "ename", "evalue"),
    [
        (cell_error(), "ValueError", "why"),
        ({"status": "aborted"}, "CellNotRun", "the kernel answered `aborted` instead of running the cell"),
    ],
)
def test_a_cell_that_fails_lets_the_kernel_end_in_order(monkeypatch, ends, ename, evalue):
    at = At(monkeypatch, new_code_cell("1"))
    at.runs(monkeypatch, ends)
    assert failure_of(at) == (Status.FAILED, at.cells[0], ename, evalue)
    assert at.told[-1] == ("1", Status.FAILED)
    assert at.signals == []


@pytest.mark.parametrize("source", ["ask_exit", "page"])
def test_only_an_exit_that_was_asked_for_ends_the_kernel(monkeypatch, source):
    at = At(monkeypatch, new_code_cell("1"))
    ends = {"status": "ok", "payload": [{"source": "page"}, {"source": source}]}
    if source == "page":
        at.runs(monkeypatch, ends)
        assert at.state.failure is None
        return
    with pytest.raises(RunStopped):
        at.runs(monkeypatch, ends)
    assert failure_of(at) == (Status.FAILED, at.cells[0], "SystemExit", "the cell called quit() or exit()")
    assert "Remove the call" in at.cure
    assert at.signals == [signal.SIGKILL]


def test_a_kernel_that_died_is_told_by_its_own_cause(monkeypatch):
    at = At(monkeypatch, new_code_cell("1"))
    with pytest.raises(RunStopped):
        at.runs(monkeypatch, DeadKernelError("Kernel died"))
    assert failure_of(at) == (Status.DIED, at.cells[0], "KernelDied", "the kernel died")
    assert at.signals == [signal.SIGKILL]


def test_an_exception_that_nobody_expects_ends_the_run_by_its_name(monkeypatch):
    at = At(monkeypatch, new_code_cell("1"))
    with pytest.raises(RunStopped):
        at.runs(monkeypatch, KeyError("msg_id"))
    status, cell, ename, evalue = failure_of(at)
    assert (status, cell, ename) == (Status.FAILED, at.cells[0], "RunnerFailed")
    assert evalue.startswith("KeyError: 'msg_id' (test_notebook_client.py, line ")


@pytest.mark.parametrize("ends", [{"status": "ok"}, cell_error("KeyboardInterrupt", "")])
def test_a_stop_counts_whatever_the_cell_made_of_it(monkeypatch, ends):
    at = At(monkeypatch, new_code_cell("1"))
    at.state.stop_status, at.state.stop_reason = Status.TIMED_OUT, "the cell took longer than 8 s"
    with pytest.raises(RunStopped):
        at.runs(monkeypatch, ends)
    assert failure_of(at) == (Status.TIMED_OUT, at.cells[0], "Interrupted", "the cell took longer than 8 s")
    assert at.told[-1] == ("1", Status.TIMED_OUT)
    assert at.signals == [signal.SIGKILL]


def test_the_cells_limit_is_set_while_it_runs(monkeypatch):
    at = At(monkeypatch, new_code_cell("1"))
    at.state.cell_timeout_s = 8.0
    limits: list[Any] = []

    class Limit:
        def __init__(self, seconds: float, what: str) -> None:
            limits.append((seconds, what))

        def __enter__(self) -> None:
            limits.append("begins")

        def __exit__(self, *_: Any) -> None:
            limits.append("ends")

    monkeypatch.setattr(at.state, "time_limit", Limit)
    at.runs(monkeypatch, {"status": "ok"})
    assert limits == [(8.0, "the cell"), "begins", "ends"]


def test_an_error_that_the_reply_hides_fails_its_cell_with_the_first_of_them(monkeypatch):
    at = At(monkeypatch, new_code_cell("1"), new_code_cell("2"))
    at.hears("error", "b", 1, ename="OfAnother", evalue="")
    at.hears("error", "a", 0, **ERROR)
    at.hears("error", "a", 0, ename="Second", evalue="")
    at.hears("stream", "a", 0, text="1", name="stdout")
    at.replies(status="ok")
    assert at.client._end_without_exception(at.cells[0]) == End(Status.FAILED, "ValueError", "why", kernel_is_free=True)


def test_an_error_that_the_reply_hides_ends_its_cell(monkeypatch):
    at = At(monkeypatch, new_code_cell("1"), new_code_cell("2"))
    at.hears("error", "a", 0, **ERROR)
    at.runs(monkeypatch, {"status": "ok"})
    assert failure_of(at) == (Status.FAILED, at.cells[0], "ValueError", "why")
    assert at.told[-1] == ("1", Status.FAILED)
    assert at.cells[0].outputs == []  # the kernel has shown it already


def test_the_cure_of_an_error_is_read_from_its_traceback(monkeypatch):
    at = At(monkeypatch, new_code_cell("1"))
    at.runs(monkeypatch, cell_error(traceback=f"Traceback ...\n{NEXT}Give a smaller number."))
    assert at.cure == "Give a smaller number."


@pytest.mark.parametrize(("ename", "told"), [("NoneType", "Shown"), ("ValueError", "ValueError")])
def test_a_reply_that_has_no_name_for_its_error_takes_that_of_the_last_message(monkeypatch, ename, told):
    at = At(monkeypatch, new_code_cell("1"), new_code_cell("2"))
    at.hears("error", "a", 0, **ERROR)
    at.hears("error", "a", 0, ename="Shown", evalue="why")
    at.hears("error", "b", 1, ename="OfAnother", evalue="")
    at.runs(monkeypatch, cell_error(ename))
    assert failure_of(at) == (Status.FAILED, at.cells[0], told, "why")
    assert at.signals == []


def test_a_nameless_error_without_a_message_keeps_what_the_reply_said(monkeypatch):
    at = At(monkeypatch, new_code_cell("1"))
    at.runs(monkeypatch, cell_error("NoneType", "said"))
    assert failure_of(at) == (Status.FAILED, at.cells[0], "NoneType", "said")


def test_an_error_that_comes_after_its_cell_fails_that_cell_and_is_shown_in_it(monkeypatch):
    at = At(monkeypatch, new_code_cell("1"), new_code_cell("2"))
    at.client._fail_for_earlier_cells()
    assert at.state.failure is None
    at.hears("error", "a", 0, **ERROR)
    at.client._fail_for_earlier_cells()
    assert failure_of(at) == (Status.FAILED, at.cells[0], "ValueError", "why")
    assert at.cells[0].outputs == [{"output_type": "error", **ERROR}]
    assert at.told[-1] == ("1", Status.FAILED)


def test_an_error_of_an_earlier_cell_is_found_when_the_next_one_is_done(monkeypatch):
    at = At(monkeypatch, new_code_cell("1"), new_code_cell("2"))
    at.hears("error", "b", 1, **ERROR)
    at.runs(monkeypatch, {"status": "ok"})
    assert failure_of(at) == (Status.FAILED, at.cells[1], "ValueError", "why")


@pytest.mark.parametrize("request_id", ["", "of nobody"])
def test_an_error_of_no_cell_fails_the_run(monkeypatch, request_id):
    at = At(monkeypatch, new_code_cell("1"))
    at.hears("error", request_id, ename="ValueError", evalue="why", traceback=None)
    at.client._fail_for_earlier_cells()
    assert failure_of(at) == (Status.FAILED, None, "ValueError", "why")
    assert at.cells[0].outputs == []


def test_an_error_without_any_content_still_fails_the_run(monkeypatch):
    at = At(monkeypatch, new_code_cell("1"))
    at.hears("error", "a", 0)
    at.client._fail_for_earlier_cells()
    assert failure_of(at) == (Status.FAILED, at.cells[0], "", "")
    assert at.cells[0].outputs == [{"output_type": "error", "ename": "", "evalue": "", "traceback": []}]


def message(kind: str, request: str = "a", **content: Any) -> dict[str, Any]:
    return {"msg_type": kind, "header": {"msg_type": kind}, "parent_header": {"msg_id": request}, "content": content, "metadata": {}}


def test_a_message_that_violates_the_protocol_is_an_error_of_its_cell(monkeypatch):
    at = At(monkeypatch, new_code_cell("1"))
    at.client.process_message(message("display_data"), at.cells[0], 0)
    (error,) = at.client._errors
    assert error["content"]["ename"] == "UnreadableMessage"
    assert error["content"]["evalue"].startswith("display_data: ")
    assert at.client._cell_of(error) is at.cells[0]


def test_a_message_reaches_nbclient_with_its_cells_number(monkeypatch):
    at, numbers = At(monkeypatch, new_code_cell("1")), []
    monkeypatch.setattr(at.client, "output", lambda outs, msg, display_id, cell_index: numbers.append(cell_index))
    at.client.process_message(message("stream", name="stdout", text="a"), at.cells[0], 3)
    assert numbers == [3]


def test_the_end_of_a_cell_is_no_violation(monkeypatch):
    at = At(monkeypatch, new_code_cell("1"))
    with pytest.raises(CellExecutionComplete):
        at.client.process_message(message("status", execution_state="idle"), at.cells[0], 0)
    assert at.client._errors == []


def test_plain_text_is_taken_as_it_is_and_not_held_against_the_schema(monkeypatch):
    at = At(monkeypatch, new_code_cell("1"))
    monkeypatch.setattr("nbclient.client.NotebookClient.output", None)
    outputs: list[Any] = []
    for text in ("a", "b"):
        made = at.client.output(outputs, message("stream", name="stdout", text=text), "", 0)
        assert made is outputs[-1]
    assert outputs == [{"output_type": "stream", "name": "stdout", "text": text} for text in ("a", "b")]


@pytest.mark.parametrize("content", [{"name": "stdlog", "text": "a"}, {"name": "stdout", "text": 1}, {"text": "a"}])
def test_text_that_is_no_plain_one_goes_through_the_schema(monkeypatch, content):
    at, seen = At(monkeypatch, new_code_cell("1")), []
    monkeypatch.setattr("nbclient.client.NotebookClient.output", lambda self, *arguments: seen.append(arguments))
    at.client.output([], message("stream", **content), "", 0)
    assert len(seen) == 1


@pytest.mark.parametrize("waits", ["to clear", "for a widget"])
def test_text_that_replaces_another_or_belongs_to_a_widget_goes_where_nbclient_puts_it(monkeypatch, waits):
    at, hooked = At(monkeypatch, new_code_cell("1")), []
    outputs: list[Any] = [{"old": True}]

    def take(outs: list[Any], msg: dict[str, Any], display_id: str, cell_index: int) -> None:
        hooked.append((msg["content"]["text"], display_id, cell_index))

    if waits == "to clear":
        at.client.clear_before_next_output = True
    else:
        at.client.output_hook_stack["a"].append(SimpleNamespace(output=take))
    at.client.output(outputs, message("stream", name="stdout", text="new"), "shown", 3)
    assert (len(outputs), hooked) == ((1, []) if waits == "to clear" else (1, [("new", "shown", 3)]))
    assert ({"old": True} in outputs) is (waits == "for a widget")


@pytest.mark.parametrize("tags", [["parameters"], ["injected-parameters", "parameters"], ["x", "parameters", "y"]])
def test_references_are_resolved_behind_the_cell_that_any_of_its_tags_names(monkeypatch, tags):
    at, asked = At(monkeypatch, new_code_cell("1", metadata={"tags": tags})), []
    at.state.references = {"parameters": ["token"]}
    at.client.kc = SimpleNamespace(execute=lambda code, **options: asked.append((code, options)) or "request")
    monkeypatch.setattr(at.client, "wait_for_reply", lambda request: {"content": {"status": "ok"}, "of": request})
    at.runs(monkeypatch, {"status": "ok"})
    (code, options) = asked[0]
    assert "kernel_extension.resolve(['token'], globals())" in code
    assert options == {"silent": True, "store_history": False}
    assert at.state.failure is None


def test_nothing_is_asked_of_a_cell_that_sets_no_reference(monkeypatch):
    at = At(monkeypatch, new_code_cell("1", metadata={"tags": ["x"]}), new_code_cell("2"))
    at.state.references = {"parameters": ["token"]}
    at.client._resolve_references(at.cells[0], 0)  # no client that could be asked is there
    at.client._resolve_references(at.cells[1], 1)


@pytest.mark.parametrize("told", [ERROR, {}])
def test_a_reference_that_cannot_be_resolved_fails_its_cell(monkeypatch, told):
    at = At(monkeypatch, new_code_cell("1", metadata={"tags": ["parameters"]}))
    at.state.references = {"parameters": ["token"]}
    at.client.kc = SimpleNamespace(execute=lambda code, **options: "request")
    monkeypatch.setattr(at.client, "wait_for_reply", lambda request: {"content": {"status": "error", **told}})
    at.runs(monkeypatch, {"status": "ok"})
    shown = {"ename": "ReferencesNotResolved", "evalue": "", "traceback": [], **told}
    assert failure_of(at) == (Status.FAILED, at.cells[0], shown["ename"], shown["evalue"])
    assert at.cells[0].outputs == [{"output_type": "error", **shown}]


class Messages:
    def __init__(self, *messages: dict[str, Any]) -> None:
        self.left, self.timeouts = list(messages), []

    async def get_msg(self, timeout: float) -> dict[str, Any]:
        self.timeouts.append(timeout)
        if not self.left:
            raise Empty
        return self.left.pop(0)


def rest(at: At, monkeypatch: pytest.MonkeyPatch, *messages: dict[str, Any]) -> Messages:
    """The client reads what comes after the last cell."""

    async def answered(request: str) -> None:
        assert request == "last"

    channel = Messages(*messages)
    at.client.kc = SimpleNamespace(kernel_info=lambda: "last", iopub_channel=channel)
    monkeypatch.setattr(at.client, "async_wait_for_reply", answered)
    asyncio.run(at.client._read_the_rest())
    return channel


def test_what_comes_after_the_last_cell_is_read_until_the_kernel_is_idle_again(monkeypatch):
    at = At(monkeypatch, new_code_cell("1"))
    idle = message("status", "last", execution_state="idle")
    before = [message("status", "last", execution_state="busy"), message("status", "a", execution_state="idle"), message("stream", "last")]
    channel = rest(at, monkeypatch, *before, idle, message("stream", "a"))
    assert channel.left == [message("stream", "a")]
    assert set(channel.timeouts) == {QUIET_S}
    assert at.state.stop_status is None


def test_a_kernel_that_does_not_report_its_end_is_stopped_at_once(monkeypatch):
    at, stopped = At(monkeypatch, new_code_cell("1")), []
    monkeypatch.setattr(at.state, "stop", lambda status, reason, grace_s: stopped.append((status, reason, grace_s)))
    rest(at, monkeypatch, message("status", "last", execution_state="busy"))
    assert stopped == [(Status.FAILED, "the kernel did not report that its output is complete", 0.0)]
    assert at.signals == [signal.SIGKILL]


def test_a_manager_gets_a_client_that_loses_no_message(monkeypatch):
    at = At(monkeypatch, new_code_cell("1"))
    assert at.client.create_kernel_manager().client_factory.__name__ == "KernelClient"


@pytest.mark.parametrize("is_python", [True, False])
def test_a_kernel_begins_with_our_extension_unless_it_is_no_python(monkeypatch, is_python):
    at, options, listened = At(monkeypatch, new_code_cell("1")), {}, []
    process = SimpleNamespace(pid=7)
    at.client.km = SimpleNamespace(ipykernel=is_python, provisioner=SimpleNamespace(process=process))
    monkeypatch.setattr("nbclient.client.NotebookClient.start_new_kernel", lambda self, **given: options.update(given))
    monkeypatch.setattr(at.state, "started", lambda *given: listened.append(given))
    at.client.start_new_kernel(cwd="/here")
    ((begun, output),) = listened
    assert begun is process
    with open(output, "rb") as lines:
        assert lines.read() == b""  # the other end is closed
    assert options["cwd"] == "/here"
    assert options["stdout"] == options["stderr"]
    assert sum("mlkit.jupyter.kernel_extension" in argument for argument in at.client.extra_arguments) == is_python
    assert at.client.km.shutdown_wait_time == SHUTDOWN_WAIT_S


def test_no_kernel_is_started_after_a_stop(monkeypatch):
    at = At(monkeypatch, new_code_cell("1"))
    at.state.stop_status = Status.INTERRUPTED
    with pytest.raises(RunStopped):
        at.client.start_new_kernel()


def test_the_cells_run_in_order_until_one_fails(monkeypatch):
    ran: list[str] = []

    def run_all(*ends: Status) -> Any:
        ran.clear()
        heard = Heard()
        cells = [new_code_cell(str(number)) for number in range(len(ends))]
        book = loaded(*cells[:1], new_code_cell(" "), *cells[1:])
        manager = started(heard, *book.cells)
        client = StoppableClient(manager, heard.state)
        listens: list[Any] = []
        client.kc = SimpleNamespace(kernel_info=lambda: "info", listen=lambda *called: listens.append(called))
        reply = {"content": {"language_info": {"version": "3.11.7"}}}
        monkeypatch.setattr(client, "wait_for_reply", lambda request: reply)
        monkeypatch.setattr(client, "read_the_rest", lambda: ran.append("rest"))
        monkeypatch.setattr(client, "_fail_for_earlier_cells", lambda: ran.append("late errors"))

        def run(cell: NotebookNode, index: int) -> None:
            assert manager.nb.cells[index] is cell
            ran.append(cell.source)
            heard.state.status = ends[int(cell.source)]

        monkeypatch.setattr(client, "_run_cell", run)
        client.papermill_execute_cells()
        assert heard.state.python == "3.11.7"
        assert listens == [(client._hear, client._give_up)]
        return client

    run_all(Status.COMPLETED, Status.COMPLETED)
    assert ran == ["0", "1", "rest", "late errors"]
    run_all(Status.COMPLETED, Status.FAILED, Status.COMPLETED)
    assert ran == ["0", "1"]


def test_a_stop_after_the_last_cell_still_ends_the_run(monkeypatch):
    at = At(monkeypatch)
    reply = {"content": {"language_info": {"version": "3.11.7"}}}
    at.client.kc = SimpleNamespace(kernel_info=lambda: "info", listen=lambda *called: None)
    monkeypatch.setattr(at.client, "wait_for_reply", lambda request: reply)
    monkeypatch.setattr(at.client, "read_the_rest", lambda: setattr(at.state, "stop_status", Status.INTERRUPTED))
    with pytest.raises(RunStopped):
        at.client.papermill_execute_cells()
    assert at.state.status is Status.INTERRUPTED


def test_every_request_begins_before_its_reply(monkeypatch):
    at, begun = At(monkeypatch, new_code_cell("1")), []
    at.client.kc = SimpleNamespace(begin_request=lambda: begun.append(1))
    at.client.on_cell_execute(cell=at.cells[0], cell_index=0)
    assert begun == [1]
    at.client.on_cell_executed(cell=at.cells[0], cell_index=0, execute_reply={"content": {"status": "ok"}})
    assert at.client._reply == {"status": "ok"}
    assert at.client.iopub_timeout >= 10**8
