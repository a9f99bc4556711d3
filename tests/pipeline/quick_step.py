"""A step of the pipeline without a notebook, for quick builds: it trains or tests as the notebooks do, and stages a record.

    python quick_step.py train | test

The current folder has the endpoint's template, rows and a training job's request.
"""

import dataclasses
import json
import os
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import boto3
import nbformat

from mlkit.aws.endpoints import prove_endpoint, write_configurations
from mlkit.aws.s3_objects import digest_object, write_object
from mlkit.aws.session import Session
from mlkit.evidence.layout import Staging
from mlkit.evidence.manifest import sha256_of
from mlkit.evidence.run_record import Activity, FileRecord, Origin, RunRecord, Status, Usage
from mlkit.evidence.staged import exported_records
from mlkit.gate.estimate import Estimate
from mlkit.gate.policy import Policy
from mlkit.notebook import handoff
from mlkit.notebook.handoff import Channel, PreparedData, StoredObject, TestResult, TrainedModel
from mlkit.settings import Project

TRAINED = "CODEBUILD_SRC_DIR_Trained"
PROJECT = Project(root=Path.cwd())
RECORD = RunRecord(
    notebook="",
    notebook_sha256="0" * 64,
    executed="",
    kernel="python3",
    status=Status.COMPLETED,
    parameters=(),
    cells=(),
    failure=None,
    started="2026-11-30T10:00:30+00:00",
    ended="2026-11-30T10:01:00+00:00",
    usage=Usage(wall_s=30.0),
    python="3.11.7",
)


def main(step: str) -> None:
    aws = Session(boto3.Session())
    written, exported = (train if step == "train" else test)(aws)
    records = stage(step, written)
    values = {"RECORDS": exported_records(records), **exported}
    Path("exports.env").write_text("".join(f"export {name}='{value}'\n" for name, value in values.items()))


def train(aws: Session) -> tuple[list[Path], dict[str, str]]:
    job: dict[str, Any] = json.loads(Path("job.json").read_text())
    execution = os.environ["PIPELINE_EXECUTION_ID"]
    job["TrainingJobName"] = f"ml-{execution.split('-')[0]}"
    lake = job["OutputDataConfig"]["S3OutputPath"]
    rows = write_object(aws, f"{lake.replace('models', 'prepared')}train.recordio", Path("train.recordio").read_bytes())
    sagemaker: Any = aws.client("sagemaker")
    sagemaker.create_training_job(**job)
    while (told := sagemaker.describe_training_job(TrainingJobName=job["TrainingJobName"]))["TrainingJobStatus"] == "InProgress":
        time.sleep(0.2)
    model = digest_object(aws, told["ModelArtifacts"]["S3ModelArtifacts"])
    encoding = write_object(aws, f"{model.s3_uri.rpartition('/')[0]}/index.json", b"{}")
    trained = trained_model(job, model, encoding, rows)
    handed = [
        handoff.save(trained.prepared_data, PROJECT.handoff, "prepared_data"),
        handoff.save(trained, PROJECT.handoff, "trained_model"),
    ]
    configurations = [Path(path) for path in write_configurations(aws, trained, PROJECT)]
    return [*handed, *configurations], {"MODEL_SHA256": model.sha256}


def trained_model(job: dict[str, Any], model: StoredObject, encoding: StoredObject, rows: StoredObject) -> TrainedModel:
    channel = Channel(s3_uri=rows.s3_uri, content_type="x", rows=256, positives=128, objects=(rows,))
    initials = rows.s3_uri.split("/")[2].removesuffix("-ml-id-lab")
    prepared = PreparedData(
        run_id="r",
        your_initials=initials,
        bucket=rows.s3_uri.split("/")[2],
        database="d",
        table="t",
        feature_dim=8,
        encoding=encoding,
        train=channel,
        validation=channel,
        test=channel,
        query_execution_ids={},
        details={},
    )
    return TrainedModel(
        your_initials=initials,
        training_job=job["TrainingJobName"],
        tuning_job=None,
        image_uri=job["AlgorithmSpecification"]["TrainingImage"],
        execution_role=job["RoleArn"],
        model=model,
        encoding=encoding,
        hyperparameters=job["HyperParameters"],
        metrics={},
        billable_seconds=1,
        prepared_data=prepared,
    )


def test(aws: Session) -> tuple[list[Path], dict[str, str]]:
    shutil.copytree(Path(os.environ[TRAINED]) / "handoff", PROJECT.handoff)
    trained = handoff.load(TrainedModel, PROJECT.handoff, "trained_model", made_by="train")
    served = prove_endpoint(aws, os.environ["ENVIRONMENT"], trained)
    result = TestResult(
        endpoint=served.endpoint,
        endpoint_config=served.endpoint_config,
        model=trained.model,
        verdict="PASS",
        estimate=Estimate(
            metric="match rate",
            unit="share",
            higher_is_better=True,
            value=0.7,
            low=0.66,
            high=0.74,
            confidence=0.95,
            rows=256,
            clusters=16,
        ),
        policy=Policy(metric="match rate", required=0.65),
        others={"log loss": 0.6},
        baselines={},
    )
    handoff.save(result, PROJECT.handoff, "test_result")
    return [PROJECT.handoff / "test_result.json"], result.exported()


def stage(name: str, written: list[Path]) -> dict[str, str]:
    """Stage an executed notebook and its record, which names the written files. The record's digest by its name."""
    s3, staging = boto3.client("s3"), os.environ["STAGING"]
    action, build = os.environ["ACTION"], os.environ["CODEBUILD_BUILD_ID"].rpartition(":")[2]
    origin = Origin(action=action, pipeline_execution_id=os.environ["PIPELINE_EXECUTION_ID"])
    attempt = Staging(address=staging, execution=os.environ["PIPELINE_EXECUTION_ID"], action=action, build=build).attempt
    notebook = nbformat.writes(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1", id="a")])).encode()
    outputs = tuple(
        FileRecord(role="output", path=path.resolve().relative_to(PROJECT.root.resolve()).as_posix(), sha256=sha256_of(path.read_bytes()))
        for path in written
    )
    told: dict[str, Any] = {
        "notebook": f"notebooks/{name}.ipynb",
        "executed": f"executed/{name}.ipynb",
        "executed_sha256": sha256_of(notebook),
    }
    record = dataclasses.replace(RECORD, **told, origin=origin, activity=Activity(files=outputs)).to_json().encode()
    bucket, prefix = attempt.removeprefix("s3://").split("/", 1)
    for file, data in ((f"{name}.ipynb", notebook), (f"{name}.record.json", record)):
        s3.put_object(Bucket=bucket, Key=f"{prefix}{file}", Body=data)
    return {f"{name}.record.json": sha256_of(record)}


if __name__ == "__main__":
    main(sys.argv[1])
