"""The shell of a build. All commands of all phases run in it, so they share folder, variables and functions.

If a command ends the shell (`exit`, `set -e`), the shell's exit code is the command's. The next command runs in a new shell with the
folder, variables and (in bash) functions of the old one. If the shell cannot save them at its end (`exec`, `kill -9`, a trap of the
command's own), the new one has those from the end of the command before. Background processes continue, as in a container.
"""

import os
import select
import shlex
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from localaws.kit.child_process import Child
from localaws.kit.sandbox import Sandbox

_POLL_S = 0.05

_OWN = "own"  # the subfolder in which the build itself may write

# Starts one shell after the other. It ignores SIGTERM, so that the running command can end by itself.
_LOOP = """\
trap : TERM
umask 022
while :; do
  env -i "$1" "$2/driver" "$2/own"
  echo "$?" >"$2/own/results"
done
"""

# Reads the paths of scripts from one pipe and writes their exit codes to another. `set -x` does not show its own commands.
# On SIGTERM it waits for the running program and then exits.
_DRIVER = """\
{{
  _codebuild=$1; shift
  trap 'exit 143' TERM
  . "$_codebuild/state"
  cd "$(cat "$_codebuild/cwd")"
  trap '{save}; pwd >|"$_codebuild/cwd"' EXIT
}} 2>/dev/null
while {{ IFS= read -r _codebuild_script <"$_codebuild/scripts"; }} 2>/dev/null; do
  . "$_codebuild_script" </dev/null
  {{ _codebuild_code=$?; {save}; pwd >|"$_codebuild/cwd"; echo "$_codebuild_code" >"$_codebuild/results"; }} 2>/dev/null
done
"""
# Saves everything except read-only variables, which a shell cannot set again.
_SAVE = {
    "bash": r"""{ declare -p | grep -v "^declare -[A-Za-z]*r"; declare -f; } >|"$_codebuild/state" 2>/dev/null""",
    "sh": r"""{ export -p; set | grep -vE "^(BASHOPTS|BASH_VERSINFO|EUID|PPID|SHELLOPTS|UID)="; } >|"$_codebuild/state" 2>/dev/null""",
}


def own_folder(folder: Path) -> Path:
    return folder / _OWN


class ShellEnded(Exception):
    """The shell's processes no longer exist: they were killed, by a user or for lack of memory."""


class Shell:
    """`program` is the path of bash or sh. `folder` is created for pipes and scripts. The commands' output is appended to `output`.

    `own_folder` gives the part of `folder` that the sandbox must let the build write to.
    """

    def __init__(
        self, program: str, *, folder: Path, cwd: Path, environment: Mapping[str, str], output: Path, sandbox: Sandbox | None = None
    ) -> None:
        self._folder, self._own, self._count, self._ended = folder, own_folder(folder), 0, False
        self._own.mkdir(mode=0o700, parents=True)
        (folder / "driver").write_text(_DRIVER.format(save=_SAVE[Path(program).name]))
        state = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in environment.items())
        (self._own / "state").write_text(state)
        (self._own / "cwd").write_text(f"{cwd}\n")
        for name in ("scripts", "results"):
            os.mkfifo(self._own / name)
        # Opening both ends here keeps both sides from waiting for the other to open its end.
        self._scripts = os.open(self._own / "scripts", os.O_RDWR)
        self._results = os.open(self._own / "results", os.O_RDWR)
        command = ["/bin/sh", "-c", _LOOP, "codebuild", program, str(folder)]
        self._child = Child(command, cwd=folder, output=output, pidfile=folder / "pid", environment={}, sandbox=sandbox)

    def run(self, command: str, watch: Callable[[], None]) -> int:
        """Run a command and return its exit code. `watch` is called often while it runs. Raises ShellEnded.

        An exception of `watch` reaches the caller; the command continues.
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
        """Send SIGTERM to the running command, wait up to `grace_s`, then kill all processes of the build. A second call has no effect."""
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
            (self._own / name).unlink(missing_ok=True)
        if not self._ended:
            self._ended = True
            os.close(self._scripts)
            os.close(self._results)

    def _result(self) -> int | None:
        """The exit code of the running command, or None if it still runs after _POLL_S."""
        if select.select([self._results], [], [], _POLL_S)[0]:
            return int(os.read(self._results, 64).split()[0])
        if self._child.wait(0) is not None:
            raise ShellEnded
        return None
