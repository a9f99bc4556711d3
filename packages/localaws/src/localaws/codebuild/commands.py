"""The buildspec's commands, phase by phase, in the build's one shell."""

from collections.abc import Callable, Mapping
from pathlib import Path

from localaws.codebuild import build_machine
from localaws.codebuild.build_log import BuildLog
from localaws.codebuild.buildspec import Buildspec, Phase
from localaws.codebuild.phase_failures import Halted, PhaseFailed
from localaws.codebuild.shell import Shell, ShellEnded
from localaws.codebuild.workspace import Workspace

_KILLED = 128 + 9


class Commands:
    """`check` raises Halted when the build is to end; the running command then gets `grace_s()` before everything is killed."""

    def __init__(
        self,
        spec: Buildspec,
        space: Workspace,
        log: BuildLog,
        *,
        source: Path,
        environment: Mapping[str, str],
        check: Callable[[], None],
        grace_s: Callable[[], float],
    ) -> None:
        self._spec, self._space, self._log = spec, space, log
        self._check, self._grace_s, self._failing = check, grace_s, False
        log.container(f"Moving to directory {source}")
        self._shell = Shell(
            build_machine.shell(spec.shell), folder=space.folder / "shell", cwd=source, environment=environment, output=space.output
        )

    def run(self, name: str) -> None:
        """The commands of a phase up to the first that fails, then all of its `finally`. Raises PhaseFailed for the first failure."""
        self._log.container(f"Entering phase {name.upper()}")
        phase, failure = self._spec.phases.get(name, Phase()), None
        for command in phase.commands:
            if (failure := self._command(command)) is not None:
                break
        for command in phase.finally_commands:
            failed = self._command(command)
            failure = failure or failed
        if failure is not None:
            raise failure

    def export(self, names: list[str]) -> list[dict[str, str]]:
        """What these variables are now; those that are not set are left out. The whole environment is kept for `final_environment`."""
        self._quietly(self._space.exporting(names))
        return self._space.exported(names)

    def evaluated(self, text: str) -> str:
        """The text as the shell makes it, for example `site-$(date +%F)`."""
        path = self._space.folder / "evaluated"
        path.unlink(missing_ok=True)
        escaped = text.replace("\\", "\\\\").replace('"', '\\"')
        self._quietly(f'printf %s "{escaped}" >"{path}"')
        return path.read_text() if path.exists() else text

    def end(self) -> None:
        """Kills whatever the commands left running. The second time nothing happens."""
        self._shell.end()

    def _command(self, command: str) -> PhaseFailed | None:
        """None if the command succeeds. Raises Halted when the build is ended while it runs."""
        self._log.container(f"Running command {command}")
        try:
            code = self._shell.run(command, self._watch)
        except ShellEnded:
            code = _KILLED
        if code == 0:
            return None
        self._log.container(f"Command did not exit successfully {command} exit status {code}")
        if not self._failing:
            self._failing = True
            self._quietly("export CODEBUILD_BUILD_SUCCEEDING=0")
        return PhaseFailed("COMMAND_EXECUTION_ERROR", f"Error while executing command: {command}. Reason: exit status {code}")

    def _watch(self) -> None:
        self._log.read()
        try:
            self._check()
        except Halted as halted:
            self._log.container(halted.message)
            self._shell.end(self._grace_s())
            raise

    def _quietly(self, script: str) -> None:
        """Runs lines of the engine's own in the build's shell, unless that is gone."""
        try:
            self._shell.run(f"{{ {script}\n}} 2>/dev/null", self._watch)
        except ShellEnded:
            return
