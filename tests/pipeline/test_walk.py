"""The whole walk on 100,000 real ratings, and what people do after it."""

import json
import os
import re
import signal
from pathlib import Path

import nbformat
from waiting import wait_until

from localaws import lifecycle
from mlkit.notebook import handoff
from mlkit.notebook.handoff import PreparedData, TestResult, TrainedModel


def prepared(walked) -> PreparedData:
    return handoff.load(PreparedData, walked.project.handoff, "prepared_data", made_by="01")


def trained(walked) -> TrainedModel:
    return handoff.load(TrainedModel, walked.project.handoff, "trained_model", made_by="02")


def result_of(walked) -> TestResult:
    return handoff.load(TestResult, walked.project.handoff, "test_result", made_by="03")


def test_the_match_rate_on_all_held_out_rows_is_that_of_the_algorithm(walked):
    result = result_of(walked)
    found = result.estimate
    assert (found.metric, found.rows, found.clusters, found.cluster) == ("match rate", 9430, 943, "user")
    assert 0.68 < found.value < 0.73
    assert 0.57 < result.baselines["majority class"] < 0.59
    assert found.low < found.value < found.high
    assert f"Match rate {found.value:.4f} on 9,430 held-out rows" in walked.output


def test_the_splits_have_the_lab_s_sizes(walked):
    data = prepared(walked)
    assert (data.test.rows, data.train.rows + data.validation.rows) == (9430, 90570)
    assert data.feature_dim == 943 + 1682


def test_executed_notebooks_and_records_are_kept_in_s3(walked):
    listed = walked.client("s3").list_objects_v2(Bucket="mlkit-ml-id-lab", Prefix="executed/")["Contents"]
    names = {Path(item["Key"]).name for item in listed}
    assert names == {f"{stem}{suffix}" for stem in ("01_prep", "02_train", "03_test_endpoint") for suffix in (".ipynb", ".record.json")}
    for item in listed:
        body = walked.client("s3").get_object(Bucket="mlkit-ml-id-lab", Key=item["Key"])["Body"].read()
        if item["Key"].endswith(".record.json"):
            assert json.loads(body)["status"] == "completed"
        else:
            cells = [cell for cell in nbformat.reads(body.decode(), 4).cells if cell.cell_type == "code"]
            assert all(cell.execution_count for cell in cells)


def test_the_output_of_a_notebook_fits_a_narrow_terminal_and_names_the_next_step(walked):
    assert "Durations" in walked.output
    assert all(len(line) <= 80 for line in walked.output.splitlines() if line.startswith(("│", "┃", "┏", "└")))


def test_predict_answers_for_known_ids_and_names_unknown_ones(walked):
    answer = walked.run("mlkit", "predict", "--user", "196", "--movie", "242", "--user", "nobody", "--movie", "242").stdout
    lines = [line for line in answer.splitlines() if "242" in line]
    assert len(lines) == 2
    assert "user" in lines[1]
    assert "unseen: this id is not in the model" in answer


def test_the_lab_s_own_check_is_a_setting(walked, tmp_path):
    lab = ["-p", "test_rows", "10", "-p", "test_offset", "1000", "-p", "min_match_rate", "0.8", "-p", "gate_rule", "value"]
    with walked.kept():
        done = walked.run("mlkit", "run", "notebooks/03_test_endpoint.ipynb", str(tmp_path / "lab.ipynb"), *lab, check=False)
        result = result_of(walked)
    assert (result.estimate.rows, result.verdict) == (10, "PASS" if result.estimate.value >= 0.8 else "FAIL")
    assert done.returncode == (0 if result.verdict == "PASS" else 30)


def test_a_gate_that_cannot_be_met_stops_with_its_own_exit_code_and_leaves_the_evidence(walked, tmp_path):
    command = ["mlkit", "run", "notebooks/03_test_endpoint.ipynb", str(tmp_path / "no.ipynb"), "-p", "min_match_rate", "0.9"]
    with walked.kept():
        done = walked.run(*command, "--evidence", "s3://mlkit-ml-id-lab/no/", check=False)
    assert done.returncode == 30
    assert "Traceback" not in done.stderr
    assert walked.client("s3").head_object(Bucket="mlkit-ml-id-lab", Key="no/no.ipynb")["ContentLength"] > 10_000


def test_the_gate_decides_on_the_metric_and_the_slices_of_the_policy(walked, tmp_path):
    gate = ["-p", "metric", "log loss", "-p", "required", "0.65", "-p", "confidence", "0.9", "-p", "slices", "stop"]
    with walked.kept():
        walked.run("mlkit", "run", "notebooks/03_test_endpoint.ipynb", str(tmp_path / "loss.ipynb"), *gate)
        result = result_of(walked)
    found, policy = result.estimate, result.policy
    assert (found.metric, found.unit, found.higher_is_better, found.confidence) == ("log loss", "nats", False, 0.9)
    assert 0.5 < found.low < found.value < found.high < 0.65
    assert (result.verdict, policy.required, policy.slices) == ("PASS", 0.65, "stop")
    assert result.others.keys() == {"match rate", "AUC", "F1"}
    by_user, by_movie = "training ratings of the user", "training ratings of the movie"
    assert [one.group for one in result.slices] == [by_user] * 3 + [by_movie] * 3
    assert sum(one.rows for one in result.slices if one.group == by_user) == found.rows
    assert all(one.estimate is not None and one.estimate.metric == "log loss" for one in result.slices)


def digests(channel: handoff.Channel) -> list[str]:
    return [item.sha256 for item in channel.objects]


def test_plain_papermill_gives_the_same_data_model_and_figures(walked, tmp_path):
    before = (prepared(walked), trained(walked), result_of(walked))
    walked.run("papermill", "notebooks/01_prep.ipynb", str(tmp_path / "01.ipynb"))
    walked.run("papermill", "notebooks/02_train.ipynb", str(tmp_path / "02.ipynb"))
    walked.run("mlkit", "deploy", "dev")
    walked.run("papermill", "notebooks/03_test_endpoint.ipynb", str(tmp_path / "03.ipynb"))
    after = (prepared(walked), trained(walked), result_of(walked))
    for split in ("train", "validation", "test"):
        assert digests(getattr(before[0], split)) == digests(getattr(after[0], split))
    assert before[1].model.sha256 == after[1].model.sha256
    assert before[1].model.s3_uri != after[1].model.s3_uri
    assert before[2].estimate == after[2].estimate


def test_another_endpoint_s_model_is_found_out_before_the_test(walked, tmp_path):
    model = walked.project.handoff / "trained_model.json"
    with walked.kept():
        changed = json.loads(model.read_text())
        changed["model"]["s3_uri"] = changed["model"]["s3_uri"].replace("/models/", "/models/other-")
        model.write_text(json.dumps(changed))
        done = walked.run("mlkit", "run", "notebooks/03_test_endpoint.ipynb", str(tmp_path / "x.ipynb"), check=False)
    assert done.returncode == 32


def test_a_user_in_front_of_the_table_moves_no_figure_of_the_model_trained_before(walked, tmp_path):
    before, key = result_of(walked), "movielens-data/u.data/000-in-front.tsv"
    rows = "userid\tmovieid\trating\ttimestamp\n" + "".join(f"0\t{movie}\t5\t880000000\n" for movie in range(1, 31))
    walked.client("s3").put_object(Bucket="mlkit-ml-id-lab", Key=key, Body=rows.encode())
    try:
        with walked.kept():
            walked.run("mlkit", "run", "notebooks/01_prep.ipynb", str(tmp_path / "01.ipynb"))
            assert prepared(walked).feature_dim == 943 + 1682 + 1
            walked.run("mlkit", "run", "notebooks/03_test_endpoint.ipynb", str(tmp_path / "03.ipynb"))
            assert result_of(walked).estimate == before.estimate
    finally:
        walked.client("s3").delete_object(Bucket="mlkit-ml-id-lab", Key=key)


def test_a_kill_between_two_notebooks_loses_no_stack_model_or_object(walked, tmp_path):
    before = result_of(walked)
    status = lifecycle.status(walked.project.local_home)
    port = int(status.running.endpoint_url.rsplit(":", 1)[1])
    os.kill(status.running.pid, signal.SIGKILL)
    wait_until(lambda: lifecycle.status(walked.project.local_home).running, "the server is gone", ok=lambda running: running is None)
    assert lifecycle.up(walked.project.local_home, port=port).pid != status.running.pid
    stacks = walked.client("cloudformation").describe_stacks()["Stacks"]
    assert {stack["StackName"] for stack in stacks} >= {"mlkit-ml-lab-datalake", "mlkit-ml-lab-dev-endpoint"}
    walked.run("mlkit", "run", "notebooks/03_test_endpoint.ipynb", str(tmp_path / "03.ipynb"))
    assert result_of(walked).estimate == before.estimate


def test_the_labs_tuning_runs_four_jobs_and_the_best_on_validation_is_deployed(walked, tmp_path):
    given = {"tune": "True", "search": "lab", "max_jobs": "4", "objective": "test:binary_classification_accuracy"}
    given |= {"tune_epochs": "[1, 5]", "tune_mini_batch_size": "[500, 5000]"}
    small = [part for name, value in given.items() for part in ("-p", name, value)]
    try:
        with walked.kept():
            walked.run("mlkit", "run", "notebooks/02_train.ipynb", str(tmp_path / "02.ipynb"), *small)
            best, sagemaker = trained(walked), walked.client("sagemaker")
            jobs = sagemaker.list_training_jobs_for_hyper_parameter_tuning_job(HyperParameterTuningJobName=best.tuning_job)
            objective = "FinalHyperParameterTuningJobObjectiveMetric"
            scores = {job["TrainingJobName"]: job[objective]["Value"] for job in jobs["TrainingJobSummaries"]}
            assert len(scores) == 4
            assert best.training_job == max(scores, key=scores.__getitem__)
            walked.run("mlkit", "deploy", "dev")
            walked.run("mlkit", "run", "notebooks/03_test_endpoint.ipynb", str(tmp_path / "03.ipynb"), "-p", "min_match_rate", "0.4")
            assert result_of(walked).model == best.model
            assert list(result_of(walked).baselines) == ["the same, untuned", "linear, no factors", "majority class"]
    finally:
        walked.run("mlkit", "deploy", "dev")


def test_the_aws_command_line_works_unchanged(walked):
    job = trained(walked).training_job
    described = json.loads(walked.run("aws", "sagemaker", "describe-training-job", "--training-job-name", job).stdout)
    assert described["TrainingJobStatus"] == "Completed"
    query = ["aws", "athena", "start-query-execution", "--work-group", "mlkit-ml-lab", "--query-string"]
    started = json.loads(walked.run(*query, 'SELECT count(*) FROM "mlkit-ml-lab-movielens".u_data').stdout)
    assert re.fullmatch(r"[0-9a-f-]{36}", started["QueryExecutionId"])
    assert "model.tar.gz" in walked.run("aws", "s3", "ls", "--recursive", "s3://mlkit-ml-id-lab/models/").stdout
    again = ["--stack-name", "mlkit-ml-lab-datalake", "--template-file", "CloudFormation/datalake.yaml", "--no-fail-on-empty-changeset"]
    done = walked.run("aws", "cloudformation", "deploy", *again, "--capabilities", "CAPABILITY_IAM")
    assert "No changes to deploy" in done.stdout + done.stderr


def test_a_lake_made_by_hand_under_the_lab_s_names_works(walked, tmp_path):
    s3, glue = walked.client("s3"), walked.client("glue")
    s3.create_bucket(Bucket="hand-ml-id-lab")
    source = walked.project.data_cache / "by-hand.tsv"
    pairs = ((user, movie) for user in range(1, 40) for movie in range(30))
    source.write_text("".join(f"{user}\t{movie}\t{1 + (user + movie) % 5}\t{880000000 + movie}\n" for user, movie in pairs))
    glue.create_database(DatabaseInput={"Name": "hand-ml-lab-movielens"})
    table = glue.get_table(DatabaseName="mlkit-ml-lab-movielens", Name="u_data")["Table"]
    storage = {**table["StorageDescriptor"], "Location": "s3://hand-ml-id-lab/movielens-data/u.data/"}
    table_input = {"Name": "u_data", "TableType": "EXTERNAL_TABLE", "Parameters": table["Parameters"], "StorageDescriptor": storage}
    glue.create_table(DatabaseName="hand-ml-lab-movielens", TableInput=table_input)
    walked.run("mlkit", "data", "load", str(source), "--your-initials", "hand")
    with walked.kept():
        walked.run("mlkit", "run", "notebooks/01_prep.ipynb", str(tmp_path / "01.ipynb"), "-p", "your_initials", "hand")
        assert prepared(walked).test.rows == 390
