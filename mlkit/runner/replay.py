"""Replays the notebooks of a verified bundle: plans which ones, with which parameters and files, and runs them in a scratch folder."""

import shutil
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mlkit.errors import InvalidData, NotFound, SealBroken, UsageError
from mlkit.evidence.archives import unpack
from mlkit.evidence.bundle import Bundle
from mlkit.evidence.foreign_text import one_line
from mlkit.evidence.layout import HANDOFF, bundled_source
from mlkit.evidence.manifest import Manifest, sha256_of
from mlkit.evidence.replay_report import Value, figures_of
from mlkit.evidence.run_record import Activity, RunRecord
from mlkit.notebook.handoff import TrainedModel, parse
from mlkit.parameters import bind, read_parameters
from mlkit.project.pipeline_steps import PipelineStep, read_steps
from mlkit.project.wheels import VENDOR
from mlkit.runner.notebook_run import run_notebook
from mlkit.runner.run_options import RunOptions

EXECUTION = "replay"  # stands for the pipeline execution's id in the names of a replay's jobs: ml-replay-...
_FORMATS = Path("packages", "sagemaker_formats", "src")
_TRAINED = "trained_model"


@dataclass(frozen=True, kw_only=True)
class ReplayStep:
    """One recorded run to replay. `given` are its parameters; `changed` names those whose values are not the recorded ones.

    `inputs` and `outputs` are the sealed hand-off files that the run read and wrote, by name without `.json`.
    """

    name: str
    notebook: str
    record: RunRecord
    given: Mapping[str, Any]
    changed: tuple[str, ...] = ()
    inputs: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    outputs: Mapping[str, bytes] = field(default_factory=dict, repr=False)

    @property
    def activity(self) -> Activity:
        return self.record.activity or Activity()

    @property
    def needs_endpoint(self) -> bool:
        """Whether the recorded run asked an endpoint. A replay asks the same one, about the recorded model."""
        return bool(self.activity.served)

    @property
    def environment(self) -> str:
        """The endpoint's environment."""
        values = {one.name: one.value for one in self.record.parameters}
        return str(self.given.get("environment", values.get("environment", "")))

    @property
    def trained(self) -> TrainedModel:
        """The recorded model that the run tested. Raises NotFound or UsageError if the bundle does not have it."""
        if _TRAINED not in self.inputs:
            raise NotFound(f"The bundle does not hold the {HANDOFF}/{_TRAINED}.json that the run read")
        return parse(TrainedModel, self.inputs[_TRAINED], f"{HANDOFF}/{_TRAINED}.json")

    def recorded(self) -> dict[str, Value]:
        """The figures of the recorded run."""
        return figures_of(self.record, self.outputs)


def unpack_source(files: Bundle, manifest: Manifest, folder: Path) -> None:
    """Write the sealed source into the new folder. Raises SealBroken if its code is not what the manifest lists."""
    folder.mkdir(parents=True)
    code = unpack(files[bundled_source(manifest.source.archive_sha256)], folder)
    for name in sorted(code.keys() | manifest.code.keys()):
        if code.get(name) != manifest.code.get(name):
            raise SealBroken(one_line(f"{name} in the source archive is not the code that the manifest lists"))


def plan_replay(files: Bundle, manifest: Manifest, source: Path, given: Mapping[str, Any], only: Sequence[str] = ()) -> list[ReplayStep]:
    """The steps to replay, in the order of their recorded runs: of each notebook, the last run that its build confirmed.

    `source` is the unpacked source; `given` replaces recorded parameters in every notebook that has them; `only` names steps. Raises
    SealBroken for a record of another notebook than the source has, UsageError for an unknown step or parameter, InvalidParameters.
    """
    steps = {step.notebook: step for step in read_steps(source).values()}
    latest = {record.notebook: record for record in sorted(_records(files, manifest), key=lambda record: record.started)}
    chosen = [_planned(files, steps[name], record, source, given) for name, record in latest.items() if name in steps]
    if unknown := [name for name in only if name not in {step.name for step in chosen}]:
        cure = f"The bundle has recorded runs of: {', '.join(step.name for step in chosen)}."
        raise UsageError(f"The bundle has no recorded run of the step {unknown[0]}", cure=cure)
    chosen = sorted((step for step in chosen if not only or step.name in only), key=lambda step: step.record.started)
    if not chosen:
        raise UsageError("No confirmed record of the bundle belongs to a step of its mlkit.yml", cure="Replay another execution.")
    taken = {name for step in chosen for name in step.given}
    if unknown := [name for name in given if name not in taken]:
        raise UsageError(
            f"No replayed notebook has a parameter `{unknown[0]}`", cure="`mlkit params NOTEBOOK` lists a notebook's parameters."
        )
    return chosen


def _records(files: Bundle, manifest: Manifest) -> Iterable[RunRecord]:
    for attempt in manifest.attempts:
        if attempt.confirmed:
            yield from (RunRecord.from_json(files[f"{attempt.action}/{attempt.build}/{name}"].decode()) for name in attempt.records)


def _planned(files: Bundle, step: PipelineStep, record: RunRecord, source: Path, given: Mapping[str, Any]) -> ReplayStep:
    notebook = source / step.notebook
    if not notebook.is_file() or sha256_of(notebook.read_bytes()) != record.notebook_sha256:
        raise SealBroken(one_line(f"{step.notebook} in the source archive is not the notebook of its record"))
    declared = read_parameters(notebook)
    names = {one.name for one in declared}
    recorded = {one.name: one.value for one in record.parameters}
    own = bind(declared, {name: value for name, value in given.items() if name in names})
    values = {one.name: one.value for one in record.parameters if one.source != "default"} | own
    return ReplayStep(
        name=step.name,
        notebook=step.notebook,
        record=record,
        given=bind(declared, values),
        changed=tuple(name for name, value in own.items() if value != recorded.get(name)),
        inputs=_handed_over(files, record, "input"),
        outputs=_handed_over(files, record, "output"),
    )


def _handed_over(files: Bundle, record: RunRecord, role: str) -> dict[str, bytes]:
    """The sealed hand-off files that the run read or wrote, found by their recorded digests."""
    found = {}
    for file in (record.activity or Activity()).files:
        if file.role != role or Path(file.path).parent.as_posix() != HANDOFF:
            continue
        sealed = [files[name] for name in files if name.endswith(f"/{file.path}")]
        if match := next((data for data in sealed if sha256_of(data) == file.sha256), None):
            found[Path(file.path).stem] = match
    return found


@dataclass(frozen=True, kw_only=True)
class Scratch:
    """The folder of a replay. `source` is the unpacked source in which the notebooks run; `served` a second one, for endpoints' tests."""

    folder: Path

    @property
    def source(self) -> Path:
        return self.folder / "source"

    @property
    def served(self) -> Path:
        return self.folder / "source-of-test"

    @property
    def kernels(self) -> Path:
        """Jupyter's path to the kernel of the sealed lock."""
        return self.folder / "jupyter"

    def root(self, step: ReplayStep) -> Path:
        return self.served if step.needs_endpoint else self.source

    def python_path(self, root: Path) -> list[str]:
        """The folders from which a kernel imports the sealed library and its formats: the source's own, or its wheels', unpacked."""
        wheels = sorted((root / VENDOR).glob("*.whl"))
        unpacked = self.folder / "packages"
        for wheel in wheels:
            with zipfile.ZipFile(wheel) as opened:
                opened.extractall(unpacked)
        return [str(root), str(root / _FORMATS)] + ([str(unpacked)] if wheels else [])

    def remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


def run_step(step: ReplayStep, root: Path, options: RunOptions) -> RunRecord:
    """Run the step's notebook in the unpacked source at `root`. Hand-off files that no earlier step wrote there are the sealed ones."""
    handoff = root / HANDOFF
    handoff.mkdir(exist_ok=True)
    for name, data in step.inputs.items():
        if not (handoff / f"{name}.json").is_file():
            (handoff / f"{name}.json").write_bytes(data)
    executed = root / "executed" / Path(step.notebook).name
    executed.parent.mkdir(exist_ok=True)
    sources = {name: "-p" if name in step.changed else "the replayed record" for name in step.given}
    return run_notebook(root / step.notebook, executed, step.given, replace(options, cwd=root, root=root, sources=sources))


def replayed(record: RunRecord, root: Path) -> dict[str, Value]:
    """The figures of a replay's run. Raises InvalidData if its kernel reported nothing, or if a hand-off file changed after the run."""
    if record.activity is None:
        raise InvalidData(f"The kernel of {record.notebook} did not report its results", cure="Its environment needs the sealed mlkit.")
    handed = {}
    for file in (record.activity or Activity()).files:
        if file.role == "output" and Path(file.path).parent.as_posix() == HANDOFF:
            data = (root / file.path).read_bytes()
            if sha256_of(data) != file.sha256:
                raise InvalidData(f"{root / file.path} changed after the run")
            handed[Path(file.path).stem] = data
    return figures_of(record, handed)
