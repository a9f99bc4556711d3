"""mlkit new: a team's own project from the same parts."""

from pathlib import Path
from typing import Annotated

import typer

from mlkit.cli.console import out, plain


def new(
    folder: Annotated[Path, typer.Argument(help="Where the project is to lie: a new or an empty folder.")],
    example: Annotated[str | None, typer.Option(help="What it begins with: breast_cancer (the default) or movielens.")] = None,
    name: Annotated[str | None, typer.Option(help="The project's name, by default the folder's.")] = None,
    git: Annotated[bool, typer.Option("--git/--no-git", help="Make it a git repository and commit its parts.")] = True,
    refresh: Annotated[bool, typer.Option("--refresh", help="If it is there already, bring its shared parts up to date.")] = False,
) -> None:
    """Make a project of your own: notebooks, templates, buildspecs, locks and mlkit's wheel, ready to run.

    Inside of another repository nothing is committed. With --refresh a project that is there gets the shared parts as they are now, and
    with --example also that example's files; what you have not committed is refused, never overwritten.

    Example: mlkit new ../churn
    """
    import mlkit
    from mlkit import projects

    target = folder.resolve()
    source = projects.find_source(Path(mlkit.__file__).resolve().parent, Path.cwd())
    parts = projects.collect(source, example=example, name=name or target.name)
    wheel = f"mlkit {mlkit.__version__} ({parts.wheels[0].path}, sha256 {parts.wheels[0].sha256[:16]})"
    if refresh and target.is_dir() and any(target.iterdir()):
        written = projects.refresh(target, parts, with_example=example is not None, with_git=git)
        done = f"{len(written.files)} files refreshed, commit {written.commit or 'left to you'}" if written.files else "is up to date"
        out.print(plain(f"{target}: {done}, {wheel}"))
        return
    written = projects.make(target, parts, with_git=git)
    out.print(plain(f"Made {target}: {len(written.files)} files, {parts.example} with {wheel}"))
    if written.repository is not None:
        out.print(plain(f"It lies in the repository {written.repository}, so nothing was committed."))
        if written.repository != target:
            out.print("A pipeline on AWS needs a repository whose root is the project's folder.")
    elif written.commit:
        out.print(f"First commit: {written.commit} on main")
    if not refresh:
        _show_next(folder, committed=bool(written.commit))


def _show_next(folder: Path, *, committed: bool) -> None:
    """The next two commands to type; before them, what a pipeline cannot do without."""
    out.print("Next:")
    out.print(plain(f"  cd {folder}"))
    if not committed:
        out.print("  git add --all . && git commit --message start   (the pipeline runs what is committed)")
    out.print("  make run")
