"""mlkit data ... | predict, for a table with a label."""

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from mlkit.cli.console import counted, out, plain, show_table
from mlkit.cli.shared_options import INITIALS, YourInitials
from mlkit.naming import LabNames
from mlkit.settings import Project

app = typer.Typer()
data = typer.Typer(no_args_is_help=True, help="Load the table into the lake.")
app.add_typer(data, name="data")

FILE = "table.csv"


@data.callback()
def _data() -> None:
    """Makes Typer treat `data` as a group although it has one command."""


@data.command()
def load(
    source: Annotated[
        str,
        typer.Argument(help="A file, folder or archive of rows, or a program that writes one; by default `source` of mlkit.yml."),
    ] = "",
    your_initials: YourInitials = INITIALS,
) -> None:
    """Upload rows to the lake's table. They replace those that this command uploaded before.

    CSV (commas, semicolons, tabs; compressed or not) or Parquet. The first line names the table's columns. mlkit calls a program
    with the path of the file to write.

    Example: mlkit data load
    """
    project = Project.here()
    load_table(project, source or project.about.source, your_initials)


def load_table(project: Project, source: str, your_initials: str) -> str:
    """Convert the rows to the table's format and upload them. Returns the object's address."""
    from mlkit.aws.data_lake import describe_table, upload_table
    from mlkit.aws.session import Session
    from mlkit.tabular.lake_files import convert

    aws, names, table = Session(), project.names(your_initials), project.about.table
    columns, _ = describe_table(aws, names, table)
    with TemporaryDirectory() as folder:
        target = Path(folder) / FILE
        written = convert(_written(project, project.root / source, Path(folder) / "written.csv"), target, columns)
        for note in written.notes:
            out.print(f"  {plain(note)}")
        out.print(f"  {counted(written.rows, 'row')} of {counted(len(columns), 'column')}")
        address = upload_table(aws, names, table, target, FILE)
    out.print(f"  {address}")
    return address


def _written(project: Project, source: Path, target: Path) -> Path:
    """The source file; for a program, the file that it wrote."""
    from mlkit.errors import DownloadFailed, NotFound

    if not source.exists():
        raise NotFound(f"There is no file {source}", cure="Name a file of rows, or a Python program that writes one.")
    if source.suffix != ".py":
        return source
    command = [sys.executable, str(source), str(target)]
    done = subprocess.run(command, cwd=project.root, capture_output=True, text=True, check=False)
    out.print(plain(done.stdout.rstrip()))
    if done.returncode or not target.is_file():
        reason = (done.stderr.strip().splitlines() or [f"it ended with {done.returncode} and wrote no file"])[-1]
        raise DownloadFailed(f"{source.name} wrote no table: {reason}", cure=f"Run it by hand: `python {source.name} table.csv`.")
    return target


@app.command()
def predict(
    rows: Annotated[Path, typer.Argument(help="A CSV file with the model's columns by name, in any order.")],
    environment: Annotated[str, typer.Option("--environment", help="dev, qa or production")] = "dev",
    your_initials: YourInitials = INITIALS,
) -> None:
    """Ask an endpoint for the class, or the number, of each row of a CSV file.

    Example: mlkit predict rows.csv
    """
    from mlkit.aws.session import Session
    from mlkit.tabular.lake_files import read_frame
    from mlkit.tabular.testing import predict as ask

    frame = read_frame(rows)
    answer = ask(Session(), LabNames(initials=your_initials).endpoint(environment), frame)
    show_table(answer.to_dict("records"))
