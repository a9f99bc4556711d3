"""mlkit data ... | predict, for ratings of movies."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from mlkit.cli.console import Elapsed, counted, out, show_table
from mlkit.cli.shared_options import INITIALS, YourInitials
from mlkit.naming import LabNames
from mlkit.settings import Project

if TYPE_CHECKING:
    from mlkit.movielens.columns import ColumnTypes

app = typer.Typer()
data = typer.Typer(no_args_is_help=True, help="Download ratings, and load them into the lake.")
app.add_typer(data, name="data")

HalfStarRule = Annotated[
    str,
    typer.Option(help="Ratings such as 3.5 in a bigint column: refuse, or round-down (0.5 becomes 1)."),
]


@data.command()
def load(
    source: Annotated[str, typer.Argument(help="A file, folder or archive of ratings, or a name: ml-100k, ml-1m, ml-25m.")] = "ml-100k",
    your_initials: YourInitials = INITIALS,
    half_stars: HalfStarRule = "refuse",
) -> None:
    """Upload ratings to the lake's table u_data. They replace those that this command uploaded before.

    Files: u.data (tabs), ratings.csv, ratings.dat (`::`), Parquet; compressed, in a folder or zip. A header may name the columns
    userId, user_id, item_id and so on. Named data sets are downloaded from GroupLens; their licence is shown.

    Example: mlkit data load ml-100k
    """
    load_table(Project.here(), source, your_initials, half_stars=half_stars)


@data.command()
def fetch(name: Annotated[str, typer.Argument(help="ml-100k, ml-1m or ml-25m")] = "ml-100k") -> None:
    """Download a data set into the cache and check it, without AWS.

    Example: mlkit data fetch ml-100k
    """
    from mlkit.errors import UsageError
    from mlkit.movielens.columns import ColumnTypes
    from mlkit.movielens.downloads import DATASETS

    if name not in DATASETS:
        raise UsageError(
            f"There is no data set {name!r}", cure=f"Choose one of {', '.join(DATASETS)}; `mlkit data load` also takes a file."
        )
    project = Project.here()
    convert(project, name, project.data_cache / f"{name}.tsv", ColumnTypes(rating="double"))


def convert(project: Project, source: str, target: Path, types: "ColumnTypes", half_stars: str = "refuse") -> None:
    """Write `source` as the canonical table `target` with these column types, and print what it holds."""
    from mlkit.errors import UsageError
    from mlkit.movielens import downloads
    from mlkit.movielens.ratings import HalfStars
    from mlkit.movielens.ratings import convert as convert_file

    if half_stars not in ("refuse", "round-down"):
        raise UsageError(f"--half-stars is {half_stars!r}", cure="Choose refuse or round-down.")
    rule = HalfStars.KEEP if types.keeps_half_stars and half_stars == "refuse" else HalfStars(half_stars)
    say = Elapsed()
    if source in downloads.DATASETS and not Path(source).exists():
        loaded = downloads.load(source, project.data_cache, target, project_root=project.root, types=types, half_stars=rule, on_note=say)
        found = loaded.ratings
        say(f"{source} from {loaded.origin}")
        out.print(loaded.licence)
    else:
        found = convert_file(Path(source), target, types=types, half_stars=rule)
    for note in found.notes:
        say(note)
    counts = f"{counted(found.rows, 'rating')} by {counted(found.users, 'user')} of {counted(found.movies, 'movie')}"
    say(f"{counts}, sha256 {found.sha256[:16]}")


def load_table(project: Project, source: str, your_initials: str, *, half_stars: str = "refuse") -> str:
    """Convert the ratings and upload them. Returns the object's address."""
    from mlkit.aws.session import Session
    from mlkit.movielens.lake import FILE, column_types, upload_ratings

    aws = Session()
    types = column_types(aws, your_initials)
    project.data_cache.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="loading-", dir=project.data_cache) as folder:
        target = Path(folder) / FILE
        convert(project, source, target, types, half_stars)
        address = upload_ratings(aws, your_initials, target)
    out.print(f"  {address}")
    return address


@app.command()
def predict(
    user: Annotated[list[str], typer.Option("--user", help="User id; repeat --user and --movie for several rows.")],
    movie: Annotated[list[str], typer.Option("--movie", help="Movie id.")],
    environment: Annotated[str, typer.Option("--environment", help="dev, qa or production")] = "dev",
    your_initials: YourInitials = INITIALS,
) -> None:
    """Ask an endpoint whether a user rates a movie 4 or more, or for the stars if the model predicts them.

    The column `unseen` names ids that are not in the model; it predicts from its bias and the other id.

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
        out.print("unseen: this id is not in the model; the model predicts from its bias and the other id alone")
