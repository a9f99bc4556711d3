"""A whole test set through an endpoint of the local AWS: as the test notebook asks for it, and as the lab did, in dense JSON with ten rows
a request. The model is a factorization machine of MovieLens' size, hardly trained: its answers take as long as those of a good one.
"""

import argparse
import io
import json
import os
import tarfile
import tempfile
import time
from pathlib import Path
from typing import Any

import boto3
import numpy as np

from benchmarks.measuring import Report, Row, in_turns, say, scaled, timed
from localaws import lifecycle
from localaws.factorization_machines import model, trainer
from localaws.factorization_machines.hyperparameters import Hyperparameters
from mlkit.aws.session import Session
from mlkit.movielens.testing import predict_rows
from sagemaker_formats.recordio import Rows

GROUP = "Endpoint"
TEST_ROWS, FEATURES, ROWS_A_REQUEST = 9_430, 2_625, 10
IMAGE = "382416733822.dkr.ecr.us-east-1.amazonaws.com/factorization-machines:1"


def make_rows() -> Rows:
    draw = np.random.default_rng(0)
    keys = np.stack([draw.integers(0, 943, TEST_ROWS), draw.integers(943, FEATURES, TEST_ROWS)], axis=1).ravel()
    values = np.ones(2 * TEST_ROWS, np.float32)
    return Rows(indptr=np.arange(0, 2 * TEST_ROWS + 1, 2), keys=keys, values=values, labels=None, feature_dim=FEATURES)


def model_archive(folder: Path) -> bytes:
    params = Hyperparameters(feature_dim=FEATURES, num_factors=64, predictor_type="binary_classifier")
    model.save(model.Model(predictor_type=params.predictor_type, weights=trainer.initial_weights(params)), folder)
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as archive:
        for path in sorted(folder.iterdir()):
            archive.add(path, path.name)
    return data.getvalue()


def deploy(archive: bytes) -> str:
    """The name of an endpoint that serves the model, made with the credentials of the environment."""
    s3, iam, sagemaker = (boto3.client(name) for name in ("s3", "iam", "sagemaker"))
    s3.create_bucket(Bucket="benchmark")
    s3.put_object(Bucket="benchmark", Key="model.tar.gz", Body=archive)
    trust = {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
    policy: dict[str, Any] = {"Version": "2012-10-17", "Statement": [trust]}
    role = iam.create_role(RoleName="benchmark", AssumeRolePolicyDocument=json.dumps(policy))["Role"]["Arn"]
    policy["Statement"] = [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]
    iam.put_role_policy(RoleName="benchmark", PolicyName="s3", PolicyDocument=json.dumps(policy))
    container = {"Image": IMAGE, "ModelDataUrl": "s3://benchmark/model.tar.gz"}
    sagemaker.create_model(ModelName="benchmark", PrimaryContainer=container, ExecutionRoleArn=role)
    variant = {"VariantName": "AllTraffic", "ModelName": "benchmark", "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
    sagemaker.create_endpoint_config(EndpointConfigName="benchmark", ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName="benchmark", EndpointConfigName="benchmark")
    while (status := sagemaker.describe_endpoint(EndpointName="benchmark")["EndpointStatus"]) == "Creating":
        time.sleep(0.2)
    if status != "InService":
        raise RuntimeError(f"the endpoint is {status}")
    return "benchmark"


def ask_as_the_lab(runtime: Any, endpoint: str, rows: Rows) -> list[float]:
    scores = []
    for first in range(0, len(rows), ROWS_A_REQUEST):
        dense = rows[first : first + ROWS_A_REQUEST].to_csr().toarray()
        body = json.dumps({"instances": [{"features": row.tolist()} for row in dense]})
        answer = runtime.invoke_endpoint(EndpointName=endpoint, ContentType="application/json", Body=body)
        scores += [one["score"] for one in json.loads(answer["Body"].read())["predictions"]]
    return scores


def compare(endpoint: str, *, quick: bool) -> Report:
    rows, aws, runtime = make_rows(), Session(), boto3.client("sagemaker-runtime")
    few = rows[: 200 if quick else 2_000]
    ours = predict_rows(aws, endpoint, rows).scores
    if not np.allclose(ours[: len(few)], ask_as_the_lab(runtime, endpoint, few), atol=1e-6):
        raise RuntimeError("the two ways have different answers")
    say(f"endpoint: {TEST_ROWS:,} rows")
    fast, slow = in_turns(
        2 if quick else 7, lambda: predict_rows(aws, endpoint, rows), lambda: ask_as_the_lab(runtime, endpoint, few), clock=timed
    )
    rate = TEST_ROWS / float(np.median([one.wall for one in fast]))
    row = Row(
        group=GROUP, what=f"{TEST_ROWS:,} test rows", against="dense JSON, ten rows a request", ours=fast,
        theirs=scaled(slow, TEST_ROWS / len(few)), at_least=150, limit=f"{rate:,.0f} rows a second",
        note=f"lab's way: {len(few):,} rows, scaled up; CPU is the client's alone",
    )  # fmt: skip
    return Report(rows=[row])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    with tempfile.TemporaryDirectory() as name:
        home = Path(name) / "home"
        lifecycle.up(home, port=0)
        try:
            os.environ |= lifecycle.environment(home)
            compare(deploy(model_archive(Path(name) / "model")), quick=quick).write()
        finally:
            lifecycle.down(home)


if __name__ == "__main__":
    main()
