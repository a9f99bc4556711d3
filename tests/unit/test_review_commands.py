"""`mlkit evidence ls`, `open` and `diff`, on bundles in folders and on sealed evidence in S3."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import typer
from sealed_evidence import CHAMPION_EXECUTION, EXECUTION, MODEL, PIPELINE, SEAL_BUILD, champion, evidence, sha256, source_files
from sealed_evidence import notebooks as cells_of
from typer.testing import CliRunner, Result

from mlkit.aws.s3_objects import write_once
from mlkit.aws.sealed_executions import find_sealed, read_evidence, sealed_executions
from mlkit.aws.session import Session
from mlkit.cli import review_commands
from mlkit.errors import MlkitError, NotFound, SealBroken
from mlkit.evidence.manifest import Approval, Manifest, Seal
from mlkit.review import Evidence

SEAL = f"QA.SealEvidence/{SEAL_BUILD}"


def run(*arguments: object) -> Result:
    app = typer.Typer()
    review_commands.register(app)
    return CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "80"})


def changed() -> Evidence:
    files = source_files(cells_of())
    return evidence(source={**files, "mlkit.yml": b"kind: tabular\n"})


def approved(first: Manifest) -> Manifest:
    """The seal of the approval, whose parent is the first one."""
    approval = Approval(action="Production.Approve", status="Approved", decided_by="eve", decided_at="2026-03-14T10:00:00Z", comment="Good")
    return replace(first, action="Production.Seal", build="bb22", sealed_at="2026-03-14T10:01:00+00:00", approval=approval, files=())


def in_folder(folder: Path, sealed: Evidence, *, page: bytes | None = None) -> Path:
    """The bundle as `mlkit evidence fetch` writes it, with the seal of the approval."""
    later = approved(sealed.manifest)
    seals = {f"{SEAL}/manifest.json": sealed.manifest.to_bytes(), "Production.Seal/bb22/manifest.json": later.to_bytes()}
    pages = {} if page is None else {f"{SEAL}/review.html": page}
    for name, data in {**sealed.files, **seals, **pages, f"models/{MODEL}/model.tar.gz": b"model"}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def in_bucket(session: Session, bucket: str, sealed: Evidence) -> Evidence:
    """The same evidence, stored: with the version ids that S3 gave."""
    manifest, stored = sealed.manifest, []
    for file in manifest.files:
        uri = file.s3_uri.replace("s3://evidence/", f"s3://{bucket}/")
        name = uri.removeprefix(f"s3://{bucket}/{PIPELINE}/").removeprefix(f"{manifest.pipeline_execution_id}/")
        stored.append(replace(file, s3_uri=uri, version_id=write_once(session, uri, sealed.files[name])))
    manifest = replace(manifest, files=tuple(stored))
    write_once(session, f"s3://{bucket}/{PIPELINE}/{manifest.pipeline_execution_id}/{SEAL}/manifest.json", manifest.to_bytes())
    return Evidence(manifest=manifest, sha256=sha256(manifest.to_bytes()), files=sealed.files)


@pytest.mark.parametrize("command", ["ls", "open", "diff"])
def test_each_command_explains_itself_with_an_example_in_80_columns(command: str) -> None:
    text = run(command, "--help").output
    assert re.search(rf"Example: mlkit evidence {command}", " ".join(text.split()))
    assert max(len(line.rstrip()) for line in text.splitlines()) <= 80


def test_a_bundles_sealed_page_is_opened_as_it_is(tmp_path: Path) -> None:
    folder = in_folder(tmp_path / "bundle", evidence(), page=b"<p>sealed</p>")
    result = run("open", folder)
    assert result.output.strip() == str(folder / SEAL / "review.html")


def test_a_page_is_made_beside_a_bundle_without_one_and_tells_the_approval(tmp_path: Path) -> None:
    folder = in_folder(tmp_path / "bundle", evidence())
    before = sorted(folder.rglob("*"))
    result = run("open", folder)
    path = Path(result.output.strip())
    assert path == tmp_path / "bundle-review.html"
    assert "match rate 0.6984" in path.read_text()
    assert "Approved</h2>" in path.read_text()
    assert sorted(folder.rglob("*")) == before


def test_against_another_bundle_the_page_shows_the_change(tmp_path: Path) -> None:
    new, old = in_folder(tmp_path / "new", changed(), page=b""), in_folder(tmp_path / "old", champion())
    result = run("open", new, "--against", old)
    assert "Against production, 1 code file changed." in Path(result.output.strip()).read_text()


def test_a_browser_is_opened_on_a_terminal_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    folder = in_folder(tmp_path / "bundle", evidence(), page=b"")
    run("open", folder)
    assert opened == []
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    review_commands.open_page(str(folder), browser=False)
    assert opened == []
    review_commands.open_page(str(folder))
    assert opened == [(folder / SEAL / "review.html").as_uri()]


def test_diff_prints_what_changed_between_two_folders(tmp_path: Path) -> None:
    text = run("diff", in_folder(tmp_path / "a", champion()), in_folder(tmp_path / "b", changed())).output
    assert f"A  {CHAMPION_EXECUTION}" in text
    assert f"B  {EXECUTION}" in text
    assert "    - kind: movielens\n    + kind: tabular\n" in text


def test_a_folder_without_a_manifest_is_refused(tmp_path: Path) -> None:
    error = run("open", tmp_path).exception
    assert isinstance(error, MlkitError)
    assert str(error) == f"{tmp_path} holds no manifest.json"


def test_a_link_in_a_bundle_is_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("do not read")
    folder = in_folder(tmp_path / "bundle", evidence())
    (folder / "QA.TestEndpoint" / "08a0b5ec-d47a-451c-a111-3fedd24e1e56" / "04_link.ipynb").symlink_to(secret)
    assert "04_link" not in Path(run("open", folder).output.strip()).read_text()


def test_executions_are_listed_newest_first_with_their_decision(session: Session, versioned: str, monkeypatch: pytest.MonkeyPatch) -> None:
    old = in_bucket(session, versioned, champion(sealed_at="2026-03-01T09:00:00+00:00"))
    in_bucket(session, versioned, evidence())
    later = approved(replace(old.manifest, parents=(Seal(s3_uri="s3://x/y", sha256=old.sha256),)))
    later = replace(later, sealed_at="2026-03-02T09:00:00+00:00")
    write_once(session, f"s3://{versioned}/{PIPELINE}/{CHAMPION_EXECUTION}/Production.Seal/bb22/manifest.json", later.to_bytes())
    monkeypatch.setattr(review_commands, "_places", lambda _aws, _initials: (f"s3://{versioned}", PIPELINE))
    lines = [line.split() for line in run("ls").output.splitlines()]
    assert lines == [
        ["2026-03-14", "09:26", "30f1b5e6", "8b35d7eb8e", "PASS", "not", "decided"],
        ["2026-03-01", "09:00", "1b0c5d0a", "4444444444", "PASS", "Approved"],
    ]


def test_an_executions_page_is_fetched_from_beside_its_first_seal(
    session: Session, versioned: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    in_bucket(session, versioned, evidence())
    write_once(session, f"s3://{versioned}/{PIPELINE}/{EXECUTION}/{SEAL}/review.html", b"<p>sealed</p>")
    monkeypatch.setattr(review_commands, "_places", lambda _aws, _initials: (f"s3://{versioned}", PIPELINE))
    monkeypatch.chdir(tmp_path)
    result = run("open")
    assert Path(result.output.strip()).read_text() == "<p>sealed</p>"


def test_an_executions_evidence_is_read_in_the_sealed_versions(session: Session, versioned: str, aws: Callable[[str], Any]) -> None:
    stored = in_bucket(session, versioned, evidence())
    file = next(file for file in stored.manifest.files if file.s3_uri.endswith(".ipynb"))
    aws("s3").put_object(Bucket=versioned, Key=file.s3_uri.removeprefix(f"s3://{versioned}/"), Body=b"later")
    assert read_evidence(session, find_sealed(session, f"s3://{versioned}", PIPELINE, EXECUTION[:8])) == stored


def test_a_file_that_differs_from_its_seal_is_refused(session: Session, versioned: str) -> None:
    sealed = evidence()
    file = sealed.manifest.files[0]
    wrong = replace(sealed.manifest, files=(replace(file, sha256="0" * 64), *sealed.manifest.files[1:]))
    in_bucket(session, versioned, replace(sealed, manifest=wrong))
    with pytest.raises(SealBroken, match="differs from what was sealed"):
        read_evidence(session, find_sealed(session, f"s3://{versioned}", PIPELINE, EXECUTION))


def test_an_execution_that_is_not_there_is_named(session: Session, versioned: str) -> None:
    assert sealed_executions(session, f"s3://{versioned}", PIPELINE) == []
    with pytest.raises(NotFound, match="has no execution 99 with sealed evidence"):
        find_sealed(session, f"s3://{versioned}", PIPELINE, "99")
