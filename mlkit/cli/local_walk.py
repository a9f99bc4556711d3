"""mlkit local walk: deploys the lake, loads the data, runs the steps of mlkit.yml and deploys an endpoint, on the local AWS."""

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mlkit.cli import console
from mlkit.cli.console import StackEvents, out, show_table, step
from mlkit.naming import DATALAKE_TEMPLATE, LabNames
from mlkit.settings import Project

if TYPE_CHECKING:
    from mlkit.cli.run_plan import PlannedRun

_ENVIRONMENT = "ENVIRONMENT"  # a step with this variable needs the environment's endpoint


def walk(project: Project, *, your_initials: str, tune: str, port: int | None) -> None:
    """Run everything and end with the times, the metric and where the executed notebooks are."""
    from mlkit.cli import local_server

    timings: dict[str, float] = {}
    with step("Local AWS", timings):
        running = local_server.start(project, port)
        out.print(f"  {running.endpoint_url}, account {running.account}, {running.region}")
    with console.environment(local_server.environment(project)):
        evidence = _walk(project, project.names(your_initials), tune, timings)
    show_table([{"step": name, "seconds": f"{seconds:.1f}"} for name, seconds in timings.items()], title="Durations")
    _show_result(project, evidence)


def _walk(project: Project, names: LabNames, tune: str, timings: dict[str, float]) -> str:
    from mlkit.aws.endpoints import deploy
    from mlkit.aws.session import Session
    from mlkit.aws.stacks import deploy_stack
    from mlkit.cli.data_commands import commands_of
    from mlkit.cli.run import run_planned

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
    is_deployed = False
    for planned in _plan(project, names, tune, evidence):
        if _ENVIRONMENT in planned.variables and not is_deployed:
            with step("Endpoint dev (CloudFormation/sagemaker_prediction_endpoint.yaml)", timings):
                deploy(aws, "dev", project, on_event=StackEvents())
            is_deployed = True
        with step(planned.notebook.stem, timings):
            run_planned(planned)
    return evidence


def _plan(project: Project, names: LabNames, tune: str, evidence: str) -> "list[PlannedRun]":
    """All steps, with the variables that the pipeline's template sets for its builds. No finished run is taken over."""
    from mlkit.cli.run_plan import Given, Keeping, plan_steps
    from mlkit.project.pipeline_steps import read_steps

    role = {"EXECUTION_ROLE": ""}  # the notebook then finds the role that the lake exports
    steps = read_steps(project.root)
    sources = [source for step in steps.values() for source in step.parameters.values()]
    of_notebook = {source.variable: source.unless for source in sources if source.unless}
    variables = {**of_notebook, "YOUR_INITIALS": names.initials, **role, "TUNE": tune, _ENVIRONMENT: "dev"}
    keeping = Keeping(evidence=evidence, reuse=False)
    return plan_steps(project, list(steps), Given(values={}, sources={}), keeping, {**os.environ, **variables})


def _show_result(project: Project, evidence: str) -> None:
    from mlkit.cli.pipeline_report import told
    from mlkit.notebook import handoff
    from mlkit.notebook.handoff import TestResult

    result = handoff.load(TestResult, project.handoff, "test_result", made_by="notebooks/03_test_endpoint.ipynb")
    baselines = ", ".join(f"{name} {result.estimate.amount(value)}" for name, value in result.baselines.items())
    out.print(f"\n{told(result.estimate)}: {result.verdict}; {result.estimate.requirement(result.policy.required)}")
    out.print(f"Baselines: {baselines}")
    out.print(f"Executed notebooks: {project.root / 'executed'} and {evidence}")
    out.print('Next: mlkit local jupyter, or eval "$(mlkit local env)" and any AWS tool; mlkit undeploy dev; mlkit local down')
