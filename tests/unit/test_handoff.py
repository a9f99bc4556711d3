import json
from pathlib import Path

import pytest

from mlkit.errors import NotFound, UsageError
from mlkit.evidence.manifest import sha256_of
from mlkit.naming import ENDPOINT_TEMPLATE
from mlkit.notebook import handoff, journal
from mlkit.notebook.handoff import Channel, PreparedData, StoredObject
from mlkit.runner.journal_server import JournalListener


def stored(name: str = "object") -> StoredObject:
    return StoredObject(s3_uri=f"s3://bucket/{name}", sha256="ab" * 32, size_bytes=7)


def channel(rows: int = 10) -> Channel:
    return Channel(s3_uri="s3://bucket/train/", content_type="text/csv", rows=rows, positives=6, objects=(stored("a"), stored("b")))


def prepared() -> PreparedData:
    return PreparedData(
        run_id="20260101T000000Z-00000000",
        your_initials="abc",
        bucket="abc-ml-id-lab",
        database="abc-ml-lab-movielens",
        table="u_data",
        feature_dim=12,
        encoding=stored("index"),
        train=channel(),
        validation=channel(3),
        test=channel(2),
        query_execution_ids={"profile": "q-1"},
        details={"positive_rating": 4.0, "split": "hashed"},
    )


def test_a_saved_value_loads_as_the_same_value(tmp_path: Path) -> None:
    handoff.save(prepared(), tmp_path, "prepared_data")
    assert handoff.load(PreparedData, tmp_path, "prepared_data", made_by="01") == prepared()


def test_a_missing_file_names_the_notebook_that_makes_it(tmp_path: Path) -> None:
    with pytest.raises(NotFound) as caught:
        handoff.load(PreparedData, tmp_path, "prepared_data", made_by="notebooks/01_prep.ipynb")
    assert "notebooks/01_prep.ipynb" in caught.value.cure


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.update(schema="mlkit/prepared-data/0"),
        lambda d: d.update(feature_dim="12"),
        lambda d: d.update(feature_dim=True),
        lambda d: d.pop("train"),
        lambda d: d.update(surprise=1),
        lambda d: d["train"]["objects"][0].pop("sha256"),
    ],
    ids=["schema", "type", "bool for int", "missing", "unknown", "nested"],
)
def test_a_file_that_does_not_fit_is_refused(tmp_path: Path, change: object) -> None:
    path = handoff.save(prepared(), tmp_path, "prepared_data")
    document = json.loads(path.read_text())
    change(document)  # type: ignore[operator]
    path.write_text(json.dumps(document))
    with pytest.raises(UsageError):
        handoff.load(PreparedData, tmp_path, "prepared_data", made_by="01")


def test_text_that_is_not_json_is_refused(tmp_path: Path) -> None:
    (tmp_path / "prepared_data.json").write_text("{")
    with pytest.raises(UsageError, match="not JSON"):
        handoff.load(PreparedData, tmp_path, "prepared_data", made_by="01")


def test_a_failed_save_leaves_the_old_file(tmp_path: Path) -> None:
    path = handoff.save(prepared(), tmp_path, "prepared_data")
    before = path.read_text()
    broken = PreparedData(**{**vars(prepared()), "details": {"positive_rating": float("nan")}})
    with pytest.raises(ValueError, match="JSON"):
        handoff.save(broken, tmp_path, "prepared_data")
    assert path.read_text() == before


@pytest.mark.parametrize("in_a_project", [True, False])
def test_a_runner_is_told_of_each_file_by_its_path_in_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_a_project: bool
) -> None:
    if in_a_project:
        (tmp_path / ENDPOINT_TEMPLATE).parent.mkdir()
        (tmp_path / ENDPOINT_TEMPLATE).write_text("")
    events: list[dict[str, object]] = []
    listener = JournalListener(events.append)
    listener.start()
    monkeypatch.setenv(journal.ADDRESS, listener.address)
    monkeypatch.setattr(journal, "_line", journal._Line())
    path = handoff.save(prepared(), tmp_path / "handoff", "prepared_data")
    handoff.load(PreparedData, tmp_path / "handoff", "prepared_data", made_by="01")
    monkeypatch.delenv(journal.ADDRESS)
    handoff.save(prepared(), tmp_path / "handoff", "unheard")
    listener.stop()
    told = {"path": "handoff/prepared_data.json" if in_a_project else str(path), "sha256": sha256_of(path.read_bytes())}
    assert events == [{"kind": "file", "file": {"role": role, **told}} for role in ("output", "input")]
