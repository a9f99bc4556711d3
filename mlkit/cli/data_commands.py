"""The commands that depend on the project's kind of data: `mlkit data ...` and `mlkit predict`."""

import importlib
from typing import Any, Protocol

import typer
from typer.core import TyperGroup

from mlkit.errors import MlkitError
from mlkit.kinds import kind_of
from mlkit.settings import Project

NAMES = ("data", "predict")


class Commands(Protocol):
    """The interface of a module mlkit.cli.<kind>_data."""

    app: typer.Typer

    def load_table(self, project: Project, source: str, your_initials: str) -> str:
        """Upload `source` to the lake's table and print what it holds. Returns the object's address."""
        ...


def commands_of(project: Project) -> Commands:
    """The commands of the project's kind. Raises NotFound or UsageError if mlkit.yml does not name one."""
    commands: Any = importlib.import_module(f"mlkit.cli.{kind_of(project)}_data")
    found: Commands = commands
    return found


class ProjectGroup(TyperGroup):
    """The shared commands, and those of the current folder's project."""

    # Typer has a click of its own, whose types it does not publish.
    def list_commands(self, ctx: Any) -> list[str]:
        try:
            kind_of(Project.here())
        except MlkitError:
            return super().list_commands(ctx)
        return [*super().list_commands(ctx), *NAMES]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in NAMES:
            return super().get_command(ctx, cmd_name)
        group: Any = typer.main.get_command(commands_of(Project.here()).app)
        return group.get_command(ctx, cmd_name)
