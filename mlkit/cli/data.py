"""mlkit data ...: ratings into the lake."""

from pathlib import Path
from typing import Annotated

import typer

from mlkit.cli.console import Elapsed, out
from mlkit.settings import Project

app = typer.Typer(no_args_is_help=True, help="Ratings: fetch them, load them into the lake.")

Initials = Annotated[str, typer.Option("--your-initials", help="Prefix of the lab's names.", envvar="MLKIT_YOUR_INITIALS")]
HalfStarRule = Annotated[str, typer.Option(help="What becomes of ratings such as 3.5 in a bigint column: refuse or round-down.")]


@app.command()
def load(
    source: Annotated[str, typer.Argument(help="A file, folder or zip of ratings, or a name: ml-100k, ml-1m, ml-25m.")] = "ml-100k",
    your_initials: Initials = "mlkit",
    half_stars: HalfStarRule = "refuse",
) -> None:
    """Put ratings where the lake's table u_data looks, in place of those that this command put there before.

    Files: u.data (tabs), ratings.csv, ratings.dat (`::`). Names are fetched from GroupLens, with the licence shown.

    Example: mlkit data load ml-100k
    """
    load_ratings(Project.here(), source, your_initials, half_stars=half_stars)


@app.command()
def fetch(name: Annotated[str, typer.Argument(help="ml-100k, ml-1m or ml-25m")] = "ml-100k") -> None:
    """Fetch a data set into the cache and check it, without AWS.

    Example: mlkit data fetch ml-100k
    """
    project = Project.here()
    convert(project, name, project.ratings_cache / f"{name}.tsv", keep_half_stars=True)


def convert(project: Project, source: str, target: Path, *, keep_half_stars: bool, half_stars: str = "refuse") -> str:
    """Write `source` as the canonical table `target`, telling what it holds. Returns the rating column's type that fits."""
    from mlkit import downloads
    from mlkit.errors import UsageError
    from mlkit.ratings import HalfStars
    from mlkit.ratings import convert as convert_file

    if half_stars not in ("refuse", "round-down"):
        raise UsageError(f"--half-stars {half_stars}", cure="Choose refuse or round-down.")
    rule = HalfStars.KEEP if keep_half_stars else HalfStars(half_stars)
    target.parent.mkdir(parents=True, exist_ok=True)
    say = Elapsed()
    if source in downloads.DATASETS and not Path(source).exists():
        loaded = downloads.load(source, project.ratings_cache, target, project_root=project.root, half_stars=rule, on_note=say)
        found = loaded.ratings
        say(f"{source} from {loaded.origin}")
        out.print(loaded.licence)
    else:
        found = convert_file(Path(source), target, half_stars=rule)
    say(f"{found.rows:,} ratings of {found.users:,} users and {found.movies:,} movies, sha256 {found.sha256[:16]}")
    return found.rating_type


def load_ratings(project: Project, source: str, your_initials: str, *, half_stars: str = "refuse") -> str:
    """Convert the ratings and upload them. Returns the object's address."""
    from mlkit.aws.lake import rating_type, upload_ratings
    from mlkit.aws.session import Session

    aws = Session()
    column = rating_type(aws, your_initials)
    target = project.ratings_cache / "loading.tsv"
    try:
        convert(project, source, target, keep_half_stars=column == "double", half_stars=half_stars)
        address = upload_ratings(aws, your_initials, target)
    finally:
        target.unlink(missing_ok=True)
    out.print(f"  {address}")
    return address
