"""The whole walk on the local AWS: lake, data, three notebooks, an endpoint, a match rate."""

from datetime import UTC, datetime
from typing import Any

from mlkit.cli import console
from mlkit.cli.console import StackEvents, out, show_table, step
from mlkit.settings import DATALAKE_TEMPLATE, LabNames, Project


def walk(project: Project, *, your_initials: str, tune: str, port: int | None) -> None:
    """Run everything and end with the times, the match rate and where the executed notebooks are."""
    from mlkit.cli import local_server

    timings: dict[str, float] = {}
    with step("Local AWS", timings):
        running = local_server.start(project, port)
        out.print(f"  {running.endpoint_url}, account {running.account}, {running.region}")
    with console.environment(local_server.environment(project)):
        evidence = _walk(project, project.names(your_initials), tune, timings)
    show_table([{"step": name, "seconds": f"{seconds:.1f}"} for name, seconds in timings.items()], title="What took how long")
    _show_result(project, evidence)


def _walk(project: Project, names: LabNames, tune: str, timings: dict[str, float]) -> str:
    from mlkit.aws.endpoints import deploy
    from mlkit.aws.evidence import EvidenceStore
    from mlkit.aws.session import Session
    from mlkit.aws.stacks import deploy_stack
    from mlkit.cli.kinds import commands_of
    from mlkit.cli.notebooks import run_and_keep

    aws = Session()
    with step("Data lake (CloudFormation/datalake.yaml)", timings):
        deploy_stack(
            aws,
            names.datalake_stack,
            project.root / DATALAKE_TEMPLATE,
            {"YourInitials": names.initials},
            capabilities=("CAPABILITY_IAM",),
            on_event=StackEvents(),
        )
    with step("Data", timings):
        commands_of(project).load_table(project, project.about.source, names.initials)
    evidence = f"s3://{names.bucket}/executed/{datetime.now(UTC):%Y%m%dT%H%M%SZ}/"
    store = EvidenceStore(aws, evidence)
    parameters: dict[str, dict[str, Any]] = {
        "01_prep": {"your_initials": names.initials},
        "02_train": {} if tune == "notebook" else {"tune": tune == "true"},
        "03_test_endpoint": {},
    }
    for name, given in parameters.items():
        if name == "03_test_endpoint":
            with step("Endpoint dev (CloudFormation/sagemaker_prediction_endpoint.yaml)", timings):
                deploy(aws, "dev", project, on_event=StackEvents())
        with step(name, timings):
            run_and_keep(project.root / "notebooks" / f"{name}.ipynb", project.root / "executed" / f"{name}.ipynb", given, store=store)
    return evidence


def _show_result(project: Project, evidence: str) -> None:
    from mlkit import handoff
    from mlkit.handoff import TestResult

    result = handoff.load(TestResult, project.handoff, "test_result", made_by="notebooks/03_test_endpoint.ipynb")
    baselines = ", ".join(f"{name} {value:.4f}" for name, value in result.baselines.items())
    out.print(
        f"\n[bold]Match rate {result.match_rate:.4f}[/] on {result.rows:,} held-out rows "
        f"({result.confidence:.0%} interval {result.low:.4f} to {result.high:.4f}): {result.verdict} at {result.min_match_rate}"
    )
    out.print(f"Beside it: {baselines}")
    out.print(f"Executed notebooks: {project.root / 'executed'} and {evidence}")
    out.print('Go on: mlkit local jupyter, or eval "$(mlkit local env)" and any AWS tool; mlkit undeploy dev; mlkit local down')
