"""`mlkit run` as a process of its own, what can go wrong around it, and what is left when it has ended."""

import contextlib
import json
import os
import resource
import signal
import subprocess
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from project_pipeline import script
from started import LocalAws
from waiting import HANG_S, wait_until

from mlkit.evidence.run_record import RunRecord
from sagemaker_formats import recordio

IMAGE = "382416733822.dkr.ecr.us-east-1.amazonaws.com/factorization-machines:1"
NAME = "notebook.ipynb"
ID = "FAULT_ID"  # the variable that all processes of a run inherit

# A child that outlives its cell and a job that nobody waits for: neither may outlive the run.
STARTS = """\
import json, os, subprocess, time
child = subprocess.Popen(["sleep", "100000"])
if os.environ["FAULT_JOB"]:
    import boto3
    boto3.client("sagemaker").create_training_job(**json.loads(os.environ["FAULT_JOB"]))
print("started")"""
BEGINS = """\
print("in the middle", flush=True)
open(os.environ["FAULT_BEGAN"], "w").close()
"""
SLEEPS = BEGINS + "time.sleep(100_000)"
WAITS = BEGINS + 'while not os.path.exists(os.environ["FAULT_GO"]):\n    time.sleep(0.02)'
SWALLOWS = BEGINS + "try:\n    time.sleep(100_000)\nexcept BaseException:\n    print('swallowed')"
DEAF = "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n" + SLEEPS


@dataclass(frozen=True)
class World:
    """A local AWS with a bucket of evidence and data, and a role under which jobs train."""

    local_aws: LocalAws
    bucket: str
    role: str

    @classmethod
    def made_in(cls, local_aws: LocalAws) -> "World":
        bucket, iam = f"faults-{uuid.uuid4().hex[:12]}", local_aws.client("iam")
        local_aws.client("s3").create_bucket(Bucket=bucket)
        keys = np.array([[user, 4 + movie] for user in range(4) for movie in range(4)] * 4000, dtype=np.int64)
        rows = recordio.Rows(
            values=np.ones(keys.size, np.float32),
            keys=keys.ravel(),
            indptr=np.arange(0, keys.size + 1, 2, dtype=np.int64),
            feature_dim=8,
            labels=(keys.sum(axis=1) % 2).astype(np.float32),
        )
        local_aws.client("s3").put_object(Bucket=bucket, Key="train/part-0", Body=recordio.encode(rows))
        trust = policy({"Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"})
        role = iam.create_role(RoleName=f"Execution-{bucket}", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
        own = {"Action": "s3:*", "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]}
        rights = policy(own, {"Action": "logs:*", "Resource": "*"})
        iam.put_role_policy(RoleName=f"Execution-{bucket}", PolicyName="inline", PolicyDocument=rights)
        return cls(local_aws, bucket, role)

    def training_job(self, name: str) -> dict[str, Any]:
        """A request for Factorization Machines with more epochs than anybody waits for."""
        source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{self.bucket}/train/", "S3DataDistributionType": "FullyReplicated"}
        channel = {"ChannelName": "train", "ContentType": "application/x-recordio-protobuf", "DataSource": {"S3DataSource": source}}
        settings = {"feature_dim": "8", "num_factors": "64", "predictor_type": "binary_classifier", "epochs": "100000"}
        return {
            "TrainingJobName": name,
            "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
            "RoleArn": self.role,
            "InputDataConfig": [channel],
            "OutputDataConfig": {"S3OutputPath": f"s3://{self.bucket}/models"},
            "ResourceConfig": {"InstanceType": "ml.c4.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 5},
            "StoppingCondition": {"MaxRuntimeInSeconds": 86_400},
            "HyperParameters": {**settings, "mini_batch_size": "64"},
        }

    def below(self, prefix: str) -> dict[str, bytes]:
        """What the bucket holds below the prefix."""
        s3 = self.local_aws.client("s3")
        listed = s3.list_objects_v2(Bucket=self.bucket, Prefix=prefix).get("Contents", [])
        return {item["Key"].removeprefix(prefix): s3.get_object(Bucket=self.bucket, Key=item["Key"])["Body"].read() for item in listed}


@dataclass(frozen=True)
class Evidence:
    """What one place keeps of a run: nothing, or the executed notebook and its record."""

    notebook: Any
    record: RunRecord

    @classmethod
    def of(cls, files: Mapping[str, bytes]) -> "Evidence | None":
        if not files:
            return None
        assert sorted(files) == [NAME, NAME.replace(".ipynb", ".record.json")]
        notebook, record = (files[name] for name in sorted(files))
        return cls(nbformat.reads(notebook.decode(), 4), RunRecord.from_json(record.decode()))

    @property
    def cells(self) -> list[str]:
        """The code cells' stamps, in the record's words."""
        stamps = [cell.metadata.papermill.status for cell in self.notebook.cells if cell.cell_type == "code"]
        return ["not run" if stamp == "pending" else stamp for stamp in stamps]

    @property
    def printed(self) -> str:
        """What the cells wrote to their standard output."""
        outputs = [output for cell in self.notebook.cells for output in cell.get("outputs", [])]
        return "".join(output.text for output in outputs if output.get("name") == "stdout")


@dataclass
class FaultyRun:
    """One `mlkit run` in `folder`; what is set here before `start` is how its fault gets in."""

    world: World
    folder: Path
    cell: str = SLEEPS
    attempt: int = 1
    starts_job: bool = True
    options: tuple[str, ...] = ()
    variables: dict[str, str] = field(default_factory=dict)
    wrapper: tuple[str, ...] = ()  # a command that executes the rest of its arguments
    kernel: str = "python3"
    source: str | None = None  # the notebook file's text, in place of a good one
    id: str = field(default_factory=lambda: f"fault-{uuid.uuid4().hex[:12]}")
    stored: Callable[[], dict[str, bytes]] | None = None
    size_limit_bytes: int | None = None
    process: "subprocess.Popen[str] | None" = None
    printed: str = ""
    elsewhere: bool = False  # the executed notebook's disk is gone with the run

    @property
    def executed(self) -> Path:
        return self.folder / "executed" / NAME

    def start(self) -> None:
        self.folder.mkdir(exist_ok=True)
        (self.folder / NAME).write_text(_notebook(self.cell, self.kernel) if self.source is None else self.source)
        address = f"s3://{self.world.bucket}/{self.folder.name}/attempt-{self.attempt}/"
        command = [script("mlkit"), "run", NAME, str(self.executed), "--evidence", address, *self.options]
        own = {name: value for name, value in os.environ.items() if not name.startswith(("MLKIT_", "CODEBUILD_", "PIPELINE_"))}
        self.process = subprocess.Popen(
            [*self.wrapper, *command],
            cwd=self.folder,
            env={**own, **self.world.local_aws.environment, **self._markers(), **self.variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=self._prepare,
        )

    def _markers(self) -> dict[str, str]:
        job = json.dumps(self.world.training_job(self.id)) if self.starts_job else ""
        places = {"FAULT_BEGAN": "began", "FAULT_GO": "go", "FAULT_EXECUTED": f"executed/{NAME}", "IPYTHONDIR": f"ipython-{self.id}"}
        return {**{name: str(self.folder / place) for name, place in places.items()}, "FAULT_JOB": job, ID: self.id, "COLUMNS": "80"}

    def _prepare(self) -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # tests in a shell's background have it ignored
        if self.size_limit_bytes is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (self.size_limit_bytes, self.size_limit_bytes))

    def wait_until_in_the_cell(self) -> None:
        assert self.process is not None
        wait_until(lambda: (self.folder / "began").exists() or self.process.poll() is not None, "the cell begins, or the run ends")
        assert self.process.poll() is None, self.process.communicate()[0]

    def go(self) -> None:
        """Lets a cell that WAITS go on."""
        (self.folder / "go").touch()

    def wait(self) -> int:
        """The exit code; `printed` is then what the run said."""
        assert self.process is not None
        self.printed, _ = self.process.communicate(timeout=HANG_S)
        return self.process.returncode

    def processes(self) -> dict[int, str]:
        """The commands of all living processes that this run or its notebook started, by process id."""
        wanted, found = f"{ID}={self.id}".encode(), {}
        for place in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):  # it has just ended
                if wanted in (place / "environ").read_bytes().split(b"\0"):
                    found[int(place.name)] = (place / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        return found

    def wait_until_gone(self) -> None:
        """No process of the run is left; none of them would end by itself."""
        wait_until(self.processes, "the run's processes have ended", ok=lambda left: not left)

    def kill_all(self) -> None:
        """Whatever a failed test leaves behind."""
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if self.process is not None:
            self.process.wait()
            self.process.stdout.close()

    def job_status(self) -> str | None:
        """The training job's status; None when it was never made."""
        listed = self.world.local_aws.client("sagemaker").list_training_jobs(NameContains=self.id)["TrainingJobSummaries"]
        return listed[0]["TrainingJobStatus"] if listed else None

    def in_s3(self) -> Evidence | None:
        return Evidence.of(self.stored() if self.stored else self.world.below(f"{self.folder.name}/attempt-{self.attempt}/"))

    def on_disk(self) -> Evidence | None:
        return Evidence.of({path.name: path.read_bytes() for path in self.executed.parent.glob("*")})

    def ipython_was_started(self) -> bool:
        """Whether there was a kernel: IPython makes its profile when it starts."""
        return (self.folder / f"ipython-{self.id}" / "profile_default").exists()


def policy(*statements: Mapping[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **one} for one in statements]})


def _notebook(cell: str, kernel: str) -> str:
    made = new_notebook()
    made.metadata["kernelspec"] = {"name": kernel, "language": "python", "display_name": kernel}
    parameters = new_code_cell("x: int = 1  # a number", metadata={"tags": ["parameters"]})
    heading, after = new_markdown_cell("## The fault"), new_code_cell("print('after')")
    made.cells = [parameters, new_code_cell(STARTS), heading, new_code_cell(cell), after]
    return json.dumps(made)
