"""The second example: a table of numbers and XGBoost, in a project folder put together from the same parts as the lab's."""

import io
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass

import nbformat
import numpy as np
import pandas as pd
import pytest
import yaml
from project_pipeline import ROOT, OnLocalAws, plain_environment, run_in, script

from localaws import lifecycle
from mlkit.naming import ENDPOINT_TEMPLATE, PIPELINE_TEMPLATES
from mlkit.notebook import handoff
from mlkit.notebook.handoff import PreparedData, TestResult, TrainedModel
from mlkit.settings import Project

EXAMPLE = ROOT / "examples" / "breast_cancer"
SHARED = (*PIPELINE_TEMPLATES, ENDPOINT_TEMPLATE)


@dataclass(frozen=True)
class Example(OnLocalAws):
    """A project folder in which the three notebooks have run, with what was printed."""

    output: str

    @property
    def prepared(self) -> PreparedData:
        return handoff.load(PreparedData, self.project.handoff, "prepared_data", made_by="01")

    @property
    def trained(self) -> TrainedModel:
        return handoff.load(TrainedModel, self.project.handoff, "trained_model", made_by="02")

    @property
    def result(self) -> TestResult:
        return handoff.load(TestResult, self.project.handoff, "test_result", made_by="03")

    def read(self, s3_uri: str) -> bytes:
        bucket, _, key = s3_uri.removeprefix("s3://").partition("/")
        return self.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Example]:
    root = tmp_path_factory.mktemp("breast-cancer")
    shutil.copytree(EXAMPLE, root, dirs_exist_ok=True)
    shutil.copytree(ROOT / "buildspecs", root / "buildspecs")
    for name in SHARED:
        shutil.copy(ROOT / name, root / name)
    project = Project(root=root)
    try:
        done = run_in(root, [script("mlkit"), "local", "walk", "--port", "0"], plain_environment())
        yield Example(project=project, output=done.stdout)
    finally:
        lifecycle.down(project.local_home)


def test_the_buildspecs_and_templates_of_the_lab_fit_its_notebooks(example):
    assert "Checked 3 steps" in example.run("mlkit", "check").stdout


def test_the_model_passes_its_gate_on_all_held_out_samples(example):
    result = example.result
    found = result.estimate
    assert (found.metric, found.rows) == ("match rate", example.prepared.test.rows)
    assert 0.90 < found.value < 1
    assert found.low < found.value < found.high
    assert 0.02 < found.high - found.low < 0.12
    assert (result.verdict, result.policy.required) == ("PASS", 0.85)
    assert found.low > 0.85
    assert 0.01 < result.others["log loss"] < 0.3


def test_the_baselines_are_those_of_this_data(example):
    baselines = example.result.baselines
    assert list(baselines) == ["logistic regression", "majority class"]
    assert 0.5 < baselines["majority class"] < 0.75
    assert 0.92 < baselines["logistic regression"] <= 1


def test_every_sample_is_in_one_split_and_keeps_its_values(example):
    table = pd.read_csv(published(example), index_col="sample")
    prepared = example.prepared
    channels = {name: getattr(prepared, name) for name in ("train", "validation", "test")}
    assert sum(channel.rows for channel in channels.values()) == len(table) == 569
    assert sum(channel.positives for channel in channels.values()) == (table["diagnosis"] == "malignant").sum() == 212
    numbers = table.drop(columns="diagnosis").to_numpy()
    train = np.concatenate([csv(example, item.s3_uri) for name in ("train", "validation") for item in channels[name].objects])
    test = pd.concat([parquet(example, item.s3_uri) for item in channels["test"].objects]).astype({"row_key": int}).set_index("row_key")
    assert test.loc[:, "mean_radius":].equals(table.loc[test.index, "mean_radius":])
    assert (test["label"] == (table.loc[test.index, "diagnosis"] == "malignant")).all()
    rest = table.drop(index=test.index)
    expected = np.column_stack([rest["diagnosis"] == "malignant", numbers[rest.index - 1]])
    assert sorted(map(tuple, train)) == sorted(map(tuple, expected))


def published(example):
    target = example.project.root / "again.csv"
    example.run("python", "load_data.py", str(target))
    return target


def csv(example, s3_uri):
    return np.loadtxt(example.read(s3_uri).decode().splitlines(), delimiter=",")


def parquet(example, s3_uri):
    return pd.read_parquet(io.BytesIO(example.read(s3_uri)))


def test_the_encoding_lies_beside_the_model_and_names_both_classes(example):
    trained = example.trained
    assert trained.encoding.s3_uri == trained.model.s3_uri.replace("model.tar.gz", "encoding.json")
    encoding = json.loads(example.read(trained.encoding.s3_uri))
    assert encoding["classes"] == ["benign", "malignant"]
    assert encoding["columns"][0] == "mean_radius"
    assert len(encoding["columns"]) == 30 == trained.prepared_data.feature_dim


def test_predictions_do_not_depend_on_the_order_of_the_columns(example):
    table = pd.read_csv(published(example)).head(12)
    table.to_csv(example.project.root / "rows.csv", index=False)
    table[table.columns[::-1]].drop(columns="diagnosis").to_csv(example.project.root / "turned.csv", index=False)
    answers = [example.run("mlkit", "predict", name).stdout for name in ("rows.csv", "turned.csv")]
    assert answers[0] == answers[1]
    assert answers[0].count("malignant") >= 10  # the published order begins with malignant samples


def test_rows_without_a_column_of_the_model_are_refused_by_its_name(example):
    pd.read_csv(published(example)).drop(columns=["worst_area"]).head(2).to_csv(example.project.root / "short.csv")
    done = example.run("mlkit", "predict", "short.csv", check=False)
    assert done.returncode == 20
    assert "no column worst_area" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_csv_that_is_not_the_table_is_refused_before_it_is_loaded(example):
    published(example).write_text("sample,diagnosis\n1,malignant\n")
    done = example.run("mlkit", "data", "load", "again.csv", check=False)
    assert done.returncode == 20
    assert "again.csv, line 1: the columns are sample, diagnosis, the table has sample, diagnosis, mean_radius" in done.stderr


@pytest.mark.parametrize(
    ("program", "told"),
    [("raise ValueError('no network')", "broken.py wrote no table: ValueError: no network"), ("print('done')", "and wrote no file")],
)
def test_a_program_that_writes_no_table_is_told_by_its_last_word(example, program, told):
    (example.project.root / "broken.py").write_text(program)
    done = example.run("mlkit", "data", "load", "broken.py", check=False)
    assert done.returncode == 43
    assert told in " ".join(done.stderr.split())
    assert "python broken.py table.csv" in done.stderr


def test_a_gate_beyond_what_the_samples_can_prove_is_inconclusive(example, tmp_path):
    before = example.result
    done = example.run(
        "mlkit", "run", "notebooks/03_test_endpoint.ipynb", str(tmp_path / "x.ipynb"), "-p", "min_match_rate", "0.96", check=False
    )
    assert done.returncode == 31
    handoff.save(before, example.project.handoff, "test_result")


def test_tuning_keeps_the_job_of_least_loss(example, tmp_path):
    files = [*example.project.handoff.glob("*.json"), *(example.project.root / "CloudFormation").glob("configuration_*.json")]
    before = {path: path.read_bytes() for path in files}
    small = ["-p", "tune", "True", "-p", "max_jobs", "2", "-p", "max_parallel_jobs", "2", "-p", "tune_num_round", "[5, 30]"]
    example.run("mlkit", "run", "notebooks/02_train.ipynb", str(tmp_path / "02.ipynb"), *small)
    best = example.trained
    for path, content in before.items():
        path.write_bytes(content)
    jobs = example.client("sagemaker").list_training_jobs_for_hyper_parameter_tuning_job(HyperParameterTuningJobName=best.tuning_job)
    losses = [job["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] for job in jobs["TrainingJobSummaries"]]
    assert len(losses) == 2
    assert best.metrics["validation:logloss"] == pytest.approx(min(losses), abs=1e-5)


def test_the_notebooks_show_both_curves_of_learning(example):
    cells = nbformat.read(example.project.root / "executed" / "02_train.ipynb", 4).cells
    (cell,) = [cell for cell in cells if cell.id == "learning"]
    (output,) = [output for output in cell.outputs if "image/png" in output.get("data", {})]
    assert "over 100 boosting rounds; at the end train 0.0" in output.metadata["image/png"]["alt"]
    assert "validation 0." in output.metadata["image/png"]["alt"]


def test_the_example_does_not_mention_movies(example):
    text = " ".join(path.read_text() for path in EXAMPLE.rglob("*") if path.suffix in (".py", ".yml", ".yaml", ".ipynb"))
    assert not [word for word in ("movie", "rating", "factorization") if word in text.lower()]
    project_file = yaml.safe_load((EXAMPLE / "mlkit.yml").read_text())
    parameters = json.loads(example.run("mlkit", "params", "notebooks/01_prep.ipynb", "--json").stdout)
    defaults = {item["name"]: item["default"] for item in parameters}
    assert (defaults["dataset"], defaults["table"]) == (project_file["dataset"], project_file["table"])
