"""mlkit doctor: report what would fail, before it costs anything."""

import json
import textwrap
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from mlkit.cli import console
from mlkit.cli.console import WHOLE_WORDS, wrapped_commands
from mlkit.cli.shared_options import INITIALS, AsJson, YourInitials
from mlkit.errors import NotFound, UsageError
from mlkit.naming import LabNames
from mlkit.settings import Project

if TYPE_CHECKING:
    from mlkit.doctor.account import Account
    from mlkit.doctor.checking import Group
    from mlkit.doctor.findings import Finding

_STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red", "skipped": "dim"}
_WIDTH, _DETAIL_AT, _NEXT_AT = 80, 25, 10
_SLOW_S = 1.0


def doctor(
    aws: Annotated[bool, typer.Option("--aws", help="Check an AWS account instead of the local AWS.")] = False,
    as_json: AsJson = False,
    your_initials: YourInitials = INITIALS,
) -> None:
    """Check this machine and the AWS that this shell points to; without one, the project's local AWS. Doctor changes nothing.

    The exit code is 0 when nothing fails, otherwise that of the first failure.

    Example: mlkit doctor
    Example: mlkit doctor --aws --your-initials abc
    """
    from mlkit.doctor.checking import examine, exit_code

    start, project = time.monotonic(), Project.here()
    names = _names(project, your_initials)
    with ExitStack() as environment:
        found = examine(_groups(project, names, aws, environment))
        findings = list(found if as_json else _shown(found))
    elapsed, code = time.monotonic() - start, exit_code(findings)
    counts = Counter(finding.outcome.value for finding in findings)
    if as_json:
        report = {"exit_code": code, "elapsed_s": round(elapsed, 3), "counts": counts, "findings": [asdict(item) for item in findings]}
        typer.echo(json.dumps(report, indent=2))
    else:
        console.out.print(f"\n{', '.join(f'{counts[name]} {name}' for name in _STYLES if counts[name])} in {elapsed:.1f} s")
    raise typer.Exit(code)


def _names(project: Project, your_initials: str) -> LabNames:
    """The lab's names, without the database if mlkit.yml does not give one; the check `project` reports that."""
    try:
        return project.names(your_initials)
    except (NotFound, UsageError):
        return LabNames(initials=your_initials)


def _groups(project: Project, names: LabNames, an_account: bool, environment: ExitStack) -> Iterator["Group"]:
    """The groups of checks: this machine, the local AWS, then the AWS to check. `environment` points to that AWS while it is open."""
    from mlkit.cli import local_checks, local_server
    from mlkit.doctor import credential_checks, machine_checks, package_checks
    from mlkit.doctor.account import Account
    from mlkit.doctor.checking import Check, Group
    from mlkit.doctor.findings import skipped

    yield Group(title="This machine", subject=project, checks=(*machine_checks.CHECKS, *package_checks.CHECKS))
    if an_account:
        yield from _aws_groups(Account(names=names, project=project, is_account=True))
        return
    yield Group(title="Local AWS", subject=project, checks=local_checks.CHECKS)
    if credential_checks.points_to_aws():
        yield from _aws_groups(Account(names=names, project=project))
    elif local_server.is_running(project):
        environment.enter_context(console.environment(local_server.environment(project)))
        yield from _aws_groups(Account(names=names, project=project, deploys="mlkit local run"))
    else:
        nothing = skipped("this shell points to no AWS", "`mlkit local up`; or sign in to an account, then `mlkit doctor --aws`.")
        yield Group(title="AWS", subject=None, checks=(Check(name="AWS", run=lambda _: nothing),))


def _aws_groups(account: "Account") -> Iterator["Group"]:
    from mlkit.doctor import credential_checks, lake_checks, pipeline_checks, policy_checks, quota_checks, role_checks, sagemaker_checks
    from mlkit.doctor.checking import Group

    modules = {
        "Credentials": credential_checks,
        "Data lake": lake_checks,
        "Roles": role_checks,
        "Quotas": quota_checks,
        "SageMaker": sagemaker_checks,
        "Pipeline": pipeline_checks,
        "Policies": policy_checks,
    }
    for title, module in modules.items():
        yield Group(title=title, subject=account, checks=module.CHECKS)


def _shown(findings: Iterable["Finding"]) -> Iterator["Finding"]:
    """The same findings. Each is printed under its group's title as soon as it is known."""
    title = ""
    for finding in findings:
        if finding.group != title:
            console.out.print(f"{'' if not title else chr(10)}[bold]{finding.group}[/]")
            title = finding.group
        for line in lines(finding):
            console.out.print(line, soft_wrap=True)
        yield finding


def lines(finding: "Finding") -> list[Text]:
    """Outcome, check and detail, and below them the next step. At most 80 columns, unless one word is longer than a line."""
    slow = f" ({finding.elapsed_s:.1f} s)" if finding.elapsed_s >= _SLOW_S else ""
    detail, indent = finding.detail + slow, _DETAIL_AT
    if any(len(word) > _WIDTH - indent for word in detail.split()):
        indent = _NEXT_AT  # on the line below its name, if the name is long
    wrapped = textwrap.wrap(detail, _WIDTH - indent, **WHOLE_WORDS)
    head, more = (wrapped[0], wrapped[1:]) if indent == _DETAIL_AT and wrapped else ("", wrapped)
    outcome = finding.outcome.value
    first = Text.assemble("  ", (f"{outcome:<8}", _STYLES[outcome]), f"{finding.check:<{_DETAIL_AT - _NEXT_AT}}", head)
    first.rstrip()
    told = [first, *(Text(" " * indent + line) for line in more)]
    if finding.next_step:
        told += [Text(" " * _NEXT_AT + line) for line in wrapped_commands(f"next: {finding.next_step}", _WIDTH - _NEXT_AT)]
    return told
