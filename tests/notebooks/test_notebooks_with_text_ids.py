"""Ids that are text, from a file to an endpoint's answer: a lake made for numbers refuses them with the command that changes its table."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from started import LocalAws
from waiting import HANG_S

ROOT = Path(__file__).parents[2]
INITIALS = "text-ids"
USERS = [str(uuid.uuid5(uuid.NAMESPACE_URL, str(number))) for number in range(40)]
FILMS = ['Am\xe9lie, "le film"', *(f"tt{number:07}" for number in range(1, 30))]


def ratings() -> str:
    """Fifteen ratings of each user; a user's and a film's number decide them."""
    pairs = [(user, film) for user in range(len(USERS)) for film in range(user % 2, len(FILMS), 2)]
    rows = [(USERS[user], FILMS[film], 5 if (user // 3 + film // 2) % 3 else 2, 880000000 + film) for user, film in pairs]
    return "user_id::item_id::rating::timestamp\n" + "".join("::".join(map(str, row)) + "\n" for row in rows)


@pytest.fixture
def project(tmp_path: Path, local_aws: LocalAws, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the project without a lake of these initials; the environment points to the local AWS."""
    from mlkit.aws.session import Session
    from mlkit.aws.stacks import delete_stack
    from mlkit.naming import LabNames

    for name in ("notebooks", "CloudFormation"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("configuration_*.json"))
    shutil.copy(ROOT / "mlkit.yml", tmp_path)
    (tmp_path / "mine.dat").write_text(ratings(), encoding="latin-1")
    environment = {**local_aws.environment, "MLKIT_YOUR_INITIALS": INITIALS, "COLUMNS": "200"}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PATH", os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    yield tmp_path
    delete_stack(Session(), LabNames(initials=INITIALS).endpoint_stack("dev"))


def typed(project: Path, command: str, *, code: int = 0) -> str:
    """What the command says when it is typed in the project."""
    done = subprocess.run(shlex.split(command), cwd=project, capture_output=True, text=True, timeout=HANG_S, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def next_command(told: str) -> str:
    found = re.search(r"`(aws cloudformation deploy [^`]+)`", told)
    assert found, told
    return found[1]


def test_ratings_with_ids_of_text_are_loaded_trained_on_and_asked_for(project: Path) -> None:
    told = typed(project, "mlkit data load mine.dat", code=40)
    typed(project, next_command(told))  # makes the lake
    told = typed(project, "mlkit data load mine.dat", code=20)
    assert f"mine.dat, line 2: userid is '{USERS[0]}', not a whole number" in told
    assert "IdType=string" in next_command(told)
    typed(project, next_command(told))  # gives its table columns of text

    told = typed(project, "mlkit data load mine.dat")
    assert "mine.dat is not UTF-8, so mlkit read it as Latin-1" in told
    assert "600 ratings by 40 users of 30 movies" in told

    told = typed(project, f"mlkit run notebooks/01_prep.ipynb -p your_initials {INITIALS}")
    assert "Warning: 400 of 600 ratings (67%) are held out for the test" in told
    typed(project, "mlkit run notebooks/02_train.ipynb -p epochs 3 -p num_factors 4 -p deploy_dev True")
    typed(project, "mlkit run notebooks/03_test_endpoint.ipynb -p min_match_rate 0.1 -p on_inconclusive ask")

    pairs = [(USERS[0], FILMS[0]), (USERS[1], FILMS[3]), (USERS[1], "no such film")]
    told = typed(project, "mlkit predict " + " ".join(shlex.join(["--user", user, "--movie", film]) for user, film in pairs))
    unseen = {film: line.split("\u2502")[-2].strip() for line in told.splitlines() for _, film in pairs if film in line}
    assert unseen == {FILMS[0]: "", FILMS[3]: "", "no such film": "movie"}
