"""A notebook run by hand on the account: the first to its end, the second terminated while its job trains."""

import signal
import subprocess
from typing import Any

from live.account import command_of, mlkit, variables
from live.lab import Lab
from mlkit.errors import Interrupted, MlkitError
from mlkit.naming import job_prefix

_EPOCHS = "5000"
_LIMIT_S = 900


def terminate(lab: Lab) -> str:
    """Prepare, then send SIGTERM to the training run. Raises MlkitError unless the runner stops its job and says so by its exit code."""
    evidence = f"s3://{lab.names.bucket}/executed/live/"
    mlkit(lab, "run", "notebooks/01_prep.ipynb", "-p", "your_initials", lab.names.initials, "--evidence", evidence)
    words = ("run", "notebooks/02_train.ipynb", "-p", "epochs", _EPOCHS, "--evidence", evidence)
    before = {job["TrainingJobName"] for job in _jobs(lab)}
    with (lab.folder.path / "commands" / "terminated-run.txt").open("w") as output:
        running = subprocess.Popen(
            command_of(*words), cwd=lab.project.root, env=variables(lab), stdout=output, stderr=subprocess.STDOUT, text=True
        )
        try:
            job = _started(lab, running, before)
        finally:
            running.send_signal(signal.SIGTERM)
            code = running.wait(_LIMIT_S)
    status = lab.until(lambda: _status(lab, job), f"{job} stops", ok=lambda seen: seen not in ("InProgress", "Stopping"))
    if (code, status) != (Interrupted.exit_code, "Stopped"):
        raise MlkitError(f"The terminated run ended with {code}, its job {job} as {status}", cure="Read commands/terminated-run.txt.")
    return f"the run ended with {code}; its job {job} was stopped"


def _started(lab: Lab, running: "subprocess.Popen[str]", before: set[str]) -> str:
    """The name of the run's job, once it trains. Raises MlkitError if the run ends before."""

    def look() -> list[str]:
        if running.poll() is not None:
            raise MlkitError(f"The run ended with {running.returncode} before it trained", cure="Read commands/terminated-run.txt.")
        return [
            job["TrainingJobName"]
            for job in _jobs(lab)
            if job["TrainingJobName"] not in before and job["TrainingJobStatus"] == "InProgress"
        ]

    return lab.until(look, "the run by hand trains", every_s=5)[0]


def _jobs(lab: Lab) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = lab.client("sagemaker").list_training_jobs(NameContains=job_prefix(""), MaxResults=100)[
        "TrainingJobSummaries"
    ]
    return found


def _status(lab: Lab, job: str) -> str:
    return str(lab.client("sagemaker").describe_training_job(TrainingJobName=job)["TrainingJobStatus"])
