"""Compares the names of the data in mlkit.yml, in the lake's template and in the preparation's parameters."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from mlkit.check.template_builds import UNKNOWN, Template
from mlkit.errors import InvalidNotebook, UsageError
from mlkit.naming import DATALAKE_TEMPLATE, is_database
from mlkit.parameters import read_parameters
from mlkit.project.yaml_lines import load
from mlkit.settings import PROJECT_FILE, Project

_PREPARATION = Path("notebooks") / "01_prep.ipynb"


def misfits(root: Path, templates: Iterable[Template]) -> Iterator[tuple[int, str]]:
    """Lines of mlkit.yml, from 1, with other places that disagree. Empty for a project without a mlkit.yml."""
    if not (root / PROJECT_FILE).is_file():
        return
    try:
        about = Project(root=root).about
    except UsageError as problem:
        yield 1, str(problem)
        return
    lines = {key: key.line for key in load((root / PROJECT_FILE).read_text())}
    for name, message in [*_in_the_lake(about.dataset, about.table, templates), *_in_the_preparation(root, vars(about))]:
        yield lines[name], f"{name} is {getattr(about, name)}, but {message}"


def _in_the_lake(dataset: str, table: str, templates: Iterable[Template]) -> Iterator[tuple[str, str]]:
    for template in templates:
        if template.path != DATALAKE_TEMPLATE.as_posix():
            continue
        databases = _names(template, "AWS::Glue::Database", "DatabaseInput")
        if databases and not any(is_database(name, dataset) for name in databases):
            yield "dataset", f"{template.path} creates the database {_one_of(databases)}"
        tables = _names(template, "AWS::Glue::Table", "TableInput")
        if tables and table not in tables:
            yield "table", f"{template.path} creates the table {_one_of(tables)}"


def _names(template: Template, kind: str, described_by: str) -> list[str]:
    described = [properties.get(described_by, {}) for _, properties in template.resources(kind)]
    return [value for one in described if isinstance(one, dict) for value in template.values(one.get("Name"))]


def _in_the_preparation(root: Path, about: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The parameters of 01_prep with the same name and another default."""
    if not (root / _PREPARATION).is_file():
        return
    try:
        parameters = read_parameters(root / _PREPARATION)
    except InvalidNotebook:
        return  # a run of the notebook reports the error
    for parameter in parameters:
        if parameter.name in ("dataset", "table") and parameter.default != about[parameter.name]:
            yield parameter.name, f"{_PREPARATION.as_posix()} reads {parameter.default!r} by default"


def _one_of(names: list[str]) -> str:
    return " or ".join(names).replace(UNKNOWN, "<initials>")
