"""The errors that users see. The message says what happened; `cure` says the next step."""

import re

NEXT = "Next: "
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def cure_told(traceback: str) -> str:
    """The cure at the end of an MlkitError's traceback; empty if there is none."""
    lines = _COLOURS.sub("", traceback).splitlines()
    return next((line.removeprefix(NEXT) for line in reversed(lines) if line.startswith(NEXT)), "")


class MlkitError(Exception):
    """Base of all errors that the command line prints without a stack trace.

    `exit_code` is one number per class, for scripts and CI. `retry` says whether the same call may succeed later. In a notebook, the
    traceback ends with the cure.
    """

    exit_code = 1
    retry = False
    cure = ""

    def __init__(self, message: str, *, cure: str | None = None, retry: bool | None = None) -> None:
        super().__init__(message)
        self.cure = self.cure if cure is None else cure
        self.retry = self.retry if retry is None else retry
        if self.cure:
            self.add_note(f"{NEXT}{self.cure}")


class UsageError(MlkitError):
    """The command has a wrong option, file or combination of options."""

    exit_code = 2
    cure = "Run the command with --help."


class InvalidParameters(MlkitError):
    """The notebook does not have the given parameter, or the value has another type."""

    exit_code = 10
    cure = "Run `mlkit params NOTEBOOK` to see the names, types and defaults."


class InvalidNotebook(MlkitError):
    """mlkit cannot run the file as a notebook: not JSON, a malformed cell, values of an earlier run, or no kernel."""

    exit_code = 11
    cure = "Open the notebook in JupyterLab. It needs a kernel, and its parameters in one code cell tagged `parameters`."


class NotebookFailed(MlkitError):
    """A cell raised an exception; the executed notebook shows it."""

    exit_code = 12
    cure = "Open the executed notebook at the cell that the banner names."


class KernelDied(MlkitError):
    """The notebook's process ended before its last cell was done: too little memory, a crash in compiled code, `os._exit`."""

    exit_code = 13
    retry = True
    cure = "Open the executed notebook at the cell that the banner names."


class Interrupted(MlkitError):
    """The run was stopped by a signal or by its time limit."""

    exit_code = 14
    retry = True
    cure = "Run it again."


class SecretFound(MlkitError):
    """The notebook or its output holds something that looks like a secret; mlkit redacted it before it stored anything."""

    exit_code = 15
    cure = "Pass the secret by reference (`ssm:/path` or `secretsmanager:name#key`), print less, and change it if others may have seen it."


class SaveFailed(MlkitError):
    """A file cannot be written: no space, or no permission."""

    exit_code = 16
    cure = "Check the free space (`df -h .`) and the permissions."


class RunnerFailed(MlkitError):
    """The runner itself failed; the run's record says where."""

    exit_code = 17
    cure = "Report it with the run's record. Meanwhile, try plain papermill."


class InvalidData(MlkitError):
    """The data, or a file made from them, are unusable."""

    exit_code = 20
    cure = "Look at the table in Athena with `SELECT * FROM TABLE LIMIT 10`."


class TrainingJobFailed(MlkitError):
    """SageMaker ended the training job without a model."""

    exit_code = 21
    cure = "Read the job's log stream. The usual cause is a hyperparameter that does not fit the data."


class QueryFailed(MlkitError):
    """Athena did not finish a query."""

    exit_code = 22
    cure = "Read the message. Athena's query history has the whole text under the query id."


class DeploymentFailed(MlkitError):
    """CloudFormation could not create, update or delete the stack."""

    exit_code = 23
    cure = "Read the stack's events. The first FAILED event is the cause."


class OverBudget(MlkitError):
    """Training or tuning could take more instance hours than allowed; mlkit started nothing."""

    exit_code = 25
    cure = "Lower max_jobs or max_runtime_s, or raise max_instance_hours."


class GateFailed(MlkitError):
    """The model was tested and did not pass."""

    exit_code = 30
    cure = "Read the executed test notebook: it shows the interval, the baselines and the confusion table."


class GateInconclusive(MlkitError):
    """The held-out rows cannot decide whether the model passes."""

    exit_code = 31
    cure = "Test on more rows, or change what the gate requires if the policy allows it."


class WrongModel(MlkitError):
    """The endpoint does not serve the model that this run built."""

    exit_code = 32
    cure = "Deploy the model of this run, by `mlkit deploy dev` or by a new execution of the pipeline, then repeat the test."


class ApprovalVoid(MlkitError):
    """The files for production differ from what the approver saw."""

    exit_code = 33
    cure = "Run the pipeline again from its source, and approve the new execution."


class EvidenceRefused(MlkitError):
    """The evidence of an execution is not what its builds and CodePipeline tell of it. Nothing was sealed."""

    exit_code = 35
    cure = "Find out who wrote it (`aws s3api list-object-versions`, CloudTrail), then run the pipeline again from its source."


class SealBroken(MlkitError):
    """A copy of sealed evidence differs from its seal, is incomplete, or its seal is not signed by the key."""

    exit_code = 36
    cure = "Fetch the evidence again with `mlkit evidence fetch`. If it is refused again, keep this copy and ask who could write to it."


class ReplayDiffers(MlkitError):
    """A replay of sealed notebooks gave other figures than the recorded ones."""

    exit_code = 37
    cure = "Look at the first figure that differs. Usual causes: other packages than the lock's, other data, a start without a seed."


class NotProved(MlkitError):
    """Nothing in the evidence is wrong, but the public key, the newest manifest's digest or an earlier seal is missing to prove it."""

    exit_code = 38
    cure = "Give --key and --head, from elsewhere than the evidence, and the whole bundle. --allow-unproved accepts what is left unproved."


class NotApproved(MlkitError):
    """A pipeline owns the environment, and nobody approved this change there."""

    exit_code = 34
    cure = "Push the change: the pipeline deploys it once it is approved."


class PipelineFailed(MlkitError):
    """The pipeline execution ended without success."""

    exit_code = 24
    cure = "Read the failed action's build log or executed notebook."


class NotFound(MlkitError, FileNotFoundError):
    """A bucket, table, stack, file or earlier step's result does not exist."""

    exit_code = 40
    cure = "Check the name, the region and the credentials."


class AccessDenied(MlkitError, PermissionError):
    """AWS refused the call; its message names the action and the resource."""

    exit_code = 41
    cure = "Add the action on that resource to the role, or use other credentials."


class AwsUnavailable(MlkitError, ConnectionError):
    """AWS cannot be reached, or it limits the rate of calls."""

    exit_code = 42
    retry = True
    cure = 'Without an AWS account: `mlkit local up`, then `eval "$(mlkit local env)"`.'


class DownloadFailed(MlkitError, ConnectionError):
    """The data set could not be downloaded."""

    exit_code = 43
    retry = True
    cure = "Check the network and its proxy, or give the path of a local file."


class QuotaExceeded(MlkitError):
    """A quota of the AWS account is used up, or is zero as on a new account."""

    exit_code = 44
    cure = "Ask for a higher quota in the Service Quotas console, or end what uses it. `mlkit doctor --aws` shows the quotas of a run."


class LocalAwsFailed(MlkitError):
    """The local AWS cannot start, or does not answer."""

    exit_code = 50
    cure = "Read `mlkit local logs`. `mlkit local reset` deletes all data and starts afresh."


class NotReady(MlkitError):
    """`mlkit doctor` found a problem on this machine or in the account that would fail a run."""

    exit_code = 60
    cure = "Run `mlkit doctor` and follow the next steps of the lines with fail."
