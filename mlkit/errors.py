"""Every error a user may meet: what happened (the message), why it probably did and what to type next (`cure`)."""

import re

NEXT = "Next: "
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def cure_told(traceback: str) -> str:
    """The cure that the traceback of an MlkitError ends with; empty when it tells none."""
    lines = _COLOURS.sub("", traceback).splitlines()
    return next((line.removeprefix(NEXT) for line in reversed(lines) if line.startswith(NEXT)), "")


class MlkitError(Exception):
    """Base of all errors that the command line prints without a stack trace.

    `exit_code` is one number per class, for scripts and CI; `retry` says whether the same call may succeed later. In a notebook, the
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
    """The command was asked for something that cannot be: a wrong option, file or combination."""

    exit_code = 2
    cure = "Run the command with --help."


class InvalidParameters(MlkitError):
    """A notebook was given a parameter that it does not have, or a value of another type."""

    exit_code = 10
    cure = "Run `mlkit params NOTEBOOK` to see the names, types and defaults."


class InvalidNotebook(MlkitError):
    """The file is not a notebook that can be run: not JSON, a cell that is none, values of an earlier run, no kernel."""

    exit_code = 11
    cure = "Open the notebook in JupyterLab; it needs a kernel, and its parameters in one code cell tagged `parameters`."


class NotebookFailed(MlkitError):
    """A cell raised; the executed notebook shows where."""

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
    """Something that looks like a secret was in the notebook or in what it printed; it was taken out before anything was stored."""

    exit_code = 15
    cure = "Give it by reference (`ssm:/path` or `secretsmanager:name#key`), print less, and change the secret if others may have seen it."


class SaveFailed(MlkitError):
    """A file cannot be written here: no space, no permission."""

    exit_code = 16
    cure = "Look at the space (`df -h .`) and at who may write there."


class RunnerFailed(MlkitError):
    """The runner met something that it was not prepared for; the run's record says where."""

    exit_code = 17
    cure = "Please report it with the run's record; plain papermill may run the notebook meanwhile."


class InvalidData(MlkitError):
    """The data, or a file made of them, cannot be used as they are."""

    exit_code = 20
    cure = "Look at the table in Athena with `SELECT * FROM TABLE LIMIT 10`."


class TrainingJobFailed(MlkitError):
    """SageMaker ended the training job without a model."""

    exit_code = 21
    cure = "Read the job's log stream; the usual cause is a hyperparameter that does not fit the data."


class QueryFailed(MlkitError):
    """Athena did not finish a query."""

    exit_code = 22
    cure = "Read the message; the query id leads to the whole text in Athena's history."


class DeploymentFailed(MlkitError):
    """CloudFormation did not bring the stack where the template says."""

    exit_code = 23
    cure = "Read the stack's events; the first FAILED one is the cause."


class OverBudget(MlkitError):
    """Training or tuning could take more instance hours than allowed; nothing was started."""

    exit_code = 25
    cure = "Lower max_jobs or max_runtime_s, or raise max_instance_hours."


class GateFailed(MlkitError):
    """The model was tested and did not pass."""

    exit_code = 30
    cure = "Read the executed test notebook: it shows the interval, the baselines and the confusion table."


class GateInconclusive(MlkitError):
    """The held-out rows cannot decide whether the model passes."""

    exit_code = 31
    cure = "Test on more rows, or lower min_match_rate if the policy allows it."


class WrongModel(MlkitError):
    """The endpoint does not serve the model that this run built."""

    exit_code = 32
    cure = "Deploy the model of this run, by `mlkit deploy dev` or by a new execution of the pipeline, then repeat the test."


class ApprovalVoid(MlkitError):
    """What would go to production is not what the approver saw."""

    exit_code = 33
    cure = "Run the pipeline again from its source, and approve what it seals then."


class NotApproved(MlkitError):
    """A pipeline owns the environment, and this change did not pass its approval."""

    exit_code = 34
    cure = "Push the change: the pipeline deploys it once it is approved."


class PipelineFailed(MlkitError):
    """The pipeline execution ended without success."""

    exit_code = 24
    cure = "Read the failed action's build log or executed notebook."


class NotFound(MlkitError, FileNotFoundError):
    """Something that the call names does not exist: a bucket, table, stack, file or earlier step's result."""

    exit_code = 40
    cure = "Check the name, the region and the credentials."


class AccessDenied(MlkitError, PermissionError):
    """AWS refused the call; its message names the action and the resource."""

    exit_code = 41
    cure = "Add the action on that resource to the role, or use other credentials."


class AwsUnavailable(MlkitError, ConnectionError):
    """AWS cannot be reached or asks to slow down."""

    exit_code = 42
    retry = True
    cure = 'Without an AWS account: `mlkit local up`, then `eval "$(mlkit local env)"`.'


class DownloadFailed(MlkitError, ConnectionError):
    """Data cannot be fetched from where it is published."""

    exit_code = 43
    retry = True
    cure = "Look at the network and its proxy, or give the path of a file that is already here."


class LocalAwsFailed(MlkitError):
    """The local AWS cannot start, or does not answer."""

    exit_code = 50
    cure = "Read `mlkit local logs`; `mlkit local reset` starts from nothing."


class NotReady(MlkitError):
    """`mlkit doctor` found something on this machine or in the account that would fail a run."""

    exit_code = 60
    cure = "Run `mlkit doctor` and follow the lines that begin with fail."
