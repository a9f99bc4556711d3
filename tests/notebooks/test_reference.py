"""nbval: the notebooks, run cell by cell, show what their reference copies show.

The references hold the outputs of the small lake; `make reference` writes them anew. Cells whose output varies by run (ids, addresses,
digests of addresses, seconds) are tagged `nbval-ignore-output` there; all others must come out the same.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
import papermill
import pytest
from started import LocalAws
from waiting import HANG_S

ROOT = Path(__file__).parents[2]
REFERENCE = Path(__file__).parent / "reference"
PARAMETERS: dict[str, dict[str, object]] = {
    "01_prep.ipynb": {"your_initials": "nbval"},
    "02_train.ipynb": {"epochs": 20, "num_factors": 8, "deploy_dev": True},
    "03_test_endpoint.ipynb": {"min_match_rate": 0.5},
}
VARYING = {
    "01_prep.ipynb": {"lake", "run", "index", "handoff"},
    "02_train.ipynb": {"inputs", "role", "train-once", "train", "costs", "jobs", "handoff", "deploy"},
    "03_test_endpoint.ipynb": {"endpoint", "baselines"},
}


def small_ratings() -> str:
    """4,800 ratings of 120 users with some taste: a movie's and a user's parity decide most of them."""
    pairs = ((user, movie) for user in range(1, 121) for movie in range(1 + user % 2, 81, 2))
    rows = (f"{user}\t{movie}\t{5 if (user // 3 + movie // 2) % 3 else 2}\t{880000000 + 1000 * user + movie}\n" for user, movie in pairs)
    return "userid\tmovieid\trating\ttimestamp\n" + "".join(rows)


@pytest.fixture
def small_project(tmp_path: Path, local_aws: LocalAws, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the project whose lake, under initials of its own, holds the small ratings; the environment points to the local AWS."""
    from mlkit.aws.session import Session
    from mlkit.aws.stacks import delete_stack, deploy_stack
    from mlkit.naming import DATALAKE_TEMPLATE, LabNames

    for name in ("notebooks", "CloudFormation"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("configuration_*.json"))
    for name, value in local_aws.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PATH", os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    monkeypatch.chdir(tmp_path)
    names = LabNames(initials="nbval")
    deploy_stack(Session(), names.datalake_stack, tmp_path / DATALAKE_TEMPLATE, {"YourInitials": "nbval"}, capabilities=("CAPABILITY_IAM",))
    local_aws.client("s3").put_object(Bucket=names.bucket, Key="movielens-data/u.data/ratings.tsv", Body=small_ratings().encode())
    yield tmp_path
    delete_stack(Session(), names.endpoint_stack("dev"))


@pytest.mark.filterwarnings("ignore")
def test_the_notebooks_show_what_their_reference_copies_show(small_project: Path) -> None:
    for name in PARAMETERS:
        source, reference = nbformat.read(small_project / "notebooks" / name, 4), nbformat.read(REFERENCE / name, 4)
        if os.environ.get("MLKIT_WRITE_REFERENCE"):
            write_reference(small_project, name)
        else:
            assert [cell.source for cell in source.cells] == [
                cell.source for cell in reference.cells if "injected-parameters" not in tags(cell)
            ]
            assert check(small_project, name) == 0


def check(project: Path, name: str) -> int:
    """nbval's exit code for the reference copy, run in the project."""
    copy = project / "notebooks" / f"reference_{name}"
    copy.write_text((REFERENCE / name).read_text())
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--nbval",
        "--nbval-current-env",
        "-q",
        "-p",
        "no:randomly",
        "-p",
        "no:xdist",
        "-c",
        os.devnull,
    ]
    done = subprocess.run([*command, str(copy)], cwd=project, capture_output=True, text=True, timeout=HANG_S, check=False)
    print(done.stdout[-6000:], done.stderr[-2000:])
    return done.returncode


def write_reference(project: Path, name: str) -> None:
    """Execute with the small lake's parameters, tag what varies, drop pictures: nbval would compare their bytes."""
    executed = project / f"executed_{name}"
    papermill.execute_notebook(str(project / "notebooks" / name), str(executed), PARAMETERS[name], progress_bar=False)
    notebook = nbformat.read(executed, 4)
    notebook.metadata.pop("papermill", None)
    for cell in notebook.cells:
        cell.metadata.pop("papermill", None)
        pictures = any("image/png" in output.get("data", {}) for output in cell.get("outputs", []))
        if cell.id in VARYING[name] or pictures:
            cell.metadata["tags"] = [*tags(cell), "nbval-ignore-output"]
            cell.outputs = []
    REFERENCE.mkdir(exist_ok=True)
    (REFERENCE / name).write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n")


def tags(cell: nbformat.NotebookNode) -> list[str]:
    return list(cell.metadata.get("tags", []))
