"""A project with a small lake on the process's local AWS, for notebooks that are executed cell by cell."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


def small_ratings() -> str:
    """4,800 ratings of 120 users with some taste: a movie's and a user's parity decide most of them."""
    pairs = ((user, movie) for user in range(1, 121) for movie in range(1 + user % 2, 81, 2))
    rows = (f"{user}\t{movie}\t{5 if (user // 3 + movie // 2) % 3 else 2}\t{880000000 + 1000 * user + movie}\n" for user, movie in pairs)
    return "userid\tmovieid\trating\ttimestamp\n" + "".join(rows)


@pytest.fixture
def small_project(tmp_path: Path, local_aws: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the project whose lake, under initials of its own, holds the small ratings; the environment points to the local AWS."""
    from mlkit.aws.session import Session
    from mlkit.aws.stacks import delete_stack, deploy_stack
    from mlkit.settings import DATALAKE_TEMPLATE, LabNames

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
