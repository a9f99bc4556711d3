"""One honest execution is sealed; one that differs in one thing is refused by name, and nothing is sealed."""

import copy
import json
import re
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from honest_execution import (
    ENCODING_URI,
    GROUP,
    KEY_ARN,
    MINUTE,
    MODEL,
    MODEL_URI,
    PRODUCTION_PATH,
    PRODUCTION_SEAL,
    PRODUCTION_TEST,
    QA_PATH,
    QA_SEAL,
    QA_TEST,
    SOURCE_URI,
    START,
    TEMPLATE,
    TEMPLATE_PATH,
    TRAINING,
    VARIABLES,
    Draft,
    Execution,
    before_production_seals,
    before_qa_seals,
    configuration,
    stored,
    with_test,
)
from sealed_bundle import verify
from sealed_evidence import EXECUTION, PIPELINE, estimated, outcome, prepared_data, sha256

from mlkit.aws import gathering, object_versions
from mlkit.aws.signing import public_key
from mlkit.errors import EvidenceRefused, InvalidData, MlkitError, NotFound, UsageError
from mlkit.evidence.archives import members
from mlkit.evidence.envelope import key_pem
from mlkit.evidence.manifest import Approval, Seal
from mlkit.evidence.run_record import FileRecord, Origin

BASE = f"s3://evidence/{PIPELINE}"
MODEL_COPY = f"{BASE}/models/{sha256(MODEL)}/model.tar.gz"
QA_FOLDER, PRODUCTION_FOLDER = f"{BASE}/{EXECUTION}/{QA_SEAL}/b2s", f"{BASE}/{EXECUTION}/{PRODUCTION_SEAL}/b5s"
STAGED = f"s3://staging/{EXECUTION}"
TRAINED, CONFIGURED, TESTED = "s3://artifacts/line/Trained/1", "s3://artifacts/line/Configurat/1", "s3://artifacts/line/Tested/b2"
NOWHERE = "CodePipeline's history has no"


def bundle(made: Execution) -> dict[str, bytes]:
    """The evidence bucket as a bundle."""
    names = [name.removeprefix(f"{PIPELINE}/") for name in made.s3.names("evidence")]
    return {name.removeprefix(f"{EXECUTION}/"): made.s3.content(f"{BASE}/{name}") for name in names}


# --- what an honest execution gives


def test_an_honest_execution_is_sealed_and_its_evidence_verifies_offline() -> None:
    made = before_qa_seals()
    manifest = made.seal()
    verified = verify(bundle(made), public_key=key_pem(public_key(made.session, KEY_ARN)), head=made.exported["SEAL_SHA256"])
    undecided = "No seal in the bundle holds an approval: nobody had decided when the newest one was made."
    assert (verified.unproved, verified.lacking, verified.files, verified.head) == ((undecided,), (), 14, manifest)
    assert (manifest.pipeline, manifest.pipeline_execution_id, manifest.action, manifest.build) == (PIPELINE, EXECUTION, QA_SEAL, "b2s")
    assert (manifest.verdict, manifest.approval, manifest.champion, manifest.parents) == ("PASS", None, None, ())
    assert (manifest.model_s3_uri, manifest.model_sha256, manifest.tools_sha256) == (MODEL_URI, sha256(MODEL), "7" * 64)
    assert manifest.source.archive_sha256 == sha256(made.s3.content(SOURCE_URI))
    assert manifest.source.variables == VARIABLES
    assert sorted(manifest.code) == sorted(made.draft.source)
    assert manifest.code[TEMPLATE_PATH] == sha256(TEMPLATE)
    assert [(one.action, one.build, one.confirmed) for one in manifest.attempts] == [(TRAINING, "b1", True), (QA_TEST, "b2", True)]
    assert [file.s3_uri for file in manifest.files] == sorted(file.s3_uri for file in manifest.files)
    assert manifest.sealed_at.endswith("+00:00")


def test_all_objects_of_the_prepared_data_are_inputs() -> None:
    told, prepared = before_qa_seals().seal().inputs, prepared_data()
    objects = [prepared["encoding"], *(item for name in ("train", "validation", "test") for item in prepared[name]["objects"])]
    assert told == {item["s3_uri"]: item["sha256"] for item in objects}
    assert len(told) == 4


def test_every_object_of_the_evidence_is_written_once() -> None:
    made = before_qa_seals()
    manifest = made.seal()
    assert {request["IfNoneMatch"] for request in made.s3.requests} == {"*"}
    types = {request["Key"].rpartition("/")[2]: request["ContentType"] for request in made.s3.requests}
    assert types["manifest.json"] == types["seal.dsse.json"] == "application/json"
    assert types["review.html"] == "text/html; charset=utf-8"
    sizes = {file.s3_uri: (file.size_bytes, file.version_id) for file in manifest.files}
    assert sizes[MODEL_COPY] == (len(MODEL), "v1")


def test_production_is_deployed_from_the_source_s_template_and_the_sealed_model() -> None:
    def choose(draft: Draft) -> None:
        for document in (draft.production, draft.qa):
            document["Parameters"]["InstanceType"] = "ml.c5.large"

    made = before_qa_seals(choose)
    made.seal()
    assert made.s3.content(f"{QA_FOLDER}/deploys/sagemaker_prediction_endpoint.yaml") == TEMPLATE
    deployed = json.loads(made.s3.content(f"{QA_FOLDER}/deploys/configuration_production.json"))
    expected = configuration()
    expected["Parameters"] |= {"ModelDataUrl": MODEL_COPY, "InstanceType": "ml.c5.large"}
    assert deployed == expected
    assert made.s3.content(MODEL_COPY) == MODEL


def test_the_result_tells_the_approver_where_the_page_is_and_what_changed() -> None:
    made = before_qa_seals()
    made.seal()
    assert made.sealed.seal == Seal(s3_uri=f"{QA_FOLDER}/manifest.json", sha256=sha256(made.s3.content(f"{QA_FOLDER}/manifest.json")))
    key = f"{PIPELINE}/{EXECUTION}/{QA_SEAL}/b2s/review.html"
    assert made.sealed.page == f"https://eu-west-3.console.aws.amazon.com/s3/object/evidence?region=eu-west-3&prefix={key}"
    result = "PASS: match rate 0.6984, at least 0.65 is required; production has no model yet. No notes."
    places = f"Page: {made.sealed.page} Seal {made.sealed.seal.sha256}. Evidence: {QA_FOLDER}/manifest.json"
    assert made.sealed.message == f"{result} commit 8b35d7eb8e by Ada Keller: A new model. {places}"


def test_the_page_names_the_key_and_leads_to_the_execution_and_to_the_approval() -> None:
    made = before_qa_seals()
    made.seal()
    page = made.s3.content(f"{QA_FOLDER}/review.html").decode()
    pipeline = f"https://eu-west-3.console.aws.amazon.com/codesuite/codepipeline/pipelines/{PIPELINE}"
    assert f'href="{pipeline}/executions/{EXECUTION}/timeline?region=eu-west-3" rel="noreferrer noopener">Execution in CodePipeline' in page
    assert f'href="{pipeline}/view?region=eu-west-3" rel="noreferrer noopener">Approve or reject in CodePipeline' in page
    assert "Production &gt; ApprovalGate &gt; Review" in page
    assert "seal.dsse.json, beside this page" in page
    assert KEY_ARN in page.partition('id="digests"')[2]
    assert KEY_ARN not in page.partition('id="digests"')[0]
    assert "You, if you may approve this pipeline" in page
    row = ("ModelTraining", "Stage", "Build_and_Train", "Status", "Succeeded", "Started", "2026-03-14 09:10:00 UTC", "Took", "10 min 0 s")
    assert re.search(".{1,40}".join(row), page)
    assert ">SealEvidence</th>" not in page


def test_the_model_is_registered_by_the_first_seal_and_waits_for_its_approval() -> None:
    made = before_qa_seals()
    made.seal()
    (package,) = made.registry.packages
    assert (package["ModelPackageGroupName"], package["ModelApprovalStatus"]) == (GROUP, "PendingManualApproval")
    (container,) = package["InferenceSpecification"]["Containers"]
    assert container == {"Image": made.draft.trained["image_uri"], "ModelDataUrl": MODEL_COPY}
    told = {name.removeprefix("mlkit:"): value for name, value in package["CustomerMetadataProperties"].items()}
    metrics = {"match rate": "0.6984", "low": "0.6875", "high": "0.7093", "log loss": "0.5777", "rows": "9430.0"}
    assert told == {
        "model-sha256": sha256(MODEL),
        "evidence-uri": f"{QA_FOLDER}/manifest.json",
        "seal-sha256": made.exported["SEAL_SHA256"],
        "pipeline-execution": EXECUTION,
        "verdict": "PASS",
        **{f"metric:{name}": value for name, value in metrics.items()},
    }


# --- the seal of production


def test_production_s_seal_names_its_parent_and_who_approved() -> None:
    made = before_production_seals()
    first = Seal(s3_uri=made.exported["EVIDENCE_URI"], sha256=made.exported["SEAL_SHA256"])
    manifest = made.seal()
    assert manifest.parents == (first,)
    assert manifest.approval == Approval(
        action="Production.ApprovalGate",
        status="Approved",
        decided_by="arn:aws:iam::1:user/ann",
        decided_at="2026-03-14T10:10:00+00:00",
        comment="as good\nas the last",
    )
    key = key_pem(public_key(made.session, KEY_ARN))
    assert verify(bundle(made), public_key=key, head=made.exported["SEAL_SHA256"]).unproved == ()
    (package,) = made.registry.packages
    assert (package["ModelApprovalStatus"], package["ApprovalDescription"]) == (
        "Approved",
        "arn:aws:iam::1:user/ann: as good as the last",
    )
    assert package["CustomerMetadataProperties"]["mlkit:seal-sha256"] == first.sha256


def sealed_again(alter: Callable[[Execution], Any]) -> Execution:
    """The same execution when its production has the model and its sealing is retried."""
    made = before_production_seals()
    made.seal()
    alter(made)
    made.run(PRODUCTION_SEAL, "CodeBuild", "seal:b6s", status="InProgress")
    made.seal()
    return made


def test_the_model_that_production_serves_is_named_by_its_seal() -> None:
    made = sealed_again(lambda made: None)
    manifest = json.loads(made.s3.content(made.exported["EVIDENCE_URI"]))
    assert manifest["champion"]["s3_uri"] == f"{QA_FOLDER}/manifest.json"
    assert manifest["champion"] == manifest["parents"][0]
    assert [parent["s3_uri"] for parent in manifest["parents"]] == [f"{QA_FOLDER}/manifest.json", f"{PRODUCTION_FOLDER}/manifest.json"]
    assert "compared with production's version 1 before the approval, in QA's test" in made.sealed.message


def test_a_metric_whose_name_holds_an_address_is_not_shown_to_the_approver() -> None:
    def rename(draft: Any) -> None:
        draft.tested["estimate"] = {**estimated(), "metric": "AUC https://evil.example"}

    with pytest.raises(UsageError, match="are named by at most 40 letters"):
        before_qa_seals(rename).seal()


def test_production_s_evidence_must_be_the_registered_one() -> None:
    def forge(made: Execution) -> None:
        made.registry.packages[0]["CustomerMetadataProperties"]["mlkit:seal-sha256"] = "0" * 64

    with pytest.raises(EvidenceRefused, match=r"b2s/manifest\.json is not the seal with which production's model arn:.*/mlkit-ml-lab/1"):
        sealed_again(forge)


def test_a_retried_stage_of_qa_is_sealed_again_without_an_approval() -> None:
    made = before_qa_seals()
    made.seal()
    made.run(QA_SEAL, "CodeBuild", "seal:b3s", status="InProgress")
    assert [parent.s3_uri for parent in made.seal().parents] == [f"{QA_FOLDER}/manifest.json"]


@pytest.mark.parametrize("decision", ["", "Failed"])
def test_production_is_not_sealed_without_an_approval(decision: str) -> None:
    made = before_production_seals(decision=decision or "Succeeded")
    if not decision:
        made.history.actions.remove(made.action("Production.ApprovalGate"))
    refused(made, r"has no approval between QA\.SealEvidence and Production\.SealEvidence")


def test_a_build_that_runs_code_of_the_push_cannot_name_a_parent() -> None:
    made = before_qa_seals()
    made.action(TRAINING)["output"]["outputVariables"] |= {"SEAL_SHA256": "0" * 64, "EVIDENCE_URI": "s3://evidence/forged"}
    assert made.seal().parents == ()


def test_a_seal_that_failed_is_no_parent() -> None:
    made = before_qa_seals()
    made.action(QA_SEAL).update(status="Failed")
    made.run(QA_SEAL, "CodeBuild", "seal:b3s", status="InProgress")
    assert made.seal().parents == ()


def test_the_test_of_qa_cannot_stand_for_the_test_of_production() -> None:
    def without_result(made: Execution) -> None:
        made.put("s3://artifacts/line/Tested/b5", {})

    def without_notebook(made: Execution) -> None:
        made.action(PRODUCTION_TEST)["output"]["outputVariables"] = {}
        for key in [key for key in made.s3.versions if PRODUCTION_TEST in key[1]]:
            del made.s3.versions[key]

    made = before_production_seals()
    without_result(made)
    refused(made, "handoff/test_result.json is the test of mlkit-ml-lab-qa, not of mlkit-ml-lab-production")
    made = before_production_seals()
    without_notebook(made)
    refused(made, "No notebook of the stage Production is confirmed by its build")


# --- one thing is not as it should be


def refused(made: Execution, message: str, kind: type[MlkitError] = EvidenceRefused) -> None:
    before = (copy.deepcopy(made.s3.versions), len(made.registry.packages))
    with pytest.raises(kind, match=message):
        made.seal()
    assert (made.s3.versions, len(made.registry.packages)) == before


def nested(draft: Draft, *path: str, value: Any) -> None:
    """Set one member of the draft's documents."""
    document = getattr(draft, path[0])
    for name in path[1:-1]:
        document = document[name]
    document[path[-1]] = value


def setting(*path: str, value: Any) -> Callable[[Draft], None]:
    return lambda draft: nested(draft, *path, value=value)


def removed(*path: str) -> Callable[[Draft], Any]:
    return lambda draft: getattr(draft, path[0])[path[1]].pop(path[2])


def file(role: str, path: str, data: bytes = b"another") -> list[FileRecord]:
    return [FileRecord(role=role, path=path, sha256=sha256(data))]


LEFT = {
    "a notebook differs from its record": (
        setting("records", "01_prep", value={"executed_sha256": "0" * 64}),
        r"Training/b1/01_prep\.ipynb differs",
    ),
    "a record is of another action": (
        setting("records", "01_prep", value={"origin": Origin(action=QA_TEST)}),
        r"b1/01_prep\.record\.json is a record of QA",
    ),
    "a record is of another execution": (
        setting("records", "03_test_endpoint", value={"origin": Origin(action=QA_TEST, pipeline_execution_id="other")}),
        r"b2/03_test_endpoint\.record\.json is a record of the execution other",
    ),
    "a notebook read what none wrote": (
        setting("more_files", "03_test_endpoint", value=file("input", "handoff/rows.json")),
        r"b2/03_test_endpoint\.record\.json read a handoff/rows\.json that no",
    ),
    "a test writes the trained model": (
        setting("more_files", "03_test_endpoint", value=file("output", "handoff/trained_model.json")),
        r"b2/03_test_endpoint\.record\.json wrote handoff/trained_model\.json, which ModelTraining hands over",
    ),
    "a test writes production's configuration": (
        setting("more_files", "03_test_endpoint", value=file("output", PRODUCTION_PATH)),
        rf"03_test_endpoint\.record\.json wrote {PRODUCTION_PATH}, which ModelTraining",
    ),
    "an artifact has another trained model": (
        setting("artifacts", "handoff/trained_model.json", value=b"{}"),
        r"^handoff/trained_model\.json differs from the record",
    ),
    "an artifact has a file that no record names": (
        setting("artifacts", "handoff/more.json", value=b"{}"),
        r"^handoff/more\.json is among the artifacts, but no record",
    ),
    "an artifact has a file of a known name in a folder": (
        setting("artifacts", "handoff/a/trained_model.json", value=b"{}"),
        r"^QA\.TestEndpoint handed over handoff/a/trained_model\.json; handoff/ has no folders",
    ),
    "an artifact has a configuration that no record names": (
        setting("artifacts", "configuration_more.json", value=b"{}"),
        r"^CloudFormation/configuration_more\.json is among",
    ),
    "an artifact has another configuration": (
        setting("artifacts", "configuration_production.json", value=b"{}"),
        rf"^{PRODUCTION_PATH} differs",
    ),
    "the source has no template": (
        lambda draft: draft.source.pop(TEMPLATE_PATH),
        r"The source archive has no CloudFormation/sagemaker_prediction_endpoint\.yaml",
    ),
    "the model is of other data": (
        setting("trained", "prepared_data", "table", value="other"),
        r"trained_model\.json names other data than handoff/prepared_data\.json",
    ),
    "the encoding has the model's name": (
        setting("trained", "encoding", "s3_uri", value="s3://b/model.tar.gz"),
        r"the model and its encoding are both named model\.tar\.gz",
    ),
    "another model was tested": (
        setting("tested", "model", value=stored(MODEL_URI, b"other")),
        rf"test_result\.json is about the model {sha256(b'other')}, not {sha256(MODEL)}",
    ),
    "another endpoint was tested": (
        setting("tested", "endpoint", value="mlkit-ml-lab-dev"),
        r"test_result\.json is the test of mlkit-ml-lab-dev, not of mlkit-ml-lab-qa",
    ),
    "the policy is another metric's": (
        setting("tested", "policy", value={**outcome()["policy"], "metric": "AUC"}),
        r"test_result\.json has a policy about the AUC, not the match rate",
    ),
    "the verdict is none": (lambda draft: setattr(draft, "verdict", "GREAT"), r"test_result\.json has the verdict GREAT"),
    **{
        f"the test's build exported another {name}": (
            setting("exported", name, value=value),
            f"^QA.TestEndpoint exported {name}={value}; its handoff/test_result.json has ",
        )
        for name, value in {
            "VERDICT": "PASS: as good as ever",
            "METRIC": "AUC",
            "VALUE": "0.9999",
            "LOW": "",
            "HIGH": "1",
            "ROWS": "9431",
        }.items()
    },
    "the configuration is no JSON": (lambda draft: setattr(draft, "production", b"x"), "production.json is no template configuration"),
    "the configuration is a list": (lambda draft: setattr(draft, "production", b"[]"), "production.json is no template configuration"),
    "the configuration is nested deeply": (
        lambda draft: setattr(draft, "production", b"[" * 100_000),
        "production.json is no template configuration",
    ),
    "the parameters are pairs": (setting("production", "Parameters", value=[["a", "b"]]), "production.json is no template configuration"),
    "the configuration has no tags": (lambda draft: draft.production.pop("Tags"), "production.json is no template configuration: 'Tags'"),
    "the configuration has a policy": (
        setting("production", "StackPolicy", value={}),
        "production.json has StackPolicy, which the training notebook does not write",
    ),
    "the stack is tagged as another execution's": (
        setting("production", "Tags", "mlkit:pipeline-execution", value="other"),
        f"production.json: mlkit:pipeline-execution is other, the trained model has {EXECUTION}",
    ),
    "another parameter is set": (
        setting("production", "Parameters", "InstanceCount", value="20"),
        "production.json sets InstanceCount, which the training notebook does not set",
    ),
    "a parameter is a function": (
        setting("production", "Parameters", "InstanceType", value={"Fn::GetParam": ["a", "b", "c"]}),
        "production.json: InstanceType is {'Fn::GetParam': .* is no text",
    ),
    "a parameter of QA is a function": (
        setting("qa", "Parameters", "ImageUri", value={"Fn::GetParam": ["a", "b", "c"]}),
        "qa.json: ImageUri is {'Fn::GetParam': .* is no text",
    ),
    "QA's configuration is no JSON": (lambda draft: setattr(draft, "qa", b"x"), "qa.json is no template configuration"),
    "production has other machines than QA": (
        setting("production", "Parameters", "InstanceType", value="ml.c5.large"),
        "production.json: InstanceType is ml.c5.large, QA was tested with None",
    ),
    "QA has more machines": (
        setting("qa", "Parameters", "InstanceCount", value="20"),
        "production.json: InstanceCount is None, QA was tested with 20",
    ),
    "QA has other tags": (setting("qa", "Tags", "owner", value="me"), "production.json: owner is None, QA was tested with me"),
    "a parameter is missing": (removed("production", "Parameters", "ImageUri"), "production.json: ImageUri is None"),
    **{
        f"{name} is another": (setting("production", "Parameters", name, value="other"), f"production.json: {name} is other, the trained")
        for name in ("EndpointName", "ImageUri", "ModelDataUrl", "ExecutionRoleArn")
    },
}


@pytest.mark.parametrize("what", LEFT)
def test_what_a_build_left_is_refused(what: str) -> None:
    edit, message = LEFT[what]
    refused(before_qa_seals(edit), message)


def put(s3_uri: str, data: bytes = b"another content") -> Callable[[Execution], Any]:
    """Write the object during the test's build."""
    return lambda made: made.s3.put(s3_uri, data, made.now - 15 * MINUTE)


def gone(s3_uri: str) -> Callable[[Execution], Any]:
    bucket, key = s3_uri.removeprefix("s3://").split("/", 1)
    return lambda made: made.s3.versions.pop((bucket, key))


def repacked(s3_uri: str, name: str) -> Callable[[Execution], Any]:
    """The archive without one file."""

    def pack(made: Execution) -> None:
        made.put(s3_uri, {path: data for path, data in members(made.s3.content(s3_uri)).items() if not path.startswith(name)})

    return pack


def told(action: str, **changes: Any) -> Callable[[Execution], Any]:
    """The history tells another thing of the action's output."""
    return lambda made: made.action(action)["output"].update(changes)


def without(action: str) -> Callable[[Execution], Any]:
    return lambda made: made.history.actions.remove(made.action(action))


ALTERED = {
    "a staged file was deleted": (
        lambda made: made.s3.deleted.append(("staging", f"{EXECUTION}/{QA_TEST}/b2/gone.ipynb")),
        f"^{STAGED}/{QA_TEST}/b2/gone.ipynb was deleted",
    ),
    "a file is staged beside the builds": (
        put(f"{STAGED}/{QA_TEST}/notes.txt"),
        f"^{STAGED}/{QA_TEST}/notes.txt lies where no build stages",
    ),
    "a file is staged in a folder of a build": (
        put(f"{STAGED}/{QA_TEST}/b2/a/b"),
        f"^{STAGED}/{QA_TEST}/b2/a/b lies where no build stages",
    ),
    "a file is staged by no build": (
        put(f"{STAGED}/{QA_TEST}/b9/01.ipynb"),
        f"^{QA_TEST}/b9/01.ipynb is staged, but CodePipeline knows no",
    ),
    "a file is staged for a build that ended": (put(f"{STAGED}/{TRAINING}/b1/01_prep.ipynb"), "b1/01_prep.ipynb was written at .*, after"),
    "an earlier version was late": (
        lambda made: made.s3.versions["staging", f"{EXECUTION}/{TRAINING}/b1/01_prep.ipynb"][0].update(at=made.now),
        "b1/01_prep.ipynb was written at .*, after its build ended",
    ),
    "a record is not staged": (gone(f"{STAGED}/{QA_TEST}/b2/03_test_endpoint.record.json"), "03_test_endpoint.record.json is not staged"),
    "a notebook is not staged": (gone(f"{STAGED}/{TRAINING}/b1/02_train.ipynb"), "b1/02_train.ipynb is not staged"),
    "a build exported no digests": (told(TRAINING, outputVariables={}), f"The build {TRAINING}/b1 succeeded, but exported no digests"),
    "a build exported other digests": (told(TRAINING, outputVariables={"RECORDS": f"01_prep={'0' * 64}"}), "01_prep.record.json differs"),
    "the training is not in the history": (without(TRAINING), f"CodePipeline knows no such build of {TRAINING}"),
    "the source is not in the history": (without("Source.Source"), f"{NOWHERE} Source that succeeded"),
    "the source failed": (lambda made: made.action("Source.Source").update(status="Failed"), f"{NOWHERE} Source that succeeded"),
    "the source has no archive": (told("Source.Source", outputArtifacts=[]), f"{NOWHERE} source archive"),
    "the source is no archive": (lambda made: made.s3.put(SOURCE_URI, b"none"), "An artifact is no zip archive"),
    "the source was replaced": (
        put(SOURCE_URI),
        rf"^The artifact A0 \({SOURCE_URI}\) was written at .*Z, after Source.Source ended at .*Z",
    ),
    "an artifact was replaced": (put(TRAINED), rf"^The artifact A0 \({TRAINED}\) was written at .*, after {TRAINING} ended"),
    "the model was replaced and put back": (put(MODEL_URI, MODEL), f"^The model {MODEL_URI} was written at .*, after {TRAINING} ended"),
    "a finished step was put there later": (
        lambda made: made.s3.put(f"s3://staging/steps/{EXECUTION}/02_train/1/record.json", b"{}", made.now + MINUTE),
        f"^s3://staging/steps/{EXECUTION}/02_train/1/record.json was written at .*, when no build of this execution ran",
    ),
    "a finished step was put there before": (
        lambda made: made.s3.put(f"s3://staging/steps/{EXECUTION}/02_train/1/record.json", b"{}", START - MINUTE),
        "record.json was written at .*, when no build of this execution ran",
    ),
    "an artifact is no archive": (put(TESTED), "An artifact is no zip archive"),
    "no artifact has the configuration": (repacked(CONFIGURED, "configuration_production"), f"holds {PRODUCTION_PATH}"),
    "no artifact has QA's configuration": (repacked(CONFIGURED, "configuration_qa"), f"holds {QA_PATH}"),
    "no artifact has the test's result": (
        repacked(TESTED, "handoff/test_result"),
        "No artifact of the execution holds handoff/test_result",
    ),
    "no artifact has a trained model": (
        lambda made: [repacked(one, "handoff/trained_model")(made) for one in (TRAINED, TESTED)],
        "No artifact of the execution holds handoff/trained_model.json",
    ),
    "no artifact has the prepared data": (
        lambda made: [repacked(one, "handoff/prepared_data")(made) for one in (TRAINED, TESTED)],
        "No artifact of the execution holds handoff/prepared_data.json",
    ),
    "the model was replaced": (
        lambda made: made.s3.put(MODEL_URI, b"another"),
        f"^{MODEL_URI} is not the file that the training notebook recorded",
    ),
    "the encoding was replaced": (put(ENCODING_URI), f"^{ENCODING_URI} is not the file that the training notebook recorded"),
}


@pytest.mark.parametrize("what", ALTERED)
def test_what_was_altered_is_refused(what: str) -> None:
    alter, message = ALTERED[what]
    made = before_qa_seals()
    alter(made)
    refused(made, message)


@pytest.mark.parametrize("name", ["prepared", "trained"])
def test_a_damaged_result_is_told_by_its_name(name: str) -> None:
    path = {"prepared": "handoff/prepared_data.json", "trained": "handoff/trained_model.json"}[name]
    refused(before_qa_seals(lambda draft: setattr(draft, name, b"x")), f"^{path} is not JSON", UsageError)


def test_an_execution_that_staged_nothing_is_not_sealed() -> None:
    made = before_qa_seals()
    for key in [key for key in made.s3.versions if key[0] == "staging"]:
        del made.s3.versions[key]
    refused(made, f"^{STAGED}/ is empty", NotFound)


def test_what_another_execution_staged_is_not_sealed() -> None:
    made = before_qa_seals()
    made.s3.put("s3://staging/another/QA.TestEndpoint/b2/01.ipynb", b"{}")
    assert not [file for file in made.seal().files if "another" in file.s3_uri]


def test_more_than_a_build_can_hold_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    made = before_qa_seals()
    size = sum(len(found[-1]["data"]) for (bucket, _), found in made.s3.versions.items() if bucket == "staging")
    monkeypatch.setattr(object_versions, "MOST_BYTES", size - 1)
    refused(made, f"More than 0 MB are staged, with {STAGED}/{QA_TEST}/b2/03_test_endpoint.record.json")
    monkeypatch.setattr(object_versions, "MOST_BYTES", size)
    assert made.seal()


def test_what_is_staged_while_sealing_reads_is_not_read() -> None:
    made = before_qa_seals()
    listed, notebook = made.s3._list, f"{STAGED}/{TRAINING}/b1/01_prep.ipynb"
    honest = made.s3.content(notebook)

    def then_written(**asked: Any) -> Any:
        pages = list(listed(**asked))
        made.s3.put(notebook, b"written between the list and the reading")
        return pages

    made.s3._list = then_written  # type: ignore[method-assign,assignment]
    made.seal()
    assert made.s3.content(f"{BASE}/{EXECUTION}/{TRAINING}/b1/01_prep.ipynb") == honest


def test_an_address_that_holds_something_else_is_never_replaced() -> None:
    made = before_qa_seals()
    made.s3.put(MODEL_COPY, b"another model")
    with pytest.raises(InvalidData, match=f"^{MODEL_COPY} already holds something else"):
        made.seal()
    assert made.s3.content(MODEL_COPY) == b"another model"
    assert not [name for name in made.s3.names("evidence") if name.endswith("manifest.json")]


def test_a_failed_attempt_is_sealed_and_its_artifacts_do_not_count() -> None:
    made = before_qa_seals()
    failed = copy.deepcopy(made.action(TRAINING))
    failed |= {"status": "Failed", "startTime": made.now - 5 * MINUTE, "lastUpdateTime": made.now}
    failed["output"]["executionResult"]["externalExecutionId"] = "training:b0"
    failed["output"]["outputVariables"] = {}
    failed["output"]["outputArtifacts"][0]["s3location"]["key"] = "line/Trained/0"
    made.put("s3://artifacts/line/Trained/0", {"handoff/trained_model.json": b"{}"})
    made.history.actions.insert(3, failed)
    place = f"s3://staging/{EXECUTION}/{TRAINING}/b1/01_prep"
    for suffix in (".ipynb", ".record.json"):
        made.s3.put(f"{place}{suffix}".replace("/b1/", "/b0/"), made.s3.content(f"{place}{suffix}"), made.now - 4 * MINUTE)
    assert [(one.build, one.confirmed) for one in made.seal().attempts] == [("b1", True), ("b2", True), ("b0", False)]


def test_a_finished_step_of_this_execution_is_sealed() -> None:
    made = before_qa_seals()
    made.s3.put(f"s3://staging/steps/{EXECUTION}/02_train/1/record.json", b"{}", made.action(TRAINING)["startTime"] + MINUTE)
    assert made.seal()


def test_a_test_that_runs_again_exports_the_sealed_figures() -> None:
    """It hands over the same result, but CodePipeline's history shows what the newest build exported."""
    made = before_qa_seals()
    made.history.actions.pop()
    made.draft.exported = {"VERDICT": "GREAT"}
    refused(with_test(made, "QA", "b3"), "QA.TestEndpoint exported VERDICT=GREAT")


# --- CodePipeline's history


def clock(monkeypatch: pytest.MonkeyPatch, after_each_wait: Callable[[], Any] = lambda: None) -> list[float]:
    """A clock that only moves while sealing waits for the history; the seconds waited."""
    waited: list[float] = []

    def sleep(seconds: float) -> None:
        waited.append(10.0)
        after_each_wait()

    monkeypatch.setattr(gathering, "time", SimpleNamespace(monotonic=lambda: sum(waited), sleep=sleep))
    return waited


def test_sealing_waits_until_the_history_has_all_that_came_before(monkeypatch: pytest.MonkeyPatch) -> None:
    made = before_qa_seals()
    test = made.action(QA_TEST)
    test["status"] = "InProgress"
    waited = clock(monkeypatch, lambda: test.update(status="Succeeded"))
    assert made.seal().attempts[-1].action == QA_TEST
    assert (len(waited), made.aws.polls) == (1, [2.0])


def test_sealing_waits_until_the_history_has_its_own_action(monkeypatch: pytest.MonkeyPatch) -> None:
    made = before_qa_seals()
    build, own = made.build, made.history.actions.pop()
    waited = clock(monkeypatch, lambda: made.history.actions.append(own))
    monkeypatch.setattr(Execution, "build", build)
    assert made.seal()
    assert len(waited) == 1


def test_a_history_that_never_has_the_action_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    made = before_qa_seals()
    build = made.build
    made.history.actions.pop()
    waited = clock(monkeypatch)
    monkeypatch.setattr(Execution, "build", build)
    refused(made, f"CodePipeline does not list {QA_SEAL} of {EXECUTION}", NotFound)
    assert sum(waited) == 70.0


@pytest.fixture
def _in_tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("_in_tokyo")
def test_times_are_told_in_utc_wherever_the_build_and_the_clients_are() -> None:
    made = before_production_seals()
    for action in made.history.actions:
        for name in ("startTime", "lastUpdateTime"):
            action[name] = action[name].astimezone()
    manifest = made.seal()
    assert (manifest.attempts[0].started, manifest.attempts[0].ended) == ("2026-03-14T09:10:00+00:00", "2026-03-14T09:20:00+00:00")
    assert manifest.approval.decided_at == "2026-03-14T10:10:00+00:00"
    assert manifest.sealed_at.endswith("+00:00")
    assert "2026-03-14 10:20:00 UTC" in made.s3.content(f"{PRODUCTION_FOLDER}/review.html").decode()
    made = before_qa_seals()
    made.s3.put(f"{STAGED}/{QA_TEST}/b2/late.ipynb", b"{}", made.now.astimezone())
    refused(made, r"late\.ipynb was written at 2026-03-14T09:50:00\+00:00, after its build ended at 2026-03-14T09:40:00\+00:00")
