"""mlkit verify: checks a copy of sealed evidence offline."""

import re
import tempfile
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlkit.cli.console import WHOLE_WORDS, counted, out
from mlkit.errors import NotFound, NotProved, UsageError
from mlkit.evidence.foreign_text import shown

if TYPE_CHECKING:
    from mlkit.evidence.verification import Verified

_WIDTH = 79
_DIGEST = re.compile(r"[0-9a-f]{64}")

Head = Annotated[str | None, typer.Option(help="The newest manifest's SHA-256, as the approval's message or the pipeline tells it.")]
Key = Annotated[Path | None, typer.Option(help="File with the public key as PEM, which `mlkit evidence key` writes.")]
AllowUnproved = Annotated[bool, typer.Option("--allow-unproved", help="End with exit code 0 without --key, --head or an earlier seal.")]


def verify(
    evidence: Annotated[
        str, typer.Argument(metavar="FOLDER|URI", help="The folder that `mlkit evidence fetch` wrote, or s3://.../manifest.json.")
    ],
    head: Head = None,
    key: Key = None,
    allow_unproved: AllowUnproved = False,
) -> None:
    """Verify sealed evidence: signatures, the chain of seals, every file and record. A folder is verified offline.

    The first thing that is wrong ends the command with exit code 36 and the file's name. What the evidence alone cannot prove is listed.
    Without --key, --head or an earlier seal of the execution, the exit code is 38.

    Example: mlkit verify executed/sealed-EXECUTION --head SHA256 --key evidence-key.pem
    """
    head = digest_of(head)
    if not evidence.startswith("s3://"):
        _show(verified(Path(evidence), head, key), allow_unproved=allow_unproved)
        return
    from mlkit.aws.evidence_download import fetch_bundle
    from mlkit.aws.session import Session

    with tempfile.TemporaryDirectory(prefix="mlkit-verify-") as scratch:
        folder = Path(scratch) / "bundle"
        fetch_bundle(Session(), evidence, folder)
        _show(verified(folder, head, key), allow_unproved=allow_unproved)


def digest_of(head: str | None) -> str | None:
    """The digest as it was typed or copied: with blanks around it, in upper case, after `sha256:`. Raises UsageError if it is none."""
    if head is None:
        return None
    digest = head.strip().lower().removeprefix("sha256:").strip()
    if not _DIGEST.fullmatch(digest):
        raise UsageError(f"--head is {head!r}", cure="Give the manifest's SHA-256: 64 characters of 0-9 and a-f.")
    return digest


def verified(folder: Path, head: str | None, key: Path | None) -> "Verified":
    """Verify the bundle in the folder. Raises NotFound for a missing key file, and the errors of `verify_bundle`."""
    from mlkit.evidence.bundle import BundleFolder
    from mlkit.evidence.verification import MOST_KEY, verify_bundle

    if key is not None and not key.is_file():
        raise NotFound(f"{key} is not a file", cure="`mlkit evidence key` writes the public key as PEM.")
    is_own = key is not None and key.resolve().is_relative_to(folder.resolve())
    if key is not None and key.stat().st_size > MOST_KEY:
        raise UsageError(f"{key} is too large for a key: {key.stat().st_size:,} bytes", cure="`mlkit evidence key` writes the public key.")
    pem = key.read_bytes() if key is not None and not is_own else None
    return verify_bundle(BundleFolder(folder), public_key=pem, head=head)


def _show(verified: "Verified", *, allow_unproved: bool) -> None:
    """Print a line for each thing that was proved, then what was not, then the verdict. Raises NotProved.

    Without the caller's key nothing is proved: whoever wrote the bundle may have written all of it.
    """
    print_wrapped("", f"Pipeline {shown(verified.head.pipeline)}, execution {shown(verified.head.pipeline_execution_id)}")
    for line in verified.proved:
        print_wrapped("  proved      " if verified.is_signed else "  consistent  ", line)
    for line in verified.unproved:
        print_wrapped("  NOT PROVED  ", line)
    counts = f"{counted(verified.seals, 'seal')}, {counted(verified.files, 'file')}"
    left = f"{counted(len(verified.unproved), 'thing') if verified.unproved else 'nothing'} left unproved"
    if verified.is_signed:
        print_wrapped("", f"As sealed: {counts}; {left}")
    else:
        print_wrapped("", f"Consistent in itself: {counts}. Anybody may have written it: without the key, nothing is proved.")
    if verified.lacking and not allow_unproved:
        raise NotProved(f"Nothing is wrong, but the evidence is not proved: {'; '.join(verified.lacking)}")


def print_wrapped(label: str, line: str) -> None:
    """The line, wrapped; a long name stays whole, so that it can be copied."""
    wrapped = textwrap.fill(line, _WIDTH, initial_indent=label, subsequent_indent=" " * len(label), **WHOLE_WORDS)
    out.print(wrapped, markup=False)
