"""Options that several commands share."""

import os
from typing import Annotated, Literal

import typer

from mlkit.errors import UsageError

INITIALS = "mlkit"
_INITIALS_VARIABLE = "MLKIT_YOUR_INITIALS"


def _not_emptied(context: typer.Context, value: str) -> str:
    """The value. Raises UsageError if the variable is set and empty, because the default would name another lab's resources."""
    source = context.get_parameter_source("your_initials")
    if os.environ.get(_INITIALS_VARIABLE) == "" and source is not None and source.name == "DEFAULT":
        raise UsageError(f"{_INITIALS_VARIABLE} is set and empty", cure=f"Set it to your initials, or `unset {_INITIALS_VARIABLE}`.")
    return value


YourInitials = Annotated[
    str,
    typer.Option(
        "--your-initials",
        help="Initials that begin the names of bucket, stacks and endpoints.",
        envvar=_INITIALS_VARIABLE,
        callback=_not_emptied,
    ),
]
Port = Annotated[
    int | None,
    typer.Option(min=0, max=65535, help="Port on 127.0.0.1; by default 4566, or a free one if 4566 is taken.", show_default=False),
]
Worktree = Annotated[bool, typer.Option("--worktree", help="Include uncommitted files.")]
Tune = Annotated[
    Literal["notebook", "true", "false"], typer.Option(help="Whether 02_train tunes; `notebook` keeps the notebook's own value.")
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
SealSha256 = typer.Option("--seal-sha256", envvar="SEAL_SHA256", help="The manifest's SHA-256 from the approval's message.")
