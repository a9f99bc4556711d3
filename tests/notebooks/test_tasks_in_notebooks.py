"""Each task from its table to an endpoint's answer: ratings in stars, a number with ridge regression beside it, three species."""

import dataclasses
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from started import LocalAws
from waiting import HANG_S

from mlkit.notebook import handoff
from mlkit.notebook.handoff import PreparedData, TestResult
from mlkit.project.new_project import collect, find_source, make

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Folder:
    """A project's folder, in which commands are typed."""

    root: Path
    initials: str

    def typed(self, command: str, *, code: int = 0) -> str:
        done = subprocess.run(shlex.split(command), cwd=self.root, capture_output=True, text=True, timeout=HANG_S, check=False)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    @property
    def prepared(self) -> PreparedData:
        return handoff.load(PreparedData, self.root / "handoff", "prepared_data", made_by="01")

    @property
    def result(self) -> TestResult:
        return handoff.load(TestResult, self.root / "handoff", "test_result", made_by="03")

    def shown(self, notebook: str, cell: str) -> str:
        """The texts that the executed notebook shows under the cell."""
        cells = nbformat.read(self.root / "executed" / f"{notebook}.ipynb", 4).cells
        (found,) = [one for one in cells if one.id == cell]
        return "\n".join(str(output.get("data", {}).get("text/plain", "")) for output in found.outputs)


@pytest.fixture
def enter(local_aws: LocalAws, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Path, str], Folder]]:
    """`enter(root, initials)` deploys the project's lake under these initials; its dev endpoint goes after the test."""
    from mlkit.aws.session import Session
    from mlkit.aws.stacks import delete_stack, deploy_stack
    from mlkit.naming import DATALAKE_TEMPLATE, LabNames

    entered: list[str] = []

    def into(root: Path, initials: str) -> Folder:
        for name, value in {**local_aws.environment, "MLKIT_YOUR_INITIALS": initials, "COLUMNS": "200"}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("PATH", os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
        entered.append(initials)
        parameters = {"YourInitials": initials}
        deploy_stack(
            Session(), LabNames(initials=initials).datalake_stack, root / DATALAKE_TEMPLATE, parameters, capabilities=("CAPABILITY_IAM",)
        )
        return Folder(root=root, initials=initials)

    yield into
    for initials in entered:
        delete_stack(Session(), LabNames(initials=initials).endpoint_stack("dev"))


@pytest.fixture
def enter_example(enter: Callable[[Path, str], Folder], tmp_path: Path) -> Callable[[str], Folder]:
    """`enter_example("penguins")` makes a project of the example, with its data in the lake."""

    def into(name: str) -> Folder:
        source = dataclasses.replace(find_source(ROOT / "mlkit", ROOT), wheels=lambda: ())
        make(tmp_path / name, collect(source, example=name, name=name), with_git=False)
        folder = enter(tmp_path / name, name)
        folder.typed("mlkit data load")
        return folder

    return into


def ratings() -> str:
    """5,400 ratings of 120 users, who add up to 5 stars from what a user gives and what a movie gets."""
    pairs = [(user, movie) for user in range(120) for movie in range(user % 2, 90, 2)]
    rows = [(user, movie, 1 + user % 3 + movie // 2 % 3, 880000000 + 100 * user + movie) for user, movie in pairs]
    return "userid\tmovieid\trating\ttimestamp\n" + "".join("\t".join(map(str, row)) + "\n" for row in rows)


def test_ratings_are_predicted_in_stars(enter: Callable[[Path, str], Folder], tmp_path: Path) -> None:
    for name in ("notebooks", "CloudFormation"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("configuration_*.json"))
    shutil.copy(ROOT / "mlkit.yml", tmp_path)
    (tmp_path / "mine.tsv").write_text(ratings())
    folder = enter(tmp_path, "stars")
    folder.typed("mlkit data load mine.tsv")

    folder.typed("mlkit run notebooks/01_prep.ipynb -p your_initials stars -p target rating")
    prepared = folder.prepared
    assert str(prepared.target) == "rating: a number of stars"
    assert (prepared.train.positives, prepared.train.labels["lowest"], prepared.train.labels["highest"]) == (None, 1, 5)
    assert 2.9 < prepared.train.labels["mean"] < 3.1
    assert "mean of 5,400 rows is 3.00 stars" in folder.shown("01_prep", "ratings")

    folder.typed("mlkit run notebooks/02_train.ipynb -p epochs 60 -p num_factors 4 -p mini_batch_size 100 -p deploy_dev True")
    trained = json.loads((tmp_path / "handoff" / "trained_model.json").read_text())
    assert trained["hyperparameters"]["predictor_type"] == "regressor"
    assert trained["metrics"]["test:rmse"] < 0.4
    assert re.search(r"RMSE \(stars\) over 60 epochs; at the end train \d", folder.shown("02_train", "learning"))

    told = folder.typed("mlkit run notebooks/03_test_endpoint.ipynb", code=2)
    assert "The model predicts rating: a number of stars, and match rate is no metric of that" in told
    assert "Choose `metric` from RMSE, MAE and what it must reach in `required`, in stars" in told
    assert folder.shown("03_test_endpoint", "rows") == ""  # nothing was tested

    folder.typed("mlkit run notebooks/03_test_endpoint.ipynb -p metric RMSE -p required 1.0")
    result = folder.result
    assert (result.verdict, result.estimate.metric, result.estimate.unit, result.estimate.cluster) == ("PASS", "RMSE", "stars", "user")
    assert result.estimate.rows == prepared.test.rows == 1200
    assert list(result.others) == ["MAE"]
    assert max(result.estimate.value, result.baselines["linear, no factors"]) < 0.4 < 1 < result.baselines["mean of the training rows"]
    assert "true rating (stars)" in folder.shown("03_test_endpoint", "confusion")
    assert "Predicted rating of 1,200 rows over the true one" in folder.shown("03_test_endpoint", "scores")
    assert "predicts a number" in folder.shown("03_test_endpoint", "lab")
    assert "predicted_rating" in folder.typed("mlkit predict --user 1 --movie 3")

    search = "-p tune True -p search penalties -p tune_penalties '{\"wd\": [1e-6, 1e-4]}' -p max_jobs 2 -p max_parallel_jobs 2"
    folder.typed(f"mlkit run notebooks/02_train.ipynb -p algorithm linear-learner {search} -p deploy_dev True")
    assert "Tuning " in folder.shown("02_train", "tuning-words")
    assert "mean of the training rows" in folder.shown("02_train", "tuning")
    folder.typed("mlkit run notebooks/03_test_endpoint.ipynb -p metric RMSE -p required 1.0")
    assert list(folder.result.baselines) == ["the same, untuned", "linear, no factors", "mean of the training rows"]
    assert folder.result.estimate.value < 0.1  # these stars are a sum, which a linear model finds
    assert "linear learner" in folder.shown("03_test_endpoint", "baselines")


def test_a_species_is_predicted_from_numbers_categories_and_missing_values(enter_example: Callable[[str], Folder]) -> None:
    folder = enter_example("penguins")
    folder.typed("mlkit run notebooks/01_prep.ipynb -p your_initials penguins")
    prepared = folder.prepared
    assert prepared.target.classes == ("Adelie", "Chinstrap", "Gentoo")
    splits = (prepared.train, prepared.validation, prepared.test)
    counts = {name: sum(int(split.labels[f"rows of {name}"]) for split in splits) for name in prepared.target.classes}
    assert counts == {"Adelie": 152, "Chinstrap": 68, "Gentoo": 124}  # also those without sex and measurements
    assert prepared.feature_dim == 10  # five numbers, three islands, two sexes

    folder.typed("mlkit run notebooks/02_train.ipynb -p deploy_dev True")
    folder.typed("mlkit run notebooks/03_test_endpoint.ipynb")
    result = folder.result
    assert (result.verdict, result.estimate.metric, result.estimate.rows) == ("PASS", "accuracy", prepared.test.rows)
    assert result.estimate.value > 0.93
    assert list(result.others) == ["log loss", "macro F1"]
    assert list(result.baselines) == ["logistic regression", "majority class"]
    assert result.baselines["majority class"] < 0.6 < 0.93 < result.baselines["logistic regression"]
    assert "Gentoo" in folder.shown("03_test_endpoint", "confusion")
    assert {found.group for found in result.slices} >= {"island", "sex"}

    (folder.root / "rows.csv").write_text(
        "sex,island,year,body_mass_g,flipper_length_mm,bill_depth_mm,bill_length_mm,penguin\n"
        "female,Torgersen,2007,3800,186,17.4,39.5,a\n,Biscoe,2008,5000,,14.5,47,b\nmale,Atlantis,2008,3700,195,19,50,c\n"
    )
    told = folder.typed("mlkit predict rows.csv")
    assert [re.search(rf"\u2502 {key} .*(Adelie|Chinstrap|Gentoo)", told)[1] for key in "abc"] == ["Adelie", "Gentoo", "Chinstrap"]  # type: ignore[index]


def test_a_number_is_predicted_and_its_gate_is_in_its_unit(enter_example: Callable[[str], Folder]) -> None:
    folder = enter_example("diabetes")
    folder.typed("mlkit run notebooks/01_prep.ipynb -p your_initials diabetes")
    prepared = folder.prepared
    table = pd.DataFrame({name: getattr(prepared, name).labels for name in ("train", "validation", "test")})
    assert (table.loc["lowest"].min(), table.loc["highest"].max()) == (25, 346)
    assert sum(split.rows for split in (prepared.train, prepared.validation, prepared.test)) == 442

    folder.typed("mlkit run notebooks/02_train.ipynb -p deploy_dev True -p tune True -p max_jobs 2 -p max_parallel_jobs 2")
    assert "validation:rmse of 2 tuning jobs" in folder.shown("02_train", "jobs-chart")
    folder.typed("mlkit run notebooks/03_test_endpoint.ipynb")
    result = folder.result
    assert (result.verdict, result.estimate.metric, result.estimate.unit) == ("PASS", "RMSE", "points")
    assert list(result.baselines) == ["ridge regression", "mean of the training rows"]
    assert result.estimate.value < result.policy.required < result.baselines["mean of the training rows"]
    assert "true progression (points)" in folder.shown("03_test_endpoint", "confusion")
