"""mlkit evidence ls | open | diff: the executions with sealed evidence, their review pages, and what differs between two."""

import shlex
import sys
import webbrowser
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlkit.cli.console import err, out
from mlkit.cli.shared_options import INITIALS, YourInitials
from mlkit.errors import NotFound
from mlkit.settings import Project

if TYPE_CHECKING:
    from mlkit.aws.sealed_executions import SealedExecution
    from mlkit.aws.session import Session
    from mlkit.review import Evidence, IndexEntry

_LOCAL = Path("executed")
_INDEX = "evidence.html"
_MOST_PAGES = 50  # a page has about a megabyte
_WHICH = "An execution's id or its first characters, or a bundle's folder; without it, the newest execution."


def register(app: typer.Typer) -> None:
    """Add the commands to the group `mlkit evidence`."""
    app.command("ls")(ls)
    app.command("open")(open_page)
    app.command("diff")(diff)


def ls(
    page: Annotated[
        bool, typer.Option("--page", help="Write the list to executed/evidence.html, with the newest 50 review pages.")
    ] = False,
    your_initials: YourInitials = INITIALS,
) -> None:
    """List the pipeline's executions that have sealed evidence, newest first.

    Example: mlkit evidence ls
    Example: mlkit evidence ls --page
    """
    aws, executions = _all_sealed(your_initials)
    for execution in executions:
        out.print(_line(execution), markup=False)
    if not executions:
        out.print("No execution has sealed evidence yet.")
    if page:
        out.print(str(_write_index(aws, executions)), markup=False)


def open_page(
    which: Annotated[str, typer.Argument(metavar="[EXECUTION | FOLDER]", help=_WHICH)] = "",
    against: Annotated[Path | None, typer.Option(help="Folder of the bundle to compare with; only for a folder.")] = None,
    browser: Annotated[bool, typer.Option(help="Open the page in the browser, if this is a terminal.")] = True,
    your_initials: YourInitials = INITIALS,
) -> None:
    """Open the review page of an execution or of a bundle. Its path is printed.

    It is the sealed page of the newest seal. Of a bundle without one, and with --against, a page is made beside the bundle's folder, as
    FOLDER-review.html. The page is not verified: `mlkit verify` does that.

    Example: mlkit evidence open 30f1b5e6
    Example: mlkit evidence open executed/sealed-30f1b5e6 --against executed/sealed-1b0c5d0a
    """
    folder = Path(which)
    if which and folder.is_dir():
        path, evidence = _page_in(folder, against), str(folder)
    else:
        path, evidence = _downloaded_page(which, your_initials)
    out.print(str(path), markup=False)
    command = f"mlkit verify {shlex.quote(evidence)} --key evidence-key.pem --head SHA256"
    err.print(f"The page is not verified. Verify what it says: {command}", markup=False)
    if browser and sys.stdout.isatty():
        webbrowser.open(path.resolve().as_uri())


def diff(
    a: Annotated[str, typer.Argument(metavar="A", help="The earlier one: an execution's id, or a bundle's folder.")],
    b: Annotated[str, typer.Argument(metavar="B", help="The later one: an execution's id, or a bundle's folder.")],
    your_initials: YourInitials = INITIALS,
) -> None:
    """Print what differs between two executions: code, notebook cells, parameters, data, packages, metrics.

    Example: mlkit evidence diff 1b0c5d0a 30f1b5e6
    """
    from mlkit.review.comparison_text import comparison_text

    text = comparison_text(_evidence(a, your_initials), _evidence(b, your_initials))
    out.print(text, end="", markup=False)


def _page_in(folder: Path, against: Path | None) -> Path:
    from mlkit.cli.evidence_folders import read_bundle
    from mlkit.review import Reviewed, render

    bundle = read_bundle(folder)
    if bundle.page.is_file() and against is None:
        return bundle.page
    champion = read_bundle(against).evidence if against else None
    whole = folder.resolve()
    path = whole.with_name(f"{whole.name}-review.html")  # beside the bundle, which stays as it was sealed
    path.write_bytes(render(Reviewed(sealed=bundle.evidence, champion=champion, approval=bundle.approval)))
    return path


def _downloaded_page(execution: str, initials: str) -> tuple[Path, str]:
    """The page's local file, and the address of the manifest that vouches for it."""
    from mlkit.aws.review_pages import fetch_page, page_path

    aws, found = _found(execution, initials)
    path = page_path(found, _LOCAL)
    fetch_page(aws, found, path)
    return path, found.newest_uri


def _write_index(aws: "Session", executions: "Sequence[SealedExecution]") -> Path:
    """Write the list of executions as a page, beside the pages of the newest ones. Returns its path."""
    from mlkit.review import render_index

    entries = [_entry(execution, _local_page(aws, execution)) for execution in executions[:_MOST_PAGES]]
    entries += [_entry(execution, "") for execution in executions[_MOST_PAGES:]]
    path = _LOCAL / _INDEX
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(render_index(entries))
    return path


def _local_page(aws: "Session", execution: "SealedExecution") -> str:
    """The name of the page's copy beside the list; empty if the execution has none."""
    from mlkit.aws.review_pages import fetch_page, page_path

    path = page_path(execution, _LOCAL)
    try:
        fetch_page(aws, execution, path)
    except NotFound:
        return ""
    return path.name


def _entry(execution: "SealedExecution", page: str) -> "IndexEntry":
    from mlkit.review import IndexEntry

    manifest, approval = execution.manifest, execution.newest.approval
    return IndexEntry(
        execution=manifest.pipeline_execution_id,
        sealed_at=manifest.sealed_at,
        commit=manifest.source.variables.get("CommitId", ""),
        message=manifest.source.variables.get("CommitMessage", ""),
        verdict=manifest.verdict,
        decided_by=approval.decided_by if approval else "",
        decision=approval.status if approval else "",
        page=page,
    )


def _evidence(which: str, initials: str) -> "Evidence":
    from mlkit.aws.sealed_executions import read_evidence
    from mlkit.cli.evidence_folders import read_bundle

    if Path(which).is_dir():
        return read_bundle(Path(which)).evidence
    aws, found = _found(which, initials)
    return read_evidence(aws, found)


def _found(execution: str, initials: str) -> "tuple[Session, SealedExecution]":
    from mlkit.aws.sealed_executions import find_sealed
    from mlkit.aws.session import Session

    aws = Session()
    return aws, find_sealed(aws, *_places(aws, initials), execution)


def _all_sealed(initials: str) -> "tuple[Session, list[SealedExecution]]":
    from mlkit.aws.sealed_executions import sealed_executions
    from mlkit.aws.session import Session

    aws = Session()
    return aws, sealed_executions(aws, *_places(aws, initials))


def _places(aws: "Session", initials: str) -> tuple[str, str]:
    """The evidence bucket's address and the pipeline's name."""
    from mlkit.aws.stacks import stack_outputs

    outputs = stack_outputs(aws, Project.here().names(initials).pipeline_stack)
    return f"s3://{outputs['EvidenceBucket']}", outputs["Pipeline"]


def _line(execution: "SealedExecution") -> str:
    from mlkit.review.shown_text import bounded

    manifest, approval = execution.manifest, execution.newest.approval
    commit = bounded(manifest.source.variables.get("CommitId", ""), 80)[:10]
    decision = bounded(approval.status, 20) if approval else "not decided"
    sealed_at = bounded(manifest.sealed_at, 40)[:16].replace("T", " ")
    return f"{sealed_at}  {manifest.pipeline_execution_id[:8]}  {commit:10}  {bounded(manifest.verdict, 12):12}  {decision}"
