"""Runs the buildspec's commands, phase by phase, in the build's shell."""

from collections.abc import Callable, Mapping
from pathlib import Path

from localaws.codebuild import build_machine
from localaws.codebuild.build_log import BuildLog
from localaws.codebuild.buildspec import Buildspec, Phase
from localaws.codebuild.phase_failures import Halted, PhaseFailed
from localaws.codebuild.shell import Shell, ShellEnded
from localaws.codebuild.workspace import Workspace
from localaws.kit.files import read_regular
from localaws.kit.sandbox import Sandbox

_KILLED = 128 + 9


class Commands:
    """`check` raises Halted if the build must end. The running command then has `grace_s()` to end before it is killed."""

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
        sandbox: Sandbox | None = None,
    ) -> None:
        self._spec, self._space, self._log = spec, space, log
        self._check, self._grace_s, self._failing = check, grace_s, False
        log.container(f"Moving to directory {source}")
        self._shell = Shell(
            build_machine.shell(spec.shell),
            folder=space.shell,
            cwd=source,
            environment=environment,
            output=space.output,
            sandbox=sandbox,
        )

    def run(self, name: str) -> None:
        """Run the commands of a phase up to the first failure, then all of its `finally`. Raises PhaseFailed for the first failure."""
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
        """The current values of these variables, without those that are not set. Saves the environment for `final_environment`."""
        self._quietly(self._space.exporting(names))
        return self._space.exported(names)

    def evaluated(self, text: str) -> str:
        """The text after the shell's expansion, for example of `site-$(date +%F)`."""
        path = self._space.exchange / "evaluated"
        path.unlink(missing_ok=True)
        escaped = text.replace("\\", "\\\\").replace('"', '\\"')
        self._quietly(f'printf %s "{escaped}" >"{path}"')
        found = read_regular(path)
        return text if found is None else found.decode(errors="replace")

    def end(self) -> None:
        """Kill all processes that the commands left running. A second call has no effect."""
        self._shell.end()

    def _command(self, command: str) -> PhaseFailed | None:
        """Run one command. Returns its failure, or None if it succeeds. Raises Halted if the build ends while it runs."""
        self._log.container(f"Running command {command}")
        try:
            code = self._shell.run(f"(\n{command}\n)" if self._spec.is_isolated else command, self._watch)
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
        """Run CodeBuild's own lines in the build's shell, if the shell still exists."""
        try:
            self._shell.run(f"{{ {script}\n}} 2>/dev/null", self._watch)
        except ShellEnded:
            return
