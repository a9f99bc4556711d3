"""Start, stop, inspect and delete the local AWS of a folder; the environment variables that point AWS tools to it."""

import http.client
import os
import shutil
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from localaws import client_files, ports
from localaws.errors import DiskFull, LocalAwsFailed
from localaws.front.disk_space import RESERVE_BYTES
from localaws.home import ASSUMPTIONS, Home
from localaws.kit import open_questions

# Only a process that hangs takes this long. The limits suit a slow machine, because a server that is killed early has saved nothing.
_START_TIMEOUT_S = 300.0
_STOP_TIMEOUT_S = 300.0
_ANSWER_TIMEOUT_S = 60.0
# glibc would keep memory of large requests that it has freed. Blocks above this size go back to the system at once.
_LARGE_BLOCKS = {"MALLOC_MMAP_THRESHOLD_": str(1 << 20)}


@dataclass(frozen=True, kw_only=True)
class Running:
    """A local AWS that answers requests."""

    endpoint_url: str
    pid: int
    account: str
    region: str


@dataclass(frozen=True, kw_only=True)
class Status:
    """`running` is None when nothing serves the folder; `log` may not exist before the first start.

    `assumptions` are the answers to open questions about AWS that differ from the defaults.
    """

    home: Path
    log: Path
    running: Running | None
    assumptions: Mapping[str, str]


def up(
    home: Path,
    port: int | None = None,
    *,
    account: str = "123456789012",
    region: str = "us-east-1",
    assume: Mapping[str, str] | None = None,
) -> Running:
    """Start the local AWS in the background if it does not run yet, and wait until it answers.

    Port 0 takes a free port; None takes `ports.PORT`, or a free port if that is taken. `assume` answers open questions about AWS
    (`kit.open_questions`); the answers stay in the home, and None keeps them. Raises LocalAwsFailed if a named port is taken, if the local
    AWS runs with other answers, and with the end of the log if the start fails. Raises WrongAssumption.
    """
    place = Home(path=home.resolve())
    answers = None if assume is None else open_questions.checked(assume)
    if (found := _running(place)) is not None:
        if answers is not None and answers != place.assumptions():
            raise LocalAwsFailed("The local AWS runs with other assumptions.", cure="Stop it first: `localaws down`.")
        return found
    if answers is not None:
        place.write(ASSUMPTIONS, answers)
    if port and not ports.is_free(port):
        raise _port_is_taken(port)
    options = ["--account", account, "--region", region, *(["--port", str(port)] if port is not None else [])]
    pid = _spawn(place, options)
    deadline = time.monotonic() + _START_TIMEOUT_S
    while time.monotonic() < deadline:
        if (found := _running(place)) is not None:
            return found
        if _has_ended(pid):
            raise _not_started(place)
        time.sleep(0.02)
    os.kill(pid, signal.SIGTERM)
    raise LocalAwsFailed(f"The local AWS did not answer within {_START_TIMEOUT_S:.0f} s; see {place.log}.")


def _not_started(place: Home) -> LocalAwsFailed | DiskFull:
    if (free := shutil.disk_usage(place.path).free) < RESERVE_BYTES:
        return DiskFull(f"The local AWS did not start: the disk of {place.path} has only {free / 1e6:.1f} MB left.")
    return LocalAwsFailed(f"The local AWS did not start: {_last_line(place.log)}")


def _port_is_taken(port: int) -> LocalAwsFailed:
    holder = ports.holder(port)
    stop = f"`localaws down` in {holder.folder}" if holder.home else "stop that process"
    return LocalAwsFailed(f"Port {port} on 127.0.0.1 is taken by {holder}.", cure=f"Leave out --port to get a free one, or {stop}.")


def _spawn(place: Home, options: list[str]) -> int:
    """Start a server that outlives this process and its terminal. Returns its process id."""
    place.folder()
    (place.path / "server.json").unlink(missing_ok=True)  # after a kill, the old file would look like the new server's
    # -P imports the installed package, and no module of the same name in the current folder
    command = [sys.executable, "-P", "-m", "localaws.server", "--background", "--home", str(place.path), *options]
    log = os.open(place.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    try:
        streams = [(os.POSIX_SPAWN_DUP2, nothing, 0), (os.POSIX_SPAWN_DUP2, log, 1), (os.POSIX_SPAWN_DUP2, log, 2)]
        return os.posix_spawn(sys.executable, command, {**os.environ, **_LARGE_BLOCKS}, file_actions=streams)
    finally:
        os.close(log)
        os.close(nothing)


def _has_ended(pid: int) -> bool:
    """Whether our child process ended; if so, reap it. False for a process that is not our child."""
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return False


def down(home: Path) -> bool:
    """Stop the local AWS and wait until it has saved its state. False if it did not run."""
    place = Home(path=home.resolve())
    record = place.read("server.json")
    if record is None or not place.is_locked():
        return False
    os.kill(record["pid"], signal.SIGTERM)
    deadline = time.monotonic() + _STOP_TIMEOUT_S
    while place.is_locked():
        if time.monotonic() > deadline:
            os.kill(record["pid"], signal.SIGKILL)
            deadline += _STOP_TIMEOUT_S
        time.sleep(0.02)
    _has_ended(record["pid"])
    return True


def status(home: Path) -> Status:
    """Whether the local AWS runs, and its address."""
    place = Home(path=home.resolve())
    return Status(home=place.path, log=place.log, running=_running(place), assumptions=place.assumptions())


def reset(home: Path) -> None:
    """Stop the local AWS and delete its folder, without asking."""
    down(home)
    shutil.rmtree(home.resolve(), ignore_errors=True)


def environment(home: Path) -> dict[str, str]:
    """The variables that make boto3, the SDKs and the AWS CLI use the local AWS, despite the user's own settings.

    Profiles and credentials come from files in this home. A proxy, an endpoint for one service or the setting to ignore endpoints would
    send calls elsewhere, so the variables override them. Raises LocalAwsFailed if the local AWS does not run.
    """
    place = Home(path=home.resolve())
    running, credentials = _running(place), place.credentials()
    if running is None or credentials is None:
        raise LocalAwsFailed("The local AWS does not run.", cure="Start it with `localaws up`.")
    direct = _without_proxy()
    return {
        **{name: running.endpoint_url for name in os.environ if name.startswith("AWS_ENDPOINT_URL_")},
        "AWS_ENDPOINT_URL": running.endpoint_url,
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "false",
        "AWS_ACCESS_KEY_ID": credentials.access_key_id,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_access_key,
        "AWS_SESSION_TOKEN": "",
        "AWS_SECURITY_TOKEN": "",
        "AWS_REGION": running.region,
        "AWS_DEFAULT_REGION": running.region,
        "AWS_PROFILE": "default",
        **client_files.variables(place),
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_USE_FIPS_ENDPOINT": "false",
        "AWS_USE_DUALSTACK_ENDPOINT": "false",
        "NO_PROXY": direct,
        "no_proxy": direct,
        "SAGEMAKER_VALIDATE_ROLE": "false",
    }


def _without_proxy() -> str:
    """The hosts that clients reach without a proxy: the user's list and 127.0.0.1."""
    known = os.environ.get("NO_PROXY") or os.environ.get("no_proxy") or ""
    return ",".join(dict.fromkeys([*filter(None, known.split(",")), "127.0.0.1"]))


def log_path(home: Path) -> Path:
    return Home(path=home.resolve()).log


def _running(place: Home) -> Running | None:
    record = place.read("server.json")
    if record is None or not place.is_locked() or not _answers(record["port"]):
        return None
    return Running(endpoint_url=f"http://127.0.0.1:{record['port']}", pid=record["pid"], account=record["account"], region=record["region"])


def _answers(port: int) -> bool:
    """Whether our server listens on the port: it refuses an unsigned request with 403."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_ANSWER_TIMEOUT_S)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status == 403
    except OSError:
        return False
    finally:
        connection.close()


def _last_line(log: Path) -> str:
    lines = [line for line in log.read_text().splitlines() if line.strip()]
    return lines[-1] if lines else f"nothing in {log}"
