"""--reuse where it is used: a notebook run twice, and a job that is already paid for."""

import re
import shutil
from pathlib import Path

from project_pipeline import ROOT

from mlkit.evidence.run_record import RunRecord, Status
from mlkit.notebook import handoff
from mlkit.notebook.handoff import PreparedData, TestResult, TrainedModel
from mlkit.project.pipeline_steps import read_steps

PREP, TRAIN, TEST = (f"notebooks/{name}.ipynb" for name in ("01_prep", "02_train", "03_test_endpoint"))


def run(walked, notebook, *options):
    """The record of the run, and what was printed."""
    done = walked.run("mlkit", "run", notebook, *options)
    record = walked.project.root / "executed" / f"{Path(notebook).stem}.record.json"
    return RunRecord.from_json(record.read_text()), re.sub(r"\x1b\[[0-9;]*m", "", done.stdout)


def prepared(walked):
    return handoff.load(PreparedData, walked.project.handoff, "prepared_data", made_by="01")


def trained(walked):
    return handoff.load(TrainedModel, walked.project.handoff, "trained_model", made_by="02")


def test_a_preparation_is_taken_over_until_code_data_or_parameters_change(walked):
    table, template = "movielens-data/u.data/one-more.tsv", walked.project.root / "CloudFormation" / "datalake.yaml"
    before, s3 = template.read_text(), walked.client("s3")
    with walked.kept():
        first, _ = run(walked, PREP)
        made = prepared(walked)
        walked.project.handoff.joinpath("prepared_data.json").unlink()
        again, said = run(walked, PREP, "--reuse")
        assert again.reused.started == first.started
        assert "01_prep.ipynb: taken over from the run of" in said
        assert prepared(walked) == made
        assert "Taken over from the run of" in (walked.project.root / "executed" / "01_prep.ipynb").read_text()
        other, said = run(walked, PREP, "--reuse", "-p", "salt", "another")
        assert other.reused is None
        assert 'other parameter salt ("another", was "mlkit")' in said
        try:
            template.write_text(before + "# another line\n")
            other, said = run(walked, PREP, "--reuse")
            assert other.reused is None
            assert "other code (CloudFormation/datalake.yaml)" in said
            template.write_text(before)
            assert run(walked, PREP, "--reuse")[0].reused.started == first.started
            s3.put_object(Bucket=made.bucket, Key=table, Body=b"1\t1\t5\t880000000\n")
            other, said = run(walked, PREP, "--reuse")
            assert other.reused is None
            assert "other input glue table mlkit-ml-lab-movielens.u_data" in said
        finally:
            template.write_text(before)
            s3.delete_object(Bucket=made.bucket, Key=table)


def test_a_job_that_is_already_paid_for_is_taken_over_by_another_run_of_the_notebook(walked):
    quick = ("-p", "epochs", "2")
    with walked.kept():
        run(walked, TRAIN, *quick)
        first = trained(walked)
        again, _ = run(walked, TRAIN, "--reuse", *quick)
        assert again.reused is not None
        shutil.rmtree(walked.project.steps)
        record, said = run(walked, TRAIN, "--reuse", *quick)
        assert "there is no finished run of it" in said
        assert record.reused is None
        (job,) = record.activity.jobs
        assert (job.name, job.reused) == (first.training_job, True)
        assert trained(walked).model == first.model
        other, _ = run(walked, TRAIN, "--reuse", "-p", "epochs", "3")
        assert [job.reused for job in other.activity.jobs] == [False]


def test_a_failed_run_is_not_taken_over(walked):
    options = ("--reuse", "-p", "max_runtime_s", "0")
    with walked.kept():
        for _ in range(2):
            assert walked.run("mlkit", "run", TRAIN, *options, check=False).returncode != 0
            record = RunRecord.from_json((walked.project.root / "executed" / "02_train.record.json").read_text())
            assert (record.status, record.reused) == (Status.FAILED, None)


def test_the_record_of_a_test_tells_figures_verdict_files_and_the_endpoint_it_depends_on(walked):
    with walked.kept():
        record, _ = run(walked, TEST)
        result = handoff.load(TestResult, walked.project.handoff, "test_result", made_by="03")
        did = record.activity
        assert (did.verdict, did.estimate, did.metrics["match rate"]) == (result.verdict, result.estimate, result.estimate.value)
        assert did.metrics["majority class: match rate"] == result.baselines["majority class"]
        assert {(file.role, file.path) for file in did.files} == {
            ("input", "handoff/trained_model.json"),
            ("output", "handoff/test_result.json"),
        }
        assert [item.name for item in did.inputs if item.name.startswith("endpoint")] == ["endpoint mlkit-ml-lab-dev"]
        assert run(walked, TEST, "--reuse")[0].reused.started == record.started
        walked.run("mlkit", "undeploy", "dev")
        try:
            done = walked.run("mlkit", "run", TEST, "--reuse", check=False)
            assert (done.returncode, "other input endpoint mlkit-ml-lab-dev" in done.stdout) == (40, True)
        finally:
            walked.run("mlkit", "deploy", "dev")
        again, said = run(walked, TEST, "--reuse")
        assert again.reused is None
        assert "other input endpoint mlkit-ml-lab-dev" in said


def test_an_endpoint_is_tested_anew_whenever_the_pipeline_asks():
    assert {step.notebook: step.reuse for step in read_steps(ROOT).values()} == {PREP: True, TRAIN: True, TEST: False}
    for buildspec in (ROOT / "buildspecs").glob("*.yml"):
        assert "--reuse" not in buildspec.read_text()
