"""The addresses that `mlkit run` accepts for a notebook and for its executed copy."""

from dataclasses import dataclass
from pathlib import Path

from mlkit.errors import UsageError


def local_notebook(text: str) -> Path:
    """The path of a local notebook file. papermill also reads URLs and standard input; mlkit refuses them."""
    if text == "-" or "://" in text:
        what = "standard input" if text == "-" else text
        raise UsageError(f"The notebook cannot be read from {what}.", cure="Save it as a file first, and run that.")
    return Path(text)


@dataclass(frozen=True, kw_only=True)
class Destination:
    """Where the executed notebook is written: a local file and, with an s3:// prefix, a copy of the same name."""

    path: Path
    s3_prefix: str = ""

    @classmethod
    def of(cls, executed: str | None, notebook: Path, evidence: str) -> "Destination":
        """The destination from the command's arguments. Raises UsageError for standard output, other stores, and two places in S3."""
        if executed is None:
            return cls(path=Path("executed") / notebook.name, s3_prefix=evidence)
        if executed == "-":
            raise UsageError("The executed notebook cannot go to standard output: its record is written beside it.", cure="Name a file.")
        if not executed.startswith("s3://"):
            if "://" in executed:
                raise UsageError(f"mlkit cannot write to {executed}.", cure="Name a file, or s3://bucket/key.ipynb.")
            return cls(path=Path(executed), s3_prefix=evidence)
        if evidence:
            raise UsageError("The executed notebook has two places in S3.", cure="Give either --evidence or an s3:// address, not both.")
        prefix, _, name = executed.rpartition("/")
        if prefix in ("s3:", "s3:/") or not name:
            raise UsageError(f"{executed} does not name an object.", cure="Write s3://bucket/key.ipynb.")
        return cls(path=Path("executed") / name, s3_prefix=prefix)
