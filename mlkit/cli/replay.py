"""mlkit replay: runs the notebooks of sealed evidence again in a scratch folder, and compares their figures with the recorded ones."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mlkit.cli.console import Elapsed, counted, environment, out, plain, step
from mlkit.cli.questions import is_attended, is_confirmed
from mlkit.cli.run_plan import Given
from mlkit.cli.shared_options import Yes
from mlkit.cli.verify import Head, Key, digest_of, print_wrapped, verified
from mlkit.errors import InvalidData, MlkitError, NotFound, ReplayDiffers, UsageError
from mlkit.evidence.foreign_text import one_line
from mlkit.evidence.replay_report import TOLERANCE, Compared, Verdict, compare_runs, describe

if TYPE_CHECKING:
    from mlkit.aws.session import Session
    from mlkit.evidence.bundle import BundleFolder
    from mlkit.evidence.manifest import Manifest
    from mlkit.runner.replay import ReplayStep, Scratch

_KERNEL = "python3"  # only a kernel of this name reports to the runner
_VALUE_WIDTH = 10
_FEW = 3  # packages in a line


def replay(
    evidence: Annotated[
        str, typer.Argument(metavar="FOLDER|URI", help="The folder that `mlkit evidence fetch` wrote, or s3://.../manifest.json.")
    ],
    parameter: Annotated[list[str] | None, typer.Option("-p", "--parameter", metavar="NAME VALUE", help="May be repeated.")] = None,
    only: Annotated[list[str] | None, typer.Option(metavar="STEP", help="Replay this step of mlkit.yml alone. May be repeated.")] = None,
    tolerance: Annotated[float, typer.Option(min=0, max=1, help="Largest relative difference that counts as `within`.")] = TOLERANCE,
    scratch: Annotated[
        Path | None, typer.Option("--scratch", help="New folder for source and results; by default a temporary one.")
    ] = None,
    own_environment: Annotated[
        bool, typer.Option("--sealed-packages", help="Install the sealed lock's packages, with `make build-environment`, and run in them.")
    ] = False,
    head: Head = None,
    key: Key = None,
    yes: Yes = False,
) -> None:
    """Run the notebooks of sealed evidence again, and compare each figure with the recorded one. Nothing runs before you agree.

    The bundle is verified first. Its sealed source runs in a scratch folder, with the recorded parameters, on the AWS that the environment
    variables point to. The jobs, data and models of a replay have names of their own; no endpoint is deployed or changed. A figure that
    differs ends the command with exit code 37.

    Example: mlkit replay executed/sealed-EXECUTION --key evidence-key.pem

    Example: mlkit replay s3://evidence/.../manifest.json --only train -p execution_role ARN --yes
    """
    head = digest_of(head)
    if scratch is not None and scratch.exists():
        raise UsageError(f"{scratch} exists", cure="Name a new folder with --scratch: a replay changes no other files.")
    given = Given.of(None, parameter or []).values
    with _scratch(scratch) as place:
        replaying = _prepare(place, evidence, head, key)
        steps = _plan(replaying, given, only or [])
        replaying.show(steps)
        if not _is_agreed(yes):
            place.remove()
            return
        if own_environment:
            _make_environment(place)
        compared = [one for each in steps for one in replaying.run(each, tolerance, own_environment=own_environment)]
    _conclude(compared, tolerance, place)


@contextmanager
def _scratch(to: Path | None) -> "Iterator[Scratch]":
    """The folder of the replay. It is removed if nothing has run in it."""
    from mlkit.runner.replay import Scratch

    made = Path(tempfile.mkdtemp(prefix="mlkit-replay-")) if to is None else to.resolve()
    made.mkdir(parents=True, exist_ok=True)
    scratch = Scratch(folder=made)
    try:
        yield scratch
    except BaseException:
        if not any(made.glob("*/executed")):
            scratch.remove()
        raise


def _prepare(scratch: "Scratch", evidence: str, head: str | None, key: Path | None) -> "_Replay":
    """Fetch and verify the bundle, and unpack its source."""
    from mlkit.aws.session import Session
    from mlkit.evidence.bundle import BundleFolder
    from mlkit.runner.replay import unpack_source

    folder, aws = Path(evidence), Session()
    if evidence.startswith("s3://"):
        from mlkit.aws.evidence_download import fetch_bundle

        folder = scratch.folder / "bundle"
        fetch_bundle(aws, evidence, folder)
    found = verified(folder, head, key)
    files = BundleFolder(folder)
    unpack_source(files, found.head, scratch.source)
    print_wrapped("", one_line(f"Pipeline {found.head.pipeline}, execution {found.head.pipeline_execution_id}"))
    label = "  verified    " if found.is_signed else "  consistent  "
    print_wrapped(label, f"{counted(found.seals, 'seal')}, {counted(found.files, 'file')}")
    for line in found.unproved:
        print_wrapped("  NOT PROVED  ", line)
    return _Replay(aws=aws, scratch=scratch, files=files, manifest=found.head)


def _plan(replaying: "_Replay", given: Mapping[str, Any], only: Sequence[str]) -> "list[ReplayStep]":
    """The steps that can be replayed, after a line for each that cannot."""
    from mlkit.runner.replay import plan_replay

    steps = []
    for planned in plan_replay(replaying.files, replaying.manifest, replaying.scratch.source, given, only):
        if reason := replaying.why_not(planned):
            print_wrapped("  not run     ", f"{planned.name}: {reason}")
        else:
            steps.append(planned)
    if not steps:
        raise UsageError("No step of the bundle can be replayed here", cure="Leave out --only, or deploy the recorded model first.")
    return steps


def _is_agreed(yes: bool) -> bool:
    if yes:
        return True
    if not is_attended():
        out.print("Nothing was run. Add --yes to run it.")
        return False
    if not is_confirmed("This runs the bundle's code with your credentials. Run it? Type yes or no."):
        out.print("Nothing was run.")
        return False
    return True


@dataclass(frozen=True, kw_only=True)
class _Replay:
    """A verified bundle whose source is unpacked."""

    aws: "Session"
    scratch: "Scratch"
    files: "BundleFolder"
    manifest: "Manifest"

    def variables(self) -> dict[str, str]:
        """The environment variables of a replay.

        They name its jobs, let it take over no earlier job, tell a test the evidence bucket, and lead Jupyter to the scratch's kernel.
        """
        from mlkit.evidence.seals import place_of
        from mlkit.reuse.finished_steps import REUSE
        from mlkit.runner.replay import EXECUTION

        kernels = os.pathsep.join(filter(None, [str(self.scratch.kernels), os.environ.get("JUPYTER_PATH")]))
        evidence = place_of(self.manifest).address
        return {"PIPELINE_EXECUTION_ID": EXECUTION, REUSE: "0", "EVIDENCE": evidence, "JUPYTER_PATH": kernels}

    def why_not(self, planned: "ReplayStep") -> str:
        """Why the step cannot be replayed: its endpoint no longer serves the recorded model. Empty if it can be."""
        from mlkit.aws.endpoints import prove_endpoint

        if not planned.needs_endpoint:
            return ""
        try:
            with environment(self.variables()):
                prove_endpoint(self.aws, planned.environment, planned.trained)
        except MlkitError as error:
            return one_line(f"its endpoint of {planned.environment} does not serve the recorded model: {error}")
        return ""

    def show(self, steps: "Sequence[ReplayStep]") -> None:
        """Print the source, the account, the inputs, the packages, and what each step would start."""
        from mlkit.aws.evidence_store import caller

        print_wrapped("  source      ", f"{counted(len(self.manifest.code), 'code file')}, as sealed, in {self.scratch.source}")
        who = caller(self.aws)
        place = f" at {os.environ['AWS_ENDPOINT_URL']}" if "AWS_ENDPOINT_URL" in os.environ else ""
        print_wrapped("  on          ", f"account {who.account}, region {who.region}{place}")
        for line in self._changed_inputs(steps):
            print_wrapped("  inputs      ", line)
        for line in _packages(self.scratch.source, steps):
            print_wrapped("  packages    ", line)
        for planned in steps:
            print_wrapped("  would run   ", f"{planned.name}  {planned.notebook}")
            for line in _starts(planned):
                print_wrapped("              ", line)

    def _changed_inputs(self, steps: "Sequence[ReplayStep]") -> list[str]:
        """Whether the tables that the steps read are the recorded ones."""
        from mlkit.aws.inputs import TABLE, input_digest

        lines = {}
        for item in (item for planned in steps for item in planned.activity.inputs if item.name.startswith(f"{TABLE} ")):
            try:
                is_same = input_digest(self.aws, item.name) == item.sha256
                lines[item.name] = "is as it was recorded" if is_same else "is NOT as it was recorded: its objects or columns differ"
            except NotFound:
                lines[item.name] = "does NOT exist here"
        return [one_line(f"{name} {told}") for name, told in lines.items()]

    def run(self, planned: "ReplayStep", tolerance: float, *, own_environment: bool) -> list[Compared]:
        """Run one step and compare it. Raises the error that ended the run early."""
        from mlkit.runner.exit_errors import check_run
        from mlkit.runner.replay import replayed, run_step, unpack_source

        root = self.scratch.root(planned)
        if not root.is_dir():
            unpack_source(self.files, self.manifest, root)
        with step(f"Replay {planned.name}"), environment(self.variables()):
            record = run_step(planned, root, self._options(root, own_environment=own_environment))
            check_run(record)
        return compare_runs(planned.name, planned.recorded(), replayed(record, root), tolerance)

    def _options(self, root: Path, *, own_environment: bool) -> Any:
        from mlkit.aws.session import Session
        from mlkit.cli.run import say_cells
        from mlkit.runner import RunOptions
        from mlkit.runner.provenance import origin
        from mlkit.settings import Project

        say = Elapsed()
        path = [*self.scratch.python_path(root), *filter(None, [os.environ.get("PYTHONPATH")])]
        return RunOptions(
            kernel_name=_KERNEL if own_environment else None,
            on_progress=say_cells(say),
            on_note=say,
            origin=origin(Project(root=root)),
            environment={"PYTHONPATH": "" if own_environment else os.pathsep.join(path)},
            aws=Session,
        )


def _packages(source: Path, steps: "Sequence[ReplayStep]") -> list[str]:
    """What the sealed lock and the packages here have in common, in lines."""
    from importlib import metadata

    from mlkit.project.locked_packages import compare_lock
    from mlkit.reuse.finished_steps import LOCKS, lock_digests

    lines, digests = [], lock_digests(source)
    told = [one.record.origin.lock_sha256 for one in steps]
    lines += [f"{name} of the source is not the recorded one" for name in digests if any(one.get(name) != digests[name] for one in told)]
    name = next((lock for lock in reversed(LOCKS) if lock in digests), None)
    if name is None:
        return [*lines, "the source has no lock file, so they cannot be compared"]
    installed = {one.name: one.version for one in metadata.distributions() if one.name}
    count, others = compare_lock((source / name).read_text(encoding="utf-8", errors="replace"), installed)
    if not others:
        return [*lines, f"all {count} are installed as {name} has them"]
    shown = ", ".join(map(str, others[:_FEW])) + (f", and {len(others) - _FEW} more" if len(others) > _FEW else "")
    return [*lines, f"{len(others)} of {count} DIFFER from {name}: {one_line(shown)}. --sealed-packages installs the locked ones."]


def _starts(planned: "ReplayStep") -> list[str]:
    """What the recorded run started, for a replay will start the same."""
    activity, given = planned.activity, planned.given
    lines = [one_line(f"{name} = {value!r}{', not as recorded' if name in planned.changed else ''}") for name, value in given.items()]
    if activity.queries:
        scanned = sum(query.bytes_scanned or 0 for query in activity.queries) / 1e6
        lines.append(
            f"{counted(len(activity.queries), 'Athena query').replace('querys', 'queries')}; the recorded ones read {scanned:,.1f} MB"
        )
    for job in activity.jobs:
        what = f"{job.kind} job ml-replay-...: {job.instance_count or 1} x {job.instance_type}"
        lines.append(one_line(f"{what}; the recorded one took {job.billable_seconds or 0} billable seconds"))
    written = sorted({"/".join(one.s3_uri.split("/")[:4]) for one in activity.objects if one.action == "written"})
    lines += [one_line(f"objects below {address}/, in folders of their own") for address in written]
    lines += [one_line(f"asks the endpoint {name}") for name in sorted({one.endpoint for one in activity.served})]
    return lines


def _make_environment(scratch: "Scratch") -> None:
    """Install the sealed lock's packages, and describe a kernel that has them: the first that Jupyter finds by its path."""
    make = shutil.which("make")
    if make is None:
        raise UsageError("--sealed-packages needs make", cure="Install make, or leave out --sealed-packages.")
    with step("Install the locked packages"):
        done = subprocess.run([make, "--silent", "build-environment"], cwd=scratch.source, check=False)
        python = scratch.source / ".venv" / "bin" / "python"
        if done.returncode or not python.exists():
            raise InvalidData(
                "`make build-environment` of the sealed source failed", cure="Read its output above. It needs a package index."
            )
    command = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    described = scratch.kernels / "kernels" / _KERNEL / "kernel.json"
    described.parent.mkdir(parents=True)
    described.write_text(json.dumps({"argv": command, "display_name": "the sealed lock", "language": "python"}))


def _show(compared: Sequence[Compared]) -> None:
    """Print the report, 80 columns wide at most for the usual names."""
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("figure", overflow="fold")
    table.add_column("recorded", overflow="fold", max_width=_VALUE_WIDTH)
    table.add_column("now", overflow="fold", max_width=_VALUE_WIDTH)
    table.add_column("verdict", no_wrap=True)
    title = ""
    for one in compared:
        if (told := f"{one.notebook}: {one.group}") != title:
            title = told
            table.add_row(Text(title, style="bold"))
        figure, recorded, now, verdict = one.row()
        style = "red" if one.verdict is Verdict.DIFFERENT else ""
        table.add_row(f" {plain(figure)}", plain(recorded), plain(now), Text(verdict, style=style))
    Console(highlight=False).print(table)


def _conclude(compared: Sequence[Compared], tolerance: float, scratch: "Scratch") -> None:
    """Print the report. Raises ReplayDiffers if a figure differs."""
    _show(compared)
    out.print(plain(f"Executed notebooks and results: {scratch.folder}"))
    told = f"{counted(len(compared), 'figure')}: {describe(compared, tolerance)}"
    different = [one for one in compared if one.verdict is Verdict.DIFFERENT]
    if different:
        raise ReplayDiffers(one_line(f"{told}. The first: {different[0].notebook}, {different[0].figure}"))
    out.print(plain(told))
