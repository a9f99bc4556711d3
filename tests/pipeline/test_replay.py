"""mlkit replay on the evidence of a whole execution: the same figures again, and others with another parameter."""

import re
from pathlib import Path

import pytest
from project_pipeline import FirstRun, Piped

from mlkit.errors import ReplayDiffers, SealBroken

SEALED = "Production.SealEvidence"
EPOCHS = r" hyperparameters\.epochs +30 +{now} +{verdict}"


@pytest.fixture(scope="module")
def bundle(first_run: FirstRun, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first execution's evidence, with the public key beside it."""
    pipeline, folder = first_run.pipeline, tmp_path_factory.mktemp("evidence")
    sealed = pipeline.variables(first_run.report["pipeline_execution_id"], SEALED)
    told = ["--seal-sha256", sealed["SEAL_SHA256"], "--to", str(folder / "bundle")]
    pipeline.run("mlkit", "evidence", "fetch", sealed["EVIDENCE_URI"], *told)
    pipeline.run("mlkit", "evidence", "key", str(folder / "key.pem"))
    (folder / "head").write_text(sealed["SEAL_SHA256"])
    return folder / "bundle"


def replay(pipeline: Piped, bundle: Path, *options: str) -> tuple[int, str]:
    """The exit code, and what was printed."""
    proof = ["--key", str(bundle.with_name("key.pem")), "--head", bundle.with_name("head").read_text()]
    done = pipeline.run("mlkit", "replay", str(bundle), *proof, *options, check=False)
    return done.returncode, done.stdout + done.stderr


def jobs(pipeline: Piped) -> set[str]:
    listed = pipeline.client("sagemaker").list_training_jobs(MaxResults=100, NameContains="ml-replay-")
    return {job["TrainingJobName"] for job in listed["TrainingJobSummaries"]}


def verdicts(output: str) -> list[str]:
    return re.findall(r"^ \S.* (equal|within|DIFFERENT) *$", output, re.MULTILINE)


def test_without_consent_it_only_says_what_it_would_run(pipeline: Piped, bundle: Path, tmp_path: Path) -> None:
    before = jobs(pipeline)
    code, output = replay(pipeline, bundle, "--only", "prep", "--only", "train", "--scratch", str(tmp_path / "scratch"))
    assert code == 0, output
    assert "NOT PROVED" not in output
    assert "u_data is as it was recorded" in output
    assert re.search(r"would run +train  notebooks/02_train\.ipynb", output)
    assert "training job ml-replay-...: 1 x ml.c5.xlarge" in output
    assert output.splitlines()[-1] == "Nothing was run. Add --yes to run it."
    assert not (tmp_path / "scratch").exists()
    assert jobs(pipeline) == before


def test_preparation_and_training_give_the_recorded_figures(pipeline: Piped, bundle: Path, tmp_path: Path) -> None:
    handed = {path: path.read_bytes() for path in pipeline.project.handoff.glob("*.json")}
    before, production = jobs(pipeline), pipeline.production()
    code, output = replay(pipeline, bundle, "--only", "prep", "--only", "train", "--scratch", str(tmp_path / "scratch"), "--yes")
    assert code == 0, output
    assert set(verdicts(output)) == {"equal"}
    assert max(len(line.rstrip()) for line in output[output.index("figure ") :].splitlines() if line.startswith(" ")) <= 80
    for figure in ("train.rows", "train.objects", "model", "test:binary_classification_accuracy"):
        assert re.search(rf"^ {figure} ", output, re.MULTILINE), output
    assert re.search(EPOCHS.format(now=30, verdict="equal"), output)
    assert len(jobs(pipeline) - before) == 1
    assert pipeline.production() == production
    assert {path: path.read_bytes() for path in pipeline.project.handoff.glob("*.json")} == handed
    assert (tmp_path / "scratch" / "source" / "executed" / "02_train.ipynb").is_file()


def test_another_parameter_gives_other_figures_and_an_exit_code(pipeline: Piped, bundle: Path, tmp_path: Path) -> None:
    options = ["--only", "train", "-p", "epochs", "2", "--scratch", str(tmp_path / "scratch"), "--yes"]
    code, output = replay(pipeline, bundle, *options)
    assert code == ReplayDiffers.exit_code, output
    assert "epochs = 2, not as recorded" in output
    assert re.search(EPOCHS.format(now=2, verdict="DIFFERENT"), output)
    assert "The first: train, trained_model.model" in output
    assert {"equal", "DIFFERENT"} <= set(verdicts(output))


def test_the_test_runs_only_if_the_endpoint_serves_the_recorded_model(first_run: FirstRun, bundle: Path, tmp_path: Path) -> None:
    pipeline = first_run.pipeline
    is_served = pipeline.production()["model"] == first_run.production["model"]  # another test may have deployed another one
    code, output = replay(pipeline, bundle, "--only", "test", "--scratch", str(tmp_path / "scratch"), "--yes")
    if is_served:
        assert code == 0, output
        assert re.search(r"^ match rate +0\.\d+ +0\.\d+ +equal", output, re.MULTILINE)
    else:
        assert code == 2, output
        assert "its endpoint of production does not serve the recorded model" in " ".join(output.split())


def test_an_endpoint_with_another_model_is_not_asked(pipeline: Piped, bundle: Path, tmp_path: Path) -> None:
    code, output = replay(pipeline, bundle, "--only", "test", "-p", "environment", "dev", "--scratch", str(tmp_path / "scratch"), "--yes")
    assert code == 2, output
    assert "test: its endpoint of dev does not serve the recorded model" in " ".join(output.split())
    assert not (tmp_path / "scratch").exists()


def test_a_bundle_that_changed_is_refused_before_anything_is_planned(pipeline: Piped, bundle: Path, tmp_path: Path) -> None:
    copy = tmp_path / "bundle"
    for path in bundle.rglob("*"):
        if path.is_file():
            (target := copy / path.relative_to(bundle)).parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    for name in ("key.pem", "head"):
        (tmp_path / name).write_bytes(bundle.with_name(name).read_bytes())
    (notebook,) = copy.glob("*/*/02_train.ipynb")
    notebook.write_bytes(notebook.read_bytes().replace(b'"epochs: int = 30', b'"epochs: int = 31'))
    code, output = replay(pipeline, copy, "--yes")
    assert code == SealBroken.exit_code, output
    assert "02_train.ipynb changed since it was sealed" in output
    assert "would run" not in output
