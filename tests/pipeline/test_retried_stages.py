"""--reuse in the pipeline: a stage that is retried takes over what its execution has finished."""

import json
from pathlib import Path

from waiting import wait_until

from mlkit.evidence.run_record import RunRecord, Status

BUILD = "Build_and_Train.ModelTraining"


def records(pipeline, execution):
    """The records of the build stage's attempts: by notebook, in the order of their builds."""
    s3, bucket = pipeline.client("s3"), pipeline.output("StagingBucket")
    listed = s3.list_objects_v2(Bucket=bucket, Prefix=f"{execution}/{BUILD}/").get("Contents", [])
    found = {}
    for item in sorted(listed, key=lambda item: item["LastModified"]):
        if item["Key"].endswith(".record.json"):
            body = s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read().decode()
            found.setdefault(Path(item["Key"]).name.removesuffix(".record.json"), []).append(RunRecord.from_json(body))
    return found


def test_a_retried_stage_takes_over_what_its_execution_has_finished(pipeline):
    pipeline.push(epochs=31)
    with pipeline.running() as started:
        pipeline.wait_until_it_began(started.execution, BUILD, "02_train")
        pipeline.kill_builds()
        assert pipeline.wait_until_ended(started.execution) == "Failed"
    execution = started.execution
    pipeline.wait_until_nothing_is_left()
    request = {"pipelineName": pipeline.name, "stageName": "Build_and_Train", "retryMode": "FAILED_ACTIONS"}
    pipeline.client("codepipeline").retry_stage_execution(pipelineExecutionId=execution, **request)
    ended = wait_until(lambda: pipeline.ended(execution)[BUILD], "the build ends", ok=lambda status: status in ("Succeeded", "Failed"))
    try:
        assert ended == "Succeeded"
        preparations = records(pipeline, execution)["01_prep"]
        assert [record.status for record in preparations] == [Status.COMPLETED, Status.COMPLETED]
        assert preparations[1].reused.started == preparations[0].started
        assert f"/steps/{execution}/01_prep/" in preparations[1].reused.record
        assert json.loads(preparations[1].to_json())["origin"]["build_id"] != json.loads(preparations[0].to_json())["origin"]["build_id"]
        assert records(pipeline, execution)["02_train"][-1].reused is None
    finally:
        pipeline.client("codepipeline").stop_pipeline_execution(pipelineName=pipeline.name, pipelineExecutionId=execution, abandon=True)
        pipeline.wait_until_ended(execution)
        pipeline.wait_until_nothing_is_left()
