"""Reads a notebook file for a run. Harmless gaps are filled in; everything else is refused with the cell's number."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlkit.errors import InvalidNotebook, NotFound

_CELL_TYPES = ("code", "markdown", "raw")
_DEEPEST = 100  # levels of lists and mappings; deeper files exceed the limits of their later readers and writers
_OLD_MINOR = 4  # for a notebook without a minor format; from 5 on, each cell needs an id
_SAVE_AGAIN = "Open the notebook in JupyterLab, correct or delete the cell and save; or restore the last good version from git."


def load_notebook(notebook: Path) -> dict[str, Any]:
    """The notebook file's JSON, without the outputs of earlier runs; raises NotFound or InvalidNotebook.

    Missing or null metadata, tags and minor format number are filled in.
    """
    if not is_utf8(notebook):
        raise InvalidNotebook(
            f"The name of the notebook is not UTF-8: {str(notebook)!a}", cure="Rename the file: the run's record has to name it."
        )
    content = _json_of(notebook)
    if not isinstance(content, dict) or not isinstance(content.get("cells"), list) or content.get("nbformat") != 4:
        raise InvalidNotebook(f"{notebook} is not a notebook of format 4: it has no list of cells, or another `nbformat`.")
    try:
        return _readable(content)
    except ValueError as problem:
        raise InvalidNotebook(f"{notebook}: {problem}.", cure=_SAVE_AGAIN) from None


def is_utf8(path: Path) -> bool:
    """Whether a record, which is JSON in UTF-8, can hold the path; a file system accepts any bytes."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True


def tags_of(cell: Mapping[str, Any]) -> list[str]:
    """The cell's tags; empty without metadata."""
    return list(cell.get("metadata", {}).get("tags", []))


def _json_of(notebook: Path) -> Any:
    try:
        return json.loads(notebook.read_text(encoding="utf-8"))
    except (FileNotFoundError, IsADirectoryError):
        raise NotFound(f"There is no notebook {notebook}.", cure="Check the path; the notebooks are in notebooks/.") from None
    except UnicodeDecodeError as problem:
        raise InvalidNotebook(f"{notebook} is not a notebook: it is not text in UTF-8.") from problem
    except ValueError as problem:
        raise InvalidNotebook(f"{notebook} is not a notebook: it is not JSON ({problem}).") from problem
    except RecursionError:
        raise InvalidNotebook(f"{notebook} is not a notebook: its JSON is nested too deeply.") from None


def _readable(content: dict[str, Any]) -> dict[str, Any]:
    metadata = _mapping(content, "metadata", "its")
    for name in ("kernelspec", "language_info"):
        if not _mapping(metadata, name, "its"):
            metadata.pop(name, None)
    minor = content.get("nbformat_minor")
    if minor is not None and (type(minor) is not int or minor < 0):
        raise ValueError(f"its `nbformat_minor` is {_kind(minor)}")
    rest = {name: value for name, value in content.items() if name != "cells"}
    _check_texts(rest, "it")
    cells = [_readable_cell(cell, f"cell {number}") for number, cell in enumerate(content["cells"], 1)]
    return {**rest, "nbformat": 4, "nbformat_minor": _OLD_MINOR if minor is None else minor, "metadata": _own(metadata), "cells": cells}


def _readable_cell(cell: Any, place: str) -> dict[str, Any]:
    if not isinstance(cell, dict):
        raise ValueError(f"{place} is {_kind(cell)}, not a cell")  # noqa: TRY004  every misfit is a ValueError here
    kind, source = cell.get("cell_type"), cell.get("source")
    if kind not in _CELL_TYPES:
        raise ValueError(f"{place} has the cell type {kind!r}; there are {', '.join(_CELL_TYPES)}")
    if not isinstance(source, str) and not (isinstance(source, list) and all(isinstance(line, str) for line in source)):
        raise ValueError(f"the source of {place} is {_kind(source)}, not text")
    readable = {**cell, "source": "".join(source), "metadata": _readable_metadata(cell, place)}
    if kind == "code":
        readable |= {"outputs": [], "execution_count": None}
    if "attachments" in cell:
        attached = _mapping(cell, "attachments", f"{place}'s")
        readable["attachments"] = {name: _mapping(attached, name, f"{place}'s attachment") for name in attached}
    if not isinstance(cell.get("id", ""), str):
        del readable["id"]  # nbformat gives it one
    _check_texts(readable, place)
    return readable


def _readable_metadata(cell: Mapping[str, Any], place: str) -> dict[str, Any]:
    metadata = _own(_mapping(cell, "metadata", f"{place}'s"))
    if "tags" in metadata:
        tags = [] if metadata["tags"] is None else metadata["tags"]
        if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
            raise ValueError(f"{place}'s `tags` are not a list of texts")
        metadata["tags"] = tags
    return metadata


def _mapping(holder: Mapping[str, Any], name: str, whose: str) -> dict[str, Any]:
    """The member `name`; empty if it is missing or null."""
    value = holder.get(name)
    if value is not None and not isinstance(value, dict):
        raise ValueError(f"{whose} `{name}` is {_kind(value)}, not a mapping")
    return dict(value or {})


def _own(metadata: dict[str, Any]) -> dict[str, Any]:
    """The metadata without papermill's own entries if papermill could not read them; papermill writes new ones."""
    return {name: value for name, value in metadata.items() if name != "papermill" or isinstance(value, dict)}


def _check_texts(node: Any, place: str, depth: int = 0) -> None:
    """Raises ValueError if the executed notebook cannot be written: text that is not UTF-8, or too many levels."""
    if depth > _DEEPEST:
        raise ValueError(f"{place} is nested more than {_DEEPEST} deep")
    if isinstance(node, str):
        try:
            node.encode()
        except UnicodeEncodeError as problem:
            half = ascii(node[problem.start])[1:-1]
            raise ValueError(f"{place} holds half of a surrogate pair (`{half}`), which cannot be saved as UTF-8") from None
    elif isinstance(node, dict | list):
        for part in [*node, *node.values()] if isinstance(node, dict) else node:
            _check_texts(part, place, depth + 1)


def _kind(value: Any) -> str:
    """The value's kind in JSON's terms."""
    match value:
        case None:
            return "null or missing"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "a text"
        case list():
            return "a list"
    return "a mapping"
