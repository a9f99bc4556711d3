"""A project with a lake of its own, commands that people get wrong in it, what is then said and what is left behind."""

import fcntl
import hashlib
import http.server
import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass
from fnmatch import fnmatch
from functools import cached_property
from pathlib import Path
from typing import Any

import nbformat
import pyarrow as pa
from faults import may_mount
from faulty_runs import policy
from project_pipeline import ROOT, OnLocalAws, git, script
from tiny_project import shard, training_job
from waiting import HANG_S, wait_until

from localaws import lifecycle
from localaws.home import Home
from mlkit.aws.session import Session
from mlkit.aws.stacks import deploy_stack
from mlkit.cli import console
from mlkit.movielens.features import INDEX_FILE, FeatureIndex
from mlkit.naming import DATALAKE_TEMPLATE, ENDPOINT_TEMPLATE, LabNames
from mlkit.notebook.handoff import Channel, PreparedData, StoredObject
from mlkit.settings import Project

NAMES = LabNames(initials="mlkit", dataset="movielens")
COLUMNS = 80
HEADER = "userid\tmovieid\trating\ttimestamp\n"
BIG = 2**62 + 1  # a double would round it to 2**62


def table_text(rows: list[tuple[object, ...]]) -> str:
    return HEADER + "".join("\t".join(map(str, row)) + "\n" for row in rows)


def some_ratings(users: int = 60, *, first: int = 1) -> list[tuple[object, ...]]:
    """Twenty ratings of each user; a user's and a movie's number decide them."""
    pairs = ((first + user, movie) for user in range(users) for movie in range(1, 21))
    return [(user, movie, 5 if (user + movie) % 3 else 2, 880000000 + movie) for user, movie in pairs]


TABLES = {
    "empty": HEADER,
    "flawed": table_text([*some_ratings(), (1, 1, 4, 999999999), (2, "", 3, 1), (3, 1, 9, 1), (4, 2, -1, 1)]),
    "one_user": table_text(some_ratings(1)),
    "all_loved": table_text([(user, movie, 5, 1) for user in range(1, 30) for movie in range(1, 40)]),
    "near_2_62": table_text(some_ratings(first=BIG)),
    "named": table_text([(f"user-{user}", f"film-{movie}", *rest) for user, movie, *rest in some_ratings()]),
}
CELL = {"cell_type": "code", "id": "a", "metadata": {"tags": ["parameters"]}, "outputs": [], "execution_count": None}
CELLS = [{**CELL, "source": "country: str  # two letters\nepochs: int = 3"}]
INJECTED = {**CELL, "id": "b", "metadata": {"tags": ["injected-parameters"]}, "source": "epochs = 9"}
NOTEBOOK = {
    "nbformat": 4,
    "nbformat_minor": 5,
    "metadata": {"kernelspec": {"name": "python3", "language": "python", "display_name": "Python 3"}},
    "cells": CELLS,
}
CSV = "userId,movieId,rating,timestamp\n"
FILES: dict[str, str | bytes] = {
    "mine/semicolons.csv": "userId;movieId;rating;timestamp\n3;4;5;6\n",
    "mine/spaces.csv": "1 2 3 4\n",
    "mine/floats.csv": f"{CSV}81.0,7.0,3.0,4\n\n82.0,7.0,4.0,5\n",
    "mine/exponent.csv": f"{CSV}1,2,3,4\n1e3,2,3,4\n",
    "mine/utf16.csv": f"{CSV}5,6,4,7\n".encode("utf-16"),
    "mine/latin1.csv": f"{CSV}1,2,3,4\n1,3,caf\xe9,4\n".encode("latin-1"),
    "mine/header.csv": CSV,
    "mine/empty.csv": "",
    "mine/names.csv": f"{CSV}1,2,3,4\nanna,3,4,5\n",
    "mine/short.csv": f"{CSV}1,2,3,4\n1,3\n",
    "mine/nulls.csv": f"{CSV}1,2,3,4\n1,,4,5\n",
    "mine/half.csv": f"{CSV}1,2,3.5,4\n",
    "mine/columns.csv": "user,film,stars,when\n1,2,3,4\n",
    "mine/ratings.zip": b"PK\x03\x04 this was cut off",
    "mine/both/u.data": "1\t2\t3\t4\n",
    "mine/both/ratings.csv": f"{CSV}1,2,3,4\n",
    "mine/none/notes.txt": "nothing\n",
    "mine/ids.csv": f"{CSV}{BIG},{BIG + 2},4,5\n",
    "mine/huge.csv": f"{CSV}{2**63},2,4,5\n",
    "mine/list.yaml": "- tune\n- epochs\n",
    "mine/broken.yaml": "tune: [1, 2\n",
    "mine/latin1.yaml": "salt: caf\xe9\n".encode("latin-1"),
    "mine/quoted.yaml": 'epochs: "8"\n',
    "mine/twice.yaml": "epochs: 8\nepochs: 9\n",
    "mine/dates.yaml": "usd_per_instance_hour: {since: 2024-01-31}\n",
    "mine/plain.ipynb": json.dumps(NOTEBOOK),
    "mine/injected.ipynb": json.dumps({**NOTEBOOK, "cells": [*CELLS, INJECTED]}),
    "mine/odd.ipynb": json.dumps({**NOTEBOOK, "cells": [*CELLS, None]}),
    "mine/half.ipynb": json.dumps({**NOTEBOOK, "cells": [*CELLS, {"cell_type": "raw", "id": "b", "metadata": {}, "source": "\ud83d"}]}),
    "executed/plain.ipynb": "of an earlier run",
    "mine/untagged.ipynb": json.dumps({**NOTEBOOK, "cells": []}),
    "mine/cut.ipynb": '{"cells": [',
    "mine/utf16.ipynb": json.dumps(NOTEBOOK).encode("utf-16"),
    ".gitignore": ".mlkit/\nexecuted/\nhandoff/\nCloudFormation/configuration_*.json\n",
}


@dataclass(frozen=True)
class World:
    """A project, the local AWS of its own that it uses, and files that people might give to commands.

    `fresh` is a project that nobody has used yet, in a repository without a commit; `nowhere` is no project.
    """

    project: Project
    fresh: Path
    nowhere: Path

    @classmethod
    def made_in(cls, folder: Path, *, connections: list[dict[str, Any]] | None = None) -> "World":
        """With a local AWS in the project's own home, so that `mlkit local ...` means that one. `connections` are those it begins with."""
        project, fresh, nowhere = Project(root=folder / "project"), folder / "fresh", folder / "nowhere"
        ignored = shutil.ignore_patterns("configuration_*.json", ".ipynb_checkpoints", "__pycache__")
        for place in (project.root, fresh):
            for name in ("notebooks", "CloudFormation", "buildspecs"):
                shutil.copytree(ROOT / name, place / name, ignore=ignored)
            for file in (ROOT / "mlkit.yml", *ROOT.glob("requirements*.lock")):
                shutil.copy(file, place)
            git(place, "init", "--quiet", "--initial-branch", "main")
        nowhere.mkdir()
        for name, content in FILES.items():
            (project.root / name).parent.mkdir(parents=True, exist_ok=True)
            (project.root / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        commit_all(project.root)
        if connections:
            Home(path=project.local_home).write("state/codeconnections.json", {"connections": connections})
        lifecycle.up(project.local_home, port=0)
        world = cls(project, fresh, nowhere)
        world._deploy(NAMES.datalake_stack, DATALAKE_TEMPLATE, {"YourInitials": "mlkit"})
        world.put("u.data", table_text(some_ratings()))
        return world

    def add_tables(self) -> None:
        for name, text in TABLES.items():
            self.put(name, text)
            self.make_table(name, ids="string" if name == "named" else "bigint")

    def client(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = OnLocalAws(self.project).client(service)
        return self._clients[service]

    @cached_property
    def environment(self) -> dict[str, str]:
        return lifecycle.environment(self.project.local_home)

    @cached_property
    def _clients(self) -> dict[str, Any]:
        return {}

    def _deploy(self, name: str, template: Path, parameters: dict[str, str]) -> None:
        with console.environment(self.environment):
            deploy_stack(Session(), name, self.project.root / template, parameters, capabilities=("CAPABILITY_IAM",))

    def put(self, place: str, text: str) -> None:
        self.client("s3").put_object(Bucket=NAMES.bucket, Key=f"movielens-data/{place}/ratings.tsv", Body=text.encode())

    def make_table(self, name: str, *, ids: str) -> None:
        glue = self.client("glue")
        known = glue.get_table(DatabaseName=NAMES.database, Name="u_data")["Table"]
        storage = {**known["StorageDescriptor"], "Location": f"s3://{NAMES.bucket}/movielens-data/{name}/"}
        types = {"userid": ids, "movieid": ids}
        storage["Columns"] = [{**column, "Type": types.get(column["Name"], column["Type"])} for column in storage["Columns"]]
        made = {"Name": name, "TableType": known["TableType"], "Parameters": known["Parameters"], "StorageDescriptor": storage}
        glue.create_table(DatabaseName=NAMES.database, TableInput=made)

    def credentials_of(self, *statements: dict[str, Any]) -> dict[str, str]:
        """Variables with the credentials of a new role that may do this."""
        iam, name = self.client("iam"), f"Narrow-{os.urandom(4).hex()}"
        trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "arn:aws:iam::123456789012:root"}}
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=policy(trust))["Role"]["Arn"]
        iam.put_role_policy(RoleName=name, PolicyName="inline", PolicyDocument=policy(*statements))
        session = self.client("sts").assume_role(RoleArn=arn, RoleSessionName="somebody")["Credentials"]
        names = {"AWS_ACCESS_KEY_ID": "AccessKeyId", "AWS_SECRET_ACCESS_KEY": "SecretAccessKey", "AWS_SESSION_TOKEN": "SessionToken"}
        return {variable: session[member] for variable, member in names.items()}

    @cached_property
    def endpoint(self) -> str:
        """The dev endpoint, with a model of four users and four films."""
        s3, sagemaker, models = self.client("s3"), self.client("sagemaker"), f"s3://{NAMES.bucket}/models/"
        exports = self.client("cloudformation").list_exports()["Exports"]
        role = next(item["Value"] for item in exports if item["Name"] == NAMES.execution_role_export)
        s3.put_object(Bucket=NAMES.bucket, Key="prepared/tiny/part-0", Body=shard())
        job = training_job("tiny", role, f"s3://{NAMES.bucket}/prepared/tiny/", models)
        sagemaker.create_training_job(**job)
        wait_until(
            lambda: sagemaker.describe_training_job(TrainingJobName="tiny")["TrainingJobStatus"],
            "the job ends",
            ok=lambda status: status != "InProgress",
        )
        ids = {letter: pa.array([f"{letter}{number}" for number in range(1, 5)]) for letter in "uf"}
        index = FeatureIndex(users=ids["u"], movies=ids["f"]).to_parquet()
        s3.put_object(Bucket=NAMES.bucket, Key=f"models/tiny/output/{INDEX_FILE}", Body=index)
        model = {"ImageUri": job["AlgorithmSpecification"]["TrainingImage"], "ModelDataUrl": f"{models}tiny/output/model.tar.gz"}
        name = NAMES.endpoint("dev")
        self._deploy(NAMES.endpoint_stack("dev"), ENDPOINT_TEMPLATE, {"EndpointName": name, "ExecutionRoleArn": role, **model})
        return name

    def state(self) -> dict[str, str]:
        """What there is: the projects' files, objects, stacks and jobs, each with what would show a change."""
        found = {}
        for root in (self.project.root, self.fresh):
            kept = (root / ".mlkit" / "local", root / ".git")
            for folder, below, files in os.walk(root):
                below[:] = [name for name in below if Path(folder, name) not in kept]  # what a server writes comes and goes
                for path in (Path(folder, name) for name in files if name != "run.lock"):
                    if path.is_file():
                        found[path.relative_to(root).as_posix()] = hashlib.sha256(path.read_bytes()).hexdigest()
        s3 = self.client("s3")
        for bucket in s3.list_buckets()["Buckets"]:
            for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket["Name"]):
                found |= {f"s3://{bucket['Name']}/{item['Key']}": item["ETag"] for item in page.get("Contents", [])}
        for stack in self.client("cloudformation").describe_stacks()["Stacks"]:
            found[f"stack {stack['StackName']}"] = f"{stack['StackStatus']} {stack.get('LastUpdatedTime')}"
        jobs = self.client("sagemaker").list_training_jobs(MaxResults=100)["TrainingJobSummaries"]
        return found | {f"training job {job['TrainingJobName']}": job["TrainingJobStatus"] for job in jobs}


def commit_all(root: Path) -> None:
    git(root, "add", "--all")
    git(
        root, "-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false", "commit", "--quiet", "--message", "Begin"
    )


# How a row is set up around its command: variables to add, or to take away where the value is None.

Variables = dict[str, str | None]
Given = Callable[[World], AbstractContextManager[Variables]]


@contextmanager
def nothing(world: World) -> Iterator[Variables]:
    yield {}


@contextmanager
def no_credentials(world: World) -> Iterator[Variables]:
    """As in a new terminal: no variable of AWS, no file of the user's."""
    files = {"AWS_CONFIG_FILE": None, "AWS_SHARED_CREDENTIALS_FILE": None, "HOME": str(world.nowhere), "AWS_EC2_METADATA_DISABLED": "true"}
    yield {**dict.fromkeys(world.environment), **files}


@contextmanager
def no_keys(world: World) -> Iterator[Variables]:
    """A region is known, but nobody has signed in."""
    with no_credentials(world) as variables:
        yield {**variables, "AWS_DEFAULT_REGION": "us-east-1"}


@contextmanager
def old_keys(world: World) -> Iterator[Variables]:
    yield {"AWS_ACCESS_KEY_ID": "AKIAOLDOLDOLDOLDOLD1", "AWS_SECRET_ACCESS_KEY": "old", "AWS_SESSION_TOKEN": ""}


@contextmanager
def nobody_answers(world: World) -> Iterator[Variables]:
    """A local AWS that has been stopped, in a terminal that still points to it."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        yield {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{taken.getsockname()[1]}"}


@contextmanager
def no_initials(world: World) -> Iterator[Variables]:
    """A variable that was to be filled and was not."""
    yield {"MLKIT_YOUR_INITIALS": ""}


@contextmanager
def a_model_for_production(world: World) -> Iterator[Variables]:
    """The configuration that 02_train writes."""
    parameters = {"EndpointName": NAMES.endpoint("production"), "ModelDataUrl": f"s3://{NAMES.bucket}/models/one/model.tar.gz"}
    path = world.project.configuration("production")
    path.write_text(json.dumps({"Parameters": parameters, "Tags": {}}))
    yield {}
    path.unlink()


def may(*actions: str) -> Given:
    """The command is run with the credentials of a role that may do this alone."""

    @contextmanager
    def given(world: World) -> Iterator[Variables]:
        yield dict(world.credentials_of({"Action": list(actions), "Resource": "*"}))

    return given


def may_all_but(action: str) -> Given:
    @contextmanager
    def given(world: World) -> Iterator[Variables]:
        yield dict(world.credentials_of({"Action": "*", "Resource": "*"}, {"Effect": "Deny", "Action": action, "Resource": "*"}))

    return given


def handed_over(your_initials: str | None) -> Given:
    """What 01_prep hands over, for these initials; None takes it away."""

    @contextmanager
    def given(world: World) -> Iterator[Variables]:
        path = world.project.handoff / "prepared_data.json"
        before = path.read_bytes() if path.exists() else None
        path.unlink(missing_ok=True)
        if your_initials is not None:
            path.parent.mkdir(exist_ok=True)
            path.write_text(json.dumps(asdict(_prepared(your_initials))))
        try:
            yield {}
        finally:
            path.unlink(missing_ok=True)
            if before is not None:
                path.write_bytes(before)

    return given


def _prepared(your_initials: str) -> PreparedData:
    one = StoredObject(s3_uri=f"s3://{NAMES.bucket}/prepared/one", sha256="0" * 64, size_bytes=1)
    channel = Channel(s3_uri=f"s3://{NAMES.bucket}/prepared/", content_type="x/y", rows=10, positives=5, objects=(one,))
    return PreparedData(
        run_id="one",
        your_initials=your_initials,
        bucket=NAMES.bucket,
        database=NAMES.database,
        table="u_data",
        feature_dim=80,
        encoding=one,
        train=channel,
        validation=channel,
        test=channel,
        query_execution_ids={},
        details={"positive_rating": 4.0, "split": "hashed", "salt": "mlkit"},
    )


@contextmanager
def an_endpoint(world: World) -> Iterator[Variables]:
    assert world.endpoint
    yield {}


@contextmanager
def a_port_in_use(world: World) -> Iterator[Variables]:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", 4999))
        taken.listen()
        yield {}


@contextmanager
def another_pipeline_run(world: World) -> Iterator[Variables]:
    with open(world.project.root / ".mlkit" / "run.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield {}


@contextmanager
def another_run_writes(world: World) -> Iterator[Variables]:
    """Another run has the lock of executed/plain.ipynb."""
    name = hashlib.sha256(str(world.project.root / "executed" / "plain.ipynb").encode()).hexdigest()[:16]
    with open(Path(tempfile.gettempdir()) / f"mlkit-{os.getuid()}-{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield {}


@contextmanager
def an_uncommitted_file(world: World) -> Iterator[Variables]:
    path = world.project.root / "thoughts.txt"
    path.touch()
    try:
        yield {}
    finally:
        path.unlink()


@contextmanager
def an_unanswered_mail(world: World) -> Iterator[Variables]:
    """An SNS, and a connection, as they are on AWS: nobody has clicked the link in the subscription's e-mail."""
    member = "<member><SubscriptionArn>PendingConfirmation</SubscriptionArn><Endpoint>you@example.com</Endpoint></member>"
    listed = f"<ListSubscriptionsByTopicResult><Subscriptions>{member}</Subscriptions></ListSubscriptionsByTopicResult>"
    connection = {"ConnectionName": "mlkit", "ProviderType": "GitHub", "ConnectionStatus": "AVAILABLE"}

    class Aws(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            asked = self.headers.get("X-Amz-Target", "")
            answer = (
                json.dumps({"Connection": connection})
                if asked
                else f"<ListSubscriptionsByTopicResponse>{listed}</ListSubscriptionsByTopicResponse>"
            )
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer.encode())

        def log_message(self, *_: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Aws) as server:
        serving = threading.Thread(target=server.serve_forever, args=(0.05,))
        serving.start()
        url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield {"AWS_ENDPOINT_URL_SNS": url, "AWS_ENDPOINT_URL_CODECONNECTIONS": url}
        finally:
            server.shutdown()
            serving.join()


@dataclass(frozen=True)
class Row:
    """One kind of bad input. `says` must be in what is shown; of a success, the lines with it are what the table shows."""

    what: str
    typed: str
    exit_code: int
    says: str
    given: Given = nothing
    leaves: tuple[str, ...] = ()
    """Patterns of what may be new or changed afterwards; nothing else may be."""
    where: str = "project"
    full_disk: str = ""
    """A folder of the project on which no byte is left."""
    notebook: str = ""
    """The executed notebook whose cells show what `says` is about."""


@dataclass(frozen=True, kw_only=True)
class Done:
    """How a row's command ended; the texts without colours, `left` what is there now and was not, or changed."""

    exit_code: int
    out: str
    err: str
    left: list[str]
    cells: str

    @property
    def printed(self) -> str:
        return self.out + self.err + self.cells


def carry_out(world: World, row: Row) -> Done:
    folder = {"project": world.project.root, "fresh": world.fresh, "nowhere": world.nowhere}[row.where]
    with row.given(world) as variables:
        before = world.state()
        own = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MLKIT_", "CODEBUILD_", "PIPELINE_"))}
        terminal = {"COLUMNS": str(COLUMNS), "TTY_COMPATIBLE": "1", "TERM": "xterm"}  # as far as a pipe can be one
        wanted: Variables = {**own, **world.environment, **terminal, **variables}
        program, *arguments = shlex.split(row.typed)
        done = subprocess.run(
            [*_disk(folder, row), script(program), *arguments],
            cwd=folder,
            env={name: value for name, value in wanted.items() if value is not None},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=HANG_S,
            check=False,
        )
        cells = _printed_by_cells(folder / row.notebook) if row.notebook and done.returncode == row.exit_code else ""
        after = world.state()
    out, err = (re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text) for text in (done.stdout, done.stderr))
    left = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    return Done(exit_code=done.returncode, out=out, err=err, left=left, cells=cells)


def _disk(folder: Path, row: Row) -> list[str]:
    """A command that runs the rest of its arguments while the place lies on a disk of one page, and that is taken."""
    if not row.full_disk:
        return []
    place = folder / row.full_disk
    place.mkdir(parents=True, exist_ok=True)
    mount = 'mount -t tmpfs -o size=4k none "$0" || exit 99; head -c 9000 /dev/zero > "$0/filler" 2> /dev/null; exec "$@"'
    return ["unshare", "-rm", "sh", "-c", mount, str(place)]


def _printed_by_cells(path: Path) -> str:
    notebook = nbformat.read(path, 4)
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return "\n".join(output.get("text") or output.get("data", {}).get("text/plain", "") for output in outputs)


def check(row: Row, done: Done) -> None:
    """What every row has in common: the exit code, one error, a next step, lines that fit, nothing half done."""
    assert done.exit_code == row.exit_code, done.printed
    assert "Traceback" not in done.printed
    assert row.says in " ".join(done.printed.split()), done.printed
    if row.exit_code and "doctor" not in row.typed:
        assert done.err.count("Error: ") == 1, done.err
        assert done.err.count("  Next: ") == 1, done.err
        for line in done.err.splitlines():
            assert len(line) <= COLUMNS or " " not in line.strip().removeprefix("Error: "), line
    unexpected = [name for name in done.left if not any(fnmatch(name, pattern) for pattern in row.leaves)]
    assert unexpected == []
    assert all(any(fnmatch(name, pattern) for name in done.left) for pattern in row.leaves), done.left


def needs_a_disk(row: Row) -> bool:
    """Whether this machine cannot carry the row out, for want of the right to mount."""
    return bool(row.full_disk) and not may_mount()
