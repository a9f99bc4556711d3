"""mlkit new: create a project, or update its shared files."""

from pathlib import Path
from typing import Annotated

import typer

from mlkit.cli.console import out, plain


def new(
    folder: Annotated[Path, typer.Argument(help="The project's folder: new or empty.")],
    example: Annotated[
        str | None, typer.Option(help="The example to copy: breast_cancer (the default), diabetes, penguins or movielens.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="The project's name, by default the folder's.")] = None,
    git: Annotated[bool, typer.Option("--git/--no-git", help="Make it a git repository and commit its files.")] = True,
    refresh: Annotated[bool, typer.Option("--refresh", help="Update the shared files of an existing project.")] = False,
) -> None:
    """Create a project of your own, ready to run: notebooks, templates, buildspecs, locks and mlkit's wheel.

    Inside another repository, mlkit commits nothing. --refresh replaces the shared files of an existing project, and with --example
    also that example's files. It never overwrites uncommitted changes.

    Example: mlkit new ../churn
    """
    import mlkit
    from mlkit.project import new_project

    target = folder.resolve()
    source = new_project.find_source(Path(mlkit.__file__).resolve().parent, Path.cwd())
    parts = new_project.collect(source, example=example, name=name or target.name)
    wheel = f"mlkit {mlkit.__version__} ({parts.wheels[0].path}, sha256 {parts.wheels[0].sha256[:16]})"
    if refresh and target.is_dir() and any(target.iterdir()):
        written = new_project.refresh(target, parts, with_example=example is not None, with_git=git)
        done = f"{len(written.files)} files refreshed, commit {written.commit or 'left to you'}" if written.files else "is up to date"
        out.print(plain(f"{target}: {done}, {wheel}"))
        return
    written = new_project.make(target, parts, with_git=git)
    out.print(plain(f"Created {target}: {len(written.files)} files, {parts.example} with {wheel}"))
    if written.repository is not None:
        out.print(plain(f"The folder is in the repository {written.repository}, so mlkit committed nothing."))
        if written.repository != target:
            out.print("A pipeline on AWS needs a repository whose root is the project's folder.")
    elif written.commit:
        out.print(f"First commit: {written.commit} on main")
    if not refresh:
        _show_next(folder, committed=bool(written.commit))


def _show_next(folder: Path, *, committed: bool) -> None:
    """Print the next two commands; before them the commit that a pipeline needs, if there is none."""
    out.print("Next:")
    out.print(plain(f"  cd {folder}"))
    if not committed:
        out.print("  git add --all . && git commit --message start   (the pipeline runs committed files)")
    out.print("  make run")
