"""mlkit evidence ... | exports | sweep: commands for the pipeline's actions, and for people."""

import re
import shlex
from pathlib import Path
from typing import Annotated

import typer

from mlkit.cli.console import err, out, plain
from mlkit.cli.shared_options import INITIALS, SealSha256, Yes, YourInitials
from mlkit.errors import UsageError
from mlkit.settings import Project

_EXECUTION_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
app = typer.Typer(no_args_is_help=True, help="Seal an execution's evidence, fetch it, and compare it with what was approved.")
Exports = Annotated[Path, typer.Option(help="File for the `export NAME=value` lines that the shell reads.")]


def _write_exports(path: Path, values: dict[str, object]) -> None:
    path.write_text("".join(f"export {name}={shlex.quote(str(value))}\n" for name, value in values.items()))


def exports(file: Annotated[Path, typer.Argument(help="The file to write.")] = Path("exports.env")) -> None:
    """Write the notebooks' results and the digests of their records as shell variables, for a buildspec to export.

    Example: mlkit exports exports.env
    """
    from mlkit.aws.endpoints import load_trained_model
    from mlkit.evidence.layout import RECORD_SUFFIX
    from mlkit.evidence.manifest import sha256_of
    from mlkit.evidence.staged import exported_records
    from mlkit.notebook import handoff
    from mlkit.notebook.handoff import TestResult

    project = Project.here()
    trained = load_trained_model(project)
    tuned = "true" if trained.tuning_job else "false"
    records = {path.name: sha256_of(path.read_bytes()) for path in project.root.glob(f"executed/*{RECORD_SUFFIX}")}
    values: dict[str, object] = {"RECORDS": exported_records(records)}
    values |= {"TRAINING_JOB": trained.training_job, "TUNED": tuned, "MODEL_SHA256": trained.model.sha256}
    if (project.handoff / "test_result.json").is_file():
        result = handoff.load(TestResult, project.handoff, "test_result", made_by="notebooks/03_test_endpoint.ipynb")
        values |= result.exported()
    _write_exports(file, values)


Pipeline = Annotated[str, typer.Option(envvar="PIPELINE", help="The pipeline's name.")]
Execution = Annotated[str, typer.Option(envvar="PIPELINE_EXECUTION_ID", help="The pipeline execution's id.")]


@app.command()
def seal(
    staging: Annotated[str, typer.Option(envvar="STAGING", help="The staging bucket's s3:// address.")],
    evidence_bucket: Annotated[str, typer.Option(envvar="EVIDENCE", help="The evidence bucket's s3:// address.")],
    pipeline: Pipeline,
    execution: Execution,
    action: Annotated[str, typer.Option(envvar="ACTION", help="The sealing action, STAGE.ACTION.")],
    build: Annotated[str, typer.Option(envvar="CODEBUILD_BUILD_ID", help="The sealing build's id.")],
    tools_sha256: Annotated[str, typer.Option(envvar="TOOLS_SHA256", help="The digest of the tools that seal.")],
    evidence_key: Annotated[str, typer.Option(envvar="EVIDENCE_KEY", help="ARN of the KMS key that signs seals.")],
    model_group: Annotated[str, typer.Option(envvar="MODEL_GROUP", help="The model package group of the registry.")],
    exports: Exports = Path("exports.env"),
) -> None:
    """Check an execution's staged files, copy them to the write-once evidence bucket, and write their manifest.

    A build of the pipeline runs it, with code that no commit can change; all options come from the build's environment.

    Example: mlkit evidence seal
    """
    from mlkit.aws.gathering import SealingBuild
    from mlkit.aws.sealing import seal as seal_all
    from mlkit.aws.session import Session

    sealing = SealingBuild(
        staging=staging,
        evidence=evidence_bucket,
        pipeline=pipeline,
        execution=execution,
        action=action,
        build=build.rpartition(":")[2],
        tools_sha256=tools_sha256,
        key_arn=evidence_key,
        model_group=model_group,
    )
    result = seal_all(Session(), sealing)
    sealed = {"SEAL_SHA256": result.seal.sha256, "EVIDENCE_URI": result.seal.s3_uri}
    _write_exports(exports, {**sealed, "REVIEW_PAGE": result.page, "MESSAGE": result.message})
    out.print(f"Sealed as {result.seal.sha256}: {result.seal.s3_uri}")


@app.command()
def fetch(
    manifest: Annotated[str, typer.Argument(help="The manifest's s3:// address: the end of the approval's message.")],
    to: Annotated[Path | None, typer.Option(help="New folder; by default executed/sealed-EXECUTION.")] = None,
    seal_sha256: Annotated[str | None, SealSha256] = None,
) -> None:
    """Copy all sealed evidence of an execution to this disk. Each file is first compared with its sealed digest.

    The folder holds the seal, the execution's earlier seals, and every file that they list. `mlkit verify` then verifies it offline.

    Example: mlkit evidence fetch s3://evidence/.../manifest.json --seal-sha256 SHA256
    """
    from mlkit.aws.evidence_download import fetch_bundle
    from mlkit.aws.session import Session

    execution = manifest.rstrip("/").split("/")[-4] if manifest.count("/") > 5 else "evidence"
    folder = to or Path("executed") / f"sealed-{execution}"
    fetched = fetch_bundle(Session(), manifest, folder, sha256=seal_sha256)
    for name in fetched.names:
        out.print(f"  {plain(str(folder / name))}")
    for name in fetched.absent:
        err.print(f"Not signed: {plain(name)} does not exist.")
    newest = fetched.manifests[0]
    out.print(f"{plain(newest.verdict)}: {len(fetched.names)} files, each as sealed by {plain(newest.action)} on {newest.sealed_at}")
    if seal_sha256 is None:
        err.print("[bold red]COMPARED WITH NOTHING:[/] the manifest itself may be another one.")
        err.print("  Next: give the digest from the approval's message: --seal-sha256 SHA256")
    head = f" --head {seal_sha256}" if seal_sha256 else ""
    out.print(f"Verify it: mlkit verify {plain(shlex.quote(str(folder)))}{head} --key evidence-key.pem")


@app.command()
def key(
    file: Annotated[Path, typer.Argument(help="The file to write.")] = Path("evidence-key.pem"),
    your_initials: YourInitials = INITIALS,
    key_arn: Annotated[str, typer.Option(help="ARN of the key in KMS; by default the one that the pipeline's stack exports.")] = "",
) -> None:
    """Write the public key of the seals as PEM, for `mlkit verify --key`.

    Example: mlkit evidence key evidence-key.pem
    """
    from mlkit.aws.session import Session
    from mlkit.aws.signing import find_evidence_key, public_key
    from mlkit.evidence.envelope import key_pem

    aws = Session()
    found = public_key(aws, key_arn or find_evidence_key(aws, your_initials))
    file.write_bytes(key_pem(found))
    out.print(f"{plain(str(file))}: the public key {found.keyid}")


@app.command("verify-approval")
def verify_approval(
    seal_uri: Annotated[str, typer.Option(envvar="SEAL_URI", help="The manifest's s3:// address.")],
    seal_sha256: Annotated[str, SealSha256],
    pipeline: Pipeline,
    execution: Execution,
    evidence_key: Annotated[str, typer.Option(envvar="EVIDENCE_KEY", help="ARN of the KMS key that signs seals.")],
    approved: Annotated[Path, typer.Option(help="New folder for the files from which production is deployed.")],
) -> None:
    """Check the seal's signature, compare every sealed file and the source, and write the files from which production is deployed.

    A build of the pipeline runs it, with code that no commit can change; the other options come from the build's environment.

    Example: mlkit evidence verify-approval --approved mlkit-approved
    """
    from mlkit.aws.approved import verify_approval as verify
    from mlkit.aws.approved import write_deploys
    from mlkit.aws.session import Session

    aws = Session()
    manifest, compared = verify(
        aws, seal_uri=seal_uri, seal_sha256=seal_sha256, pipeline=pipeline, execution=execution, key_arn=evidence_key
    )
    for path in write_deploys(aws, seal_uri, manifest, approved):
        out.print(f"  {path.name}")
    out.print(f"As approved: {', '.join(compared)}")


def sweep(
    execution: Annotated[str, typer.Argument(help="The pipeline execution's id.")],
    your_initials: YourInitials = INITIALS,
    yes: Yes = False,
) -> None:
    """List what an execution left behind: running jobs, its QA endpoint, a pending model; and what endpoints no longer use.

    With --yes, end them and reject the model.

    Example: mlkit sweep 01234567-89ab-cdef-0123-456789abcdef
    """
    from mlkit.aws.session import Session
    from mlkit.aws.sweeping import find_leftovers
    from mlkit.aws.sweeping import sweep as end

    if not _EXECUTION_ID.fullmatch(execution):
        cure = "`aws codepipeline list-pipeline-executions --pipeline-name PIPELINE` lists the ids."
        raise UsageError(f"{execution!r} is not the id of a pipeline execution", cure=cure)
    aws = Session()
    leftovers = find_leftovers(aws, execution, your_initials)
    for leftover in leftovers:
        out.print(f"{'ends' if yes else 'would end'} {leftover.kind} {leftover.name}")
    if not leftovers:
        out.print("Nothing is left behind.")
    elif yes:
        end(aws, leftovers)
