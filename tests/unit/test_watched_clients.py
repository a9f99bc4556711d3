"""What clients tell about their calls. Botocore's own answers for a service's operations, stubbed: no server is needed."""

import base64
import functools
import hashlib
import io
from typing import Any, cast

import boto3
import botocore.handlers
import botocore.session
import pytest
from botocore.exceptions import ClientError, ParamValidationError
from botocore.response import StreamingBody
from botocore.stub import ANY, Stubber

from mlkit.aws import activity
from mlkit.evidence.activity_log import ActivityLog
from mlkit.notebook import journal

TRAINING = {
    "TrainingJobName": "fm-1",
    "AlgorithmSpecification": {"TrainingImage": "1.dkr.ecr.us-east-1.amazonaws.com/fm@sha256:aa", "TrainingInputMode": "File"},
    "RoleArn": "arn:aws:iam::123456789012:role/r",
    "OutputDataConfig": {"S3OutputPath": "s3://b/"},
    "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 1},
    "StoppingCondition": {"MaxRuntimeInSeconds": 60},
}
ARN = "arn:aws:sagemaker:us-east-1:123456789012"


@functools.cache
def _loader():
    """One for all sessions: it keeps botocore's models, which take longer to read than a test to run."""
    return botocore.session.Session().get_component("data_loader")


class LastStubber(Stubber):
    """Answers after all other handlers have seen the call, as a server does; botocore's own answers before them."""

    def activate(self):
        super().activate()
        events, stubber = self.client.meta.events, cast(Any, self)  # what is private has no type
        events.unregister("before-call.*.*", stubber._get_response_handler, unique_id=stubber._event_id)
        events.register("before-call", stubber._get_response_handler, unique_id=stubber._event_id)


@pytest.fixture
def told(monkeypatch):
    """The events, in their order, instead of a runner."""
    events = []
    monkeypatch.setattr(journal, "tell", lambda kind, **facts: events.append({"kind": kind, **facts}))
    return events


@pytest.fixture
def client(monkeypatch, told):
    """`client("s3")` is a stubbed client of a new, watched session. The other sessions of this process stay as they are."""
    monkeypatch.setattr(botocore.handlers, "BUILTIN_HANDLERS", list(botocore.handlers.BUILTIN_HANDLERS))
    monkeypatch.setattr(activity, "_started_here", ActivityLog())
    monkeypatch.setattr(activity, "_known_keys", set())
    activity.watch()
    activity.watch()  # a second time changes nothing
    core = botocore.session.Session()
    core.register_component("data_loader", _loader())
    session = boto3.Session("AKIAEXAMPLE", "the secret key", "the session token", region_name="us-east-1", botocore_session=core)

    def make(service):
        made = session.client(service)
        made.stubber = LastStubber(made)
        made.stubber.activate()
        return made

    return make


def objects(told):
    """What the log makes of the events."""
    log = ActivityLog()
    for event in told:
        log.add(event)
    return [vars(item) for item in log.snapshot().objects]


def body_of(data):
    return StreamingBody(io.BytesIO(data), len(data))


def got(data, **more):
    return {"Body": body_of(data), "ContentLength": len(data), "VersionId": "v1", "ETag": '"e1"', **more}


def record(action, *, key="k", sha256=None, version_id="v1", etag="e1", size_bytes=None):
    item = {"action": action, "s3_uri": f"s3://b/{key}", "version_id": version_id, "etag": etag}
    return item | {"sha256": sha256, "size_bytes": size_bytes}


def sha256(data):
    return hashlib.sha256(data).hexdigest()


WAYS = {
    "whole": lambda body: body.read(),
    "by size": lambda body: body.read(3) + body.read(100),
    "exactly": lambda body: body.read(11),
    "pieces": lambda body: b"".join(body.iter_chunks(4)),
    "lines": lambda body: b"\n".join(body.iter_lines()),
    "buffer": lambda body: bytes(buffer) if body.readinto(buffer := bytearray(11)) else b"",
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_an_object_that_is_read_to_its_end_is_digested_on_the_way(client, told, way):
    s3 = client("s3")
    s3.stubber.add_response("get_object", got(b"first\nthird"))
    body = s3.get_object(Bucket="b", Key="k")["Body"]
    assert isinstance(body, StreamingBody)
    assert objects(told) == [record("read", size_bytes=11)]
    assert way(body) == b"first\nthird"
    assert objects(told) == [record("read", sha256=sha256(b"first\nthird"), size_bytes=11)]


def test_an_object_that_is_read_halfway_is_told_without_a_digest(client, told):
    s3 = client("s3")
    s3.stubber.add_response("get_object", got(b"0123456789"))
    s3.get_object(Bucket="b", Key="k")["Body"].read(9)
    assert objects(told) == [record("read", size_bytes=10)]


def test_an_empty_object_has_its_digest_at_once(client, told):
    s3 = client("s3")
    s3.stubber.add_response("get_object", got(b""))
    s3.get_object(Bucket="b", Key="k")
    assert objects(told) == [record("read", sha256=sha256(b""), size_bytes=0)]


def test_a_digest_that_s3_tells_is_taken_and_not_computed(client, told):
    s3 = client("s3")
    checksum = base64.b64encode(bytes.fromhex(sha256(b"x"))).decode()
    s3.stubber.add_response("get_object", got(b"something else", ChecksumSHA256=checksum, ChecksumType="FULL_OBJECT"))
    s3.get_object(Bucket="b", Key="k")["Body"].read()
    assert objects(told) == [record("read", sha256=sha256(b"x"), size_bytes=14)]
    assert len(told) == 1


@pytest.mark.parametrize(
    "more",
    [
        {"ChecksumSHA256": "RBNvP1WzZ4oRRq0W9+hknpT7T8If536DEMBg9hyq/4o=-2"},
        {"ChecksumSHA256": "RBNvP1WzZ4oRRq0W9+hknpT7T8If536DEMBg9hyq/4o=", "ChecksumType": "COMPOSITE"},
    ],
)
def test_a_digest_of_digests_is_no_digest(client, told, more):
    s3 = client("s3")
    s3.stubber.add_response("head_object", {"ContentLength": 5, "VersionId": "v1", "ETag": '"e1"', **more})
    s3.head_object(Bucket="b", Key="k")
    assert objects(told) == [record("read", size_bytes=5)]


def test_a_range_says_how_large_the_whole_is_and_nothing_of_its_digest(client, told):
    s3 = client("s3")
    s3.stubber.add_response("get_object", got(b"0123", ContentRange="bytes 0-3/10"))
    s3.get_object(Bucket="b", Key="k", Range="bytes=0-3")["Body"].read()
    assert objects(told) == [record("read", size_bytes=10)]


@pytest.mark.parametrize("body", [b"abc", bytearray(b"abc"), io.BytesIO(b"abc")], ids=["bytes", "bytearray", "stream"])
def test_an_object_that_is_written_is_digested_before_it_is_sent(client, told, body):
    s3 = client("s3")
    s3.stubber.add_response("put_object", {"VersionId": "v1", "ETag": '"e1"'})
    s3.put_object(Bucket="b", Key="k", Body=body)
    assert objects(told) == [record("written", sha256=sha256(b"abc"), size_bytes=3)]


def test_a_stream_is_digested_from_where_it_stands_and_left_there(client, told):
    s3, stream = client("s3"), io.BytesIO(b"skip me: abc")
    stream.seek(9)
    s3.stubber.add_response("put_object", {"VersionId": "v1", "ETag": '"e1"'})
    positions = []
    s3.meta.events.register("before-call.s3.PutObject", lambda **_: positions.append(stream.tell()))
    s3.put_object(Bucket="b", Key="k", Body=stream)
    assert positions == [9]
    assert objects(told) == [record("written", sha256=sha256(b"abc"), size_bytes=3)]


def test_a_write_that_fails_is_not_told(client, told):
    s3 = client("s3")
    s3.stubber.add_client_error("put_object", "AccessDenied", http_status_code=403)
    with pytest.raises(ClientError):
        s3.put_object(Bucket="b", Key="k", Body=b"abc")
    assert objects(told) == []


def test_copies_uploads_in_parts_and_deletions(client, told):
    s3 = client("s3")
    s3.stubber.add_response("copy_object", {"VersionId": "v2", "CopySourceVersionId": "v1", "CopyObjectResult": {"ETag": '"e2"'}})
    s3.copy_object(Bucket="b", Key="new", CopySource={"Bucket": "b", "Key": "a b", "VersionId": "v1"})
    s3.stubber.add_response("complete_multipart_upload", {"VersionId": "v3", "ETag": '"e3-2"', "ChecksumSHA256": "xx-2"})
    s3.complete_multipart_upload(Bucket="b", Key="large", UploadId="u")
    s3.stubber.add_response("delete_object", {"VersionId": "v4", "DeleteMarker": True})
    s3.delete_object(Bucket="b", Key="old")
    assert objects(told) == [
        record("read", key="a b", etag=None),
        record("written", key="new", version_id="v2", etag="e2"),
        record("written", key="large", version_id="v3", etag="e3-2"),
        record("deleted", key="old", version_id="v4", etag=None),
    ]


@pytest.mark.parametrize(
    "answer",
    [
        {"Deleted": [{"Key": "a", "DeleteMarkerVersionId": "m1", "DeleteMarker": True}, {"Key": "b", "VersionId": "v2"}]},
        {"Errors": [{"Key": "c", "Code": "AccessDenied"}]},
    ],
    ids=["told", "quiet"],
)
def test_of_many_deletions_those_that_were_done_are_told(client, told, answer):
    s3 = client("s3")
    s3.stubber.add_response("delete_objects", answer)
    s3.delete_objects(Bucket="b", Delete={"Objects": [{"Key": "a"}, {"Key": "b", "VersionId": "v2"}, {"Key": "c"}]})
    assert [item["s3_uri"] for item in objects(told)] == ["s3://b/a", "s3://b/b"]
    assert objects(told)[1]["version_id"] == "v2"


def test_a_query_from_its_start_to_its_end(client, told):
    athena = client("athena")
    athena.stubber.add_response("start_query_execution", {"QueryExecutionId": "q-1"})
    athena.start_query_execution(QueryString="SELECT 1", WorkGroup="lab")
    assert [one.sql for one in activity.started_here().unfinished_queries()] == ["SELECT 1"]
    athena.stubber.add_response("stop_query_execution", {})
    athena.stop_query_execution(QueryExecutionId="q-1")
    assert activity.started_here().unfinished_queries() == ()
    execution = {"QueryExecutionId": "q-1", "Query": "SELECT 1", "WorkGroup": "lab", "Status": {"State": "CANCELLED"}}
    athena.stubber.add_response("get_query_execution", {"QueryExecution": execution | {"Statistics": {"DataScannedInBytes": 12}}})
    athena.get_query_execution(QueryExecutionId="q-1")
    (query,) = activity.started_here().snapshot().queries
    assert vars(query) == {"query_execution_id": "q-1", "sql": "SELECT 1", "workgroup": "lab", "state": "CANCELLED", "bytes_scanned": 12}


def jobs():
    return {one.name: one for one in activity.started_here().snapshot().jobs}


def test_a_job_is_told_before_its_call_goes_out(client, told):
    sagemaker = client("sagemaker")
    seen = []
    sagemaker.meta.events.register("before-call.sagemaker", lambda **_: seen.extend(activity.started_here().unfinished_jobs()))
    sagemaker.stubber.add_response("create_training_job", {"TrainingJobArn": f"{ARN}:training-job/fm-1"})
    sagemaker.create_training_job(**TRAINING)
    assert [(one.name, one.status, one.instance_type, one.instance_count) for one in seen] == [("fm-1", None, "ml.m5.large", 2)]
    assert seen[0].image_digest == "sha256:aa"
    assert jobs()["fm-1"].status == "InProgress"


def test_details_from_describe_are_added(client, told):
    sagemaker = client("sagemaker")
    sagemaker.stubber.add_response("create_training_job", {"TrainingJobArn": f"{ARN}:training-job/fm-1"})
    sagemaker.create_training_job(**TRAINING)
    described = {
        "TrainingJobArn": f"{ARN}:training-job/fm-1",
        "SecondaryStatus": "Completed",
        "CreationTime": 0,
        "ModelArtifacts": {"S3ModelArtifacts": ""},
    }
    keep = ("TrainingJobName", "AlgorithmSpecification", "ResourceConfig", "StoppingCondition")
    answer = described | {name: TRAINING[name] for name in keep} | {"TrainingJobStatus": "Completed", "BillableTimeInSeconds": 41}
    sagemaker.stubber.add_response("describe_training_job", answer)
    sagemaker.describe_training_job(TrainingJobName="fm-1")
    assert (jobs()["fm-1"].status, jobs()["fm-1"].billable_seconds) == ("Completed", 41)


def refused(client, code, *, status=400, retries=0):
    sagemaker = client("sagemaker")
    metadata = {"RetryAttempts": retries} if retries else {}
    sagemaker.stubber.add_client_error("create_training_job", code, http_status_code=status, response_meta=metadata)
    with pytest.raises(ClientError):
        sagemaker.create_training_job(**TRAINING)
    return jobs()["fm-1"].status, len(activity.started_here().unfinished_jobs())


def test_a_job_that_is_refused_is_taken_back(client):
    assert refused(client, "ValidationException") == ("not created", 0)


def test_a_job_whose_name_is_another_jobs_is_taken_back(client):
    assert refused(client, "ResourceInUse") == ("not created", 0)


def test_a_name_taken_after_a_retry_may_be_ours(client):
    assert refused(client, "ResourceInUse", retries=1) == (None, 1)


def test_a_failure_of_aws_leaves_the_job_uncertain(client):
    assert refused(client, "InternalFailure", status=500) == (None, 1)


def test_a_request_that_botocore_refuses_is_not_announced(client, told):
    sagemaker = client("sagemaker")
    sagemaker.stubber.add_response("create_training_job", {"TrainingJobArn": f"{ARN}:training-job/fm-1"})
    with pytest.raises(ParamValidationError):
        sagemaker.create_training_job(TrainingJobName="fm-1")
    assert told == []


def test_a_stop_by_the_notebook_itself_is_known(client, told):
    sagemaker = client("sagemaker")
    sagemaker.stubber.add_response("create_training_job", {"TrainingJobArn": f"{ARN}:training-job/fm-1"})
    sagemaker.create_training_job(**TRAINING)
    sagemaker.stubber.add_response("stop_training_job", {})
    sagemaker.stop_training_job(TrainingJobName="fm-1")
    assert activity.started_here().unfinished_jobs() == ()


def test_a_tuning_job_comes_with_its_training_jobs(client, told):
    sagemaker = client("sagemaker")
    definition = {name: value for name, value in TRAINING.items() if name != "TrainingJobName"}
    sagemaker.stubber.add_response(
        "create_hyper_parameter_tuning_job", {"HyperParameterTuningJobArn": f"{ARN}:hyper-parameter-tuning-job/t"}
    )
    config = {"Strategy": "Random", "ResourceLimits": {"MaxParallelTrainingJobs": 1}}
    sagemaker.create_hyper_parameter_tuning_job(
        HyperParameterTuningJobName="T", HyperParameterTuningJobConfig=config, TrainingJobDefinition=definition
    )
    summary = {
        "TrainingJobName": "T-001",
        "TrainingJobArn": f"{ARN}:training-job/t-001",
        "CreationTime": 0,
        "TrainingJobStatus": "InProgress",
        "TunedHyperParameters": {},
    }
    sagemaker.stubber.add_response("list_training_jobs_for_hyper_parameter_tuning_job", {"TrainingJobSummaries": [summary]})
    sagemaker.list_training_jobs_for_hyper_parameter_tuning_job(HyperParameterTuningJobName="T")
    assert {name: (one.kind, one.status) for name, one in jobs().items()} == {
        "T": ("tuning", "InProgress"),
        "T-001": ("training", "InProgress"),
    }
    assert (jobs()["T"].instance_type, jobs()["T"].instance_count, jobs()["T"].image_digest) == ("ml.m5.large", 2, "sha256:aa")
    assert [one.name for one in activity.started_here().unfinished_jobs()] == ["T"]


def test_processing_and_transform_jobs(client, told):
    sagemaker = client("sagemaker")
    cluster = {"InstanceType": "ml.t3.medium", "InstanceCount": 1, "VolumeSizeInGB": 1}
    sagemaker.stubber.add_response("create_processing_job", {"ProcessingJobArn": f"{ARN}:processing-job/p"})
    sagemaker.create_processing_job(
        ProcessingJobName="p",
        ProcessingResources={"ClusterConfig": cluster},
        AppSpecification={"ImageUri": "i:1"},
        RoleArn=TRAINING["RoleArn"],
    )
    sagemaker.stubber.add_response("create_transform_job", {"TransformJobArn": f"{ARN}:transform-job/x"})
    sagemaker.create_transform_job(
        TransformJobName="x",
        ModelName="m",
        TransformInput={"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://b/"}}},
        TransformOutput={"S3OutputPath": "s3://b/"},
        TransformResources={"InstanceType": "ml.m4.xlarge", "InstanceCount": 3},
    )
    assert {(one.kind, one.name, one.image, one.instance_type, one.instance_count) for one in jobs().values()} == {
        ("processing", "p", "i:1", "ml.t3.medium", 1),
        ("transform", "x", None, "ml.m4.xlarge", 3),
    }


def test_a_cluster_of_several_kinds_of_machines(client, told):
    sagemaker = client("sagemaker")
    groups = [{"InstanceType": f"ml.{kind}", "InstanceCount": 2, "InstanceGroupName": kind} for kind in ("p3.2xlarge", "c5.large")]
    sagemaker.stubber.add_response("create_training_job", {"TrainingJobArn": f"{ARN}:training-job/fm-1"})
    sagemaker.create_training_job(**TRAINING | {"ResourceConfig": {"InstanceGroups": groups, "VolumeSizeInGB": 1}})
    assert (jobs()["fm-1"].instance_type, jobs()["fm-1"].instance_count) == ("ml.c5.large, ml.p3.2xlarge", 4)


def test_the_image_that_an_endpoint_serves(client, told):
    sagemaker = client("sagemaker")
    image = {"SpecifiedImage": "1.dkr/fm:1", "ResolvedImage": "1.dkr/fm@sha256:bb"}
    answer = {"EndpointName": "e", "EndpointArn": f"{ARN}:endpoint/e", "EndpointConfigName": "c", "EndpointStatus": "InService"}
    times = {"CreationTime": 0, "LastModifiedTime": 0}
    sagemaker.stubber.add_response(
        "describe_endpoint", answer | times | {"ProductionVariants": [{"VariantName": "v", "DeployedImages": [image]}]}
    )
    sagemaker.describe_endpoint(EndpointName="e")
    served = {"endpoint": "e", "endpoint_config": "c", "variant": "v", "image": "1.dkr/fm:1", "image_digest": "sha256:bb"}
    assert {"kind": "served", "served": served} in told


def test_the_keys_that_a_client_signs_with_are_announced_once(client, told):
    s3 = client("s3")
    for _ in range(2):
        s3.generate_presigned_url("get_object", Params={"Bucket": "b", "Key": "k"})
    assert [event for event in told if event["kind"] == "secret"] == [
        {"kind": "secret", "value": "the secret key"},
        {"kind": "secret", "value": "the session token"},
    ]


def test_keys_that_a_role_hands_out_are_announced(client, told):
    sts = client("sts")
    keys = {"AccessKeyId": "ASIAEXAMPLE01234", "SecretAccessKey": "s", "SessionToken": "t", "Expiration": 0}
    sts.stubber.add_response("assume_role", {"Credentials": keys}, {"RoleArn": ANY, "RoleSessionName": ANY})
    sts.assume_role(RoleArn="arn:aws:iam::123456789012:role/r", RoleSessionName="test")
    assert {"kind": "secret", "value": "t"} in told


@pytest.mark.parametrize("broken", ["object", "secret", "job"])
def test_a_journal_that_breaks_breaks_no_call(client, monkeypatch, broken):
    def tell(kind, **_):
        if kind == broken:
            raise RuntimeError("the journal is broken")

    monkeypatch.setattr(journal, "tell", tell)
    s3, sagemaker = client("s3"), client("sagemaker")
    s3.stubber.add_response("get_object", got(b"abc"))
    assert s3.get_object(Bucket="b", Key="k")["Body"].read() == b"abc"
    s3.stubber.add_response("put_object", {})
    s3.put_object(Bucket="b", Key="k", Body=b"abc")
    sagemaker.stubber.add_response("create_training_job", {"TrainingJobArn": f"{ARN}:training-job/fm-1"})
    sagemaker.create_training_job(**TRAINING)


def test_a_body_that_cannot_be_rewound_is_sent_and_told_without_a_digest(client, told):
    class Pipe:
        def read(self, size=-1):
            raise AssertionError("nobody but the transport may read it")

    s3 = client("s3")
    s3.stubber.add_response("put_object", {"VersionId": "v1", "ETag": '"e1"'})
    s3.put_object(Bucket="b", Key="k", Body=Pipe())
    assert objects(told) == [record("written")]
