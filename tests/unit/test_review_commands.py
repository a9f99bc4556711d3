"""`mlkit evidence ls`, `open` and `diff`, on bundles in folders and on sealed evidence in S3."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import typer
from sealed_bundle import SIGNER
from sealed_evidence import CHAMPION_EXECUTION, EXECUTION, MODEL, PIPELINE, SEAL_BUILD, champion, evidence, sha256, source_files
from sealed_evidence import notebooks as cells_of
from typer.testing import CliRunner, Result

from mlkit.aws import review_pages
from mlkit.aws.review_pages import page_path
from mlkit.aws.s3_objects import read_object, write_once
from mlkit.aws.sealed_executions import SealedExecution, find_sealed, read_evidence, sealed_executions
from mlkit.aws.session import Session
from mlkit.cli import review_commands
from mlkit.errors import InvalidData, MlkitError, NotFound, SealBroken
from mlkit.evidence.envelope import sign, statement_of
from mlkit.evidence.manifest import Approval, Manifest, Seal
from mlkit.review import Evidence

SEAL, LATER = f"QA.SealEvidence/{SEAL_BUILD}", "Production.Seal/bb22"


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
    assert result.stdout.strip() == str(folder / SEAL / "review.html")
    assert result.stderr == (f"The page is not verified. Verify what it says: mlkit verify {folder} --key evidence-key.pem --head SHA256\n")


def test_of_two_sealed_pages_the_newest_is_opened(tmp_path: Path) -> None:
    folder = in_folder(tmp_path / "bundle", evidence(), page=b"<p>sealed</p>")
    (folder / LATER / "review.html").write_bytes(b"<p>approved</p>")
    assert run("open", folder).stdout.strip() == str(folder / LATER / "review.html")


def test_a_page_that_is_a_link_is_not_opened(tmp_path: Path) -> None:
    folder = in_folder(tmp_path / "bundle", evidence(), page=b"<p>sealed</p>")
    (folder / LATER / "review.html").symlink_to(tmp_path / "elsewhere.html")
    (tmp_path / "elsewhere.html").write_bytes(b"")
    assert run("open", folder).stdout.strip() == str(folder / SEAL / "review.html")


def test_a_page_is_made_beside_the_bundle_in_which_one_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(in_folder(tmp_path / "bundle", evidence()))
    assert run("open", ".").stdout.strip() == str(tmp_path / "bundle-review.html")


def test_a_page_is_made_beside_a_bundle_without_one_and_tells_the_approval(tmp_path: Path) -> None:
    folder = in_folder(tmp_path / "bundle", evidence())
    before = sorted(folder.rglob("*"))
    result = run("open", folder)
    path = Path(result.stdout.strip())
    assert path == tmp_path / "bundle-review.html"
    assert "match rate 0.6984" in path.read_text()
    assert "Approved</h2>" in path.read_text()
    assert sorted(folder.rglob("*")) == before


def test_against_another_bundle_the_page_shows_the_change(tmp_path: Path) -> None:
    new, old = in_folder(tmp_path / "new", changed(), page=b""), in_folder(tmp_path / "old", champion())
    result = run("open", new, "--against", old)
    assert "One change: mlkit.yml. Notebooks" in Path(result.stdout.strip()).read_text()


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
    assert "04_link" not in Path(run("open", folder).stdout.strip()).read_text()


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


@pytest.fixture
def stored(session: Session, versioned: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., str]:
    """`stored(page)`: the execution's evidence in S3, sealed with this page; then with `later`. Returns the execution's address."""
    monkeypatch.setattr(review_commands, "_places", lambda _aws, _initials: (f"s3://{versioned}", PIPELINE))
    monkeypatch.chdir(tmp_path)
    base = f"s3://{versioned}/{PIPELINE}/{EXECUTION}"

    def put(page: bytes | None, later: bytes | None = None, *, signed: bytes | None = None) -> str:
        first = in_bucket(session, versioned, evidence()).manifest
        seals = {SEAL: (first, page), **({LATER: (approved(first), later)} if later is not None else {})}
        for folder, (manifest, content) in seals.items():
            if folder == LATER:
                write_once(session, f"{base}/{folder}/manifest.json", manifest.to_bytes())
            if content is not None:
                write_once(session, f"{base}/{folder}/review.html", content)
                envelope = sign(statement_of(manifest, content if signed is None else signed), SIGNER)
                write_once(session, f"{base}/{folder}/seal.dsse.json", envelope)
        return base

    return put


def test_an_executions_page_is_fetched_from_beside_its_newest_seal(stored: Callable[..., str]) -> None:
    base = stored(b"<p>sealed</p>", b"<p>approved</p>")
    result = run("open")
    assert Path(result.stdout.strip()).read_text() == "<p>approved</p>"
    assert result.stderr.rstrip().endswith(f"mlkit verify {base}/{LATER}/manifest.json --key evidence-key.pem --head SHA256")


def test_without_an_approval_the_first_seals_page_is_fetched(stored: Callable[..., str]) -> None:
    stored(b"<p>sealed</p>")
    assert Path(run("open").stdout.strip()).read_text() == "<p>sealed</p>"


def test_a_page_that_its_envelope_does_not_name_is_not_kept(stored: Callable[..., str], tmp_path: Path) -> None:
    base = stored(b"<p>another</p>", signed=b"<p>sealed</p>")
    error = run("open").exception
    assert isinstance(error, SealBroken)
    assert str(error) == f"{base}/{SEAL}/review.html is not the page that seal.dsse.json beside it names"
    assert list(tmp_path.rglob("*.html")) == []


def test_an_execution_without_a_page_is_told(stored: Callable[..., str]) -> None:
    base = stored(None)
    error = run("open").exception
    assert isinstance(error, NotFound)
    assert str(error) == f"{base}/{SEAL}/review.html does not exist"


def test_an_id_that_leads_elsewhere_names_no_file(tmp_path: Path) -> None:
    manifest = replace(evidence().manifest, pipeline_execution_id="../x")
    with pytest.raises(InvalidData, match=r"'\.\./x' is not the id of a pipeline execution"):
        page_path(SealedExecution(manifest_uri="", sha256="", manifest=manifest, newest=manifest), tmp_path)


def test_the_list_as_a_page_links_to_the_pages_and_fetches_what_is_missing(
    stored: Callable[..., str], session: Session, versioned: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_bucket(session, versioned, champion(sealed_at="2026-03-01T09:00:00+00:00"))
    stored(b"<p>sealed</p>")
    read: list[str] = []
    monkeypatch.setattr(review_pages, "read_object", lambda aws, uri: (read.append(uri.rpartition("/")[2]), read_object(aws, uri))[1])
    lines = run("ls", "--page").stdout.splitlines()
    assert lines[-1] == "executed/evidence.html"
    assert len(lines) == 3
    page = Path("executed/evidence.html").read_text()
    assert f'<a href="{EXECUTION}-review.html">{EXECUTION[:8]}</a>' in page
    assert CHAMPION_EXECUTION[:8] in page
    assert f"{CHAMPION_EXECUTION}-review.html" not in page
    assert "Sixty-four factors again" in page
    copy = Path(f"executed/{EXECUTION}-review.html")
    assert copy.read_text() == "<p>sealed</p>"
    assert read.count("review.html") == 2  # the champion's is asked for, and is not there
    run("ls", "--page")
    assert read.count("review.html") == 3
    copy.write_text("changed")
    run("ls", "--page")
    assert copy.read_text() == "<p>sealed</p>"


def test_the_list_as_a_page_fetches_the_newest_pages_only(
    stored: Callable[..., str], session: Session, versioned: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_bucket(session, versioned, champion(sealed_at="2026-12-01T09:00:00+00:00"))
    stored(b"<p>sealed</p>")
    monkeypatch.setattr(review_commands, "_MOST_PAGES", 1)
    run("ls", "--page")
    assert f"{EXECUTION[:8]}</th>" in Path("executed/evidence.html").read_text()
    assert not Path(f"executed/{EXECUTION}-review.html").exists()


def test_without_evidence_the_page_says_so(stored: Callable[..., str], session: Session) -> None:
    assert run("ls", "--page").stdout.splitlines() == ["No execution has sealed evidence yet.", "executed/evidence.html"]
    assert "No execution has sealed evidence yet." in Path("executed/evidence.html").read_text()


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
