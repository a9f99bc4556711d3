"""What can go wrong around `mlkit run`: each fault is set up around a run that is not started yet."""

import contextlib
import json
import os
import resource
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from faulty_runs import WAITS, FaultyRun, policy
from project_pipeline import script
from waiting import wait_until

Fault = Callable[[FaultyRun], contextlib.AbstractContextManager[None]]

FILLS_ITS_DISK = """\
with open(os.path.join(os.path.dirname(os.environ["FAULT_EXECUTED"]), "filler"), "wb", buffering=0) as filler:
    try:
        while True:
            filler.write(bytes(4096))
    except OSError as problem:
        print(problem.strerror)
"""
EATS_MEMORY = """\
with open(os.environ["FAULT_CGROUP"] + "/cgroup.procs", "w") as members:
    members.write(str(os.getpid()))
eaten = []
while True:
    eaten.append(bytearray(b"x") * 1_000_000)
"""


@contextmanager
def nothing(run: FaultyRun) -> Iterator[None]:
    del run
    yield


def with_options(*options: str) -> Fault:
    @contextmanager
    def fault(run: FaultyRun) -> Iterator[None]:
        run.options = options
        yield

    return fault


def from_file(text: str) -> Fault:
    """Another text in the place of the notebook."""

    @contextmanager
    def fault(run: FaultyRun) -> Iterator[None]:
        run.source = text
        yield

    return fault


def with_kernel(code: str | None) -> Fault:
    """A kernel that is this Python code; None is one that is not installed."""

    @contextmanager
    def fault(run: FaultyRun) -> Iterator[None]:
        run.kernel = "broken"
        if code is not None:
            place = run.folder / "jupyter" / "kernels" / "broken"
            place.mkdir(parents=True)
            spec = {"argv": [script("python"), "-c", code, "{connection_file}"], "display_name": "Broken", "language": "python"}
            (place / "kernel.json").write_text(json.dumps(spec))
            run.variables["JUPYTER_PATH"] = str(run.folder / "jupyter")
        yield

    return fault


def as_role(*actions: str) -> Fault:
    """The run has a role's credentials; `withdraw` takes the role's rights away."""

    @contextmanager
    def fault(run: FaultyRun) -> Iterator[None]:
        aws = run.world.local_aws
        trust = policy({"Principal": {"AWS": f"arn:aws:iam::{aws.account}:root"}, "Action": "sts:AssumeRole"})
        arn = aws.client("iam").create_role(RoleName=run.id, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
        rights = policy({"Action": list(actions), "Resource": "*"})
        aws.client("iam").put_role_policy(RoleName=run.id, PolicyName="inline", PolicyDocument=rights)
        session = aws.client("sts").assume_role(RoleArn=arn, RoleSessionName="run")["Credentials"]
        names = {"AWS_ACCESS_KEY_ID": "AccessKeyId", "AWS_SECRET_ACCESS_KEY": "SecretAccessKey", "AWS_SESSION_TOKEN": "SessionToken"}
        run.variables |= {name: session[member] for name, member in names.items()}
        yield

    return fault


def withdraw(run: FaultyRun) -> None:
    """Take the rights of the run's role away, then let the cell go on."""
    run.world.local_aws.client("iam").delete_role_policy(RoleName=run.id, PolicyName="inline")
    run.go()


@cache
def memory_controller() -> Path | None:
    """Where groups with a memory limit can be made, if they can."""
    for root in (Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup")):
        probe = root / f"mlkit-probe-{os.getpid()}"
        try:
            probe.mkdir()
        except OSError:
            continue
        try:
            if any((probe / name).exists() and os.access(probe / name, os.W_OK) for name in _LIMITS):
                return root
        finally:
            probe.rmdir()
    return None


_LIMITS = ("memory.limit_in_bytes", "memory.max")  # cgroup v1, v2


@contextmanager
def little_memory(run: FaultyRun) -> Iterator[None]:
    """A group of 100 MB for the kernel to put itself into, or else SIGKILL to it as the system would send it."""
    root = memory_controller()
    if root is None:
        run.cell = WAITS + "\nimport signal\nos.kill(os.getpid(), signal.SIGKILL)"
        yield
        return
    group = root / run.id
    group.mkdir()
    try:
        for name in _LIMITS:
            if (group / name).exists():
                (group / name).write_text("100000000")
        if (group / "memory.swap.max").exists():
            (group / "memory.swap.max").write_text("0")
        run.variables["FAULT_CGROUP"] = str(group)
        yield
        assert _kills(group) == 1, "the kernel was to be killed by the system"
    finally:
        wait_until((group / "cgroup.procs").read_text, "the group is empty", ok=lambda members: not members)
        group.rmdir()


def _kills(group: Path) -> int:
    texts = [(group / name).read_text() for name in ("memory.oom_control", "memory.events") if (group / name).exists()]
    return next(int(line.split()[1]) for line in "\n".join(texts).splitlines() if line.startswith("oom_kill "))


@cache
def may_mount() -> bool:
    """Whether this user can have a small disk of its own."""
    try:
        return subprocess.run(["unshare", "-rm", "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True).returncode == 0
    except OSError:
        return False


def tiny_disk(*, full: bool) -> Fault:
    """The executed notebook lies on a disk of 1 MB, or may be of no size where no disk can be mounted."""

    @contextmanager
    def fault(run: FaultyRun) -> Iterator[None]:
        if may_mount():
            run.executed.parent.mkdir(parents=True)
            fill = 'head -c 2000000 /dev/zero > "$0/filler" 2> /dev/null; ' if full else ""
            mount = f'mount -t tmpfs -o size=1m none "$0" || exit 99; {fill}exec "$@"'
            run.wrapper, run.elsewhere = ("unshare", "-rm", "sh", "-c", mount, str(run.executed.parent)), True
        elif full:
            run.size_limit_bytes = 0
        yield

    return fault


def fill_the_disk(run: FaultyRun) -> None:
    """Let the cell go on, which fills its disk if it has one of its own; else no file of the runner may grow any more."""
    if not may_mount():
        assert run.process is not None
        resource.prlimit(run.process.pid, resource.RLIMIT_FSIZE, (0, 0))
    run.go()


@contextmanager
def another_run(run: FaultyRun) -> Iterator[None]:
    """Another run is writing the same executed notebook, and is unharmed by the second."""
    first = FaultyRun(run.world, run.folder, cell=WAITS, attempt=0, starts_job=False)
    try:
        first.start()
        first.wait_until_in_the_cell()
        yield
        first.go()
        assert first.wait() == 0, first.printed
        evidence = first.in_s3()
        assert evidence is not None
        assert evidence == first.on_disk()
        assert evidence.cells == ["completed"] * 4
    finally:
        first.kill_all()


def s3_that(answers: Callable[[int, FaultyRun], str]) -> Fault:
    """An S3 that, for the n-th PUT, does what `answers(n, run)` says: "store", "slow down" or "hang"."""

    @contextmanager
    def fault(run: FaultyRun) -> Iterator[None]:
        objects: dict[str, bytes] = {}
        closing, lock, puts = threading.Event(), threading.Lock(), [0]

        class S3(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_PUT(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with lock:
                    puts[0] += 1
                    todo = answers(puts[0], run)
                if todo == "hang":
                    closing.wait()
                    self.close_connection = True
                elif todo == "slow down":
                    self._answer(503, b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>")
                else:
                    objects[Path(self.path.partition("?")[0]).name] = body
                    self._answer(200, b"")

            def do_GET(self) -> None:
                self._answer(200, b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>")

            def _answer(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        with ThreadingHTTPServer(("127.0.0.1", 0), S3) as server:
            server.daemon_threads = True
            serving = threading.Thread(target=server.serve_forever, args=(0.05,))
            serving.start()
            run.variables["AWS_ENDPOINT_URL_S3"] = f"http://127.0.0.1:{server.server_port}"
            run.stored = lambda: objects
            try:
                yield
            finally:
                closing.set()
                server.shutdown()
                serving.join()

    return fault
