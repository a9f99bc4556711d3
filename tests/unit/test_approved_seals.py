"""VerifyApproval passes what was sealed, signed and approved; one thing that differs is told, and production is not deployed."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aws_in_memory import InMemory, Kms
from honest_execution import KEY_ARN, MODEL, PRODUCTION_PATH, QA_SEAL, SOURCE_URI, TEMPLATE, TRAINING, Execution, before_qa_seals
from sealed_evidence import EXECUTION, PIPELINE, sha256
from typer.testing import CliRunner

from mlkit import cli
from mlkit.aws import session as sessions
from mlkit.aws.approved import write_deploys
from mlkit.aws.signing import EvidenceSigner
from mlkit.errors import ApprovalVoid, MlkitError, NotFound
from mlkit.evidence.envelope import sign, statement_of
from mlkit.evidence.manifest import Manifest, Seal

FOLDER = f"s3://evidence/{PIPELINE}/{EXECUTION}/{QA_SEAL}/b2s"
DEPLOYS = ["configuration_production.json", "sagemaker_prediction_endpoint.yaml"]


def sealed(edit: Callable[[Any], Any] | None = None) -> Execution:
    made = before_qa_seals(edit)
    made.seal()
    return made


def void(made: Execution, message: str, kind: type[MlkitError] = ApprovalVoid, **changes: str) -> None:
    with pytest.raises(kind, match=message):
        made.verify(**changes)


def meddled(made: Execution, s3_uri: str, data: bytes = b"another content") -> None:
    """Replace the bytes of the object's first version, as nobody but S3 can."""
    bucket, key = s3_uri.removeprefix("s3://").split("/", 1)
    made.s3.versions[bucket, key][0]["data"] = data


def resealed(made: Execution, edit: Callable[[Manifest], Manifest]) -> None:
    """Put another manifest and its signature in place of the sealed one, as a sealer that is wrong would."""
    manifest = edit(Manifest.from_bytes(made.s3.content(f"{FOLDER}/manifest.json")))
    page = made.s3.content(f"{FOLDER}/review.html")
    meddled(made, f"{FOLDER}/manifest.json", manifest.to_bytes())
    meddled(made, f"{FOLDER}/seal.dsse.json", sign(statement_of(manifest, page), EvidenceSigner(made.session, KEY_ARN)))
    assert made.sealed is not None
    made.sealed = replace(made.sealed, seal=Seal(s3_uri=f"{FOLDER}/manifest.json", sha256=sha256(manifest.to_bytes())))


def test_what_was_approved_is_handed_to_production_s_deployment(tmp_path: Path) -> None:
    made = sealed()
    manifest, compared = made.verify()
    assert compared == ["the signature", "14 sealed files", "the source archive", "the model", *DEPLOYS]
    assert made.kms.asked[-1] == KEY_ARN
    written = write_deploys(made.session, made.exported["EVIDENCE_URI"], manifest, tmp_path / "new" / "approved")
    assert written == [tmp_path / "new" / "approved" / name for name in DEPLOYS]
    assert written[1].read_bytes() == TEMPLATE
    model = f"s3://evidence/{PIPELINE}/models/{sha256(MODEL)}/model.tar.gz"
    assert json.loads(written[0].read_bytes())["Parameters"]["ModelDataUrl"] == model


def test_what_was_written_over_the_sealed_versions_does_not_matter(tmp_path: Path) -> None:
    made = sealed()
    for key in made.s3.names("evidence"):
        if not key.endswith(("manifest.json", "seal.dsse.json", "review.html")):
            made.s3.put(f"s3://evidence/{key}", b"written over")
    manifest, _ = made.verify()
    assert write_deploys(made.session, made.exported["EVIDENCE_URI"], manifest, tmp_path / "new")[1].read_bytes() == TEMPLATE


@pytest.mark.parametrize("verdict", ["PASS", "INCONCLUSIVE"])
def test_a_verdict_that_a_person_may_approve(verdict: str) -> None:
    assert sealed(lambda draft: setattr(draft, "verdict", verdict)).verify()[0].verdict == verdict


def test_a_model_that_failed_is_not_deployed() -> None:
    void(sealed(lambda draft: setattr(draft, "verdict", "FAIL")), "^The sealed verdict is FAIL")


def test_another_manifest_than_the_approved_one_is_told() -> None:
    void(sealed(), f"^The digest of the manifest {FOLDER}/manifest.json is not the approved one", seal_sha256="0" * 64)


def test_a_seal_of_another_pipeline_or_execution_is_told() -> None:
    told = f"^{FOLDER}/manifest.json seals execution {EXECUTION} of {PIPELINE}"
    void(sealed(), told, pipeline="other")
    void(sealed(), told, execution="other")


SEALED = sorted(before_qa_seals().seal().files, key=lambda file: file.s3_uri)


@pytest.mark.parametrize("s3_uri", [file.s3_uri for file in SEALED], ids=lambda s3_uri: "/".join(s3_uri.split("/")[-3:]))
def test_a_sealed_file_that_differs_is_told(s3_uri: str) -> None:
    made = sealed()
    meddled(made, s3_uri)
    void(made, f"^{s3_uri} differs from what was sealed")


def source(edit: Callable[[dict[str, bytes]], Any]) -> Execution:
    made = sealed()
    changed = dict(made.draft.source)
    edit(changed)
    made.put(SOURCE_URI, changed)
    return made


def test_a_source_that_changed_is_told_by_its_files() -> None:
    told = "^The source archive changed since the evidence was sealed: "
    void(source(lambda files: files.update({"mlkit.yml": b"another", "mlkit/new.py": b""})), f"{told}mlkit.yml, mlkit/new.py\n")
    void(source(lambda files: files.pop("mlkit.yml")), f"{told}mlkit.yml\n")
    void(source(lambda files: files.update(README=b"")), f"{told}files that are no code\n")
    void(source(lambda files: files.update({f"{name}.py": b"" for name in "abcdef"})), rf"{told}a\.py, b\.py, c\.py, d\.py, e\.py\n")


def test_a_source_that_the_history_does_not_have_is_told() -> None:
    for alter in ({"status": "Failed"}, {"actionName": "Other"}):
        made = sealed()
        made.action("Source.Source").update(alter)
        void(made, "^CodePipeline's history has no source archive of this execution")


def test_the_newest_source_counts() -> None:
    made = sealed()
    made.run("Source.Source", "CodeStarSourceConnection", artifacts=[made.put("s3://artifacts/line/SourceOutp/2", {"mlkit.yml": b"new"})])
    void(made, "^The source archive changed")


def test_a_seal_that_another_key_signed_is_told() -> None:
    made = sealed()
    made.aws = InMemory(s3=made.s3, codepipeline=made.history, kms=Kms(8))
    void(made, f"^{QA_SEAL}/b2s/seal.dsse.json names another key")


def test_a_signature_that_does_not_fit_is_told() -> None:
    made = sealed()
    document = json.loads(made.s3.content(f"{FOLDER}/seal.dsse.json"))
    document["payload"] = json.loads(before_other().s3.content(f"{FOLDER}/seal.dsse.json"))["payload"]
    meddled(made, f"{FOLDER}/seal.dsse.json", json.dumps(document, sort_keys=True, separators=(",", ":")).encode() + b"\n")
    void(made, rf"^The signature of {QA_SEAL}/b2s/seal\.dsse\.json does not fit")


def before_other() -> Execution:
    return sealed(lambda draft: setattr(draft, "verdict", "INCONCLUSIVE"))


def test_a_signature_of_another_manifest_is_told() -> None:
    made = sealed()
    meddled(made, f"{FOLDER}/seal.dsse.json", before_other().s3.content(f"{FOLDER}/seal.dsse.json"))
    void(made, rf"^{QA_SEAL}/b2s/manifest\.json is not the manifest that seal\.dsse\.json beside it signs")


def test_a_page_that_is_not_the_signed_one_is_told() -> None:
    made = sealed()
    meddled(made, f"{FOLDER}/review.html")
    void(made, rf"^{QA_SEAL}/b2s/review\.html changed since it was sealed")


@pytest.mark.parametrize("name", ["seal.dsse.json", "review.html"])
def test_a_seal_without_its_signature_or_page_is_told(name: str) -> None:
    made = sealed()
    del made.s3.versions["evidence", f"{FOLDER}/{name}".removeprefix("s3://evidence/")]
    void(made, f"^{FOLDER}/{name}: ", NotFound)


def kept(manifest: Manifest, *without: str) -> Manifest:
    return replace(manifest, files=tuple(file for file in manifest.files if not file.s3_uri.endswith(without)))


WRONG = {
    "the model is not sealed": (lambda manifest: kept(manifest, "model.tar.gz"), "model.tar.gz is not what the manifest"),
    "the encoding lies in the model's place": (
        lambda manifest: replace(kept(manifest, "model.tar.gz"), files=tuple(swapped(manifest))),
        "model.tar.gz is not what the manifest",
    ),
    "a notebook is not sealed": (lambda manifest: kept(manifest, "01_prep.ipynb"), "01_prep.ipynb is not the notebook of its record"),
    "a record is not sealed": (lambda manifest: kept(manifest, "01_prep.record.json"), "01_prep.record.json is not the record"),
    "a result is no notebook's": (
        lambda manifest: replace(manifest, attempts=manifest.attempts[:1], files=tuple(without_tests(manifest))),
        "handoff/test_result.json is not the file that the records name",
    ),
    "production is deployed from an unsealed file": (
        lambda manifest: replace(manifest, deploys={**manifest.deploys, "more.json": "0" * 64}),
        "deploys/more.json is not the file that the manifest deploys",
    ),
    "the seal is another build's": (lambda manifest: replace(manifest, build="b9"), "is in the wrong folder"),
}


def swapped(manifest: Manifest) -> Any:
    encoding = next(file for file in manifest.files if file.s3_uri.endswith("feature_index.parquet"))
    address = encoding.s3_uri.replace("feature_index.parquet", "model.tar.gz")
    yield from kept(manifest, "model.tar.gz").files
    yield replace(encoding, s3_uri=address)


def without_tests(manifest: Manifest) -> Any:
    return (file for file in manifest.files if "/QA.TestEndpoint/" not in file.s3_uri)


@pytest.mark.parametrize("what", WRONG)
def test_a_signed_manifest_that_does_not_fit_its_files_is_told(what: str) -> None:
    edit, message = WRONG[what]
    made = sealed()
    if what == "the encoding lies in the model's place":
        meddled(made, f"s3://evidence/{PIPELINE}/models/{sha256(MODEL)}/model.tar.gz", b"an encoding")
    resealed(made, edit)
    void(made, message)


def test_a_seal_whose_files_lie_in_another_bucket_is_told() -> None:
    made = sealed()
    for key in made.s3.names("evidence"):
        made.s3.put(f"s3://elsewhere/{key}", made.s3.content(f"s3://evidence/{key}"))

    def moved(manifest: Manifest) -> Manifest:
        return replace(
            manifest, files=tuple(replace(file, s3_uri=file.s3_uri.replace("/evidence/", "/elsewhere/")) for file in manifest.files)
        )

    resealed(made, moved)
    void(made, f"^{FOLDER}/manifest.json lists files of another evidence bucket")


def test_a_seal_that_lists_a_file_of_another_execution_is_told() -> None:
    made = sealed()
    address = f"s3://evidence/{PIPELINE}/other/{TRAINING}/b1/01_prep.ipynb"
    made.s3.put(address, made.s3.content(f"s3://evidence/{PIPELINE}/{EXECUTION}/{TRAINING}/b1/01_prep.ipynb"))
    notebook = next(file for file in SEALED if file.s3_uri.endswith("01_prep.ipynb"))
    resealed(made, lambda manifest: replace(manifest, files=(*manifest.files, replace(notebook, s3_uri=address))))
    void(made, "lists a file of another execution")


def test_a_deployed_file_that_is_not_sealed_or_differs_is_not_written(tmp_path: Path) -> None:
    made = sealed()
    manifest, _ = made.verify()
    more = replace(manifest, deploys={"more.json": "0" * 64})
    with pytest.raises(ApprovalVoid, match=f"^{FOLDER}/deploys/more.json is not among the sealed files"):
        write_deploys(made.session, made.exported["EVIDENCE_URI"], more, tmp_path / "a")
    meddled(made, f"{FOLDER}/deploys/configuration_production.json")
    with pytest.raises(ApprovalVoid, match=f"^{FOLDER}/deploys/configuration_production.json differs from what was approved"):
        write_deploys(made.session, made.exported["EVIDENCE_URI"], manifest, tmp_path / "b")
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


# --- the commands of the builds


def invoked(monkeypatch: pytest.MonkeyPatch, made: Execution, *words: str, **environment: str) -> Any:
    monkeypatch.setattr(sessions, "Session", lambda: made.session)
    return CliRunner().invoke(cli.app, ["evidence", *words], env={"COLUMNS": "200", **environment})


COMMON = {"PIPELINE": PIPELINE, "PIPELINE_EXECUTION_ID": EXECUTION, "EVIDENCE_KEY": KEY_ARN}


def test_the_verifying_build_needs_only_its_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    made = sealed()
    told = {**COMMON, "SEAL_URI": made.exported["EVIDENCE_URI"], "SEAL_SHA256": made.exported["SEAL_SHA256"]}
    done = invoked(monkeypatch, made, "verify-approval", "--approved", str(tmp_path / "approved"), **told)
    assert done.exit_code == 0, done.output
    assert done.output.splitlines()[-1].startswith("As approved: the signature, 14 sealed files, the source archive, the model")
    assert sorted(path.name for path in (tmp_path / "approved").iterdir()) == DEPLOYS
    without_key = {**told, "EVIDENCE_KEY": ""}
    done = invoked(monkeypatch, made, "verify-approval", "--approved", str(tmp_path / "more"), **without_key)
    assert done.exit_code != 0


def test_the_sealing_build_needs_only_its_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    made = before_qa_seals()
    told = {**COMMON, "STAGING": "s3://staging", "EVIDENCE": "s3://evidence/", "ACTION": QA_SEAL, "CODEBUILD_BUILD_ID": "seal:b2s"}
    told |= {"TOOLS_SHA256": "7" * 64, "MODEL_GROUP": "mlkit-ml-lab"}
    done = invoked(monkeypatch, made, "seal", "--exports", str(tmp_path / "exports.env"), **told)
    assert done.exit_code == 0, done.output
    lines = (tmp_path / "exports.env").read_text().splitlines()
    assert [line.partition("=")[0] for line in lines] == [
        f"export {name}" for name in ("SEAL_SHA256", "EVIDENCE_URI", "REVIEW_PAGE", "MESSAGE")
    ]
    assert f"export EVIDENCE_URI={FOLDER}/manifest.json" in lines
    assert PRODUCTION_PATH.endswith(DEPLOYS[0])
