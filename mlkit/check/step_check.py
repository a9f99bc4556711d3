"""Compares the steps of mlkit.yml with their notebooks and with every build that runs them: names, types and possible values."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from mlkit.check.template_builds import UNKNOWN, Build, Setting
from mlkit.errors import InvalidNotebook, InvalidParameters
from mlkit.parameters import Parameter, ParameterType, Typed, bind, read_parameters
from mlkit.project.pipeline_steps import FromEnvironment, PipelineStep, nearest

_ANY = ParameterType(name="str")  # also accepts the empty text, which stands for an unknown value
_RUN = re.compile(r"\bmlkit run(?P<names>(?:[ \t]+[a-z][a-z0-9_-]*(?![\w./-]))+)")
_BUILDSPEC = re.compile(r"\bmlkit run(?:[ \t]+[^\s;&|]+)*?[ \t]+--buildspec[ \t=]+(?P<name>[\w-]+)")
# https://docs.aws.amazon.com/codebuild/latest/userguide/build-env-ref-env-vars.html
_OF_CODEBUILD = ("AWS_", "CODEBUILD_")


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """A step whose notebook was read."""

    step: PipelineStep
    parameters: tuple[Parameter, ...]


def read_notebook(root: Path, step: PipelineStep) -> Fitted:
    """The step with its notebook's parameters. Raises ValueError if the notebook does not exist or cannot be read."""
    if not (root / step.notebook).is_file():
        folders = {root, root / "notebooks", (root / step.notebook).parent}
        known = sorted(path.relative_to(root).as_posix() for folder in folders for path in folder.glob("*.ipynb"))
        raise ValueError(f"step {step.name}: there is no notebook {step.notebook}{nearest(step.notebook, known)}")
    try:
        return Fitted(step=step, parameters=tuple(read_parameters(root / step.notebook)))
    except InvalidNotebook as problem:
        raise ValueError(f"step {step.name}: {problem}".replace(f"{root}/", "")) from problem


def misfits(fitted: Fitted) -> Iterator[tuple[int, str]]:
    """Lines of mlkit.yml with misfits that do not depend on values: names, and parameters that the notebook requires."""
    step = fitted.step
    try:
        loose = [replace(one, type=_ANY) if one.name in step.parameters else one for one in fitted.parameters]
        bind(loose, dict.fromkeys(step.parameters, ""))
    except InvalidParameters as problem:
        for message in str(problem).splitlines():
            line = next((source.line for name, source in step.parameters.items() if f"`{name}`" in message), step.line)
            yield line, f"step {step.name}: {message}"


def steps_run_by(command: str) -> list[str]:
    """The step names after each `mlkit run` in the command, up to the first option. A notebook's path is not a step name."""
    return [name for match in _RUN.finditer(command) for name in match["names"].split()]


def buildspecs_run_by(command: str) -> list[str]:
    """The names after `--buildspec` of each `mlkit run` in the command."""
    return [match["name"] for match in _BUILDSPEC.finditer(command)]


def misfits_in_build(fitted: Fitted, build: Build, settings: Mapping[str, Setting]) -> Iterator[tuple[int, str]]:
    """Lines of mlkit.yml with misfits if this build runs the step with these environment variables."""
    declared = {one.name: one for one in fitted.parameters}
    for name, source in fitted.step.parameters.items():
        told = f"step {fitted.step.name} in {build.name}"
        setting = settings.get(source.variable)
        if setting is None and not source.variable.startswith(_OF_CODEBUILD):
            known = nearest(source.variable, settings)
            yield source.line, f"{told}: {source.variable} is set by neither the project nor the action nor the buildspec{known}"
        elif setting is not None and name in declared:
            for value, message in _misfitting(declared[name], source, setting.values):
                yield source.line, f"{told}: {message}\n    {source.variable} may be {value!r}, see {setting.where}"


def _misfitting(parameter: Parameter, source: FromEnvironment, values: Iterable[str]) -> Iterator[tuple[str, str]]:
    for value in values:
        if value != source.unless and UNKNOWN not in value:
            try:
                bind([parameter], {parameter.name: Typed(value)})
            except InvalidParameters as problem:
                yield value, str(problem)
