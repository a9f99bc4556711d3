"""An nbclient that handles every error the kernel reports, every stop, and the kernel's end."""

import os
import signal
from dataclasses import dataclass
from queue import Empty
from typing import Any

from jupyter_core.utils import run_sync
from nbclient.exceptions import CellExecutionComplete, CellExecutionError, DeadKernelError
from nbformat import NotebookNode
from nbformat.v4 import new_output
from papermill.clientwrap import PapermillNotebookClient

from mlkit.errors import cure_told
from mlkit.evidence.run_record import Status
from mlkit.runner.cells import is_run
from mlkit.runner.iopub import QUIET_S, KernelClient, Message
from mlkit.runner.run_state import RunState, RunStopped, runner_failed

# Until a kernel whose cells are all done gets SIGTERM, and again until SIGKILL: files that it left open are written, threads end.
SHUTDOWN_WAIT_S = 2 * 10.0
_FOREVER_S = 10**8  # nbclient gives up on output 4 s after the reply, also while it still comes; `iopub` knows when it has ended


@dataclass(frozen=True)
class End:
    """How a cell ended, the reason unless it completed, and whether the kernel can go on."""

    status: Status = Status.COMPLETED
    ename: str = ""
    evalue: str = ""
    cure: str = ""
    kernel_is_free: bool = False


class StoppableClient(PapermillNotebookClient):  # type: ignore[misc]
    """Runs the cells of the manager's notebook. The session records how each cell and the run ended."""

    def __init__(self, manager: Any, session: RunState, **options: Any) -> None:
        hooks = {"on_cell_execute": self._begin_request, "on_cell_executed": self._hear_reply}
        super().__init__(manager, iopub_timeout=_FOREVER_S, **hooks, **options)
        self.session = session
        self._cells: dict[str, NotebookNode] = {}  # by the id of the request that ran them
        self._errors: list[dict[str, Any]] = []  # messages of type `error` that have not ended a cell yet
        self._reply: dict[str, Any] = {}  # the content of the last reply

    def create_kernel_manager(self) -> Any:
        """nbclient's, with a client that reads every message."""
        manager = super().create_kernel_manager()
        manager.client_factory = KernelClient
        return manager

    def start_new_kernel(self, **options: Any) -> None:
        self.session.check_going()
        if getattr(self.km, "ipykernel", False):
            self.extra_arguments += ["--IPKernelApp.log_level=ERROR", "--IPKernelApp.extra_extensions=mlkit.jupyter.kernel_extension"]
        output, kernels_end = os.pipe()
        try:
            super().start_new_kernel(stdout=kernels_end, stderr=kernels_end, **options)
        finally:
            os.close(kernels_end)
        self.km.shutdown_wait_time = SHUTDOWN_WAIT_S
        self.session.started(self.km.provisioner.process, output)

    def papermill_execute_cells(self) -> None:
        """Raises RunStopped if the kernel cannot go on. Otherwise the session records whether a cell failed."""
        reply = self.wait_for_reply(self.kc.kernel_info())
        self.session.python = reply["content"]["language_info"].get("version")
        self.kc.listen(self._hear, self._give_up)
        for index, cell in enumerate(self.nb.cells):
            self.nb_man.cell_start(cell, index)
            if is_run(cell):
                self._run_cell(cell, index)
                if self.session.status is not Status.COMPLETED:
                    return
        self.read_the_rest()
        self._fail_for_earlier_cells()
        self.session.check_going()

    def process_message(self, message: Message, cell: NotebookNode, cell_index: int) -> Any:
        self._cells[message["parent_header"]["msg_id"]] = cell
        try:
            return super().process_message(message, cell, cell_index)
        except CellExecutionComplete:
            raise
        except Exception as problem:  # a message that violates the protocol
            content = {"ename": "UnreadableMessage", "evalue": f"{message['msg_type']}: {type(problem).__name__}: {problem}"}
            self._errors.append({**message, "content": content})

    def output(self, outs: list[Any], msg: Message, display_id: str | None, cell_index: int) -> Any:
        """As nbclient's, but does not validate each of possibly many thousand pieces of plain text against nbformat's schema."""
        content, request = msg["content"], msg["parent_header"].get("msg_id")
        plain = msg["msg_type"] == "stream" and isinstance(content.get("text"), str) and content.get("name") in ("stdout", "stderr")
        if not plain or self.clear_before_next_output or self.output_hook_stack[request]:
            return super().output(outs, msg, display_id, cell_index)
        outs.append(NotebookNode(output_type="stream", name=content["name"], text=content["text"]))  # type: ignore[no-untyped-call]
        return outs[-1]

    def _hear(self, message: Message) -> None:
        if message["msg_type"] == "error":
            self._errors.append(message)

    def _give_up(self, reason: str) -> None:
        self.session.stop(Status.FAILED, reason, grace_s=0.0)
        self.session.signal_kernel(signal.SIGKILL)  # at once: a kernel that floods its output takes the machine's memory

    def _begin_request(self, **_: Any) -> None:
        self.kc.begin_request()

    def _hear_reply(self, execute_reply: Message, **_: Any) -> None:
        self._reply = execute_reply["content"]

    def _run_cell(self, cell: NotebookNode, index: int) -> None:
        session, end = self.session, self._end_of(cell, index)
        if session.stop_status is not None:  # the stop counts even if the cell swallowed it
            end = End(session.stop_status, session.stop_name, session.stop_reason)
        if end.status is not Status.COMPLETED:
            session.fail(end.status, cell, end.ename, end.evalue, end.cure)
        self.nb_man.cell_ended(cell, end.status)
        if end.status is Status.COMPLETED:
            self._fail_for_earlier_cells()
        elif not end.kernel_is_free:
            session.signal_kernel(signal.SIGKILL)  # nbclient cleans up a killed kernel at once
            raise RunStopped

    def _end_of(self, cell: NotebookNode, index: int) -> End:
        session = self.session
        try:
            with session.time_limit(session.cell_timeout_s, "the cell"):
                self.execute_cell(cell, index)
                self._resolve_references(cell, index)
        except CellExecutionError as problem:
            errors = [error for error in self._errors if self._cell_of(error) is cell]
            if problem.ename == "NoneType" and errors:  # what a reply says of an error in a rich representation
                return End(Status.FAILED, *_told(errors[-1]), kernel_is_free=True)
            return End(Status.FAILED, problem.ename, problem.evalue, cure_told(problem.traceback), kernel_is_free=True)
        except DeadKernelError:
            return End(Status.DIED, "KernelDied", *session.death())
        except Exception as problem:  # the run still gets its end
            return End(Status.FAILED, *runner_failed(problem))
        return self._end_without_exception(cell)

    def _end_without_exception(self, cell: NotebookNode) -> End:
        """Finds errors that the kernel's reply does not report as such."""
        if any(payload.get("source") == "ask_exit" for payload in self._reply.get("payload", [])):
            return End(Status.FAILED, "SystemExit", "the cell called quit() or exit()", "Remove the call: a run ends with its last cell.")
        if errors := [error for error in self._errors if self._cell_of(error) is cell]:
            return End(Status.FAILED, *_told(errors[0]), kernel_is_free=True)
        if (status := self._reply["status"]) != "ok":
            return End(Status.FAILED, "CellNotRun", f"the kernel answered `{status}` instead of running the cell", kernel_is_free=True)
        return End()

    def _fail_for_earlier_cells(self) -> None:
        """Fails a cell whose error came after it was done: from a thread, a task of the event loop or a hook."""
        if not self._errors:
            return
        error = self._errors[0]
        cell = self._cell_of(error)
        self.session.fail(Status.FAILED, cell, *_told(error))
        if cell is not None:
            ename, evalue, _ = _told(error)
            shown = new_output("error", ename=ename, evalue=evalue, traceback=_traceback(error))  # type: ignore[no-untyped-call]
            cell.outputs.append(shown)
            self.nb_man.cell_ended(cell, Status.FAILED)

    def _cell_of(self, message: Message) -> NotebookNode | None:
        return self._cells.get(message["parent_header"].get("msg_id", ""))

    async def _read_the_rest(self) -> None:
        """Reads the kernel's messages after the last cell, so that no error among them is lost."""
        request = self.kc.kernel_info()
        await self.async_wait_for_reply(request)
        done = False
        while not done:
            try:
                message = await self.kc.iopub_channel.get_msg(timeout=QUIET_S)
            except Empty:
                return self._give_up("the kernel did not report that its output is complete")
            done = message["parent_header"].get("msg_id") == request and message["content"].get("execution_state") == "idle"

    read_the_rest = run_sync(_read_the_rest)

    def _resolve_references(self, cell: NotebookNode, index: int) -> None:
        """Replaces references in parameters by their secrets, in the kernel only, after the cell that sets them."""
        names = [name for tag in cell.metadata.get("tags", []) for name in self.session.references.get(tag, ())]
        if not names:
            return
        code = f"__import__('mlkit.jupyter.kernel_extension').jupyter.kernel_extension.resolve({names!r}, globals())"
        reply = self.wait_for_reply(self.kc.execute(code, silent=True, store_history=False))["content"]
        if reply["status"] != "ok":
            error = {"ename": "ReferencesNotResolved", "evalue": "", "traceback": [], **reply}
            shown = {name: error[name] for name in ("ename", "evalue", "traceback")}
            cell.outputs.append(new_output("error", **shown))  # type: ignore[no-untyped-call]
            raise CellExecutionError.from_cell_and_msg(cell, error)


def _told(error: dict[str, Any]) -> tuple[str, str, str]:
    """Name, text and cure of an error message."""
    content = error["content"]
    return str(content.get("ename", "")), str(content.get("evalue", "")), cure_told("\n".join(_traceback(error)))


def _traceback(error: dict[str, Any]) -> list[str]:
    return [str(line) for line in error["content"].get("traceback") or []]
