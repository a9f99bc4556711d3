"""The one shell of a build: all commands of all phases run in it, so that folder, variables and functions last.

A command may end the shell (`exit`, `set -e`). Then that is the command's exit code, and the next command finds a new shell with the old
one's folder, variables and (in bash) functions: processes left in the background live on, as they do in a container.
"""

import os
import select
import shlex
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from localaws.kit.child_process import Child

_POLL_S = 0.05

# Starts shell after shell. It outlives SIGTERM, so that the running command may take its time to end.
_LOOP = """\
trap : TERM
umask 022
while :; do
  env -i "$1" "$2/driver" "$2"
  echo "$?" >"$2/results"
done
"""

# Takes the names of scripts from one pipe and gives their exit codes to another. Its own doings are kept out of `set -x`.
# On SIGTERM it lets the running program end, and nothing follows.
_DRIVER = """\
{{
  _codebuild=$1; shift
  trap 'exit 143' TERM
  . "$_codebuild/state"
  cd "$(cat "$_codebuild/cwd")"
  trap '{save}; pwd >"$_codebuild/cwd"' EXIT
}} 2>/dev/null
while {{ IFS= read -r _codebuild_script <"$_codebuild/scripts"; }} 2>/dev/null; do
  . "$_codebuild_script" </dev/null
  {{ echo "$?" >"$_codebuild/results"; }} 2>/dev/null
done
"""
# Everything but the shell's constants, which it would refuse to take back.
_SAVE = {
    "bash": r"""{ declare -p | grep -v "^declare -[A-Za-z]*r"; declare -f; } >"$_codebuild/state" 2>/dev/null""",
    "sh": r"""{ export -p; set | grep -vE "^(BASHOPTS|BASH_VERSINFO|EUID|PPID|SHELLOPTS|UID)="; } >"$_codebuild/state" 2>/dev/null""",
}


class ShellEnded(Exception):
    """The shell and its guard are gone: somebody killed them, or the machine had no memory left."""


class Shell:
    """`program` is the path of bash or of sh. `folder` (made here) holds pipes and scripts; what commands print is appended to `output`."""

    def __init__(self, program: str, *, folder: Path, cwd: Path, environment: Mapping[str, str], output: Path) -> None:
        self._folder, self._count, self._ended = folder, 0, False
        folder.mkdir(mode=0o700)
        (folder / "driver").write_text(_DRIVER.format(save=_SAVE[Path(program).name]))
        state = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in environment.items())
        (folder / "state").write_text(state)
        (folder / "cwd").write_text(f"{cwd}\n")
        for name in ("scripts", "results"):
            os.mkfifo(folder / name)
        # Both ends are held open, so that neither side ever waits for the other to open its own.
        self._scripts = os.open(folder / "scripts", os.O_RDWR)
        self._results = os.open(folder / "results", os.O_RDWR)
        command = ["/bin/sh", "-c", _LOOP, "codebuild", program, str(folder)]
        self._child = Child(command, cwd=folder, output=output, pidfile=folder / "pid", environment={})

    def run(self, command: str, watch: Callable[[], None]) -> int:
        """The exit code. `watch` is called often while the command runs; what it raises goes to the caller, and the command goes on.

        Raises ShellEnded.
        """
        if self._ended:
            raise ShellEnded
        self._count += 1
        script = self._folder / f"{self._count}.sh"
        script.write_text(f"{command}\n")
        os.write(self._scripts, f"{script}\n".encode())
        while (code := self._result()) is None:
            watch()
        script.unlink()
        return code

    def end(self, grace_s: float = 0.0) -> None:
        """Asks the running command to end and gives it `grace_s`; then kills everything that the build started. It may be called again."""
        if grace_s > 0 and not self._ended and self._child.wait(0) is None:
            self._child.terminate()
            deadline = time.monotonic() + grace_s
            while time.monotonic() < deadline:
                try:
                    if self._result() is not None:
                        break
                except ShellEnded:
                    break
        self._child.kill()
        while self._child.wait(1.0) is None:
            pass
        for name in ("scripts", "results"):
            (self._folder / name).unlink(missing_ok=True)
        if not self._ended:
            self._ended = True
            os.close(self._scripts)
            os.close(self._results)

    def _result(self) -> int | None:
        """The exit code of the running command, or None after a moment's wait."""
        if select.select([self._results], [], [], _POLL_S)[0]:
            return int(os.read(self._results, 64).split()[0])
        if self._child.wait(0) is not None:
            raise ShellEnded
        return None
