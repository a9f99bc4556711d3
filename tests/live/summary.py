"""The summary of a run: a table on the terminal, and summary.md with what to send back."""

from collections.abc import Sequence

from live import costs
from live.lab import Lab
from live.steps import Ended
from mlkit.cli.console import out, show_table

SEND_BACK = """Send back this folder as a zip archive, or at least these files:

- `summary.md`: what each step did, and how long it took
- `calls.json` and `comparison.json`: CloudTrail's list without the account's number, and its comparison with the ledger
- `metrics.md` and `training.log`: the training container's metrics beside ours, and its own log
- `bake_only.json`, `alarm.json`, `awkward_event.json`: what CloudFormation, SageMaker and EventBridge did
- `doctor.json`, and `errors/` if there is such a folder

Look through `answers/` before you send it: it holds AWS's answers with ARNs, and so the account's number. Also say whether the mail
of the awkward event arrived, and how it looked, and what the console shows as the cost of the day.
"""


def write(lab: Lab, ended: Sequence[Ended]) -> None:
    """Print the table and write summary.md."""
    rows = [{"step": one.step.name, "status": one.status, "seconds": f"{one.seconds:.1f}"} for one in ended]
    show_table(rows, title="The first hour on AWS")
    lab.folder.save("steps.json", [{**vars(one), "step": one.step.name} for one in ended])
    path = lab.folder.save("summary.md", _markdown(lab, ended))
    failed = [one for one in ended if one.status != "done"]
    for one in failed:
        out.print(f"{one.step.name}: {one.status}: {one.told}{f' Next: {one.cure}' if one.cure else ''}", markup=False)
    out.print(f"{len(ended) - len(failed)} of {len(ended)} steps done. Summary, and what to send back: {path}", markup=False)


def _markdown(lab: Lab, ended: Sequence[Ended]) -> str:
    options, total = lab.options, sum(one.seconds for one in ended)
    rows = [f"| {one.step.title} | {one.status} | {one.seconds:.1f} | {one.step.minutes:g} | {_cell(one.told)} |" for one in ended]
    head = ["| step | status | seconds | minutes expected | what it saw |", "|---|---|---|---|---|"]
    text = f"# The first hour on AWS\n\nRegion {options.region}, initials {options.initials}, {total / 60:.1f} minutes.\n\n"
    prices = f"\n\n## Expected cost\n\nList prices of {costs.REGION}, as of {costs.AS_OF}.\n\n{costs.table()}\n"
    told = text + "\n".join([*head, *rows]) + prices + f"\n## What to send back\n\n{SEND_BACK}"
    return told.replace(options.account, "ACCOUNT")


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
