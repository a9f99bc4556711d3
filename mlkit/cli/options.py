"""Options that several commands have: each with one name, one variable, one help text and one default."""

import os
from typing import Annotated, Literal

import typer

from mlkit.errors import UsageError

INITIALS = "mlkit"
_INITIALS_VARIABLE = "MLKIT_YOUR_INITIALS"


def _not_emptied(context: typer.Context, value: str) -> str:
    """The value. Raises UsageError where the variable is set and empty, since the default would name another lab's resources."""
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
    typer.Option(min=0, max=65535, help="Port on 127.0.0.1; without it 4566, or a free one when that is taken.", show_default=False),
]
Worktree = Annotated[bool, typer.Option("--worktree", help="Take uncommitted files too, not only what is committed.")]
Tune = Annotated[Literal["notebook", "true", "false"], typer.Option(help="Whether 02_train tunes: notebook leaves it to the notebook.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do it without a question.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
SealSha256 = typer.Option("--seal-sha256", envvar="SEAL_SHA256", help="The manifest's SHA-256, as the approval's message tells it.")
