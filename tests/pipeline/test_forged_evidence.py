"""Evidence cannot be forged: a package in a step's build, or a pushed commit, is denied or named.

Cheats act with the rights of the step roles, on the real templates, after one execution of the pipeline has succeeded. IAM refuses the
calls in `DENIED`. All others write what a step may write; SealEvidence or VerifyApproval must name the cheat. docs/threat-model.md lists
what nobody can prevent.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from attacked_pipeline import HOSTILE, INITIALS, LAKE, PRODUCTION_TEST, TEST, TRAIN, Attacked, zipped
from botocore.exceptions import ClientError

from mlkit.aws.approved import verify_approval, write_deploys
from mlkit.aws.session import Session
from mlkit.errors import ApprovalVoid
from mlkit.evidence.archives import members

TRAINER, TESTER = "ModelTrainingRole", "TestEndpointRole"
BOTH = (TRAINER, TESTER)
TRAINED, RESULT = "handoff/trained_model.json", "handoff/test_result.json"
CONFIGURATION = "CloudFormation/configuration_production.json"


@pytest.fixture(scope="module")
def finished(local_aws, tmp_path_factory) -> Iterator[Attacked]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in local_aws.environment.items():
            patch.setenv(name, value)
        yield Attacked(local_aws, tmp_path_factory.mktemp("forge") / "tiny")


@pytest.fixture
def attacked(finished: Attacked) -> Iterator[Attacked]:
    yield finished
    finished.undo()


@dataclass(frozen=True)
class Denied:
    """A call that a role must not make: the permission that it lacks and a part of the resource's name."""

    cheat: str
    roles: tuple[str, ...]
    permission: str
    resource: str
    call: Callable[[Attacked, Callable[[str], Any]], Any]


def put(bucket: str, key: str, **more: Any) -> Callable[[Attacked, Callable[[str], Any]], Any]:
    """PutObject; `bucket` is the name of an attribute, and `key` may name the execution and the builds."""

    def call(attacked: Attacked, client: Callable[[str], Any]) -> Any:
        named = {"execution": attacked.execution, "qa": attacked.build_of(TEST), "train": attacked.build_of(TRAIN)}
        return client("s3").put_object(Bucket=getattr(attacked, bucket, LAKE), Key=key.format(**named), Body=b"false", **more)

    return call


def artifact(action: str, name: str) -> Callable[[Attacked, Callable[[str], Any]], Any]:
    """PutObject on the artifact that the action handed over."""

    def call(attacked: Attacked, client: Callable[[str], Any]) -> Any:
        bucket, _, key = attacked.run_of(action).artifacts[name].removeprefix("s3://").partition("/")
        return client("s3").put_object(Bucket=bucket, Key=key, Body=b"false")

    return call


def ask(service: str, operation: str, **request: Any) -> Callable[[Attacked, Callable[[str], Any]], Any]:
    """An operation; a value may be a function of the attacked pipeline."""

    def call(attacked: Attacked, client: Callable[[str], Any]) -> Any:
        return getattr(client(service), operation)(**{key: value(attacked) if callable(value) else value for key, value in request.items()})

    return call


def pipeline(attacked: Attacked) -> str:
    return attacked.pipeline


def project(attacked: Attacked) -> str:
    return attacked.resources["SealEvidence"]


def sealed_key(attacked: Attacked) -> str:
    return attacked.run_of("QA.SealEvidence").variables["EVIDENCE_URI"].removeprefix(f"s3://{attacked.evidence}/")


def evidence(attacked: Attacked) -> str:
    return attacked.evidence


def staging(attacked: Attacked) -> str:
    return attacked.staging


def staged_key(attacked: Attacked) -> str:
    return f"{attacked.execution}/{TRAIN}/{attacked.build_of(TRAIN)}/train.ipynb"


IF_NEW = {"IfNoneMatch": "*"}
SEAL_NOW = [{"name": "EVIDENCE_KEY", "value": "mine", "type": "PLAINTEXT"}]
DENIED = (
    Denied("replace the source", BOTH, "s3:PutObject", "/SourceOutp/", artifact("Source.Source", "SourceOutput")),
    Denied("replace what production deploys", BOTH, "s3:PutObject", "/Approved/", artifact("Production.VerifyApproval", "Approved")),
    Denied("replace the trained model's hand-off", (TESTER,), "s3:PutObject", "/Trained/", artifact(TRAIN, "Trained")),
    Denied("replace the configuration", (TESTER,), "s3:PutObject", "/Configurat/", artifact(TRAIN, "Configuration")),
    Denied("replace QA's result", (TRAINER,), "s3:PutObject", "/QATested/", artifact(TEST, "QATested")),
    Denied("replace production's result", (TRAINER,), "s3:PutObject", "/Production/", artifact(PRODUCTION_TEST, "ProductionTested")),
    Denied("find artifacts", BOTH, "s3:ListBucket", "artifactbucket", ask("s3", "list_objects_v2", Bucket=lambda at: at.artifacts)),
    Denied("stage for the test", (TRAINER,), "s3:PutObject", f"/{TEST}/", put("staging", "{execution}/QA.TestEndpoint/{qa}/test.ipynb")),
    Denied(
        "stage for the training", (TESTER,), "s3:PutObject", f"/{TRAIN}/", put("staging", f"{{execution}}/{TRAIN}/{{train}}/train.ipynb")
    ),
    Denied(
        "finish a step of the training", (TESTER,), "s3:PutObject", "/steps/", put("staging", "steps/{execution}/01_prep/1/record.json")
    ),
    Denied(
        "the same below its own name",
        (TESTER,),
        "s3:PutObject",
        "/steps/",
        put("staging", "steps/{execution}/QA.TestEndpoint/1/record.json"),
    ),
    Denied("take a staged file away", BOTH, "s3:DeleteObject", f"/{TRAIN}/", ask("s3", "delete_object", Bucket=staging, Key=staged_key)),
    Denied(
        "keep no versions",
        BOTH,
        "s3:PutBucketVersioning",
        "stagingbucket",
        ask("s3", "put_bucket_versioning", Bucket=staging, VersioningConfiguration={"Status": "Suspended"}),
    ),
    Denied(
        "write evidence", BOTH, "s3:PutObject", "/manifest.json", put("evidence", "{execution}/QA.SealEvidence/x/manifest.json", **IF_NEW)
    ),
    Denied("read evidence", BOTH, "s3:GetObject", "/manifest.json", ask("s3", "get_object", Bucket=evidence, Key=sealed_key)),
    Denied("hide evidence", BOTH, "s3:DeleteObject", "/manifest.json", ask("s3", "delete_object", Bucket=evidence, Key=sealed_key)),
    Denied("change the code that seals", (*BOTH, "SealEvidenceRole"), "s3:PutObject", "/tools/", put("evidence", "tools/0.zip", **IF_NEW)),
    Denied(
        "open evidence to the world",
        BOTH,
        "s3:PutBucketPolicy",
        "evidencebucket",
        ask("s3", "put_bucket_policy", Bucket=evidence, Policy="{}"),
    ),
    Denied(
        "sign",
        (*BOTH, "VerifyApprovalRole"),
        "kms:Sign",
        ":key/",
        ask("kms", "sign", KeyId=lambda at: at.resources["EvidenceKey"], Message=b"m", SigningAlgorithm="ECDSA_SHA_256"),
    ),
    Denied(
        "register a model",
        BOTH,
        "sagemaker:CreateModelPackage",
        f"{INITIALS}-ml-lab",
        ask("sagemaker", "create_model_package", ModelPackageGroupName=f"{INITIALS}-ml-lab"),
    ),
    Denied(
        "approve a model",
        BOTH,
        "sagemaker:UpdateModelPackage",
        f"{INITIALS}-ml-lab",
        ask("sagemaker", "update_model_package", ModelPackageArn=lambda at: at.package, ModelApprovalStatus="Approved"),
    ),
    Denied(
        "approve",
        BOTH,
        "codepipeline:PutApprovalResult",
        "ApprovalGate",
        ask(
            "codepipeline",
            "put_approval_result",
            pipelineName=pipeline,
            stageName="Production",
            actionName="ApprovalGate",
            token="01234567-89ab-cdef-0123-456789abcdef",
            result={"summary": "s", "status": "Approved"},
        ),
    ),
    Denied(
        "read the history",
        BOTH,
        "codepipeline:ListActionExecutions",
        INITIALS,
        ask("codepipeline", "list_action_executions", pipelineName=pipeline),
    ),
    Denied(
        "change the pipeline",
        BOTH,
        "codepipeline:UpdatePipeline",
        INITIALS,
        ask("codepipeline", "update_pipeline", pipeline=lambda at: at.client("codepipeline").get_pipeline(name=at.pipeline)["pipeline"]),
    ),
    Denied(
        "seal by hand",
        BOTH,
        "codebuild:StartBuild",
        "SealEvidence",
        ask("codebuild", "start_build", projectName=project, environmentVariablesOverride=SEAL_NOW),
    ),
    Denied(
        "change the stacks",
        BOTH,
        "cloudformation:UpdateStack",
        f"{INITIALS}-ml-lab-pipeline",
        ask("cloudformation", "update_stack", StackName=f"{INITIALS}-ml-lab-pipeline", UsePreviousTemplate=True),
    ),
    Denied(
        "have the sealer's rights",
        BOTH,
        "sts:AssumeRole",
        "SealEvidenceRole",
        ask(
            "sts",
            "assume_role",
            RoleArn=lambda at: at.client("iam").get_role(RoleName=at.resources["SealEvidenceRole"])["Role"]["Arn"],
            RoleSessionName="me",
        ),
    ),
    Denied(
        "give itself rights",
        BOTH,
        "iam:PutRolePolicy",
        "Role",
        ask("iam", "put_role_policy", RoleName=lambda at: at.resources[TRAINER], PolicyName="p", PolicyDocument="{}"),
    ),
    Denied(
        "serve another model",
        BOTH,
        "sagemaker:UpdateEndpoint",
        f"{INITIALS}-ml-lab-production",
        ask("sagemaker", "update_endpoint", EndpointName=f"{INITIALS}-ml-lab-production", EndpointConfigName="mine"),
    ),
    Denied("replace the ratings", BOTH, "s3:PutObject", "/movielens-data/", put("lake", "movielens-data/u.data/u.data")),
    Denied("replace the model", (TESTER,), "s3:PutObject", "/models/", put("lake", "models/model.tar.gz")),
    Denied(
        "hand over as the sealer", ("SealEvidenceRole",), "s3:PutObject", "/Approved/", artifact("Production.VerifyApproval", "Approved")
    ),
    Denied("seal as the verifier", ("VerifyApprovalRole",), "s3:PutObject", "/manifest.json", put("evidence", "x/manifest.json", **IF_NEW)),
)


@pytest.mark.parametrize("denied", DENIED, ids=lambda denied: denied.cheat)
def test_a_step_is_denied(attacked, denied):
    for role in denied.roles:
        with pytest.raises(ClientError) as raised:
            denied.call(attacked, attacked.as_role(role))
        error = raised.value.response["Error"]
        assert error["Code"] in ("AccessDenied", "AccessDeniedException"), error
        assert f"perform: {denied.permission} " in error["Message"], error
        assert denied.resource.lower() in error["Message"].lower(), error


def test_an_untouched_execution_is_gathered(attacked):
    """The cheats below change one thing each."""
    found = attacked.gather()
    assert [attempt.action for attempt in found.attempts] == [TRAIN, TEST, PRODUCTION_TEST]
    attacked.as_built(TRAIN)
    attacked.as_built(TEST)
    assert (attacked.gather().trained, attacked.gather().tested) == (found.trained, found.tested)


# ---- what lies in staging ----


def test_a_staged_notebook_that_is_replaced_after_its_build_is_named(attacked):
    uri = f"s3://{attacked.staging}/{staged_key(attacked)}"
    attacked.put(TRAINER, uri, b"{}")
    assert f"{TRAIN}/{attacked.build_of(TRAIN)}/train.ipynb was written at" in attacked.refusal()


def test_a_staged_notebook_that_is_replaced_and_put_back_is_named(attacked):
    uri = f"s3://{attacked.staging}/{staged_key(attacked)}"
    before = attacked.read(uri)
    attacked.put(TRAINER, uri, b"{}")
    attacked.put(TRAINER, uri, before)
    assert "after its build ended" in attacked.refusal()


def test_a_staged_file_of_a_build_that_never_was_is_named(attacked):
    attacked.put(TESTER, f"s3://{attacked.staging}/{attacked.execution}/{TEST}/mine/test.ipynb", b"{}")
    assert f"{TEST}/mine/test.ipynb is staged, but CodePipeline knows no such build of {TEST} in this execution" in attacked.refusal()


def test_a_key_with_an_actions_name_inside_is_named(attacked):
    """A resource's `*` covers slashes: a step may write below each folder of its own action's name, wherever that lies."""
    attacked.put(TESTER, f"s3://{attacked.staging}/{attacked.execution}/{TRAIN}/{attacked.build_of(TRAIN)}/{TEST}/train.ipynb", b"{}")
    assert "lies where no build stages" in attacked.refusal()


def test_a_hidden_staged_file_is_named(attacked):
    """No step may delete. An administrator who does is named as well."""
    answer = attacked.client("s3").delete_object(Bucket=attacked.staging, Key=staged_key(attacked))
    attacked.written.append((attacked.staging, staged_key(attacked), answer["VersionId"]))
    assert f"{staged_key(attacked)} was deleted" in attacked.refusal()


def test_a_finished_step_that_another_execution_put_there_is_named(attacked):
    """A retried stage would take it over."""
    uri = f"s3://{attacked.staging}/steps/{attacked.execution}/train/1/record.json"
    attacked.put(TRAINER, uri, b"{}")
    assert attacked.refusal().startswith(f"{uri} was written at ")


def test_a_record_that_was_not_exported_is_named(attacked):
    assert "test.record.json differs from the digest that its build exported" in attacked.refusal_of(TEST, RECORDS=f"test={'0' * 64}")
    for text in ("", "$(id)", "test=<b>"):
        assert "exported no digests of its records" in attacked.refusal_of(TEST, RECORDS=text)


# ---- what a step hands over ----


def changed(data: bytes, **changes: Any) -> bytes:
    return json.dumps({**json.loads(data), **changes}, indent=2).encode()


def handed(attacked: Attacked, name: str, path: str) -> bytes:
    """A file in the artifacts of an action."""
    found = {key: data for uri in attacked.run_of(name).artifacts.values() for key, data in members(attacked.read(uri)).items()}
    return found[path.removeprefix("CloudFormation/")]


@pytest.mark.parametrize(("name", "put_back"), [("Trained", False), ("Trained", True), ("Configuration", False), ("Configuration", True)])
def test_an_artifact_that_is_replaced_after_its_build_is_named_even_if_it_is_put_back(attacked, name, put_back):
    """While it was another, QA may have tested something else: what a later execution's training could do to an earlier one's."""
    uri = attacked.run_of(TRAIN).artifacts[name]
    before = attacked.read(uri)
    attacked.put(TRAINER, uri, zipped({}))
    if put_back:
        attacked.put(TRAINER, uri, before)
    assert attacked.refusal().startswith(f"The artifact {name} ({uri}) was written at ")


def test_a_model_that_was_another_for_a_while_is_named(attacked):
    """QA's endpoint may have loaded the other one."""
    uri = attacked.gather().trained.model.s3_uri
    before = attacked.read(uri)
    attacked.put(TRAINER, uri, b"a better one")
    attacked.put(TRAINER, uri, before)
    assert attacked.refusal().startswith(f"The model {uri} was written at ")


@pytest.mark.parametrize("path", [TRAINED, CONFIGURATION])
def test_a_test_that_hands_over_what_the_training_wrote_is_named(attacked, path):
    """Its artifact, its record and the exported digest agree: it lies about another step."""
    false = changed(handed(attacked, TRAIN, path), billable_seconds=0, Tags={"a": "b"})
    attacked.as_built(TEST, {path: false})
    build = attacked.build_of(TEST)
    assert attacked.refusal().startswith(f"{TEST}/{build}/test.record.json wrote {path}, which ModelTraining hands over")


def test_a_hand_off_file_that_is_not_its_records_is_named(attacked):
    """The record is the one whose digest the build exported, but the artifact holds another file."""
    false = changed(handed(attacked, TEST, RESULT), verdict="FAIL")
    attacked.as_built(TEST, {RESULT: false}, told={RESULT: b"another"})
    assert attacked.refusal() == f"{RESULT} differs from the record of the notebook that wrote it"


def test_a_hand_off_file_in_a_folder_is_named(attacked):
    attacked.as_built(TEST, {"handoff/x/trained_model.json": handed(attacked, TRAIN, TRAINED)})
    assert attacked.refusal() == f"{TEST} handed over handoff/x/trained_model.json; handoff/ has no folders"


def test_a_verdict_for_the_approver_that_is_not_the_sealed_one_is_named(attacked):
    """CodePipeline's history shows a build's variables."""
    told = attacked.refusal_of(PRODUCTION_TEST, VERDICT="PASS: as good as ever. https://evil.example")
    assert told.startswith(f"{PRODUCTION_TEST} exported VERDICT=PASS: as good as ever. https://evil.example; its {RESULT} has PASS")


def test_a_configuration_that_is_not_what_qa_tested_is_named(attacked):
    document = json.loads(handed(attacked, TRAIN, CONFIGURATION))
    false = {**document, "Parameters": {**document["Parameters"], "InstanceType": "ml.c5.18xlarge"}}
    told = attacked.refusal_of(TRAIN, {CONFIGURATION: json.dumps(false).encode()})
    assert told.startswith("configuration_production.json: InstanceType is ml.c5.18xlarge, QA was tested with None")


# ---- after sealing ----


@pytest.fixture
def verifier(attacked: Attacked) -> Session:
    return attacked.session_of("VerifyApprovalRole")


def qa_seal(attacked: Attacked, **changes: str) -> dict[str, str]:
    told = attacked.run_of("QA.SealEvidence").variables
    approved = {"seal_uri": told["EVIDENCE_URI"], "seal_sha256": told["SEAL_SHA256"], "key_arn": attacked.resources["EvidenceKey"]}
    return {**approved, "pipeline": attacked.pipeline, "execution": attacked.execution, **changes}


def void(verifier: Session, attacked: Attacked, **changes: str) -> str:
    with pytest.raises(ApprovalVoid) as raised:
        verify_approval(verifier, **qa_seal(attacked, **changes))
    return str(raised.value)


def test_a_configuration_that_is_replaced_after_sealing_is_not_what_production_is_deployed_from(attacked, verifier, tmp_path):
    model = attacked.gather().trained.model
    attacked.put(TRAINER, attacked.run_of(TRAIN).artifacts["Configuration"], zipped({"configuration_production.json": b"{}"}))
    manifest, _ = verify_approval(verifier, **qa_seal(attacked))
    written = write_deploys(verifier, qa_seal(attacked)["seal_uri"], manifest, tmp_path / "approved")
    approved = members(attacked.read(attacked.run_of("Production.VerifyApproval").artifacts["Approved"]))
    assert {path.name: path.read_bytes() for path in written} == approved
    served = json.loads(approved["configuration_production.json"])["Parameters"]["ModelDataUrl"]
    assert served == f"s3://{attacked.evidence}/{attacked.pipeline}/models/{model.sha256}/model.tar.gz"


def test_a_source_that_is_replaced_after_sealing_is_named(attacked, verifier):
    """No step may; whoever has the pipeline's role could."""
    uri = attacked.run_of("Source.Source").artifacts["SourceOutput"]
    content = {**members(attacked.read(uri)), "mlkit.yml": b"steps: {mine: {}}\n"}
    attacked.put("PipelineRole", uri, zipped(content))
    assert void(verifier, attacked) == "The source archive changed since the evidence was sealed: mlkit.yml"
    assert attacked.refusal().startswith(f"The artifact SourceOutput ({uri}) was written at ")


def test_another_seal_than_the_approved_one_is_named(attacked, verifier):
    last = attacked.run_of("Production.SealEvidence").variables
    assert "is not the approved one" in void(verifier, attacked, seal_uri=last["EVIDENCE_URI"])
    assert f"seals execution {attacked.execution}" in void(verifier, attacked, execution="00000000-0000-0000-0000-000000000000")


@pytest.mark.parametrize("kind", ["folder", "link"])
def test_a_source_with_files_where_the_approved_ones_go_is_named(attacked, verifier, tmp_path, kind):
    """CodeBuild hands over all files of that folder that the buildspec names."""
    place = tmp_path / "mlkit-approved"
    place.mkdir() if kind == "folder" else place.symlink_to(tmp_path / "elsewhere")
    manifest, _ = verify_approval(verifier, **qa_seal(attacked))
    with pytest.raises(ApprovalVoid, match=r"mlkit-approved is there already: the source has a file or folder named mlkit-approved"):
        write_deploys(verifier, qa_seal(attacked)["seal_uri"], manifest, place)


def test_nothing_of_an_artifact_is_run_by_the_builds_that_seal_and_verify(attacked):
    for action, name in ((TEST, "QATested"), ("Source.Source", "SourceOutput")):
        assert set(HOSTILE) <= members(attacked.read(attacked.run_of(action).artifacts[name])).keys()
    assert not attacked.ran.exists()


def test_a_commit_cannot_write_links_or_turn_text_in_the_approvals_message(attacked):
    runs = attacked.client("codepipeline").list_action_executions(pipelineName=attacked.pipeline)["actionExecutionDetails"]
    (message,) = (run["input"]["resolvedConfiguration"]["CustomData"] for run in runs if run["actionName"] == "ApprovalGate")
    assert "evil" not in message
    assert "\u202e" not in message
    assert ": PASS 0.99 <b>seal</b> [link] [link]" in message
