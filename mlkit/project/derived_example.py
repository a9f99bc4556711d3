"""Examples that share the notebooks, the lake's template and the steps of another example, and differ by values only.

    base: breast_cancer
    dataset: penguins
    table: penguins
    description: Penguins of the Palmer Archipelago
    columns: {penguin: bigint, species: string}
    parameters:
      01_prep: {key: penguin, label: species}

`mlkit new` writes the values where the base has its own, so a project made from the example has files like any other.
"""

import ast
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from mlkit.errors import InvalidData
from mlkit.naming import DATALAKE_TEMPLATE
from mlkit.settings import PROJECT_FILE, Project
from mlkit.typed_json import build

EXAMPLE_FILE = "example.yml"
_COLUMNS = re.compile(r"(?:^ +- \{Name: .*, Type: .*\}\n)+", re.MULTILINE)
_DESCRIPTION = re.compile(r"(DatabaseInput:\n +Name: .*\n +Description: ).*")


@dataclass(frozen=True, kw_only=True)
class DerivedExample:
    """The values of an example. `columns` maps the table's columns to Glue types, `parameters` notebooks (without .ipynb) to values."""

    base: str
    dataset: str
    table: str
    description: str
    columns: Mapping[str, str]
    parameters: Mapping[str, Mapping[str, Any]]


def read_example(folder: Path) -> DerivedExample | None:
    """The values in the folder's example.yml; None without the file. Raises InvalidData."""
    path = folder / EXAMPLE_FILE
    if not path.is_file():
        return None
    try:
        found: DerivedExample = build(DerivedExample, yaml.safe_load(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError, KeyError, yaml.YAMLError) as error:
        raise InvalidData(f"{path} is no example: {error}", cure="Compare it with the other examples.") from error
    return found


def derive(example: DerivedExample, base: Path, files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The base's `files` by path, with the example's values. Raises InvalidData for a value that has no place in them."""
    about = Project(root=base).about
    derived = dict(files)
    for path in (str(PROJECT_FILE), str(DATALAKE_TEMPLATE)):
        text = files[path].decode().replace(about.dataset, example.dataset).replace(about.table, example.table)
        derived[path] = text.encode()
    derived[str(DATALAKE_TEMPLATE)] = _with_columns(derived[str(DATALAKE_TEMPLATE)].decode(), example).encode()
    names = {"dataset": example.dataset, "table": example.table}
    parameters = {**example.parameters, "01_prep": {**names, **example.parameters.get("01_prep", {})}}
    for name, values in parameters.items():
        path = f"notebooks/{name}.ipynb"
        if path not in files:
            raise InvalidData(f"The example {example.base} has no {path}", cure=f"Correct {EXAMPLE_FILE}.")
        derived[path] = set_parameters(files[path], values)
    return derived


def _with_columns(template: str, example: DerivedExample) -> str:
    """The lake's template with the example's columns and description."""
    found = _COLUMNS.search(template)
    if found is None or not _DESCRIPTION.search(template):
        raise InvalidData(f"The lake's template of {example.base} has no list of columns", cure="`git checkout` restores it.")
    indent = re.match(" +", found[0])
    lines = (f"{indent[0] if indent else ''}- {{Name: {name}, Type: {kind}}}\n" for name, kind in example.columns.items())
    with_columns = template[: found.start()] + "".join(lines) + template[found.end() :]
    return _DESCRIPTION.sub(lambda match: f"{match[1]}{example.description}", with_columns)


def set_parameters(notebook: bytes, values: Mapping[str, Any]) -> bytes:
    """The notebook with these defaults in its parameters cell; types and comments stay. Raises InvalidData for an unknown parameter."""
    content = json.loads(notebook)
    cell = next(cell for cell in content["cells"] if "parameters" in cell["metadata"].get("tags", []))
    source = "".join(cell["source"])
    for name, value in values.items():
        source = _with_default(source, name, value)
    cell["source"] = source.splitlines(keepends=True)
    return (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode()


def _with_default(source: str, name: str, value: Any) -> str:
    for node in ast.parse(source).body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id == name and node.value:
            start, end = (
                _place(source, node.value.lineno, node.value.col_offset),
                _place(source, node.value.end_lineno, node.value.end_col_offset),
            )
            return source[:start] + _literal(value) + source[end:]
    raise InvalidData(f"The notebook has no parameter {name}", cure=f"Correct {EXAMPLE_FILE}.")


def _place(source: str, line: int | None, column: int | None) -> int:
    """The position of a place that the parser names; it counts columns in bytes."""
    lines = source.splitlines(keepends=True)
    before = lines[: (line or 1) - 1]
    return sum(map(len, before)) + len(lines[len(before)].encode()[: column or 0].decode())


def _literal(value: Any) -> str:
    """The value as Python writes it, with texts in double quotes."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    return repr(value)
