import hashlib
from pathlib import Path

import pytest

from mlkit.errors import ApprovalVoid, UsageError
from mlkit.evidence.manifest import Manifest, SealedFile, check_unchanged, code_digests, code_sha256


def manifest(**changes: object) -> Manifest:
    values: dict[str, object] = {
        "pipeline": "p",
        "pipeline_execution_id": "e",
        "action": "QA.SealEvidence",
        "sealed_at": "2026-01-01T00:00:00+00:00",
        "code_sha256": "c" * 64,
        "model_s3_uri": "s3://bucket/models/m/model.tar.gz",
        "model_sha256": "d" * 64,
        "verdict": "PASS",
        "configurations": {"configuration_production.json": "e" * 64},
        "files": (SealedFile(s3_uri="s3://evidence/a.ipynb", version_id="1", sha256="f" * 64, size_bytes=3),),
    }
    return Manifest(**{**values, **changes})  # type: ignore[arg-type]


def now(**changes: str) -> dict[str, str]:
    return {"code": "c" * 64, "model": "d" * 64, "configuration_production.json": "e" * 64, **changes}


def test_a_manifest_survives_its_bytes_and_equal_ones_have_equal_bytes() -> None:
    again = Manifest.from_bytes(manifest().to_bytes())
    assert again == manifest()
    assert again.to_bytes() == manifest().to_bytes()


def test_a_manifests_bytes_have_sorted_names_no_spaces_and_one_line() -> None:
    sealed = manifest(pipeline="Köln", files=()).to_bytes().decode()
    rest = f'"configurations":{{"configuration_production.json":"{"e" * 64}"}},"files":[],"model_s3_uri":'
    assert sealed.startswith(f'{{"action":"QA.SealEvidence","code_sha256":"{"c" * 64}",{rest}')
    assert '"pipeline":"Köln","pipeline_execution_id":"e","schema":"mlkit/manifest/1",' in sealed
    assert sealed.endswith('"verdict":"PASS"}\n')


@pytest.mark.parametrize("data", [b"{", b"\xff", b"[]", b"1", b"{}", b'{"files": [{}]}', b'{"files": [1]}', b'{"files": [], "other": 1}'])
def test_bytes_that_are_no_manifest_are_refused(data: bytes) -> None:
    with pytest.raises(UsageError, match="The manifest cannot be read: ") as raised:
        Manifest.from_bytes(data)
    assert raised.value.cure == "Was it written by another version of mlkit?"


def test_a_manifest_of_another_version_is_refused() -> None:
    with pytest.raises(UsageError, match="The manifest is a mlkit/manifest/0, not a mlkit/manifest/1") as raised:
        Manifest.from_bytes(manifest(schema="mlkit/manifest/0").to_bytes())
    assert raised.value.cure == "Read it with the version of mlkit that wrote it."


@pytest.mark.parametrize("verdict", ["PASS", "INCONCLUSIVE"])
def test_unchanged_files_may_be_deployed(verdict: str) -> None:
    assert check_unchanged(manifest(verdict=verdict), now()) == ["code", "configuration_production.json", "model"]


def test_all_that_changed_is_named_in_one_sentence() -> None:
    changed = now(model="0" * 64, code="0" * 64)
    with pytest.raises(ApprovalVoid, match=r"^Not what was approved: code, model changed since the evidence was sealed"):
        check_unchanged(manifest(), changed)


@pytest.mark.parametrize("name", ["code", "model", "configuration_production.json", "configuration_extra.json"])
def test_whatever_changed_since_is_named(name: str) -> None:
    with pytest.raises(ApprovalVoid, match=name):
        check_unchanged(manifest(), now(**{name: "0" * 64}))


def test_something_missing_now_is_a_change() -> None:
    present = now()
    del present["configuration_production.json"]
    with pytest.raises(ApprovalVoid, match="configuration_production"):
        check_unchanged(manifest(), present)


@pytest.mark.parametrize("verdict", ["FAIL", "", "pass", "None"])
def test_a_failed_verdict_cannot_have_been_approved(verdict: str) -> None:
    with pytest.raises(ApprovalVoid, match=f"^The sealed verdict is {verdict}"):
        check_unchanged(manifest(verdict=verdict), now())


IN_ORDER = (
    *(
        "mlkit/a.py",
        "mlkit/aws/deep.py",
        "packages/sagemaker_formats/src/sagemaker_formats/a.py",
        "notebooks/01.ipynb",
        "buildspecs/b.yml",
        "CloudFormation/t.yaml",
    ),
    *("vendor/mlkit.whl", "mlkit.yml", "model.py"),
)


def project(root: Path) -> Path:
    for name in ("mlkit/a.py", "notebooks/01.ipynb", "buildspecs/b.yml", "CloudFormation/t.yaml"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    return root


@pytest.mark.parametrize("name", ["mlkit/a.py", "notebooks/01.ipynb", "buildspecs/b.yml", "CloudFormation/t.yaml", "mlkit/new.py"])
def test_every_file_of_the_code_is_in_its_digest(tmp_path: Path, name: str) -> None:
    before = code_sha256(project(tmp_path))
    (tmp_path / name).write_text("another line")
    assert code_sha256(tmp_path) != before


def test_files_that_runs_write_are_not_in_the_code_digest(tmp_path: Path) -> None:
    before = code_sha256(project(tmp_path))
    for name in ("CloudFormation/configuration_qa.json", "mlkit/__pycache__/a.pyc", "notebooks/.ipynb_checkpoints/01.ipynb", "README.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    assert code_sha256(tmp_path) == before


@pytest.mark.parametrize(
    "name",
    [
        "packages/localaws/src/localaws/front/guard.py",
        "packages/localaws/pyproject.toml",
        "vendor/local/sagemaker_localaws-0.1.0-py3-none-any.whl",
    ],
)
def test_a_change_of_the_local_aws_which_no_build_installs_voids_no_approval(tmp_path: Path, name: str) -> None:
    before = code_sha256(project(tmp_path))
    (tmp_path / name).parent.mkdir(parents=True)
    (tmp_path / name).write_text("another line")
    assert code_sha256(tmp_path) == before


@pytest.mark.parametrize("name", ["packages/sagemaker_formats/src/sagemaker_formats/recordio/codec.py", "vendor/sagemaker_mlkit.whl"])
def test_a_change_of_what_a_build_installs_is_another_code(tmp_path: Path, name: str) -> None:
    before = code_sha256(project(tmp_path))
    (tmp_path / name).parent.mkdir(parents=True)
    (tmp_path / name).write_text("another line")
    assert code_sha256(tmp_path) != before


def test_a_renamed_file_is_another_code(tmp_path: Path) -> None:
    before = code_sha256(project(tmp_path))
    (tmp_path / "mlkit/a.py").rename(tmp_path / "mlkit/b.py")
    assert code_sha256(tmp_path) != before


def test_the_code_digest_leaves_out_no_other_files(tmp_path: Path) -> None:
    root = project(tmp_path / "configuration_of_mine" / "__pycache__")
    before = code_sha256(root)
    (root / "mlkit/configuration_reader.py").write_text("a module")
    assert code_sha256(root) != before
    (root / "mlkit/a.py").write_text("another line")
    assert len(code_digests(root)) == 5


def test_the_digest_is_of_every_files_own_in_the_order_of_the_folders(tmp_path: Path) -> None:
    root = project(tmp_path)
    for name in (*IN_ORDER[1:3], *IN_ORDER[-3:]):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    digests = {name: hashlib.sha256((root / name).read_bytes()).hexdigest() for name in IN_ORDER}
    assert list(code_digests(root).items()) == list(digests.items())
    assert code_sha256(root) == hashlib.sha256("".join(f"{digests[name]}  {name}\n" for name in digests).encode()).hexdigest()
