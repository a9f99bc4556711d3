"""Sealed evidence in memory: a small execution of the pipeline with realistic content, for the tests of the review page."""

import base64
import hashlib
import io
import json
import struct
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from mlkit.evidence.manifest import Attempt, Manifest, SealedFile, Source
from mlkit.evidence.run_record import (
    Activity,
    CellRecord,
    InputRecord,
    JobRecord,
    Origin,
    ParameterRecord,
    QueryRecord,
    RunRecord,
    Status,
    Usage,
)
from mlkit.review import ActionTime, Decision, Evidence, Reviewed

PIPELINE, EXECUTION = "mlkit-ml-lab-pipeline-Pipeline-C45B2F40F9102", "30f1b5e6-d879-4b63-848d-5138d72b9b84"
CHAMPION_EXECUTION = "1b0c5d0a-52c1-4f0e-9d7b-0f4a3c1e7a11"
COMMIT = "8b35d7eb8e4a6dcdd0e1d4a747385796dbdfa62e"
TRAIN_BUILD, TEST_BUILD, SEAL_BUILD = "e49b7307-917b-4c14-b873-2f5cb70bf27a", "08a0b5ec-d47a-451c-a111-3fedd24e1e56", "aa11"
MODEL = "b9265c0d42c19075f906ca539f0d7267cdf259a0e03920738cb8f8d6ba97018d"
ACTIONS = {"01_prep": "Build_and_Train.ModelTraining", "02_train": "Build_and_Train.ModelTraining", "03_test_endpoint": "QA.TestEndpoint"}
BUILDS = {"Build_and_Train.ModelTraining": TRAIN_BUILD, "QA.TestEndpoint": TEST_BUILD}
NOW = "2026-03-14T09:26:53+00:00"


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def png(width: int = 700, height: int = 40) -> str:
    """A plain picture as base64."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = (b"\0" + b"\x00\x72\xb2" * width) * height
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return base64.b64encode(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    ).decode()


def markdown(text: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "id": sha256(text.encode())[:8], "metadata": {}, "source": text}


def code(text: str, *outputs: dict[str, Any], tags: tuple[str, ...] = (), cell_id: str = "") -> dict[str, Any]:
    return {
        "cell_type": "code",
        "id": cell_id or sha256(text.encode())[:8],
        "metadata": {"tags": list(tags)},
        "source": text,
        "execution_count": 1,
        "outputs": list(outputs),
    }


def result(data: Mapping[str, str], metadata: Mapping[str, Any] | None = None) -> dict[str, Any]:
    return {"output_type": "execute_result", "execution_count": 1, "data": dict(data), "metadata": dict(metadata or {})}


def notebook(*cells: dict[str, Any]) -> bytes:
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3"}, "language_info": {"name": "python"}}
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": list(cells)}).encode()


def notebooks(num_factors: int = 64) -> dict[str, list[dict[str, Any]]]:
    """The cells of the three notebooks, with outputs."""
    table = "<table><thead><tr><th></th><th>rows</th></tr></thead><tbody><tr><th>train</th><td>81518</td></tr></tbody></table>"
    chart = {"image/png": png(), "text/plain": "Loss by epoch: falls from 0.69 to 0.51."}
    size = {"image/png": {"width": 700, "height": 40, "alt": chart["text/plain"]}}
    return {
        "01_prep": [
            markdown("# 01 Prep: which ratings train, which validate, which test?\nAthena counts, indexes and splits the ratings."),
            code("import mlkit"),
            code('table: str = "u_data"  # Glue table', tags=("parameters",), cell_id="parameters"),
            code("channels.summary()", result({"text/html": table, "text/plain": "train 81518"})),
        ],
        "02_train": [
            markdown("# 02 Train: which model do the ratings give?"),
            code(f"num_factors: int = {num_factors}  # dimension\nepochs: int = 100", tags=("parameters",), cell_id="parameters"),
            code("trained.summary()", result({"text/plain": "training job ml-30f1b5e6 Completed"})),
            code("charts.metric_by_epoch(training_history(aws, trained))", result(chart, size)),
        ],
        "03_test_endpoint": [
            markdown("# 03 Test the endpoint: is the model good enough?"),
            code('environment: str = "dev"', tags=("parameters",), cell_id="parameters"),
            code('# Parameters\nenvironment = "qa"', tags=("injected-parameters",)),
            code("str(verdict)", result({"text/plain": "'PASS: match rate 0.6984 (95% interval 0.6875 to 0.7093)'"})),
        ],
    }


def source_files(cells: Mapping[str, list[dict[str, Any]]], extra: Mapping[str, bytes] | None = None) -> dict[str, bytes]:
    """The code files of a commit: the notebooks without outputs, and a module."""
    clean = {
        f"notebooks/{name}.ipynb": notebook(
            *(
                {**cell, "outputs": [], "execution_count": None} if cell["cell_type"] == "code" else cell
                for cell in found
                if "injected-parameters" not in cell["metadata"].get("tags", ())
            )
        )
        for name, found in cells.items()
    }
    module = b"MARGIN = 0.02\n\n\ndef judge(rate, gate):\n    if rate.low >= gate:\n        return 'PASS'\n    return 'FAIL'\n"
    return {**clean, "mlkit/gate/verdicts.py": module, "mlkit.yml": b"kind: movielens\n", **(extra or {})}


def archive(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, data in sorted(files.items()):
            opened.writestr(zipfile.ZipInfo(name, (2026, 3, 14, 9, 0, 0)), data)
    return buffer.getvalue()


def record(name: str, **changes: Any) -> RunRecord:
    """The record of one of the three notebooks, as the runner writes it."""
    of_notebooks: dict[str, list[tuple[str, str, Any, str]]] = {
        "01_prep": [("your_initials", "str", "mlkit", "env YOUR_INITIALS"), ("table", "str", "u_data", "default")],
        "02_train": [("num_factors", "int", 64, "default"), ("epochs", "int", 100, "default")],
        "03_test_endpoint": [("environment", "str", "qa", "env ENVIRONMENT"), ("min_match_rate", "float", 0.65, "default")],
    }
    job = JobRecord(
        kind="training",
        name="ml-30f1b5e6-3b501c33",
        status="Completed",
        instance_type="ml.c5.xlarge",
        instance_count=1,
        billable_seconds=71,
    )
    query = QueryRecord(query_execution_id="96b34064", sql="SELECT 1", state="SUCCEEDED", bytes_scanned=1_979_205)
    activity = {
        "01_prep": Activity(queries=(query,), inputs=(InputRecord(name="glue table mlkit-ml-lab-movielens.u_data", sha256="9a" * 32),)),
        "02_train": Activity(jobs=(job,), metrics={"test:binary_classification_accuracy": 0.7098, "train:throughput": 1552574.9}),
        "03_test_endpoint": Activity(verdict="PASS", metrics={"match rate": 0.6984}),
    }[name]
    cell = CellRecord(number=1, cell_id="a", heading="", status=Status.COMPLETED, execution_count=1, started=NOW, ended=NOW, duration_s=0.1)
    started = {"01_prep": "09:01:00", "02_train": "09:03:00", "03_test_endpoint": "09:15:00"}[name]
    whole = RunRecord(
        notebook=f"notebooks/{name}.ipynb",
        notebook_sha256="0" * 64,
        executed=f"executed/{name}.ipynb",
        kernel="python3",
        status=Status.COMPLETED,
        parameters=tuple(ParameterRecord(name=n, type=t, value=v, source=s) for n, t, v, s in of_notebooks[name]),
        cells=(cell,),
        failure=None,
        started=f"2026-03-14T{started}+00:00",
        ended=f"2026-03-14T{started[:-2]}48+00:00",
        usage=Usage(wall_s=48.0),
        python="3.11.7",
        packages={"numpy": "2.4.1", "pandas": "3.0.1", "scikit-learn": "1.8.0"},
        origin=Origin(commit=COMMIT, action=ACTIONS[name]),
        activity=activity,
    )
    return replace(whole, **changes)


def channel(name: str, rows: int, positives: int) -> dict[str, Any]:
    item = {"s3_uri": f"s3://b/prepared/r/{name}/shard-00000", "sha256": sha256(f"{name}{rows}".encode()), "size_bytes": rows * 60}
    return {
        "s3_uri": f"s3://b/prepared/r/{name}/",
        "content_type": "x",
        "rows": rows,
        "positives": positives,
        "objects": [item],
        "labels": {},
    }


def prepared_data(train_rows: int = 81_518) -> dict[str, Any]:
    encoding = {"s3_uri": "s3://b/prepared/r/feature_index.parquet", "sha256": "ee" * 32, "size_bytes": 12_907}
    return {
        "schema": "mlkit/prepared-data/3",
        "run_id": "20260314T090100Z-e86b7496",
        "your_initials": "mlkit",
        "bucket": "mlkit-ml-id-lab",
        "database": "mlkit-ml-lab-movielens",
        "table": "u_data",
        "feature_dim": 2625,
        "encoding": encoding,
        "train": channel("train", train_rows, 44_923),
        "validation": channel("validation", 9_052, 4_951),
        "test": channel("test", 9_430, 5_501),
        "query_execution_ids": {},
        "details": {"positive_rating": 4.0, "split": "hashed", "salt": "mlkit"},
        "target": {"task": "binary", "name": "rating", "classes": ["below 4 stars", "4 or more"], "unit": ""},
    }


def estimated(value: float = 0.6984, low: float = 0.6875, high: float = 0.7093, **changes: Any) -> dict[str, Any]:
    """The estimate of a match rate, as the hand-off holds it."""
    figures = {"value": value, "low": low, "high": high, "confidence": 0.95, "rows": 9_430, "clusters": 943, "cluster": "user"}
    return {"metric": "match rate", "unit": "share", "higher_is_better": True, **figures, **changes}


def sliced(name: str, **changes: Any) -> dict[str, Any]:
    """One slice, as the hand-off holds it."""
    figures = {"estimate": estimated(0.66, 0.63, 0.69), "worse_by": 0.0402, "p_value": 0.061, "is_flagged": False}
    return {"group": "training ratings", "name": name, "rows": 2_357, **figures, **changes}


def compared(value: float = 0.6990, difference: tuple[float, float, float] = (-0.0006, -0.0066, 0.0054), **changes: Any) -> dict[str, Any]:
    """The comparison with production's model on the same rows, as the hand-off holds it. `difference`: value, low, high."""
    found = estimated(value, value - 0.011, value + 0.011)
    gained = {name: found[name] for name in ("metric", "unit", "higher_is_better", "rows", "clusters", "confidence")}
    gained |= dict(zip(("value", "low", "high"), difference, strict=True))
    place = f"s3://evidence/{PIPELINE}/models/{MODEL}/model.tar.gz"
    return {"model_s3_uri": place, "champion": found, "difference": gained, "problem": "", **changes}


def outcome(match_rate: float = 0.6984, low: float = 0.6875, high: float = 0.7093, **changes: Any) -> dict[str, Any]:
    """handoff/test_result.json."""
    verdict = "PASS" if low >= 0.65 else "FAIL" if high < 0.65 else "INCONCLUSIVE"
    return {
        "schema": "mlkit/test-result/2",
        "endpoint": "mlkit-ml-lab-qa",
        "endpoint_config": "MlkitEndpointConfig-C8E86EFAFCA1D",
        "model": {"s3_uri": "s3://b/models/model.tar.gz", "sha256": MODEL, "size_bytes": 632_160},
        "verdict": verdict,
        "estimate": estimated(match_rate, low, high),
        "policy": {
            "metric": "match rate",
            "required": 0.65,
            "confidence": 0.95,
            "rule": "interval",
            "on_inconclusive": "stop",
            "slices": "show",
        },
        "others": {"log loss": 0.5777},
        "slices": [sliced("new users, up to 23"), sliced("rare movies, up to 9", estimate=None, worse_by=None, p_value=None)],
        "baselines": {"linear, no factors": 0.6712, "majority class": 0.5834},
        **changes,
    }


def attempt(action: str, **changes: Any) -> Attempt:
    whole = Attempt(
        action=action,
        build=f"mlkit-build:{BUILDS[action]}",
        status="Succeeded",
        started="2026-03-14T09:00:10+00:00",
        ended="2026-03-14T09:04:33+00:00",
        confirmed=True,
        records={},
    )
    return replace(whole, **changes)


def evidence(
    *,
    execution: str = EXECUTION,
    commit: str = COMMIT,
    message: str = "Sixty-four factors again, after the trial with thirty-two",
    cells: Mapping[str, list[dict[str, Any]]] | None = None,
    source: Mapping[str, bytes] | None = None,
    records: Mapping[str, RunRecord] | None = None,
    prepared: Mapping[str, Any] | None = None,
    tested: Mapping[str, Any] | None = None,
    attempts: tuple[Attempt, ...] | None = None,
    more: Mapping[str, bytes] | None = None,
    **manifest_changes: Any,
) -> Evidence:
    """An execution's evidence. Each part may be replaced; the manifest's digests fit the files."""
    ran = cells or notebooks()
    code_files = source_files(ran) if source is None else dict(source)
    zipped, tests = archive(code_files), dict(tested or outcome())
    seal = f"QA.SealEvidence/{SEAL_BUILD}"
    files = {f"sources/{sha256(zipped)}.zip": zipped}
    for name in ran:
        stem = f"{ACTIONS[name]}/{BUILDS[ACTIONS[name]]}/{name}"
        files[f"{stem}.ipynb"] = notebook(*ran[name])
        files[f"{stem}.record.json"] = (records or {}).get(name, record(name)).to_json().encode()
    trained = {"image_uri": "382416733822.dkr.ecr.us-east-1.amazonaws.com/factorization-machines:1"}
    handoff = {"prepared_data": dict(prepared or prepared_data()), "trained_model": trained, "test_result": tests}
    files |= {f"{seal}/handoff/{name}.json": json.dumps(value).encode() for name, value in handoff.items()}
    files[f"{seal}/deploys/configuration_production.json"] = json.dumps(
        {"Parameters": {"EndpointName": "mlkit-ml-lab-production"}}
    ).encode()
    files |= dict(more or {})
    manifest = Manifest(
        pipeline=PIPELINE,
        pipeline_execution_id=execution,
        action="QA.SealEvidence",
        build=SEAL_BUILD,
        sealed_at=NOW,
        tools_sha256="70" * 32,
        source=Source(
            archive_sha256=sha256(zipped),
            variables={"CommitId": commit, "CommitMessage": message, "AuthorDisplayName": "Ada Keller", "BranchName": "main"},
        ),
        code={name: sha256(data) for name, data in sorted(code_files.items())},
        inputs={},
        model_s3_uri=f"s3://evidence/{PIPELINE}/models/{MODEL}/model.tar.gz",
        model_sha256=MODEL,
        verdict=tests["verdict"],
        attempts=(attempt("Build_and_Train.ModelTraining"), attempt("QA.TestEndpoint")) if attempts is None else attempts,
        deploys={},
        files=tuple(sealed_file(name, data, execution) for name, data in sorted(files.items())),
    )
    manifest = replace(manifest, **manifest_changes)
    return Evidence(manifest=manifest, sha256=sha256(manifest.to_bytes()), files=files)


def sealed_file(name: str, data: bytes, execution: str) -> SealedFile:
    place = f"s3://evidence/{PIPELINE}/{name}" if name.startswith("sources/") else f"s3://evidence/{PIPELINE}/{execution}/{name}"
    return SealedFile(s3_uri=place, version_id="v1", sha256=sha256(data), size_bytes=len(data))


def champion(**parts: Any) -> Evidence:
    """The evidence of the model in production; by default of the same content, from an earlier execution."""
    return evidence(**{"execution": CHAMPION_EXECUTION, "commit": "4" * 40, "message": "The first model", **parts})


def reviewed(sealed: Evidence | None = None, old: Evidence | None = None, **parts: Any) -> Reviewed:
    times = (
        ActionTime(stage="Source", action="Source", status="Succeeded", started="2026-03-14T09:00:00Z", ended="2026-03-14T09:00:05Z"),
        ActionTime(
            stage="Build_and_Train",
            action="ModelTraining",
            status="Succeeded",
            started="2026-03-14T09:00:10Z",
            ended="2026-03-14T09:04:33Z",
        ),
        ActionTime(stage="QA", action="DeployEndpoint", status="Succeeded", started="2026-03-14T09:05:00Z", ended="2026-03-14T09:12:40Z"),
        ActionTime(stage="QA", action="TestEndpoint", status="Succeeded", started="2026-03-14T09:13:00Z", ended="2026-03-14T09:16:12Z"),
    )
    whole = {
        "actions": times,
        "links": {"Training job ml-30f1b5e6": "https://us-east-1.console.aws.amazon.com/sagemaker/home#/jobs/ml-30f1b5e6"},
        "decision": Decision(asked="the subscribers of mlkit-approvals", where="https://us-east-1.console.aws.amazon.com/codesuite/"),
        "signature": "Signed with the evidence key, alias/mlkit-ml-lab-evidence.",
        **parts,
    }
    return Reviewed(sealed=sealed or evidence(), champion=old, **whole)
