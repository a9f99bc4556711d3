"""Checks a whole project: its steps, the builds that run them, the names of the data, and the notebooks in git."""

import posixpath
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlkit.check import committed_notebooks, dataset_names
from mlkit.check.step_check import Fitted, buildspecs_run_by, misfits, misfits_in_build, read_notebook, steps_run_by
from mlkit.check.template_builds import UNKNOWN, Build, Setting, Template, builds, items
from mlkit.errors import InvalidParameters, UsageError
from mlkit.project.pipeline_steps import PipelineStep, nearest, steps_in, steps_of
from mlkit.project.yaml_lines import LineError, Text, load
from mlkit.settings import PROJECT_FILE

_BUILDSPECS = ("buildspecs/*.yml", "buildspecs/*.yaml", "buildspec.yml", "buildspec.yaml")
_TEMPLATES = ("CloudFormation/*.yaml", "CloudFormation/*.yml", "CloudFormation/*.template")
_PHASES = ("install", "pre_build", "build", "post_build")


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A problem, with its file and its line (from 1)."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"


@dataclass(kw_only=True)
class Checked:
    """The numbers of steps and buildspecs that were read, and their problems."""

    steps: int = 0
    buildspecs: int = 0
    problems: list[Problem] = field(default_factory=list)

    def add(self, file: str, told: Iterable[tuple[int, str]]) -> None:
        """Add problems in these lines of the file."""
        self.problems += [Problem(file=file, line=line, message=message) for line, message in told]

    def raise_problems(self) -> None:
        """Raises InvalidParameters, which names all problems."""
        if self.problems:
            cure = "Change mlkit.yml, the template or the notebook's `parameters` cell; `mlkit params NOTEBOOK` shows what it takes."
            raise InvalidParameters("\n".join(str(problem) for problem in self.problems), cure=cure)


@dataclass(frozen=True, kw_only=True)
class Buildspec:
    """A buildspec, its first line in the file, and the builds that run it."""

    file: str
    content: Mapping[str, Any]
    builds: tuple[Build, ...]


def check_project(root: Path) -> Checked:
    """Check the steps of mlkit.yml, the values that builds pass to them, its names, and the notebooks in git. Runs nothing."""
    checked = Checked()
    templates = list(_templates(root, checked))
    starts = builds(templates)
    for template in templates:
        checked.add(template.path, template.problems)
    for name, message in committed_notebooks.problems(root):
        checked.add(name, [(1, message)])
    read = _steps(root, checked)
    steps = read or {}
    fitted = dict(_fitted(root, steps, checked))
    buildspecs = list(_buildspecs(root, starts, checked))
    for buildspec in buildspecs:
        _check_buildspec(buildspec, steps, fitted, checked)
    checked.add(PROJECT_FILE.name, _not_run(steps, buildspecs))
    if read is not None:
        checked.add(PROJECT_FILE.name, dataset_names.misfits(root, templates))
    checked.problems = list(dict.fromkeys(checked.problems))
    return checked


def _steps(root: Path, checked: Checked) -> dict[str, PipelineStep] | None:
    """The steps by name; None if mlkit.yml cannot be read."""
    path = root / PROJECT_FILE
    try:
        steps = steps_in(path.read_text(encoding="utf-8", errors="replace")) if path.is_file() else {}
    except LineError as problem:
        checked.add(PROJECT_FILE.name, [(problem.line, str(problem))])
        return None
    checked.steps = len(steps)
    return steps


def _fitted(root: Path, steps: Mapping[str, PipelineStep], checked: Checked) -> Iterator[tuple[str, Fitted]]:
    """The steps whose notebooks can be read, by name."""
    for name, step in steps.items():
        try:
            fitted = read_notebook(root, step)
        except ValueError as problem:
            if not any(told.file == step.notebook for told in checked.problems):  # the check of notebooks in git reports that already
                checked.add(PROJECT_FILE.name, [(step.line, str(problem))])
            continue
        checked.add(PROJECT_FILE.name, misfits(fitted))
        yield name, fitted


def _buildspecs(root: Path, starts: Iterable[Build], checked: Checked) -> Iterator[Buildspec]:
    by_file: dict[str, list[Build]] = {path.relative_to(root).as_posix(): [] for path in _files(root, _BUILDSPECS)}
    known, inline = list(by_file), dict[tuple[str, int, str], list[Build]]()
    for build in starts:
        path = posixpath.normpath(build.buildspec)
        if "\n" in build.buildspec:
            inline.setdefault((build.file, build.line, build.buildspec), []).append(build)
        elif (root / path).is_file():
            by_file.setdefault(path, []).append(build)
        else:
            checked.add(build.file, [(build.line, f"there is no buildspec {path} for {build.name}{nearest(path, known)}")])
    for (file, line, text), using in inline.items():
        yield from _read(file, text, line, using, checked)
    for path, using in sorted(by_file.items()):
        yield from _read(path, (root / path).read_text(encoding="utf-8", errors="replace"), 1, using, checked)


def _read(file: str, text: str, first_line: int, using: Iterable[Build], checked: Checked) -> Iterator[Buildspec]:
    content = _load(file, text, first_line, checked)
    if isinstance(content, dict):
        checked.buildspecs += 1
        yield Buildspec(file=file, content=content, builds=tuple(using))


def _run_by(command: Text, buildspec: Buildspec, steps: Mapping[str, PipelineStep], checked: Checked) -> Iterator[str]:
    """The names of the steps that the command runs, by their names or by their buildspec."""
    yield from steps_run_by(command)
    for name in buildspecs_run_by(command):
        try:
            yield from steps_of(name, steps)
        except UsageError as problem:
            checked.add(buildspec.file, [(command.line, f"{problem}")])


def _not_run(steps: Mapping[str, PipelineStep], buildspecs: Iterable[Buildspec]) -> Iterator[tuple[int, str]]:
    """The lines of steps that no buildspec runs although they name one. An example has none of its own."""
    commands = [command for buildspec in buildspecs for command in _commands(buildspec.content)]
    run = {name for command in commands for name in buildspecs_run_by(command)}
    for step in steps.values() if commands else ():
        if step.buildspec and step.buildspec not in run:
            yield step.line, f"step {step.name}: nothing runs `mlkit run --buildspec {step.buildspec}`{nearest(step.buildspec, run)}"


def _check_buildspec(buildspec: Buildspec, steps: Mapping[str, PipelineStep], fitted: Mapping[str, Fitted], checked: Checked) -> None:
    given = _env(buildspec)
    for command in _commands(buildspec.content):
        for name in _run_by(command, buildspec, steps, checked):
            if name not in steps:
                checked.add(buildspec.file, [(command.line, f"mlkit.yml lists no step {name}{nearest(name, steps)}")])
            for build in buildspec.builds if name in fitted else ():
                checked.add(PROJECT_FILE.name, misfits_in_build(fitted[name], build, {**given, **build.settings}))


def _commands(content: Mapping[str, Any]) -> Iterator[Text]:
    phases = content.get("phases")
    for name in _PHASES:
        phase = phases.get(name) if isinstance(phases, dict) else None
        if isinstance(phase, dict):
            for key in ("commands", "finally"):
                yield from (command for command in items(phase.get(key)) if isinstance(command, Text))


def _env(buildspec: Buildspec) -> dict[str, Setting]:
    """The variables of the buildspec's own `env`."""
    env = buildspec.content.get("env")
    found: dict[str, Setting] = {}
    for key in ("parameter-store", "secrets-manager", "variables"):
        section = env.get(key) if isinstance(env, dict) else None
        for name, value in section.items() if isinstance(section, dict) else ():
            text = str(value) if isinstance(value, Text) and key == "variables" else UNKNOWN
            found[str(name)] = Setting(values=(text,), where=f"{buildspec.file}:{getattr(name, 'line', 1)}")
    return found


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
    except LineError as problem:
        checked.add(file, [(problem.line, str(problem))])
        return None
