"""No request takes the machine down: while one caller asks for too much, others are answered, and a restart loads everything.

The local AWS of these tests has a limit of memory of its own, so that a failing test harms nobody. How long others wait is measured by
benchmarks/local_aws_under_attack.py: a test only sees that they are answered while the attack goes on.
"""

import contextlib
import io
import json
import select
import socket
import threading
import zipfile
from collections.abc import Iterator
from urllib.parse import urlsplit

import psutil
import pytest
from botocore.exceptions import ClientError
from codebuild_building import Builder, spec
from signed_requests import send, signed, target
from started import LocalAws, start_local_aws, wait_until_saved
from waiting import wait_until

from localaws import lifecycle

MOST_BYTES = 1_500_000_000
CALLS = 15
MB = 2**20
ENDLESS = "SELECT count(*) FROM {0} a, {0} b, {0} c, {0} d".format("(SELECT * FROM UNNEST(sequence(1, 10000)) AS t(x))")
GREEDY = "SELECT cardinality(array_agg(a.x)) FROM UNNEST(sequence(1, 10000)) AS a(x) CROSS JOIN UNNEST(sequence(1, 20000 / 2)) AS b(y)"


class Attacked:
    """A local AWS under attack: the memory that it takes, and another caller who must still be answered."""

    def __init__(self, local_aws: LocalAws) -> None:
        self.aws, self._sts = local_aws, local_aws.client("sts")
        self.server = psutil.Process(json.loads((local_aws.home / "server.json").read_text())["pid"])
        self.server.rlimit(psutil.RLIMIT_DATA, (2 * MOST_BYTES, 2 * MOST_BYTES))
        self.most_bytes, self._ended = 0, threading.Event()
        self._watch = threading.Thread(target=self._measure, daemon=True)
        self._watch.start()
        for service in ("athena", "s3", "cloudformation", "codebuild"):
            local_aws.client(service)

    def _measure(self) -> None:
        while not self._ended.wait(0.2):
            with contextlib.suppress(psutil.Error):
                family = [self.server, *self.server.children(recursive=True)]
                self.most_bytes = max(self.most_bytes, sum(one.memory_full_info().pss for one in family))

    def check(self) -> None:
        """Another caller gets all its answers, and the memory stays bounded."""
        for _ in range(CALLS):
            self._sts.get_caller_identity()
        assert self.most_bytes < MOST_BYTES

    def close(self) -> None:
        self._ended.set()
        self._watch.join()


@pytest.fixture(scope="module")
def attacked(tmp_path_factory) -> Iterator[Attacked]:
    home = tmp_path_factory.mktemp("attacked") / "home"
    found = Attacked(start_local_aws(home))
    found.aws.client("s3").create_bucket(Bucket="attacked")
    yield found
    found.close()
    lifecycle.down(home)


@pytest.fixture
def stack() -> Iterator[contextlib.ExitStack]:
    with contextlib.ExitStack() as found:
        yield found


def start_query(attacked, sql):
    output = {"OutputLocation": "s3://attacked/results/"}
    return attacked.aws.client("athena").start_query_execution(QueryString=sql, ResultConfiguration=output)["QueryExecutionId"]


def status_of(attacked, query):
    return attacked.aws.client("athena").get_query_execution(QueryExecutionId=query)["QueryExecution"]["Status"]


def connect(attacked, method, path, headers, *, length=None):
    """A connection with a request of which only the headers are sent."""
    port = urlsplit(attacked.aws.endpoint_url).port
    lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", *(f"{name}: {value}" for name, value in headers.items())]
    connection = socket.create_connection(("127.0.0.1", port))
    connection.sendall("\r\n".join([*lines, *([f"Content-Length: {length}"] if length else []), "", ""]).encode())
    return connection


def test_queries_that_never_end_or_need_too_much_memory(attacked):
    greedy, endless = start_query(attacked, GREEDY), start_query(attacked, ENDLESS)
    wait_until(lambda: status_of(attacked, greedy)["State"] == "RUNNING" and status_of(attacked, endless)["State"] == "RUNNING", "they run")
    attacked.check()
    failed = wait_until(lambda: status_of(attacked, greedy), "the greedy query", ok=lambda status: status["State"] != "RUNNING")
    assert (failed["State"], failed["StateChangeReason"].partition(":")[0]) == ("FAILED", "EXCEEDED_LOCAL_MEMORY_LIMIT")
    attacked.aws.client("athena").stop_query_execution(QueryExecutionId=endless)
    wait_until(lambda: [one.status() for one in attacked.server.children(recursive=True)].count("running") == 0, "no query computes")
    again = start_query(attacked, "SELECT 1")
    assert wait_until(lambda: status_of(attacked, again), "a query", ok=lambda status: status["State"] == "SUCCEEDED")
    attacked.check()


def test_a_sequence_of_a_thousand_million_entries(attacked):
    query = start_query(attacked, "SELECT cardinality(sequence(1, 1000000000))")
    failed = wait_until(lambda: status_of(attacked, query), "the query", ok=lambda status: status["State"] == "FAILED")
    assert "must not have more than 10000 entries" in failed["StateChangeReason"]


def test_a_source_that_holds_more_than_the_disk(attacked):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("buildspec.yml", bytes(MB))
        archive.filelist[0].file_size = 1 << 40  # as an archive that really holds that much would say
    builder = Builder(attacked.aws)
    builder.s3.put_object(Bucket=builder.bucket, Key="bomb.zip", Body=buffer.getvalue())
    project = builder.project(spec(), source={"type": "S3", "location": f"{builder.bucket}/bomb.zip"})
    build = builder.start(project)
    attacked.check()
    ended = wait_until(
        lambda: builder.codebuild.batch_get_builds(ids=[build])["builds"][0], "the build", ok=lambda found: found["buildComplete"]
    )
    told = [context["message"] for phase in ended["phases"] for context in phase.get("contexts", [])]
    assert (ended["buildStatus"], any("the archive holds more than" in text for text in told)) == ("FAILED", True)


def test_forty_downloads_that_nobody_reads(attacked, stack):
    attacked.aws.client("s3").put_object(Bucket="attacked", Key="large", Body=bytes(48 * MB))
    for _ in range(40):
        download = stack.enter_context(connect(attacked, "GET", "/attacked/large", signed(attacked.aws, "s3", path="/attacked/large")))
        download.recv(1)
    attacked.check()


def test_forty_uploads_that_never_end(attacked, stack):
    headers = signed(attacked.aws, "s3", "PUT", "/attacked/upload", content="UNSIGNED-PAYLOAD")
    piece, uploads = bytes(32 * MB), []
    for _ in range(40):
        upload = stack.enter_context(connect(attacked, "PUT", "/attacked/upload", headers, length=64 * MB))
        with contextlib.suppress(OSError):  # refused before all was sent
            upload.sendall(piece)
        uploads.append(upload)
    attacked.check()
    answered, _, _ = select.select(uploads, [], [], 0)
    assert len(answered) >= 30
    assert b"503" in answered[0].recv(100)
    stack.close()

    def upload_again():
        with contextlib.suppress(ClientError):
            return attacked.aws.client("s3").put_object(Bucket="attacked", Key="next", Body=piece)

    wait_until(upload_again, "the next upload")


@pytest.mark.parametrize("body", [b'{"x":' * 200_000, b"[" * 200_000], ids=["objects", "lists"])
@pytest.mark.parametrize(("service", "operation"), [("athena", "AmazonAthena.ListWorkGroups"), ("ssm", "AmazonSSM.PutParameter")])
def test_a_request_that_is_nested_without_end(attacked, service, operation, body):
    headers, _ = target(operation)
    status, text, _ = send(attacked.aws, "POST", headers=signed(attacked.aws, service, "POST", headers=headers, body=body), body=body)
    assert (status, "nested too deeply" in text) == (400, True)


def test_a_statement_that_is_nested_without_end(attacked):
    with pytest.raises(ClientError) as caught:
        start_query(attacked, "SELECT " + "(" * 20_000 + "1" + ")" * 20_000)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    attacked.check()


def test_a_restart_loads_what_was_accepted(tmp_path):
    value = '{"Fn::Join":["",[' * 400 + '"x"' + "]]}" * 400
    template = f'{{"Resources":{{"P":{{"Type":"AWS::SSM::Parameter","Properties":{{"Name":"/n","Type":"String","Value":{value}}}}}}}}}'
    local_aws, accepted = start_local_aws(tmp_path / "home"), ["nested"]
    try:
        try:
            local_aws.client("cloudformation").create_stack(StackName="nested", TemplateBody=template)
        except ClientError:
            accepted = []
        local_aws.client("s3").create_bucket(Bucket="kept")
        wait_until_saved(local_aws)
        lifecycle.down(local_aws.home)
        again = start_local_aws(local_aws.home)
        assert [stack["StackName"] for stack in again.client("cloudformation").describe_stacks()["Stacks"]] == accepted
        assert again.client("s3").list_buckets()["Buckets"][0]["Name"] == "kept"
    finally:
        lifecycle.down(local_aws.home)
