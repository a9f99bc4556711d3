"""Before anything is made: whose account it is, what `mlkit doctor` says, and that nobody uses these initials."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from live import reviewer
from live.lab import Lab
from mlkit.aws.evidence_store import caller
from mlkit.aws.session import aws_errors
from mlkit.aws.stacks import find_stack
from mlkit.cli.console import counted
from mlkit.errors import MlkitError, NotReady, UsageError

_LIMIT_S = 1800


def mlkit(lab: Lab, *words: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
    """Run the command line in the project's folder, as a person does. Raises MlkitError with its own message and next step."""
    environment, root = variables(lab), lab.project.root
    done = subprocess.run(command_of(*words), cwd=root, env=environment, capture_output=True, text=True, timeout=_LIMIT_S, check=False)
    lab.folder.save(f"commands/{lab.folder.step}-{'-'.join(words[:2])}.txt", f"$ mlkit {' '.join(words)}\n{done.stdout}\n{done.stderr}")
    if check and done.returncode:
        message, _, cure = done.stderr.strip().removeprefix("Error: ").partition("\n  Next: ")
        raise MlkitError(f"`mlkit {' '.join(words)}` ended with {done.returncode}: {message}", cure=cure)
    return done


def command_of(*words: str) -> list[str]:
    return [str(Path(sys.executable).with_name("mlkit")), *words]


def variables(lab: Lab) -> dict[str, str]:
    """The environment of commands that a person types."""
    return {**os.environ, "MLKIT_YOUR_INITIALS": lab.names.initials, "SAGEMAKER_VALIDATE_ROLE": "false", "COLUMNS": "100"}


def check_caller(lab: Lab) -> str:
    """Who acts. Raises UsageError for another account or region than those named."""
    found, options = caller(lab.aws), lab.options
    if found.account != options.account:
        cure = f"Sign in to {options.account}; or give ACCOUNT={found.account} if that is the account you mean."
        raise UsageError(f"The credentials are of account {found.account}, not {options.account}; nothing was done", cure=cure)
    if found.region != options.region:
        cure = f"Set AWS_DEFAULT_REGION={options.region}."
        raise UsageError(f"The session's region is {found.region}, not {options.region}; nothing was done", cure=cure)
    return found.role


def check_unused(lab: Lab) -> None:
    """Raises UsageError if a stack or bucket has these initials: at its end the run deletes what has its names."""
    names = lab.names
    stacks = [names.datalake_stack, *names.pipeline_stacks.values(), *(names.endpoint_stack(one) for one in ("dev", "qa", "production"))]
    with aws_errors():
        buckets = [item["Name"] for item in lab.client("s3").list_buckets()["Buckets"]]
        used = [name for name in stacks if find_stack(lab.aws, name)]
        used += [trail["Name"] for trail in lab.client("cloudtrail").describe_trails(trailNameList=[lab.trail])["trailList"]]
        used += [role["RoleName"] for role in _roles(lab) if role["RoleName"] == reviewer.role_name(lab)]
    used += [name for name in buckets if name == names.bucket or name == lab.trail_bucket]
    if used:
        told = f"The initials {names.initials} are in use: {', '.join(used)}. Nothing was done"
        raise UsageError(told, cure="Choose other initials: at its end the script deletes everything of its initials.")


def _roles(lab: Lab) -> Iterable[Mapping[str, Any]]:
    found: Iterable[Mapping[str, Any]] = lab.client("iam").get_paginator("list_roles").paginate().search("Roles[]")
    return found


def check_run(lab: Lab) -> None:
    """Raises UsageError unless the folder is that of a run with this account and these initials."""
    ran, options = (lab.folder.fact("account"), lab.folder.fact("initials")), lab.options
    if ran != (options.account, options.initials):
        told = f"{options.clean_up} is no folder of a run in {options.account} with the initials {options.initials}; nothing was done"
        raise UsageError(told, cure="`ls .mlkit/live` shows the runs.")


def check_connection(lab: Lab) -> None:
    """Raises UsageError unless the connection's handshake is finished."""
    if not lab.options.connection:
        return
    with aws_errors():
        found = lab.client("codeconnections").get_connection(ConnectionArn=lab.options.connection)["Connection"]
    if found["ConnectionStatus"] != "AVAILABLE":
        cure = "Finish its handshake: console, Developer Tools, Settings, Connections, Update pending connection."
        raise UsageError(f"The connection {found['ConnectionName']} is {found['ConnectionStatus']}; nothing was done", cure=cure)


def examine(lab: Lab) -> str:
    """Run `mlkit doctor --aws` and keep its report. Raises NotReady if something fails."""
    done = mlkit(lab, "doctor", "--aws", "--json", check=False)
    try:
        report = json.loads(done.stdout)
    except ValueError:
        raise MlkitError(f"mlkit doctor gave no report: {done.stderr[-500:]}", cure="Run `mlkit doctor --aws`.") from None
    lab.folder.save("doctor.json", report)
    failed = [item for item in report["findings"] if item["outcome"] == "fail"]
    if failed:
        told = "; ".join(f"{item['check']}: {item['detail']}" for item in failed)
        raise NotReady(f"mlkit doctor --aws: {told}. Nothing was done", cure=failed[0]["next_step"])
    return f"{counted(report['counts'].get('ok', 0), 'check')} of doctor ok, {report['counts'].get('warn', 0)} warned"
