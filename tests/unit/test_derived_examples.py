"""Examples that differ from another by values only: a project made from one has whole files, with these values and nothing else changed."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from waiting import HANG_S

from mlkit.check import check_project
from mlkit.errors import InvalidData
from mlkit.parameters import read_parameters
from mlkit.project.derived_example import EXAMPLE_FILE, DerivedExample, derive, read_example, set_parameters
from mlkit.project.new_project import collect, find_source, make

ROOT = Path(__file__).parents[2]
DERIVED = sorted(path.parent.name for path in ROOT.glob(f"examples/*/{EXAMPLE_FILE}"))
NOTEBOOKS = ("01_prep", "02_train", "03_test_endpoint")


def values(name: str) -> DerivedExample:
    found = read_example(ROOT / "examples" / name)
    assert found
    return found


@pytest.fixture(params=DERIVED)
def example(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[DerivedExample, Path]:
    """The example's values, and a project that was made from it, without wheels."""
    source = dataclasses.replace(find_source(ROOT / "mlkit", ROOT), wheels=lambda: ())
    make(tmp_path / request.param, collect(source, example=request.param, name=request.param), with_git=False)
    return values(request.param), tmp_path / request.param


def test_a_project_made_from_it_fits_together(example: tuple[DerivedExample, Path]) -> None:
    assert check_project(example[1]).problems == []


def test_its_parameters_are_the_example_s_and_all_others_the_base_s(example: tuple[DerivedExample, Path]) -> None:
    found, project = example
    for name in NOTEBOOKS:
        base, own = (
            {one.name: one.default for one in read_parameters(folder / "notebooks" / f"{name}.ipynb")}
            for folder in (ROOT / "examples" / found.base, project)
        )
        named = {"dataset": found.dataset, "table": found.table} if name == "01_prep" else {}
        assert own == {**base, **named, **found.parameters.get(name, {})}


def test_only_the_parameters_of_its_notebooks_differ_from_the_base_s(example: tuple[DerivedExample, Path]) -> None:
    found, project = example
    for name in NOTEBOOKS:
        base, own = (
            json.loads((folder / "notebooks" / f"{name}.ipynb").read_text()) for folder in (ROOT / "examples" / found.base, project)
        )
        for notebook in (base, own):
            (cell,) = [cell for cell in notebook["cells"] if "parameters" in cell["metadata"].get("tags", [])]
            cell["source"] = []
        assert own == base


def test_its_lake_has_the_columns_of_the_table_that_its_program_writes(example: tuple[DerivedExample, Path], tmp_path: Path) -> None:
    found, project = example
    target = tmp_path / "written.csv"
    subprocess.run([sys.executable, "load_data.py", str(target)], cwd=project, check=True, capture_output=True, timeout=HANG_S)
    table = pd.read_csv(target)
    assert list(table.columns) == list(found.columns)
    assert table[found.parameters["01_prep"]["key"]].is_unique
    template = (project / "CloudFormation" / "datalake.yaml").read_text()
    for name, kind in found.columns.items():
        assert template.count(f"- {{Name: {name}, Type: {kind}}}") == 1
    assert template.count(", Type: ") == len(found.columns)
    assert f"s3://${{DataBucket}}/{found.dataset}-data/{found.table}/" in template


def test_nothing_in_it_names_the_base_s_data(example: tuple[DerivedExample, Path]) -> None:
    found, project = example
    base = yaml.safe_load((ROOT / "examples" / found.base / "mlkit.yml").read_text())
    for path in ("mlkit.yml", "CloudFormation/datalake.yaml", *(f"notebooks/{name}.ipynb" for name in NOTEBOOKS)):
        text = (project / path).read_text()
        assert base["dataset"] not in text
        assert f'{base["table"]}"' not in text
        assert "Breast" not in text


NOTEBOOK: dict[str, Any] = {
    "cells": [
        {
            "cell_type": "code",
            "metadata": {"tags": ["parameters"]},
            "source": [
                'key: str = "\xe9"  # the key = "x"\n',
                'metric: Literal["a",\n',
                '                "b"] = "a"  # decides\n',
                "share: float | None = None\n",
                "others: list = []",
            ],
        }
    ]
}


def test_a_default_is_replaced_in_its_place_and_the_rest_of_the_line_stays() -> None:
    written = set_parameters(json.dumps(NOTEBOOK).encode(), {"key": 'a "b"', "metric": "b", "share": 0.5, "others": ["x", 1]})
    assert "".join(json.loads(written)["cells"][0]["source"]).splitlines() == [
        'key: str = "a \\"b\\""  # the key = "x"',
        'metric: Literal["a",',
        '                "b"] = "b"  # decides',
        "share: float | None = 0.5",
        'others: list = ["x", 1]',
    ]


def test_a_parameter_or_a_notebook_that_the_base_does_not_have_is_refused() -> None:
    with pytest.raises(InvalidData, match="no parameter kee"):
        set_parameters(json.dumps(NOTEBOOK).encode(), {"kee": 1})
    base = ROOT / "examples" / "breast_cancer"
    files = {path: (base / path).read_bytes() for path in ("mlkit.yml", "CloudFormation/datalake.yaml")}
    example = dataclasses.replace(values("penguins"), parameters={"04_more": {}})
    with pytest.raises(InvalidData, match=r"has no notebooks/01_prep\.ipynb|has no notebooks/04_more\.ipynb"):
        derive(example, base, files)


@pytest.mark.parametrize("text", ["base: x", "[]", "base: [", "base: x\ndataset: y\nmore: 1"])
def test_an_example_file_that_is_no_example_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / EXAMPLE_FILE).write_text(text)
    with pytest.raises(InvalidData, match="is no example"):
        read_example(tmp_path)


def test_a_folder_without_the_file_is_no_derived_example(tmp_path: Path) -> None:
    assert read_example(tmp_path) is None
