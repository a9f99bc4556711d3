import dataclasses
import hashlib
import http.server
import io
import threading
import zipfile
from typing import Any

import pytest

from mlkit.errors import DownloadFailed, InvalidData, UsageError
from mlkit.movielens import downloads
from mlkit.movielens.downloads import DATASETS, Dataset, fetch_grouplens, fetch_package, installers, licence, load
from mlkit.movielens.ratings import HalfStars

ROWS = "196\t242\t3\t881250949\n186\t302\t3\t891717742\n"
TERMS = "Neither the University nor any of the researchers\ncan guarantee the correctness of the data."
README = f"SUMMARY & USAGE LICENSE\n=======================\n\n{TERMS}\n\nCITATION\n========\n\nTo acknowledge use\n"


def archive(rows=ROWS, readme=README) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as written:
        written.writestr("ml-100k/README", readme)
        written.writestr("ml-100k/u.data", rows)
        written.writestr("ml-100k/u1.base", rows)
    return buffer.getvalue()


@pytest.fixture
def grouplens(monkeypatch):
    """A site on loopback that serves `answer["body"]` for ml-100k, known to hold two rows."""
    answer: dict[str, Any] = {"body": archive(), "claimed": None, "asked": 0}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            answer["asked"] += 1
            self.send_response(200)
            self.send_header("Content-Length", str(answer["claimed"] or len(answer["body"])))
            self.end_headers()
            self.wfile.write(answer["body"])

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    rows = hashlib.sha256("\n".join(sorted(ROWS.splitlines())).encode()).hexdigest()
    known = Dataset(url=f"http://127.0.0.1:{server.server_port}/ml-100k.zip", rows=2, users=2, movies=2, row_sha256=rows)
    monkeypatch.setitem(DATASETS, "ml-100k", known)
    monkeypatch.setattr(downloads, "installers", lambda _: [])
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    yield answer
    server.shutdown()
    server.server_close()


def loaded(folder, name="ml-100k", **options):
    return load(name, folder / "cache", folder / "table.tsv", project_root=folder, **options)


def test_a_data_set_is_fetched_checked_and_shown_with_its_licence(tmp_path, grouplens):
    found = loaded(tmp_path)
    assert found.ratings.rows == 2
    assert found.licence == TERMS


def test_a_second_load_takes_the_cache(tmp_path, grouplens):
    loaded(tmp_path)
    assert "cached" in loaded(tmp_path).origin
    assert grouplens["asked"] == 1


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        (ROWS + "1\t2\t3\t4\n", "3 rows instead of 2"),
        (ROWS.replace("186", "196"), "1 users instead of 2"),
        (ROWS.replace("\t3\t", "\t4\t"), "digest"),
    ],
)
def test_other_rows_than_published_are_refused_and_forgotten(tmp_path, grouplens, rows, complaint):
    grouplens["body"] = archive(rows)
    with pytest.raises(InvalidData, match=complaint):
        loaded(tmp_path)
    assert list((tmp_path / "cache").iterdir()) == []
    assert not (tmp_path / "table.tsv").exists()


@pytest.mark.parametrize("fault", [{"body": b"<html>log in first</html>"}, {"claimed": 10**6}], ids=["no zip", "cut off"])
def test_an_incomplete_zip_is_a_failed_download(tmp_path, grouplens, fault):
    grouplens.update(fault)
    with pytest.raises(DownloadFailed):
        fetch_grouplens("ml-100k", tmp_path)
    assert list(tmp_path.iterdir()) == []


def unreachable(monkeypatch, name):
    monkeypatch.setitem(DATASETS, name, dataclasses.replace(DATASETS[name], url="http://127.0.0.1:9/closed.zip"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def fake_installer(folder, script):
    """A command that stands for uv: `script` runs with the target folder in $target."""
    path = folder / "uv"
    path.write_text(f'#!/bin/sh\nwhile [ "$1" != --target ]; do shift; done\ntarget=$2\n{script}\n')
    path.chmod(0o755)
    return [str(path)]


def test_the_package_is_tried_where_grouplens_cannot_be_reached(tmp_path, monkeypatch):
    unreachable(monkeypatch, "ml-100k")
    installer = fake_installer(
        tmp_path, "mkdir -p $target/recbole/dataset_example/ml-100k; printf x > $target/recbole/dataset_example/ml-100k/ml-100k.inter"
    )
    monkeypatch.setattr(downloads, "installers", lambda _: [installer])
    notes = []
    with pytest.raises(DownloadFailed, match="does not contain the expected file"):
        loaded(tmp_path, on_note=notes.append)
    assert "cannot be fetched" in notes[0]


def test_the_next_installer_is_tried_when_one_fails(tmp_path, monkeypatch):
    content = "user_id:token\titem_id:token\trating:float\ttimestamp:float\n" + ROWS
    good = tmp_path / "good.inter"
    good.write_text(content)
    monkeypatch.setattr(downloads, "_WHEEL_MEMBER_SHA256", hashlib.sha256(content.encode()).hexdigest())
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    broken = fake_installer(tmp_path / "a", "echo no network >&2; exit 1")
    member = "$target/recbole/dataset_example/ml-100k"
    works = fake_installer(tmp_path / "b", f"mkdir -p {member}; cp {good} {member}/ml-100k.inter")
    monkeypatch.setattr(downloads, "installers", lambda _: [broken, ["/no/such/command"], works])
    assert fetch_package(tmp_path / "cache", project_root=tmp_path).read_text() == content
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["ml-100k.inter"]


def test_all_failing_installers_are_told(tmp_path, monkeypatch):
    broken = fake_installer(tmp_path, "echo first >&2; echo no network >&2; exit 1")
    monkeypatch.setattr(downloads, "installers", lambda _: [broken])
    with pytest.raises(DownloadFailed, match="uv: no network"):
        fetch_package(tmp_path / "cache", project_root=tmp_path)


def test_the_projects_own_uv_comes_first(tmp_path):
    uv = tmp_path / ".tools/uv/bin/uv"
    uv.parent.mkdir(parents=True)
    uv.touch()
    assert installers(tmp_path)[0] == [str(uv)]


def test_larger_sets_have_no_package_to_fall_back_to(tmp_path, monkeypatch):
    unreachable(monkeypatch, "ml-1m")
    with pytest.raises(DownloadFailed, match="cannot be fetched"):
        loaded(tmp_path, "ml-1m", half_stars=HalfStars.ROUND_DOWN)


def test_an_unknown_name_is_refused_with_the_known_ones(tmp_path):
    with pytest.raises(UsageError, match="ml-2m") as raised:
        loaded(tmp_path, "ml-2m")
    assert "ml-25m" in raised.value.cure


@pytest.mark.parametrize("heading", ["USAGE LICENSE\n====================", "Usage License\n============="])
def test_the_licence_is_found_under_each_of_grouplens_headings(tmp_path, heading):
    (tmp_path / "x.zip").write_bytes(archive(readme=f"SUMMARY\n=======\n\nRatings.\n\n{heading}\n\n{TERMS}\n"))
    assert licence(tmp_path / "x.zip") == TERMS


def test_the_short_notice_stands_in_for_a_missing_readme(tmp_path):
    (tmp_path / "x.zip").write_bytes(archive(readme=""))
    assert "no redistribution without permission" in licence(tmp_path / "x.zip")
