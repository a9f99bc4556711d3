"""Checks the project's notebooks in git: they must have no outputs, and defaults that do not deploy the dev endpoint."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mlkit.errors import InvalidNotebook
from mlkit.parameters import parameters_of
from mlkit.project import git


def problems(root: Path) -> Iterator[tuple[str, str]]:
    """The problems of notebooks in notebooks/, as (path, problem). Outside of a git repository, it reads the files.

    Changes in the working tree that are not in git's index do not count, because people run notebooks there.
    """
    for path in sorted((root / "notebooks").glob("*.ipynb")):
        name = path.relative_to(root).as_posix()
        content = _content(git.staged(root, name), path)
        strip = f".venv/bin/nbstripout --keep-id {name} && git add {name}"
        if cells := [str(number) for number, cell in _code(content) if cell.get("outputs") or cell.get("execution_count") is not None]:
            yield name, f"{_cells(cells)} outputs or an execution count. Type: {strip}"
        if cells := [str(number) for number, cell in _code(content) if "injected-parameters" in _tags(cell)]:
            said = "parameters of an earlier run, which would overrule the defaults"
            yield name, f"{_cells(cells)} {said}. Delete the cell tagged injected-parameters, then type: git add {name}"
        if _deploys_dev(content, name):
            said = "deploy_dev is True by default: each run of the pipeline would deploy the dev endpoint"
            yield name, f"{said}. Set it to False, then type: git add {name}"


def _content(staged: str | None, path: Path) -> Mapping[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8") if staged is None else staged)
    except (OSError, ValueError):
        return {"cells": []}  # `mlkit run` reports the error
    cells = content.get("cells") if isinstance(content, dict) else None
    return content if isinstance(cells, list) and all(isinstance(cell, dict) for cell in cells) else {"cells": []}


def _code(content: Mapping[str, Any]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """The code cells with their numbers, from 1, as in records."""
    yield from enumerate((cell for cell in content["cells"] if cell.get("cell_type") == "code"), start=1)


def _tags(cell: Mapping[str, Any]) -> tuple[Any, ...]:
    metadata = cell.get("metadata")
    tags = metadata.get("tags") if isinstance(metadata, dict) else None
    return tuple(tags) if isinstance(tags, list) else ()


def _cells(numbers: list[str]) -> str:
    return f"code cell {numbers[0]} holds" if len(numbers) == 1 else f"code cells {', '.join(numbers)} hold"


def _deploys_dev(content: Mapping[str, Any], name: str) -> bool:
    try:
        parameters = parameters_of(content, name)
    except InvalidNotebook:
        return False
    return any(one.name == "deploy_dev" and one.default is True for one in parameters)
