"""Plans one `mlkit run` before anything runs: a notebook, or steps of mlkit.yml, each with its parameters."""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlkit.cli.notebook_addresses import Destination, local_notebook
from mlkit.errors import UsageError
from mlkit.evidence.layout import Staging
from mlkit.parameters import Typed, bind, read_parameter_file, read_parameters
from mlkit.project.pipeline_steps import PipelineStep, read_steps, step_named, steps_of, values_of
from mlkit.settings import Project

PAIR = "\x00"  # separates a parameter's name from its value inside of Typer; no parameter contains it
_STEP = re.compile(r"[\w-]+")  # a step's name in mlkit.yml; a notebook's path has a dot


@dataclass(frozen=True, kw_only=True)
class Given:
    """The parameters of the command: values by name, and the source of each."""

    values: Mapping[str, Any]
    sources: Mapping[str, str]

    @classmethod
    def of(cls, file: Path | None, pairs: Sequence[str]) -> "Given":
        """The parameters of -f and -p. -p overrides -f."""
        from_file = read_parameter_file(file) if file else {}
        direct = _once(pairs)
        return cls(values={**from_file, **direct}, sources={**dict.fromkeys(from_file, f"-f {file}"), **dict.fromkeys(direct, "-p")})


@dataclass(frozen=True, kw_only=True)
class Keeping:
    """The places for evidence and finished runs, and whether finished runs are taken over (None: as the step says)."""

    evidence: str = ""
    finished_runs: str = ""
    reuse: bool | None = None
    staging: Staging | None = None

    def evidence_of_attempt(self) -> str:
        return self.staging.attempt if self.staging else self.evidence

    def place(self, *, reuse: bool) -> str:
        """The store of finished runs. In the pipeline, a build stores only runs of steps that take over earlier ones."""
        return self.staging.steps if self.staging and reuse and not self.finished_runs else self.finished_runs


@dataclass(frozen=True, kw_only=True)
class PlannedRun:
    """One run of a notebook. `variables` are the environment variables that its step reads."""

    notebook: Path
    destination: Destination
    given: Mapping[str, Any]
    sources: Mapping[str, str]
    reuse: bool
    finished_runs: str = ""
    variables: frozenset[str] = frozenset()


def staging_of(address: str, environ: Mapping[str, str] = os.environ) -> Staging | None:
    """The build's place in the staging bucket, from the variables that the pipeline's action and CodeBuild set."""
    if not address:
        return None
    missing = [name for name in ("PIPELINE_EXECUTION_ID", "ACTION", "CODEBUILD_BUILD_ID") if not environ.get(name)]
    if missing:
        cure = "Outside of the pipeline, give --evidence s3://bucket/prefix/ instead."
        raise UsageError(f"--staging-bucket needs {', '.join(missing)}, which only a build of the pipeline has", cure=cure)
    build = environ["CODEBUILD_BUILD_ID"].rpartition(":")[2]
    return Staging(address=address, execution=environ["PIPELINE_EXECUTION_ID"], action=environ["ACTION"], build=build)


def plan(arguments: Sequence[str], given: Given, keeping: Keeping, buildspec: str = "") -> list[PlannedRun]:
    """The runs for the arguments of `mlkit run`. Raises UsageError unless they are steps or one notebook, or a buildspec is named."""
    if bool(arguments) == bool(buildspec):
        what = f"{arguments[0]} and --buildspec {buildspec} both say what to run" if buildspec else "Nothing to run was given"
        raise UsageError(what, cure="Give steps of mlkit.yml, or one notebook, or --buildspec and a name.")
    if buildspec:
        project = Project.here()
        return plan_steps(project, steps_of(buildspec, read_steps(project.root)), given, keeping)
    names = [argument for argument in arguments if _STEP.fullmatch(argument) and argument != "-"]
    if len(names) == len(arguments):
        return plan_steps(Project.here(), names, given, keeping)
    if arguments[0] in names:
        cure = "Give either steps, or one notebook and the path of its executed copy."
        raise UsageError(f"{arguments[0]} is the name of a step, {next(one for one in arguments if one not in names)} is a path", cure=cure)
    if len(arguments) > 2:
        raise UsageError(
            f"{arguments[2]} is one path too many: only several steps can run in one command, not several notebooks",
            cure="Call `mlkit run` for each.",
        )
    notebook = local_notebook(arguments[0])
    destination = Destination.of(arguments[1] if len(arguments) == 2 else None, notebook, keeping.evidence_of_attempt())
    reuse = bool(keeping.reuse)
    planned = PlannedRun(
        notebook=notebook,
        destination=destination,
        given=given.values,
        sources=given.sources,
        reuse=reuse,
        finished_runs=keeping.place(reuse=reuse),
    )
    return [planned]


def plan_steps(
    project: Project, names: Sequence[str], given: Given, keeping: Keeping, environ: Mapping[str, str] = os.environ
) -> list[PlannedRun]:
    """The runs of these steps in order. Raises UsageError or InvalidParameters if one of them would be refused later."""
    steps = read_steps(project.root)
    chosen = [step_named(name, steps) for name in names]
    if twice := sorted({name for name in names if list(names).count(name) > 1}):
        raise UsageError(f"Step {twice[0]} is given twice", cure="Give each step once.")
    if len(chosen) > 1 and given.values:
        name = next(iter(given.values))
        cure = f"Run the step that takes it alone: `mlkit run STEP -p {name} VALUE`; or set the environment variable that mlkit.yml names."
        raise UsageError(f"{given.sources[name]} {name} can be given for one step only, not for {', '.join(names)}", cure=cure)
    return [_planned(project, step, given, keeping, environ) for step in chosen]


def _planned(project: Project, step: PipelineStep, given: Given, keeping: Keeping, environ: Mapping[str, str]) -> PlannedRun:
    notebook = Path(os.path.relpath(project.root / step.notebook))
    values = values_of(step, notebook, environ, given=given.values)
    sources = {name: f"env {step.parameters[name].variable}" for name in values}
    everything = {**values, **given.values}
    bind(read_parameters(notebook), everything)
    reuse = step.reuse if keeping.reuse is None else keeping.reuse
    executed = Path(os.path.relpath(project.root / "executed" / notebook.name))
    return PlannedRun(
        notebook=notebook,
        destination=Destination(path=executed, s3_prefix=keeping.evidence_of_attempt()),
        given=everything,
        sources={**sources, **given.sources},
        reuse=reuse,
        finished_runs=keeping.place(reuse=reuse),
        variables=frozenset(source.variable for source in step.parameters.values()),
    )


def _once(joined: Sequence[str]) -> dict[str, Typed]:
    pairs = [(name, Typed(value)) for name, value in (pair.split(PAIR, 1) for pair in joined)]
    names = [name for name, _ in pairs]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UsageError(f"-p {twice[0]} is given twice", cure="Give each parameter once.")
    return dict(pairs)
