"""Reads the pipeline's steps from mlkit.yml. A step has a notebook, and the environment variables that set its parameters.

A buildspec runs all steps that name it in the file's order: `mlkit run --buildspec build_and_train`.

steps:
  train:
    notebook: notebooks/02_train.ipynb
    buildspec: build_and_train              # buildspecs/build_and_train.yml runs it; without it, only people do
    parameters:
      execution_role: {env: EXECUTION_ROLE}
      tune: {env: TUNE, unless: notebook}   # TUNE=notebook leaves the parameter to the notebook
    reuse: true                             # a finished run of the same code, parameters and inputs is taken over
"""

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from mlkit.errors import NotFound, UsageError
from mlkit.parameters import Typed, read_parameters
from mlkit.project.yaml_lines import LineError, Text, load
from mlkit.settings import PROJECT_FILE

EXAMPLE = "  prep: {notebook: notebooks/01_prep.ipynb, parameters: {your_initials: {env: YOUR_INITIALS}}, reuse: true}"
_CURE = f"Write a step in mlkit.yml below `steps:` like this:\n{EXAMPLE}"
_NAME = re.compile(r"[a-z][a-z0-9_-]*")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, kw_only=True)
class FromEnvironment:
    """A parameter takes the value of this environment variable. The value `unless` leaves the parameter to the notebook."""

    variable: str
    unless: str | None
    line: int


@dataclass(frozen=True, kw_only=True)
class PipelineStep:
    """A step. `notebook` is its path from the project's folder; `line` (from 1) is the step's line in mlkit.yml.

    `buildspec` is the one that runs it, without its folder and ending; it is empty if none does.
    """

    name: str
    notebook: str
    parameters: Mapping[str, FromEnvironment]
    reuse: bool
    line: int
    buildspec: str = ""


def read_steps(root: Path) -> dict[str, PipelineStep]:
    """The project's steps by name, in mlkit.yml's order. Raises NotFound without mlkit.yml, UsageError with the line of an error in it."""
    path = root / PROJECT_FILE
    try:
        return steps_in(path.read_text(encoding="utf-8", errors="replace"))
    except FileNotFoundError as error:
        raise NotFound(f"{path} does not exist, and it lists the steps", cure=_CURE) from error
    except LineError as problem:
        raise UsageError(f"{path}, line {problem.line}: {problem}", cure=_CURE) from problem


def steps_in(text: str) -> dict[str, PipelineStep]:
    """The steps in the text of a mlkit.yml. Raises LineError."""
    content = load(text)
    if not isinstance(content, dict):
        raise LineError(1, "the file is not a mapping of `kind`, `dataset`, `table`, `source` and `steps`")
    found: dict[str, PipelineStep] = {}
    for name, node in _mapping(content.get("steps", {}), _line(content, "steps"), "`steps`").items():
        if not _NAME.fullmatch(name):
            raise LineError(_own(name), f"step {name}: a name has lower-case letters, digits, hyphens or underscores, a letter first")
        step = _step(name, node)
        for other in found.values():
            if PurePosixPath(other.notebook).name == PurePosixPath(step.notebook).name:
                raise LineError(
                    step.line,
                    f"step {name}: its executed notebook would replace that of step {other.name}: the file names are equal",
                )
        found[step.name] = step
    return found


def step_named(name: str, steps: Mapping[str, PipelineStep]) -> PipelineStep:
    """The step with this name. Raises UsageError, which names a similar step."""
    if name in steps:
        return steps[name]
    listed = f"mlkit.yml lists: {', '.join(steps)}" if steps else "mlkit.yml lists no steps"
    cure = f"{listed}. A notebook's path ends with .ipynb." if steps else _CURE
    raise UsageError(f"There is no step {name}{nearest(name, steps)}", cure=cure)


def steps_of(buildspec: str, steps: Mapping[str, PipelineStep]) -> list[str]:
    """The names of the steps that the buildspec runs, in mlkit.yml's order. Raises UsageError, which names a similar one."""
    found = [name for name, step in steps.items() if step.buildspec == buildspec]
    if not found:
        known = dict.fromkeys(step.buildspec for step in steps.values() if step.buildspec)
        cure = f"mlkit.yml has steps of: {', '.join(known)}." if known else "Give a step `buildspec:` in mlkit.yml."
        raise UsageError(f"No step has the buildspec {buildspec}{nearest(buildspec, known)}", cure=cure)
    return found


def values_of(step: PipelineStep, notebook: Path, environ: Mapping[str, str], *, given: Iterable[str] = ()) -> dict[str, Typed]:
    """The values of the step's parameters from the environment, without the `given` ones. `notebook` is the step's notebook file.

    A parameter that is left to the notebook must exist in the notebook. If it does not, it is passed on, so that the run refuses it. Raises
    UsageError, which names each variable that is not set.
    """
    wanted = {name: source for name, source in step.parameters.items() if name not in given}
    if missing := {name: source for name, source in wanted.items() if source.variable not in environ}:
        _refuse_missing(step, missing)
    declared = {one.name for one in read_parameters(notebook)}
    return {
        name: Typed(environ[source.variable])
        for name, source in wanted.items()
        if environ[source.variable] != source.unless or name not in declared
    }


def nearest(name: str, known: Iterable[str]) -> str:
    """A question with a similar name; empty if no name is similar."""
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f". Did you mean {near[0]}?" if near else ""


def _refuse_missing(step: PipelineStep, missing: Mapping[str, FromEnvironment]) -> None:
    told = [
        f"Step {step.name} takes {name} from {source.variable}, which is not set (mlkit.yml, line {source.line})"
        for name, source in missing.items()
    ]
    typed = " ".join(f"{source.variable}={source.unless or 'VALUE'}" for source in missing.values())
    name = next(iter(missing))
    raise UsageError("\n".join(told), cure=f"`export {typed}`, or give one step's parameter with `-p {name} VALUE`.")


def _step(name: str, node: Any) -> PipelineStep:
    where, line = f"step {name}", _own(name)
    members = _mapping(node, line, where, ("notebook", "buildspec", "parameters", "reuse"))
    if "notebook" not in members:
        raise LineError(line, f"{where} has no `notebook`")
    parameters = _mapping(members.get("parameters", {}), _line(members, "parameters"), f"`parameters` of {where}")
    return PipelineStep(
        name=str(name),
        notebook=_notebook(members["notebook"], _line(members, "notebook"), where),
        parameters={str(key): _from_environment(value, key, where) for key, value in parameters.items()},
        reuse=_boolean(members.get("reuse"), _line(members, "reuse"), f"`reuse` of {where}"),
        line=line,
        buildspec=_buildspec(members, where),
    )


def _notebook(node: Any, line: int, where: str) -> str:
    path = PurePosixPath(_word(node, line, f"`notebook` of {where}"))
    if path.suffix != ".ipynb" or path.is_absolute() or ".." in path.parts or "://" in node:
        raise LineError(line, f"{where}: {node} is not the path of a notebook from the project's folder, such as notebooks/01_prep.ipynb")
    return path.as_posix()


def _buildspec(members: dict[str, Any], where: str) -> str:
    return str(_word(members["buildspec"], _line(members, "buildspec"), f"`buildspec` of {where}")) if "buildspec" in members else ""


def _from_environment(node: Any, name: str, where: str) -> FromEnvironment:
    label, line = f"parameter {name} of {where}", _own(name)
    if not isinstance(node, dict):
        raise LineError(line, f"{label} is not {{env: VARIABLE}}; a fixed value belongs in the notebook's `parameters` cell")
    members = _mapping(node, line, label, ("env", "unless"))
    variable = _word(members.get("env"), line, f"`env` of {label}")
    if not _VARIABLE.fullmatch(variable):
        raise LineError(line, f"{label}: {variable} is not a valid name for an environment variable")
    unless = members.get("unless")
    left = None if unless is None else str(_word(unless, line, f"`unless` of {label}", kinds=("str", "bool", "int", "float")))
    return FromEnvironment(variable=str(variable), unless=left, line=line)


def _mapping(node: Any, line: int, what: str, known: Iterable[str] | None = None) -> dict[str, Any]:
    if not isinstance(node, dict):
        raise LineError(line, f"{what} is not a mapping")
    for key in node:
        if not isinstance(key, Text):  # CloudFormation's `!Ref` and the like
            raise LineError(line, f"{what} has a YAML tag, which mlkit.yml does not allow")
        if known is not None and key not in known:
            raise LineError(_own(key), f"{what} has no key `{key}`{nearest(key, known)}")
    return node


def _word(node: Any, line: int, what: str, kinds: tuple[str, ...] = ("str",)) -> Text:
    if not isinstance(node, Text) or node.kind not in kinds or not node:
        raise LineError(line, f"{what} is not text")
    return node


def _boolean(node: Any, line: int, what: str) -> bool:
    if node is None:
        return False
    if not isinstance(node, Text) or node.kind != "bool":
        raise LineError(line, f"{what} is neither true nor false")
    return node == "true"


def _line(members: Mapping[str, Any], name: str) -> int:
    return next((_own(key) for key in members if key == name), 1)


def _own(key: str) -> int:
    """The line of the key."""
    return key.line if isinstance(key, Text) else 1
