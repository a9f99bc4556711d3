"""Finished runs kept in S3, and whether AWS still holds what they read and left: tables, objects, endpoints, exports."""

import hashlib
import json

import boto3
import pytest
from botocore.exceptions import ClientError
from finished_runs import activity, executed_of, finished, make_project, notebook_of
from started import allow

from mlkit.aws.finished_steps_s3 import S3Place, changed_objects
from mlkit.aws.inputs import EXECUTION, EXPORT, TABLE, changed_inputs, input_digest
from mlkit.aws.session import Session
from mlkit.cli.reuse_option import keep, open_place, take_over
from mlkit.evidence.run_record import Activity, InputRecord, ObjectRecord, QueryRecord


@pytest.fixture
def table(aws, bucket):
    """A table with one object: (database, its name)."""
    database = bucket.replace("-", "_")
    aws("glue").create_database(DatabaseInput={"Name": database})
    aws("glue").create_table(DatabaseName=database, TableInput=described(bucket))
    aws("s3").put_object(Bucket=bucket, Key="ratings/u.data", Body=b"1\t2\t3\n")
    return database, f"{database}.u_data"


def described(bucket, *, separator="\t", columns=("userid",), parameters=None, kind="EXTERNAL_TABLE"):
    serde = {"SerializationLibrary": "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe", "Parameters": {"field.delim": separator}}
    storage = {
        "Columns": [{"Name": name, "Type": "int"} for name in columns],
        "Location": f"s3://{bucket}/ratings",
        "InputFormat": "org.apache.hadoop.mapred.TextInputFormat",
        "OutputFormat": "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
        "SerdeInfo": serde,
    }
    return {"Name": "u_data", "TableType": kind, "Parameters": parameters or {}, "StorageDescriptor": storage}


def put(aws, bucket, key, body=b"one"):
    """The object as a run's record tells it."""
    answer = aws("s3").put_object(Bucket=bucket, Key=key, Body=body)
    return ObjectRecord(
        action="written",
        s3_uri=f"s3://{bucket}/{key}",
        version_id=answer.get("VersionId"),
        etag=answer["ETag"],
        sha256=hashlib.sha256(body).hexdigest(),
        size_bytes=len(body),
    )


def read(written, **changes):
    return ObjectRecord(**{**vars(written), "action": "read", **changes})


def test_a_run_kept_in_s3_is_taken_over_whole(session, bucket, tmp_path):
    project = make_project(tmp_path)
    place = open_place(f"s3://{bucket}/steps/e-1/", project)
    record = finished(project)
    keep(record, executed_of(project), project, place)
    (project.root / "handoff/model.json").unlink()
    taken = take_over(notebook_of(project), executed_of(project), {}, project, place)
    assert taken.reused.record.startswith(f"s3://{bucket}/steps/e-1/train/20260101T120000.500000Z-{record.step_key}/")
    assert taken.reused.record.endswith("/record.json")
    assert (project.root / "handoff/model.json").read_text() == "model 1\n"
    assert take_over(notebook_of(project), executed_of(project), {"epochs": 9}, project, place) is None


def test_another_execution_finds_nothing_and_a_run_without_its_record_is_none(session, aws, bucket, tmp_path):
    project = make_project(tmp_path)
    keep(finished(project), executed_of(project), project, S3Place(session, f"s3://{bucket}/steps/e-1"))
    assert S3Place(session, f"s3://{bucket}/steps/e-2").folders("train") == []
    place = S3Place(session, f"s3://{bucket}/steps/e-1")
    (folder,) = place.folders("train")
    aws("s3").delete_object(Bucket=bucket, Key=f"steps/e-1/{folder}/record.json")
    assert place.folders("train") == []


def test_the_record_is_written_last_so_that_half_a_run_is_none(session, as_role, bucket, tmp_path, monkeypatch, capsys):
    project = make_project(tmp_path)
    monkeypatch.setattr(session, "client", as_role(allow("s3:PutObject", f"arn:aws:s3:::{bucket}/*/record.json")))
    keep(finished(project), executed_of(project), project, S3Place(session, f"s3://{bucket}/steps"))
    assert "this run will not be reused: PutObject" in capsys.readouterr().out
    assert S3Place(Session(boto3.Session()), f"s3://{bucket}/steps").folders("train") == []


def test_objects_as_they_were_are_unchanged(session, aws, versioned):
    one, two = put(aws, versioned, "one"), put(aws, versioned, "two")
    put(aws, versioned, "two")  # the same bytes as another version
    assert changed_objects(session, Activity(objects=(read(one), two))) == []


@pytest.mark.parametrize("status", ["Enabled", "Suspended"])
def test_an_object_that_was_changed_or_went_is_named(session, aws, bucket, status):
    aws("s3").put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": status})
    changed, gone, back = (put(aws, bucket, key) for key in ("changed", "gone", "back"))
    put(aws, bucket, "changed", b"two")
    aws("s3").delete_object(Bucket=bucket, Key="gone")
    deleted = ObjectRecord(action="deleted", s3_uri=back.s3_uri)
    words = {f"{changed.s3_uri} has changed", f"{gone.s3_uri} was deleted", f"{back.s3_uri} exists again"}
    assert set(changed_objects(session, Activity(objects=(read(changed), gone, deleted)))) == words


def test_without_versions_the_mark_or_the_digest_decides(session, aws, bucket):
    written = put(aws, bucket, "one")
    assert written.version_id is None
    assert changed_objects(session, Activity(objects=(read(written, sha256=None),))) == []
    assert changed_objects(session, Activity(objects=(read(written, etag="another", size_bytes=None),))) == []
    unknown = read(written, etag=None, sha256=None)
    assert changed_objects(session, Activity(objects=(unknown,))) == [f"{written.s3_uri} has changed"]


def test_objects_that_the_run_changed_and_query_results_are_not_inputs(session, aws, bucket):
    before = put(aws, bucket, "index")
    after = put(aws, bucket, "index", b"two")
    result = ObjectRecord(action="read", s3_uri=f"s3://{bucket}/athena-results/0123-id.csv", etag="e")
    query = QueryRecord(query_execution_id="0123-id", sql="SELECT 1")
    assert changed_objects(session, Activity(objects=(read(before), after, result), queries=(query,))) == []
    assert len(changed_objects(session, Activity(objects=(read(before), after, result)))) == 1


def test_a_table_is_the_same_until_its_objects_or_its_description_change(session, aws, bucket, table):
    database, name = table
    digests = [input_digest(session, f"{TABLE} {name}")]

    def changes(act):
        act()
        digests.append(input_digest(session, f"{TABLE} {name}"))
        return digests[-1] != digests[-2]

    def update(**changed):
        aws("glue").update_table(DatabaseName=database, TableInput=described(bucket, **changed))

    assert not changes(lambda: update(parameters={"recordCount": "7"}))
    assert not changes(lambda: aws("s3").put_object(Bucket=bucket, Key="ratings-of-others/x", Body=b"1"))
    assert changes(lambda: aws("s3").put_object(Bucket=bucket, Key="ratings/u.data", Body=b"1\t2\t4\n"))
    assert changes(lambda: aws("s3").put_object(Bucket=bucket, Key="ratings/more", Body=b"1\t2\t3\n"))
    assert changes(lambda: update(separator=","))
    assert changes(lambda: update(separator=",", columns=("userid", "movieid")))
    assert changes(lambda: update(separator=",", columns=("userid", "movieid"), parameters={"skip.header.line.count": "1"}))


def test_a_changed_table_another_execution_and_an_unknown_input_are_changed_inputs(session, aws, bucket, table, monkeypatch):
    database, name = table
    told = [f"{TABLE} {name}", f"{EXPORT} nobody-exports-this", EXECUTION, "the weather"]
    did = Activity(inputs=tuple(InputRecord(name=one, sha256=input_digest(session, one)) for one in told))
    assert changed_inputs(session, did) == [f"{EXPORT} nobody-exports-this", "the weather"]
    monkeypatch.setattr(session, "pipeline_execution_id", "another")
    aws("s3").delete_object(Bucket=bucket, Key="ratings/u.data")
    assert changed_inputs(session, did) == told
    aws("glue").delete_table(DatabaseName=database, Name="u_data")
    assert changed_inputs(session, did) == told


def test_a_view_is_never_the_same_for_its_data_lie_elsewhere(session, aws, bucket, table):
    database, name = table
    aws("glue").update_table(DatabaseName=database, TableInput=described(bucket, kind="VIRTUAL_VIEW"))
    did = Activity(inputs=(InputRecord(name=f"{TABLE} {name}", sha256=input_digest(session, f"{TABLE} {name}")),))
    assert changed_inputs(session, did) == [f"{TABLE} {name}"]


@pytest.mark.parametrize("changed", [False, True])
def test_a_run_is_taken_over_only_from_the_table_that_it_read(session, aws, bucket, table, tmp_path, capsys, changed):
    project, place = make_project(tmp_path), open_place("", make_project(tmp_path))
    told = InputRecord(name=f"{TABLE} {table[1]}", sha256=input_digest(session, f"{TABLE} {table[1]}"))
    did = activity(project, inputs=(told,), objects=(put(aws, bucket, "model"),))
    keep(finished(project, did=did), executed_of(project), project, place)
    if changed:
        aws("s3").put_object(Bucket=bucket, Key="ratings/u.data", Body=b"9\t9\t9\n")
    taken = take_over(notebook_of(project), executed_of(project), {}, project, place)
    said = capsys.readouterr().out
    assert (taken is None, "other input glue table" in said) == (changed, changed)


def test_a_run_whose_result_in_s3_is_gone_runs_again(session, aws, bucket, tmp_path, capsys):
    project, place = make_project(tmp_path), open_place("", make_project(tmp_path))
    left = put(aws, bucket, "model")
    keep(finished(project, did=activity(project, objects=(left,))), executed_of(project), project, place)
    aws("s3").delete_object(Bucket=bucket, Key="model")
    assert take_over(notebook_of(project), executed_of(project), {}, project, place) is None
    assert f"{left.s3_uri} was deleted" in capsys.readouterr().out


def test_the_build_s_role_reaches_the_steps_and_nothing_else_of_the_bucket(aws, as_role, bucket):
    arn = f"arn:aws:s3:::{bucket}"
    listing = allow("s3:ListBucket", arn, Condition={"StringLike": {"s3:prefix": "steps/*"}})
    s3 = as_role(allow("s3:GetObject", f"{arn}/steps/*"), listing)("s3")
    for key in ("steps/e/x", "e/x"):
        aws("s3").put_object(Bucket=bucket, Key=key, Body=json.dumps(key).encode())
    assert s3.list_objects_v2(Bucket=bucket, Prefix="steps/e/")["KeyCount"] == 1
    assert s3.get_object(Bucket=bucket, Key="steps/e/x")["Body"].read() == b'"steps/e/x"'
    for refused in (lambda: s3.list_objects_v2(Bucket=bucket, Prefix="e/"), lambda: s3.get_object(Bucket=bucket, Key="e/x")):
        with pytest.raises(ClientError, match="AccessDenied"):
            refused()
