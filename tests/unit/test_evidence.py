import hashlib
import json
from pathlib import Path

import pytest

from mlkit.errors import UsageError
from mlkit.evidence.manifest import Approval, Attempt, Manifest, Seal, SealedFile, Source, code_digests, code_sha256


def manifest(**changes: object) -> Manifest:
    values: dict[str, object] = {
        "pipeline": "p",
        "pipeline_execution_id": "e",
        "action": "QA.SealEvidence",
        "build": "b",
        "sealed_at": "2026-01-01T00:00:00+00:00",
        "tools_sha256": "a" * 64,
        "source": Source(archive_sha256="b" * 64, variables={"CommitId": "1"}),
        "code": {"mlkit.yml": "c" * 64, "mlkit/a.py": "0" * 64},
        "inputs": {"s3://lake/prepared/a": "1" * 64},
        "model_s3_uri": "s3://bucket/models/m/model.tar.gz",
        "model_sha256": "d" * 64,
        "verdict": "PASS",
        "attempts": (
            Attempt(action="QA.TestEndpoint", build="1", status="Succeeded", started="", ended="", confirmed=True, records={"a": "2" * 64}),
        ),
        "deploys": {"configuration_production.json": "e" * 64},
        "approval": Approval(action="Production.ApprovalGate", status="Approved", decided_by="arn", decided_at="now", comment="good"),
        "parents": (Seal(s3_uri="s3://evidence/p/e/QA.SealEvidence/a/manifest.json", sha256="3" * 64),),
        "files": (SealedFile(s3_uri="s3://evidence/a.ipynb", version_id="1", sha256="f" * 64, size_bytes=3),),
    }
    return Manifest(**{**values, **changes})  # type: ignore[arg-type]


def test_a_manifest_survives_its_bytes_and_equal_ones_have_equal_bytes() -> None:
    again = Manifest.from_bytes(manifest().to_bytes())
    assert again == manifest()
    assert again.to_bytes() == manifest().to_bytes()
    assert again.code_sha256 == manifest().code_sha256


def test_a_manifests_bytes_have_sorted_names_no_spaces_and_one_line() -> None:
    sealed = manifest(pipeline="Köln", attempts=(), approval=None, parents=(), files=()).to_bytes().decode()
    assert sealed.startswith(
        '{"action":"QA.SealEvidence","approval":null,"attempts":[],"build":"b","champion":null,"code":{"mlkit.yml":"cc'
    )
    assert '"pipeline":"Köln","pipeline_execution_id":"e","schema":"mlkit/manifest/2",' in sealed
    assert sealed.endswith('"verdict":"PASS"}\n')
    assert sealed.count("\n") == 1


@pytest.mark.parametrize("data", [b"{", b"\xff", b"[]", b"1", b"{}", b'{"schema": "mlkit/manifest/2", "files": [{}]}'])
def test_bytes_that_are_no_manifest_are_refused(data: bytes) -> None:
    with pytest.raises(UsageError, match="The manifest cannot be read: ") as raised:
        Manifest.from_bytes(data)
    assert raised.value.cure == "Was it written by another version of mlkit?"


@pytest.mark.parametrize("member", ["verdict", "files", "code", "source"])
def test_a_manifest_without_a_member_or_with_one_more_is_refused(member: str) -> None:
    document = json.loads(manifest().to_bytes())
    with pytest.raises(UsageError, match="The manifest cannot be read"):
        Manifest.from_bytes(json.dumps({**document, "more": 1}).encode())
    del document[member]
    with pytest.raises(UsageError, match="The manifest cannot be read"):
        Manifest.from_bytes(json.dumps(document).encode())


def test_a_manifest_of_another_version_is_refused() -> None:
    with pytest.raises(UsageError, match="The manifest is a mlkit/manifest/1, not a mlkit/manifest/2") as raised:
        Manifest.from_bytes(b'{"schema": "mlkit/manifest/1", "files": []}')
    assert raised.value.cure == "Read it with the version of mlkit that wrote it."


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
    assert code_sha256(root) == hashlib.sha256("".join(f"{digests[name]}  {name}\n" for name in sorted(digests)).encode()).hexdigest()
