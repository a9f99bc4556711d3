"""Says what the run will create, what it costs and how long it takes, and goes on only when the account's number is typed again."""

import sys
from collections.abc import Sequence

from live import costs
from live.options import Options
from live.steps import Step
from mlkit.cli.console import out
from mlkit.cli.questions import is_attended
from mlkit.errors import UsageError

CREATES = (
    "the data lake: bucket, Glue database and table, Athena workgroup, SageMaker's execution role",
    "the pipeline: four stacks with a key, three buckets, CodeBuild projects, roles, an e-mail topic",
    "three training jobs, a QA endpoint for some minutes, a production endpoint until the clean-up",
    "a CloudTrail trail with a bucket, and a role for the reviewer",
)
STAYS = "the evidence bucket (locked for one day) with its keys, and the records of the training jobs"


def confirm(options: Options, steps: Sequence[Step]) -> None:
    """Raises UsageError unless the whole account number is typed, or was given as CONFIRM."""
    out.print(f"[bold]Account {options.account}, region {options.region}, initials {options.initials}[/]. The run will create:")
    for item in CREATES:
        out.print(f"  - {item}")
    minutes = sum(step.minutes for step in steps)
    out.print(f"It takes about {minutes:g} minutes on AWS, and costs about {sum(costs.by_service().values()):.2f} USD:")
    for service, usd in costs.by_service().items():
        out.print(f"  {service:<14}{usd:6.2f} USD")
    out.print(f"List prices of {costs.REGION}, as of {costs.AS_OF}. At the end the script removes everything except {STAYS}.")
    answer = options.confirm or _typed()
    if answer != options.account:
        raise UsageError("Not confirmed; nothing was created", cure=f"Type the account number, or give CONFIRM={options.account}.")


def _typed() -> str:
    if not is_attended():
        return ""
    out.print("Type the whole account number to go on:")
    return sys.stdin.readline().strip()
