"""A kill loses nothing that was answered before it, and what it cut short ends as AWS would end it."""

import contextlib
import json
import os
import signal
import threading
import time

import pytest
from botocore.exceptions import BotoCoreError, ClientError
from started import allow, policy, start_local_aws, wait_until_saved
from waiting import wait_for_stack, wait_until

from localaws import lifecycle
from localaws.errors import LocalAwsFailed

TOPIC = {"Type": "AWS::SNS::Topic"}


@pytest.fixture
def home(tmp_path):
    yield tmp_path / "home"
    lifecycle.down(tmp_path / "home")


def kill(home):
    """End the server as the kernel does when memory is short."""
    running = lifecycle.status(home).running
    os.kill(running.pid, signal.SIGKILL)
    wait_until(lambda: lifecycle.status(home).running, "the server is gone", ok=lambda running: running is None)


def settle(cloudformation, name):
    return wait_for_stack(cloudformation, name)["StackStatus"]


def test_state_that_was_answered_survives_a_kill(home):
    local = start_local_aws(home)
    s3, kms, iam, cloudformation = map(local.client, ("s3", "kms", "iam", "cloudformation"))
    s3.create_bucket(Bucket="kept", ObjectLockEnabledForBucket=True)
    first = s3.put_object(Bucket="kept", Key="a/b c", Body=b"one")["VersionId"]
    s3.put_object(Bucket="kept", Key="a/b c", Body=b"two")
    key = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    signing = {"KeyId": key, "Message": b"m", "SigningAlgorithm": "ECDSA_SHA_256"}
    signature = kms.sign(**signing)["Signature"]
    trust = policy({"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:root"}, "Action": "sts:AssumeRole"})
    role = iam.create_role(RoleName="kept", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    iam.put_role_policy(RoleName="kept", PolicyName="p", PolicyDocument=policy(allow("s3:ListAllMyBuckets")))
    session = local.client("sts").assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
    cloudformation.create_stack(StackName="kept", TemplateBody=json.dumps({"Resources": {"T": TOPIC}}))
    assert settle(cloudformation, "kept") == "CREATE_COMPLETE"
    local.client("ssm").put_parameter(Name="/kept", Value="v", Type="String")
    local.client("athena").create_work_group(Name="kept")
    kill(home)

    again = start_local_aws(home)
    s3, kms, cloudformation = map(again.client, ("s3", "kms", "cloudformation"))
    assert again.credentials == local.credentials
    assert s3.get_object(Bucket="kept", Key="a/b c")["Body"].read() == b"two"
    assert s3.get_object(Bucket="kept", Key="a/b c", VersionId=first)["Body"].read() == b"one"
    assert s3.get_object_lock_configuration(Bucket="kept")["ObjectLockConfiguration"]["ObjectLockEnabled"] == "Enabled"
    assert kms.verify(**signing, Signature=signature)["SignatureValid"] is True
    assert again.client("ssm").get_parameter(Name="/kept")["Parameter"]["Value"] == "v"
    assert again.client("athena").get_work_group(WorkGroup="kept")["WorkGroup"]["Name"] == "kept"
    topic = cloudformation.describe_stack_resources(StackName="kept")["StackResources"][0]["PhysicalResourceId"]
    assert [found["TopicArn"] for found in again.client("sns").list_topics()["Topics"]] == [topic]
    keys = again.credentials.__class__(
        access_key_id=session["AccessKeyId"], secret_access_key=session["SecretAccessKey"], session_token=session["SessionToken"]
    )
    assert again.client("s3", keys).list_buckets()["Buckets"][0]["Name"] == "kept"


def test_a_stack_that_a_kill_cut_short_is_rolled_back_by_the_next_start(home):
    local = start_local_aws(home)
    cloudformation = local.client("cloudformation")
    resources = {f"T{number}": TOPIC | ({"DependsOn": f"T{number - 1}"} if number else {}) for number in range(500)}
    create = {"StackName": "cut", "TemplateBody": json.dumps({"Resources": resources})}

    def begin():
        with contextlib.suppress(BotoCoreError):  # the server dies before it answers
            cloudformation.create_stack(**create)

    threading.Thread(target=begin, daemon=True).start()
    topics = local.client("sns")
    wait_until(lambda: topics.list_topics()["Topics"], "some of the stack's topics are there", ok=lambda found: len(found) >= 5)
    wait_until_saved(local)
    assert len(topics.list_topics()["Topics"]) < len(resources), "the stack was complete before its server was killed"
    kill(home)

    again = start_local_aws(home)
    assert settle(again.client("cloudformation"), "cut") == "ROLLBACK_COMPLETE"
    pages = again.client("cloudformation").get_paginator("describe_stack_events").paginate(StackName="cut")
    reasons = {event.get("ResourceStatusReason") for page in pages for event in page["StackEvents"]}
    assert "The local AWS was stopped during the operation." in reasons


def test_down_saves_and_up_finds_everything_again(home):
    local = start_local_aws(home)
    local.client("ssm").put_parameter(Name="/kept", Value="v", Type="String")
    assert lifecycle.down(home) is True
    assert lifecycle.status(home).running is None
    assert lifecycle.down(home) is False
    again = start_local_aws(home)
    assert again.client("ssm").get_parameter(Name="/kept")["Parameter"]["Value"] == "v"


def test_up_finds_the_one_that_runs(home):
    first, second = lifecycle.up(home, port=0), lifecycle.up(home, port=0)
    assert first == second


def test_a_port_in_use_is_a_clear_error(home, tmp_path, local_aws):
    port = int(local_aws.endpoint_url.rpartition(":")[2])
    with pytest.raises(LocalAwsFailed, match=f"Port {port} on 127.0.0.1 is taken by the local AWS of {local_aws.home} "):
        lifecycle.up(tmp_path / "other", port=port)


def test_reset_leaves_nothing(home):
    start_local_aws(home)
    lifecycle.reset(home)
    assert not home.exists()
    assert lifecycle.status(home).running is None


def test_the_environment_needs_a_running_server(home):
    with pytest.raises(LocalAwsFailed, match="does not run"):
        lifecycle.environment(home)


def test_write_once_keys_and_object_lock_hold(local_aws):
    s3 = local_aws.client("s3")
    s3.create_bucket(Bucket="write-once", ObjectLockEnabledForBucket=True)
    s3.put_object(Bucket="write-once", Key="k", Body=b"1", IfNoneMatch="*")
    with pytest.raises(ClientError, match="PreconditionFailed"):
        s3.put_object(Bucket="write-once", Key="k", Body=b"2", IfNoneMatch="*")
    until = time.time() + 3600
    lock = {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": until}
    version = s3.put_object(Bucket="write-once", Key="locked", Body=b"1", **lock)["VersionId"]
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.delete_object(Bucket="write-once", Key="locked", VersionId=version)


def logged(local, group):
    pages = local.client("logs").get_paginator("filter_log_events").paginate(logGroupName=group)
    return [event["message"] for page in pages for event in page["events"]]


def put(local, group, stream, *messages):
    now = int(time.time() * 1000)
    events = [{"timestamp": now + number, "message": message} for number, message in enumerate(messages)]
    local.client("logs").put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)


def test_log_events_survive_a_kill_right_after_the_answer(home):
    local = start_local_aws(home)
    logs = local.client("logs")
    for group in ("/kept", "/gone"):
        logs.create_log_group(logGroupName=group)
        logs.create_log_stream(logGroupName=group, logStreamName="a")
        put(local, group, "a", "one", "two \N{SNOWMAN}")
    logs.delete_log_group(logGroupName="/gone")
    wait_until_saved(local)
    put(local, "/kept", "a", "three")
    kill(home)
    (file,) = [path for path in (home / "state" / "emulator" / "log_events").iterdir() if b"three" in path.read_bytes()]
    with file.open("ab") as cut_short:
        cut_short.write(b'{"timestamp": 17')

    again = start_local_aws(home)
    assert logged(again, "/kept") == ["one", "two \N{SNOWMAN}", "three"]
    put(again, "/kept", "a", "four")
    assert [path.name for path in file.parent.iterdir()] == [file.name]  # the deleted group's is gone
    assert "one" not in (file.parent.parent / "cloudwatch_logs.json").read_text()
    lifecycle.down(home)
    assert logged(start_local_aws(home), "/kept")[-2:] == ["three", "four"]


def test_a_start_forgets_log_events_older_than_the_groups_retention(home):
    local = start_local_aws(home)
    logs = local.client("logs")
    logs.create_log_group(logGroupName="/kept")
    logs.create_log_stream(logGroupName="/kept", logStreamName="a")
    logs.put_retention_policy(logGroupName="/kept", retentionInDays=1)
    put(local, "/kept", "a", "new")
    lifecycle.down(home)
    (file,) = (home / "state" / "emulator" / "log_events").iterdir()
    old = json.loads(file.read_text()) | {"message": "old", "timestamp": int(time.time() - 2 * 86_400) * 1000}
    file.write_text(f"{json.dumps(old)}\n{file.read_text()}")
    assert logged(start_local_aws(home), "/kept") == ["new"]
    assert "old" not in file.read_text()


def test_log_events_of_a_state_that_holds_them_itself_move_to_files(home):
    local = start_local_aws(home)
    local.client("logs").create_log_group(logGroupName="/kept")
    local.client("logs").create_log_stream(logGroupName="/kept", logStreamName="a")
    put(local, "/kept", "a", "one", "two")
    lifecycle.down(home)
    saved = home / "state" / "emulator" / "cloudwatch_logs.json"
    (file,) = (saved.parent / "log_events").iterdir()
    events = f"[{','.join(file.read_text().splitlines())}]"
    state = saved.read_text().replace(f', "eventsFile": "{file.name}"', "").replace('"events": []', f'"events": {events}')
    assert file.name not in state
    saved.write_text(state)
    file.unlink()
    assert logged(start_local_aws(home), "/kept") == ["one", "two"]
    lifecycle.down(home)
    assert "one" not in saved.read_text()
    assert logged(start_local_aws(home), "/kept") == ["one", "two"]
