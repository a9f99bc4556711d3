"""Executions of all kinds on a local AWS of their own: what stops each bad model, what an update under load loses, what is left.

    PYTHONPATH=tests:tests/pipeline:packages/localaws/tests .venv/bin/python benchmarks/pipeline_rehearsal.py [KIND ...]

Each bad model goes through the pipeline as it is; QA must stop it by the rule that is meant for it. It takes about ten minutes.
"""

import http.client
import io
import json
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pandas as pd
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from project_pipeline import NAMES, Piped, make_repository, plain_environment, run_in, script
from waiting import wait_until

from localaws import lifecycle
from mlkit.evidence.run_record import RunRecord

TABLE = "movielens-data/u.data/ratings.tsv"
BUILD = "Build_and_Train.ModelTraining"
LAKE = "mlkit-ml-id-lab"
FEATURES = 943 + 1682  # users and movies
A_SECOND, FOR_S, CONNECTIONS = 200, 30, 8
Told = tuple[str, ...]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        pipeline = make_repository(Path(folder))
        try:
            rehearse(pipeline, sys.argv[1:])
        finally:
            lifecycle.down(pipeline.project.local_home)


def rehearse(pipeline: Piped, wanted: list[str]) -> None:
    pipeline.push()
    run_in(pipeline.project.root, [script("mlkit"), "local", "run", "--port", "0", "--approve", "ok"], plain_environment())
    say("the first", "Succeeded", production(pipeline))
    for what, kind in KINDS.items():
        if not wanted or what in wanted:
            say(what, *kind(pipeline))
    pipeline.wait_until_nothing_is_left()
    say("left", *what_is_left(pipeline))


def updated_under_load(pipeline: Piped) -> Told:
    """Approve an execution while production answers; how it ended, and how production answered."""
    pipeline.push(epochs=40)
    execution = start(pipeline)
    pipeline.wait_until_asked(execution)
    load = Load(pipeline)
    load.start()
    pipeline.run("mlkit", "local", "approve", "under load")
    load.join()
    return pipeline.wait_until_ended(execution), load.told(), production(pipeline)


def rolled_back(pipeline: Piped) -> Told:
    began = time.monotonic()
    pipeline.run("mlkit", "rollback", "--bypass-pipeline", "production", "--reason", "a rehearsal")
    return f"{time.monotonic() - began:.1f} s", production(pipeline)


def labels_shuffled(pipeline: Piped) -> Told:
    with ratings(pipeline, shuffled):
        return stopped(pipeline)


def slice_collapsed(pipeline: Piped) -> Told:
    pipeline.set_parameter("MinMatchRate", "0.6")  # so that the metric alone lets it pass
    pipeline.set_parameter("GateSlices", "stop")
    try:
        with ratings(pipeline, rare_movies_are_noise):
            return stopped(pipeline)
    finally:
        pipeline.set_parameter("GateSlices", "notebook")
        pipeline.set_parameter("MinMatchRate", "notebook")


def one_batch_trained(pipeline: Piped) -> Told:
    pipeline.push(epochs=1, mini_batch_size=1_000_000)
    return stopped(pipeline)


def old_model_under_a_new_configuration(pipeline: Piped) -> Told:
    """QA's endpoint gets a configuration of its own name whose model is production's."""

    def meanwhile(execution: str) -> None:
        until_done(pipeline, execution, "QA.LaunchEndpoint")
        sagemaker = pipeline.client("sagemaker")
        qa, live = (describe(sagemaker, NAMES.endpoint(name)) for name in ("qa", "production"))
        container = {name: live["model"]["PrimaryContainer"][name] for name in ("Image", "ModelDataUrl")}
        sagemaker.create_model(ModelName="old", PrimaryContainer=container, ExecutionRoleArn=live["model"]["ExecutionRoleArn"])
        variant = {**qa["configuration"]["ProductionVariants"][0], "ModelName": "old"}
        sagemaker.create_endpoint_config(EndpointConfigName="old", ProductionVariants=[variant])
        sagemaker.update_endpoint(EndpointName=NAMES.endpoint("qa"), EndpointConfigName="old")

    pipeline.push(epochs=35)  # equal epochs would give an equal model
    told, sagemaker = stopped(pipeline, meanwhile), pipeline.client("sagemaker")
    sagemaker.delete_endpoint_config(EndpointConfigName="old")  # made here, by no execution
    sagemaker.delete_model(ModelName="old")
    return told


def another_index(pipeline: Piped) -> Told:
    """The index beside the model is replaced by one whose columns are turned round."""

    def meanwhile(execution: str) -> None:
        until_done(pipeline, execution, BUILD)
        job, s3 = pipeline.variables(execution, BUILD)["TRAINING_JOB"], pipeline.client("s3")
        listed = s3.get_paginator("list_objects_v2").paginate(Bucket=LAKE, Prefix="models/").search("Contents[].Key")
        (key,) = [key for key in listed if job in key and key.endswith("feature_index.parquet")]
        table = pd.read_parquet(io.BytesIO(s3.get_object(Bucket=LAKE, Key=key)["Body"].read()))
        for _, rows in table.groupby("field"):
            table.loc[rows.index, "id"] = rows["id"].to_numpy()[::-1]
        turned = io.BytesIO()
        table.to_parquet(turned, index=False)
        s3.put_object(Bucket=LAKE, Key=key, Body=turned.getvalue())

    pipeline.push(epochs=35)
    return stopped(pipeline, meanwhile)


def rejected(pipeline: Piped) -> Told:
    execution = start(pipeline)
    pipeline.wait_until_asked(execution)
    pipeline.run("mlkit", "local", "reject", "not today")
    return pipeline.wait_until_ended(execution), production(pipeline)


def stopped_while_it_trains(pipeline: Piped) -> Told:
    pipeline.push(epochs=100_000)
    execution = start(pipeline)
    wait_until(pipeline.left, "the training job is under way")
    pipeline.run("mlkit", "local", "stop")
    return pipeline.wait_until_ended(execution), production(pipeline)


def good_after_all_that(pipeline: Piped) -> Told:
    pipeline.push(epochs=35)
    execution = start(pipeline)
    pipeline.wait_until_asked(execution)
    pipeline.run("mlkit", "local", "approve", "the last")
    return pipeline.wait_until_ended(execution), production(pipeline)


KINDS: dict[str, Callable[[Piped], Told]] = {
    "update under load": updated_under_load,
    "mlkit rollback": rolled_back,
    "labels shuffled": labels_shuffled,
    "a slice collapsed": slice_collapsed,
    "one batch trained": one_batch_trained,
    "old model, new configuration": old_model_under_a_new_configuration,
    "another index": another_index,
    "rejected": rejected,
    "stopped while it trains": stopped_while_it_trains,
    "a good one after all that": good_after_all_that,
}


def say(what: str, *told: str) -> None:
    print(f"{what:<32} {'  '.join(told)}", flush=True)


def start(pipeline: Piped) -> str:
    execution: str = pipeline.client("codepipeline").start_pipeline_execution(name=pipeline.name)["pipelineExecutionId"]
    return execution


def stopped(pipeline: Piped, meanwhile: Callable[[str], None] | None = None) -> Told:
    """Where the execution ended and what the notebook said. Ends the rehearsal if it reached the approval or changed production."""
    before, execution = pipeline.production(), start(pipeline)
    if meanwhile:
        meanwhile(execution)
    status, token = wait_until(
        lambda: (pipeline.status(execution), pipeline.approval()), "it ends or asks", ok=lambda seen: seen[0] != "InProgress" or seen[1]
    )
    if token or pipeline.production() != before:
        sys.exit(f"NOT STOPPED: {status}, asks for an approval: {bool(token)}")
    failed = next(name for name, ended in pipeline.ended(execution).items() if ended == "Failed")
    record = RunRecord.from_json(pipeline.staged(execution, failed)["03_test_endpoint.record.json"].decode())
    pipeline.wait_until_nothing_is_left()
    assert record.failure is not None
    return f"{status} in {failed}", f"{record.failure.ename}: {record.failure.evalue}"


def until_done(pipeline: Piped, execution: str, action: str) -> None:
    ended = wait_until(lambda: pipeline.ended(execution).get(action), f"{action} ends", ok=lambda status: status in ("Succeeded", "Failed"))
    assert ended == "Succeeded", action


def describe(sagemaker: Any, endpoint: str) -> dict[str, Any]:
    name = sagemaker.describe_endpoint(EndpointName=endpoint)["EndpointConfigName"]
    configuration = sagemaker.describe_endpoint_config(EndpointConfigName=name)
    model = sagemaker.describe_model(ModelName=configuration["ProductionVariants"][0]["ModelName"])
    return {"configuration": configuration, "model": model}


@contextmanager
def ratings(pipeline: Piped, change: Callable[[pd.DataFrame], pd.DataFrame]) -> Iterator[None]:
    """The lake's ratings are these while the block runs."""
    s3 = pipeline.client("s3")
    original = s3.get_object(Bucket=LAKE, Key=TABLE)["Body"].read()
    changed = change(pd.read_csv(io.BytesIO(original), sep="\t"))
    s3.put_object(Bucket=LAKE, Key=TABLE, Body=changed.to_csv(sep="\t", index=False).encode())
    try:
        yield
    finally:
        s3.put_object(Bucket=LAKE, Key=TABLE, Body=original)


def shuffled(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(rating=np.random.default_rng(7).permutation(table["rating"]))


def rare_movies_are_noise(table: pd.DataFrame) -> pd.DataFrame:
    """Nobody can tell what users think of the movies with the fewest ratings, a quarter of all rows."""
    numbers = table.groupby("movieid")["rating"].transform("size")
    rare = numbers <= numbers.quantile(0.25)
    noise = np.random.default_rng(7).choice([2, 5], len(table))
    return table.assign(rating=table["rating"].where(~rare, noise))


class Load:
    """Asks production's endpoint 200 times a second for 30 s, with one signed request: its signature holds for minutes."""

    def __init__(self, pipeline: Piped) -> None:
        e = pipeline.environment
        self.place = urlsplit(e["AWS_ENDPOINT_URL"])
        path = f"/endpoints/{NAMES.endpoint('production')}/invocations"
        row = {"data": {"features": {"keys": [0, 1000], "shape": [FEATURES], "values": [1, 1]}}}
        self.body = json.dumps({"instances": [row]}).encode()
        request = AWSRequest("POST", f"{e['AWS_ENDPOINT_URL']}{path}", data=self.body, headers={"Content-Type": "application/json"})
        keys = Credentials(e["AWS_ACCESS_KEY_ID"], e["AWS_SECRET_ACCESS_KEY"])
        SigV4Auth(keys, "sagemaker", e["AWS_REGION"]).add_auth(request)
        self.path, self.headers = path, dict(request.headers)
        self.statuses: Counter[str] = Counter()
        self.slowest_s = 0.0
        self.threads = [threading.Thread(target=self._ask, args=(number,)) for number in range(CONNECTIONS)]

    def start(self) -> None:
        self.began = time.monotonic()
        for thread in self.threads:
            thread.start()

    def join(self) -> None:
        for thread in self.threads:
            thread.join()
        self.took = time.monotonic() - self.began

    def told(self) -> str:
        count = sum(self.statuses.values())
        return f"{count} requests at {count / self.took:.0f}/s: {dict(self.statuses)}, slowest {self.slowest_s:.2f} s"

    def _ask(self, number: int) -> None:
        connection = http.client.HTTPConnection(self.place.hostname or "", self.place.port or 0, timeout=60)
        for turn in range(number, A_SECOND * FOR_S, CONNECTIONS):
            time.sleep(max(0.0, self.began + turn / A_SECOND - time.monotonic()))
            sent = time.monotonic()
            try:
                connection.request("POST", self.path, self.body, self.headers)
                answer = connection.getresponse()
                answer.read()
                status = str(answer.status)
            except OSError as problem:
                status = type(problem).__name__
                connection.close()
            self.statuses[status] += 1
            self.slowest_s = max(self.slowest_s, time.monotonic() - sent)


def production(pipeline: Piped) -> str:
    found = pipeline.production()
    return f"production {found['status']}, model {found['model'].rpartition('/models/')[2][:8]}"


def what_is_left(pipeline: Piped) -> tuple[str, ...]:
    """Ends the rehearsal if the sweeper leaves a model or a configuration that production does not serve."""
    sagemaker = pipeline.client("sagemaker")
    live = describe(sagemaker, NAMES.endpoint("production"))
    served = [live["configuration"]["EndpointConfigName"]], [live["model"]["ModelName"]]
    wait_until(lambda: made(sagemaker), "the sweeper has deleted what was replaced", ok=lambda seen: seen == served)
    configurations, models = served
    cloudformation = pipeline.client("cloudformation")
    endpoints = [item["EndpointName"] for item in sagemaker.list_endpoints()["Endpoints"]]
    stacks = [item["StackName"] for item in cloudformation.describe_stacks()["Stacks"]]
    return (f"endpoints {endpoints}", f"configurations {configurations}", f"models {models}", f"stacks {stacks}", f"jobs {pipeline.left()}")


def made(sagemaker: Any) -> tuple[list[str], list[str]]:
    """All endpoint configurations and all models."""
    configurations = [item["EndpointConfigName"] for item in sagemaker.list_endpoint_configs()["EndpointConfigs"]]
    return configurations, [item["ModelName"] for item in sagemaker.list_models()["Models"]]


if __name__ == "__main__":
    main()
