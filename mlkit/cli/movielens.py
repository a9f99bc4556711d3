"""mlkit data ... | predict, where the data are ratings of movies."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from mlkit.cli.console import Elapsed, out, show_table
from mlkit.settings import LabNames, Project

app = typer.Typer()
data = typer.Typer(no_args_is_help=True, help="Ratings: fetch them, load them into the lake.")
app.add_typer(data, name="data")

Initials = Annotated[str, typer.Option("--your-initials", help="Prefix of the lab's names.", envvar="MLKIT_YOUR_INITIALS")]
HalfStarRule = Annotated[str, typer.Option(help="What becomes of ratings such as 3.5 in a bigint column: refuse or round-down.")]


@data.command()
def load(
    source: Annotated[str, typer.Argument(help="A file, folder or zip of ratings, or a name: ml-100k, ml-1m, ml-25m.")] = "ml-100k",
    your_initials: Initials = "mlkit",
    half_stars: HalfStarRule = "refuse",
) -> None:
    """Put ratings where the lake's table u_data looks, in place of those that this command put there before.

    Files: u.data (tabs), ratings.csv, ratings.dat (`::`). Names are fetched from GroupLens, with the licence shown.

    Example: mlkit data load ml-100k
    """
    load_table(Project.here(), source, your_initials, half_stars=half_stars)


@data.command()
def fetch(name: Annotated[str, typer.Argument(help="ml-100k, ml-1m or ml-25m")] = "ml-100k") -> None:
    """Fetch a data set into the cache and check it, without AWS.

    Example: mlkit data fetch ml-100k
    """
    from mlkit.errors import UsageError
    from mlkit.movielens.downloads import DATASETS

    if name not in DATASETS:
        raise UsageError(f"There is no data set {name!r}", cure=f"Fetch one of {', '.join(DATASETS)}; `mlkit data load` takes a file too.")
    project = Project.here()
    convert(project, name, project.data_cache / f"{name}.tsv", keep_half_stars=True)


def convert(project: Project, source: str, target: Path, *, keep_half_stars: bool, half_stars: str = "refuse") -> str:
    """Write `source` as the canonical table `target`, telling what it holds. Returns the rating column's type that fits."""
    from mlkit.errors import UsageError
    from mlkit.movielens import downloads
    from mlkit.movielens.ratings import HalfStars
    from mlkit.movielens.ratings import convert as convert_file

    if half_stars not in ("refuse", "round-down"):
        raise UsageError(f"--half-stars is {half_stars!r}", cure="Choose refuse or round-down.")
    rule = HalfStars.KEEP if keep_half_stars else HalfStars(half_stars)
    target.parent.mkdir(parents=True, exist_ok=True)
    say = Elapsed()
    if source in downloads.DATASETS and not Path(source).exists():
        loaded = downloads.load(source, project.data_cache, target, project_root=project.root, half_stars=rule, on_note=say)
        found = loaded.ratings
        say(f"{source} from {loaded.origin}")
        out.print(loaded.licence)
    else:
        found = convert_file(Path(source), target, half_stars=rule)
    say(f"{found.rows:,} ratings of {found.users:,} users and {found.movies:,} movies, sha256 {found.sha256[:16]}")
    return found.rating_type


def load_table(project: Project, source: str, your_initials: str, *, half_stars: str = "refuse") -> str:
    """Convert the ratings and upload them. Returns the object's address."""
    from mlkit.aws.session import Session
    from mlkit.movielens.lake import FILE, rating_type, upload_ratings

    aws = Session()
    column = rating_type(aws, your_initials)
    project.data_cache.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="loading-", dir=project.data_cache) as folder:
        target = Path(folder) / FILE
        convert(project, source, target, keep_half_stars=column == "double", half_stars=half_stars)
        address = upload_ratings(aws, your_initials, target)
    out.print(f"  {address}")
    return address


@app.command()
def predict(
    user: Annotated[list[str], typer.Option("--user", help="A user's id; repeat it with --movie for several rows.")],
    movie: Annotated[list[str], typer.Option("--movie", help="A movie's id.")],
    environment: Annotated[str, typer.Option("--environment", help="dev, qa or production")] = "dev",
    your_initials: Initials = "mlkit",
) -> None:
    """Ask an endpoint whether a user rates a movie 4 or more.

    Ids that the model never saw are named under `unseen`: bias and the other id decide then.

    Example: mlkit predict --user 196 --movie 242
    """
    from mlkit.aws.session import Session
    from mlkit.errors import UsageError
    from mlkit.movielens.testing import predict as ask

    if len(user) != len(movie):
        raise UsageError(f"{len(user)} users and {len(movie)} movies", cure="Give --user and --movie in pairs.")
    answer = ask(Session(), LabNames(initials=your_initials).endpoint(environment), user, movie)
    show_table(answer.to_dict("records"))
    if (answer["unseen"] != "").any():
        out.print("unseen: the model does not know this id; it answers from its bias and the other id alone")
