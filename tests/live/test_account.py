"""On a real account, only when it is asked for: MLKIT_LIVE_ACCOUNT names the account that may be used. See docs/live.md.

Pointed to the local AWS the same tests run there, which shows that they work, and nothing about AWS.
"""

import os
import re
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from waiting import HANG_S, TEST_HANG_S, wait_until

from mlkit.aws.evidence_store import caller
from mlkit.aws.session import Session
from mlkit.aws.stacks import deploy_stack
from mlkit.evidence.run_record import RunRecord, Status
from mlkit.naming import LabNames
from mlkit.settings import Project

ROOT = Path(__file__).parents[2]
ALLOWED = os.environ.get("MLKIT_LIVE_ACCOUNT", "")
INITIALS = os.environ.get("MLKIT_LIVE_INITIALS", "")

pytestmark = [
    pytest.mark.skipif(not ALLOWED, reason="opt-in: set MLKIT_LIVE_ACCOUNT and MLKIT_LIVE_INITIALS, see docs/live.md"),
    pytest.mark.enable_socket,
    pytest.mark.timeout(4 * TEST_HANG_S),  # an account takes its time
]


@dataclass(frozen=True)
class Account:
    """The account, and the lake's names there."""

    aws: Session
    names: LabNames

    def mlkit(self, *words: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
        command = [str(Path(sys.executable).with_name("mlkit")), *words]
        environment = {**os.environ, "SAGEMAKER_VALIDATE_ROLE": "false"}
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=TEST_HANG_S, check=False)
        assert not check or done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    aws = Session()
    assert caller(aws).account == ALLOWED, "the credentials are another account's than MLKIT_LIVE_ACCOUNT: nothing was done"
    names = Project(root=ROOT).names(INITIALS)
    made = Account(aws=aws, names=names)
    template, parameters = ROOT / "CloudFormation" / "datalake.yaml", {"YourInitials": INITIALS}
    deploy_stack(aws, names.datalake_stack, template, parameters, capabilities=("CAPABILITY_IAM",))
    made.mlkit("data", "load", "--your-initials", INITIALS)
    yield made
    made.mlkit("undeploy", "dev", "--your-initials", INITIALS, check=False)


def record(notebook: str) -> RunRecord:
    return RunRecord.from_json((ROOT / "executed" / f"{notebook}.record.json").read_text())


def test_doctor_finds_nothing_that_would_fail(account):
    done = account.mlkit("doctor", "--aws", "--your-initials", INITIALS, check=False)
    assert done.returncode == 0, done.stdout


def test_the_three_notebooks_run_and_the_record_says_what_they_touched(account):
    evidence = f"s3://{account.names.bucket}/executed/live-{uuid.uuid4().hex[:8]}/"
    account.mlkit("run", "notebooks/01_prep.ipynb", "-p", "your_initials", INITIALS, "--evidence", evidence)
    account.mlkit("run", "notebooks/02_train.ipynb", "--evidence", evidence)
    account.mlkit("deploy", "dev")
    account.mlkit("run", "notebooks/03_test_endpoint.ipynb", "--evidence", evidence)
    prep, train, test = (record(name) for name in ("01_prep", "02_train", "03_test_endpoint"))
    assert {one.status for one in (prep, train, test)} == {Status.COMPLETED}
    assert {one.origin.account for one in (prep, train, test)} == {ALLOWED}
    assert all(query.state == "SUCCEEDED" and query.bytes_scanned is not None for query in prep.activity.queries)
    assert all(one.version_id and one.sha256 for one in (*prep.activity.objects, *train.activity.objects))
    (job,) = train.activity.jobs
    assert (job.status, job.instance_type) == ("Completed", "ml.c5.xlarge")
    assert job.billable_seconds
    assert 0.66 < test.activity.metrics["match_rate"] < 0.74  # our own trainer: 0.698
    assert test.activity.verdict == "PASS"


def test_evidence_is_written_once(account):
    s3, key = account.aws.client("s3"), f"executed/live-{uuid.uuid4().hex[:8]}"
    once = {"Bucket": account.names.bucket, "Key": key, "IfNoneMatch": "*", "ChecksumAlgorithm": "SHA256"}
    assert s3.put_object(Body=b"1", **once)["VersionId"]
    with pytest.raises(ClientError) as refused:
        s3.put_object(Body=b"2", **once)
    assert refused.value.response["Error"]["Code"] == "PreconditionFailed"


def test_a_terminated_run_leaves_no_job(account):
    command = [str(Path(sys.executable).with_name("mlkit")), "run", "notebooks/02_train.ipynb", "-p", "epochs", "5000"]
    environment = {**os.environ, "SAGEMAKER_VALIDATE_ROLE": "false"}
    running = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    sagemaker = account.aws.client("sagemaker")
    jobs = {"NameContains": "hand", "StatusEquals": "InProgress"}
    found, ended = wait_until(
        lambda: (sagemaker.list_training_jobs(**jobs)["TrainingJobSummaries"], running.poll()),
        "the job is under way, or the run has ended",
        ok=lambda seen: seen[0] or seen[1] is not None,
        every_s=1,
    )
    assert ended is None, running.stdout.read()
    running.send_signal(signal.SIGTERM)
    printed, _ = running.communicate(timeout=HANG_S)
    assert running.returncode == 14, printed
    assert re.search(rf"topp.*{found[0]['TrainingJobName']}", printed), printed
    status = wait_until(
        lambda: sagemaker.describe_training_job(TrainingJobName=found[0]["TrainingJobName"])["TrainingJobStatus"],
        "the job is stopped",
        ok=lambda status: status != "Stopping",
        every_s=1,
    )
    assert status == "Stopped"
