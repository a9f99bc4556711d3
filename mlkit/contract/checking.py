"""The check of a whole project: every run of a notebook in its buildspecs, with whatever its templates give to them."""

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlkit.contract import about, committed
from mlkit.contract.calls import call_of
from mlkit.contract.fitting import nearest, problems
from mlkit.contract.located import Text, load
from mlkit.contract.shell import SOURCE, Setting, Shell, Start
from mlkit.contract.templates import Build, Template, builds, items
from mlkit.contract.words import UNKNOWN
from mlkit.errors import InvalidParameters
from mlkit.settings import PROJECT_FILE

_BUILDSPECS = ("buildspecs/*.yml", "buildspecs/*.yaml", "buildspec.yml", "buildspec.yaml")
_TEMPLATES = ("CloudFormation/*.yaml", "CloudFormation/*.yml", "CloudFormation/*.template")
_PHASES = ("install", "pre_build", "build", "post_build")

# https://docs.aws.amazon.com/codebuild/latest/userguide/build-env-ref-env-vars.html, and what a shell has anyway
_OWN = (
    *("AWS_DEFAULT_REGION", "AWS_REGION", "HOME", "HOSTNAME", "LANG", "OLDPWD", "PATH", "PWD", "RANDOM", "SHELL", "TMPDIR", "USER"),
    *(f"CODEBUILD_BUILD_{name}" for name in ("ARN", "ID", "IMAGE", "NUMBER", "SUCCEEDING")),
    *(f"CODEBUILD_{name}" for name in ("BATCH_BUILD_IDENTIFIER", "INITIATOR", "KMS_KEY_ID", "LOG_PATH", "PROJECT_ARN")),
    *(f"CODEBUILD_{name}" for name in ("PUBLIC_BUILD_URL", "RESOLVED_SOURCE_VERSION", "SOURCE_REPO_URL", "SOURCE_VERSION", "START_TIME")),
    *(
        f"CODEBUILD_WEBHOOK_{name}"
        for name in ("ACTOR_ACCOUNT_ID", "BASE_REF", "EVENT", "HEAD_REF", "MERGE_COMMIT", "PREV_COMMIT", "TRIGGER")
    ),
)
_OTHER_SOURCE = "CODEBUILD_SRC_DIR_"  # followed by the name of another source or input artifact


@dataclass(frozen=True, kw_only=True)
class Problem:
    """What is wrong, in which file and line (from 1), with where the values come from and the command if it is one's."""

    file: str
    line: int
    message: str
    sources: str = field(default="", compare=False)
    command: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}{self.sources}" + (f"\n    in: {self.command}" if self.command else "")


@dataclass(kw_only=True)
class Checked:
    """How many buildspecs were read, how many commands in them run a notebook, and what is wrong with them."""

    buildspecs: int = 0
    runs: int = 0
    problems: list[Problem] = field(default_factory=list)

    def raise_problems(self) -> None:
        """Raises InvalidParameters that names them all."""
        if self.problems:
            cure = "Change the command, the template or the notebook's `parameters` cell; `mlkit params NOTEBOOK` shows what it takes."
            raise InvalidParameters("\n".join(str(problem) for problem in self.problems), cure=cure)


def check_project(root: Path) -> Checked:
    """Checks each `mlkit run` and `papermill` of buildspecs/, buildspec.yml and the templates, mlkit.yml's names, and what git holds of
    the notebooks; runs nothing."""
    checked = Checked()
    templates = list(_templates(root, checked))
    starts = builds(templates)
    for template in templates:
        checked.problems += [Problem(file=template.path, line=line, message=message) for line, message in template.problems]
    checked.problems += [Problem(file=PROJECT_FILE.name, line=line, message=text) for line, text in about.misfits(root, templates)]
    checked.problems += [Problem(file=name, line=1, message=message) for name, message in committed.problems(root)]
    by_file: dict[str, list[Build]] = {path.relative_to(root).as_posix(): [] for path in _files(root, _BUILDSPECS)}
    known = list(by_file)
    for build in starts:
        path = posixpath.normpath(build.buildspec)
        if build.is_text:
            _check_buildspec(root, build.file, build.buildspec, build.line, [build], checked)
        elif (root / path).is_file():
            by_file.setdefault(path, []).append(build)
        else:
            message = f"there is no buildspec {path} for {build.name}{nearest(path, known)}"
            checked.problems.append(Problem(file=build.file, line=build.line, message=message))
    for path, using in sorted(by_file.items()):
        _check_buildspec(root, path, (root / path).read_text(encoding="utf-8", errors="replace"), 1, using, checked)
    checked.problems = list(dict.fromkeys(checked.problems))
    return checked


def _files(root: Path, patterns: tuple[str, ...]) -> list[Path]:
    return sorted(path for pattern in patterns for path in root.glob(pattern) if path.is_file())


def _templates(root: Path, checked: Checked) -> Iterator[Template]:
    for path in _files(root, _TEMPLATES):
        name = path.relative_to(root).as_posix()
        content = _load(name, path.read_text(encoding="utf-8", errors="replace"), 1, checked)
        if isinstance(content, dict):
            yield Template(path=name, content=content)


def _load(file: str, text: str, first_line: int, checked: Checked) -> Any:
    try:
        return load(text, first_line)
    except ValueError as problem:
        line, _, message = str(problem).partition(": ")
        checked.problems.append(Problem(file=file, line=int(line), message=message))
        return None


def _check_buildspec(root: Path, file: str, text: str, first_line: int, using: list[Build], checked: Checked) -> None:
    content = _load(file, text, first_line, checked)
    if not isinstance(content, dict):
        return
    checked.buildspecs += 1
    runs: set[tuple[int, str]] = set()
    for settings in [build.settings for build in using] or [{}]:
        shell = Shell({**_settings(file, content), **settings}, anything="batch" in content)
        for command in _commands(content):
            for start in shell.run(command):
                if (call := call_of(start.words)) is None:
                    continue
                line = command.line + (start.line if command.exact else 0)
                runs.add((line, start.source))
                for message in (*_unset(start), *problems(root, call, start.folder)):
                    sources = _sources(message, start, shell)
                    checked.problems.append(Problem(file=file, line=line, message=message, sources=sources, command=start.source))
    checked.runs += len(runs)


def _commands(content: Mapping[str, Any]) -> Iterator[Text]:
    phases = content.get("phases")
    for name in _PHASES:
        phase = phases.get(name) if isinstance(phases, dict) else None
        if isinstance(phase, dict):
            for key in ("commands", "finally"):
                yield from (command for command in items(phase.get(key)) if isinstance(command, Text))


def _settings(file: str, content: Mapping[str, Any]) -> dict[str, Setting]:
    """CodeBuild's own variables, and those of the buildspec's env."""
    found = {name: Setting(values=(UNKNOWN,)) for name in _OWN} | {"CODEBUILD_SRC_DIR": Setting(values=(SOURCE,))}
    env = content.get("env")
    for key in ("parameter-store", "secrets-manager", "variables"):
        section = env.get(key) if isinstance(env, dict) else None
        for name, value in section.items() if isinstance(section, dict) else ():
            text = str(value) if isinstance(value, Text) and key == "variables" else UNKNOWN
            found[str(name)] = Setting(values=(text,), where=f"{file}:{name.line}")
    return found


def _unset(start: Start) -> Iterator[str]:
    for name in start.unset:
        if not name.startswith(_OTHER_SOURCE):
            yield f"${name} is set nowhere: not in the buildspec, nor by the project or the action that runs it"


def _sources(message: str, start: Start, shell: Shell) -> str:
    """Where the variables' values that the message shows come from, a line each."""
    lines = ""
    for name, value in start.values.items():
        if value and UNKNOWN not in value and (repr(value) in message or (len(value) > 3 and value in message)):
            where = shell.settings[name].where if name in shell.settings else ""
            lines += f"\n    ${name} may be {value!r}" + (f", see {where}" if where else "")
    return lines
