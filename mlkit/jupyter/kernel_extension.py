"""The IPython extension that the runner loads into its kernels. JupyterLab does not load it.

It reports to the runner what the notebook does on AWS, resolves parameters that are references to secrets, and ends the kernel when
the runner is killed. A kernel without its runner would go on and cost money.
"""

import contextlib
import json
import os
import signal
import threading
from collections.abc import MutableMapping, Sequence
from multiprocessing.connection import Client
from typing import Any

from mlkit.notebook import journal

STOP_WITHIN_S = 60.0  # a limit against a service that hangs; nobody waits for a kernel whose runner was killed


def load_ipython_extension(shell: Any) -> None:
    """IPython's hook for extensions."""
    del shell
    if not journal.is_listened_to():
        return
    _keep_all_output()
    from mlkit.aws.activity import watch

    journal.tell("hello")
    watch()
    threading.Thread(target=_end_with_the_runner, args=(os.environ[journal.ADDRESS],), daemon=True).start()
    _take_over_from_the_parent_poller()


def resolve(names: Sequence[str], namespace: MutableMapping[str, Any]) -> None:
    """Replace each reference in a parameter by its secret. Raises NotFound, AccessDenied, UsageError."""
    from mlkit.aws.secret_values import resolve_secret

    for name in names:
        if isinstance(namespace.get(name), str):
            namespace[name] = resolve_secret(namespace[name])


def _keep_all_output() -> None:
    """Keep two kinds of output that ipykernel loses.

    ZeroMQ drops messages while a thousand wait to be sent. ipykernel does not send text with half of a surrogate pair, which UTF-8
    cannot encode, nor the output just before it; as a JSON escape it can be sent.
    """
    import zmq
    from ipykernel.kernelapp import IPKernelApp
    from jupyter_client.jsonutil import json_default

    if not IPKernelApp.initialized():
        return
    app = IPKernelApp.instance()
    app.iopub_thread.schedule(lambda: app.iopub_thread.socket.setsockopt(zmq.SNDHWM, 0))  # a socket belongs to one thread
    packed_as_utf8 = app.session.pack

    def packed(content: Any) -> bytes:
        try:
            return bytes(packed_as_utf8(content))
        except UnicodeEncodeError:
            return json.dumps(content, default=json_default).encode()

    app.session.pack = packed


def _end_with_the_runner(address: str) -> None:
    """End the kernel when the runner ends. The system closes this connection however the runner's process ends."""
    with contextlib.suppress(OSError, EOFError), Client(address, family="AF_UNIX") as line:
        line.recv_bytes()
    with contextlib.suppress(Exception):
        _stop_jobs()
    os.killpg(os.getpgid(0), signal.SIGKILL)


def _take_over_from_the_parent_poller() -> None:
    """Replace ipykernel's check for its parent. It would end this process before its jobs are stopped, and leave its children running."""
    from ipykernel.kernelapp import IPKernelApp

    if IPKernelApp.initialized():
        IPKernelApp.instance().poller = None


def _stop_jobs() -> None:
    """Stop the jobs that this kernel started and that still run."""
    from mlkit.aws.activity import started_here
    from mlkit.aws.session import Session
    from mlkit.aws.stopping import stop_started

    log = started_here()
    if log.unfinished_jobs() or log.unfinished_queries():
        stop_started(Session(), log, STOP_WITHIN_S)
