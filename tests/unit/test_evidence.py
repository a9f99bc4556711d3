from pathlib import Path

import pytest

from mlkit.errors import ApprovalVoid, UsageError
from mlkit.evidence import Manifest, SealedFile, check_unchanged, code_digests, code_sha256


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


@pytest.mark.parametrize("data", [b"{", b"[]", b"{}", manifest(schema="mlkit/manifest/0").to_bytes()])
def test_what_is_no_manifest_is_refused(data: bytes) -> None:
    with pytest.raises(UsageError):
        Manifest.from_bytes(data)


def test_what_was_approved_may_be_deployed() -> None:
    assert check_unchanged(manifest(), now()) == ["code", "configuration_production.json", "model"]


@pytest.mark.parametrize("name", ["code", "model", "configuration_production.json", "configuration_extra.json"])
def test_whatever_changed_since_is_named(name: str) -> None:
    with pytest.raises(ApprovalVoid, match=name):
        check_unchanged(manifest(), now(**{name: "0" * 64}))


def test_something_missing_now_is_a_change() -> None:
    present = now()
    del present["configuration_production.json"]
    with pytest.raises(ApprovalVoid, match="configuration_production"):
        check_unchanged(manifest(), present)


def test_a_failed_verdict_cannot_have_been_approved() -> None:
    with pytest.raises(ApprovalVoid, match="FAIL"):
        check_unchanged(manifest(verdict="FAIL"), now())


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


def test_what_runs_leave_behind_is_not_in_the_digest(tmp_path: Path) -> None:
    before = code_sha256(project(tmp_path))
    for name in ("CloudFormation/configuration_qa.json", "mlkit/__pycache__/a.pyc", "notebooks/.ipynb_checkpoints/01.ipynb", "README.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    assert code_sha256(tmp_path) == before


def test_a_renamed_file_is_another_code(tmp_path: Path) -> None:
    before = code_sha256(project(tmp_path))
    (tmp_path / "mlkit/a.py").rename(tmp_path / "mlkit/b.py")
    assert code_sha256(tmp_path) != before


def test_only_what_runs_leave_behind_is_left_out(tmp_path: Path) -> None:
    root = project(tmp_path / "configuration_of_mine" / "__pycache__")
    before = code_sha256(root)
    (root / "mlkit/configuration_reader.py").write_text("a module")
    assert code_sha256(root) != before
    (root / "mlkit/a.py").write_text("another line")
    assert len(code_digests(root)) == 5
