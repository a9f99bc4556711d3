"""The review page's content: the verdict, what changed, what has to be seen first, and nothing of a step's that acts."""

import ast
import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from page_text import Page, first_screen, shown
from sealed_evidence import (
    COMMIT,
    EXECUTION,
    attempt,
    champion,
    code,
    estimated,
    evidence,
    markdown,
    notebook,
    notebooks,
    outcome,
    record,
    result,
    reviewed,
    sliced,
    source_files,
)

import mlkit.review
from mlkit.evidence.manifest import Approval, Seal
from mlkit.evidence.run_record import Activity, Earlier, Origin, Redaction, Status
from mlkit.gate.estimate import Estimate
from mlkit.review import IndexEntry, render, render_index
from mlkit.review.forest_plot import Row, forest_plot
from mlkit.review.notebook_html import notebook_html, sanitized


@pytest.mark.parametrize(
    ("rates", "word", "sentence"),
    [
        ((0.6984, 0.6875, 0.7093), "PASS", "0.6875 to 0.7093 from 9,430 held-out rows, lies above the required 0.65."),
        ((0.6200, 0.6100, 0.6300), "FAIL", "0.6100 to 0.6300 from 9,430 held-out rows, lies below the required 0.65."),
        (
            (0.6520, 0.6410, 0.6630),
            "INCONCLUSIVE",
            "0.6410 to 0.6630 from 9,430 held-out rows, contains the required 0.65.",
        ),
    ],
)
def test_the_verdict_is_a_word_with_the_rate_and_a_sentence_about_its_interval(rates, word: str, sentence: str) -> None:
    text = first_screen(reviewed(evidence(tested=outcome(*rates))))
    assert f"{word} match rate {rates[0]:.4f}" in text
    assert f"The 95% interval, {sentence}" in text


def test_the_picture_has_the_same_figures_as_text() -> None:
    page = shown(reviewed(None, champion(tested=outcome(0.6902, 0.679, 0.701))))
    (svg,) = page.all("svg")
    assert svg["role"] == "img"
    told = "This model: 0.6984 (0.6875 to 0.7093); In production: 0.6902 (0.6790 to 0.7010); Linear model: 0.6712."
    assert f"{told} At least 0.6500 is required." in page.text


def test_the_first_screen_tells_commit_author_message_who_decides_what_follows_and_the_seals_digest() -> None:
    sealed = evidence()
    text = first_screen(reviewed(sealed))
    for words in (
        f"Commit {COMMIT[:10]} Sixty-four factors again, after the trial with thirty-two",
        "Author Ada Keller",
        "Who decides the subscribers of mlkit-approvals",
        "If you approve CloudFormation updates the endpoint mlkit-ml-lab-production to serve the model b9265c0d42c1...",
        "If you reject production stays without a model",
        f"Seal {sealed.sha256[:12]}... must equal the mail's; whole in Digests",
        "Signature Signed with the evidence key, alias/mlkit-ml-lab-evidence.",
    ):
        assert words in text


def test_after_the_approval_the_page_tells_who_decided_and_the_comment() -> None:
    decided = Approval(
        action="Production.Approve",
        status="Approved",
        decided_by="arn:aws:iam::1:user/eve",
        decided_at="2026-03-14T10:00:00+00:00",
        comment="As good as the last one",
    )
    for page in (reviewed(evidence(approval=decided)), reviewed(approval=decided)):
        text = first_screen(page)
        assert "Approved By arn:aws:iam::1:user/eve, 2026-03-14 10:00:00 UTC Comment As good as the last one" in text


def test_two_executions_without_a_change_show_an_empty_diff_and_say_so() -> None:
    page = shown(reviewed(None, champion()))
    assert "Nothing changed: code, notebooks, parameters, data and packages are those of the execution in production." in page.text
    assert not page.all("ins")
    assert not page.all("del")


def test_one_changed_line_shows_exactly_that_line() -> None:
    before = source_files(notebooks())
    after = {**before, "mlkit/gate/verdicts.py": before["mlkit/gate/verdicts.py"].replace(b"0.02", b"0.01")}
    page = shown(reviewed(evidence(source=after), champion()))
    told = "One change: mlkit/gate/verdicts.py. Notebooks, parameters, data and packages are the same."
    assert told in page.text
    assert "- MARGIN = 0.02 + MARGIN = 0.01" in page.text
    assert len(page.all("ins")) == len(page.all("del")) == 1


def test_without_a_model_in_production_the_page_says_so_and_calls_nothing_a_change() -> None:
    page = shown(reviewed())
    assert "Production has no model yet, so there is nothing to compare with." in page.text
    assert "changed" not in page.text.replace("What changed", "")
    assert "rows train 81,518" in page.text


def test_a_champion_without_its_evidence_is_not_called_absent() -> None:
    sealed = evidence(champion=Seal(s3_uri="s3://evidence/x/manifest.json", sha256="1" * 64))
    text = first_screen(reviewed(sealed))
    assert "Production has a model, but its evidence is not at hand, so nothing is compared." in text
    assert "Production has no model" not in text


def test_another_execution_than_the_one_that_the_seal_names_is_no_champion() -> None:
    words = "The execution that this page calls production's is not the one that the seal names."
    old = champion()
    named = evidence(champion=Seal(s3_uri="s3://evidence/x/manifest.json", sha256=old.sha256))
    other = evidence(champion=Seal(s3_uri="s3://evidence/x/manifest.json", sha256="1" * 64))
    assert words not in first_screen(reviewed(named, old))
    assert words in first_screen(reviewed(other, old))


def test_a_tampered_file_of_production_is_told() -> None:
    old = champion()
    name = next(name for name in old.files if name.endswith("test_result.json"))
    tampered = replace(old, files={**old.files, name: old.files[name] + b" "})
    assert f"In production's evidence, {name} is not the file that was sealed." in first_screen(reviewed(None, tampered))


def test_a_parameter_that_somebody_set_is_shown_with_the_setter_although_it_did_not_change() -> None:
    text = shown(reviewed(None, champion())).text
    assert 'environment 03_test_endpoint.ipynb "qa" "qa" the build\'s variable ENVIRONMENT' in text


@pytest.mark.parametrize(
    ("rate", "where"),
    [(0.6981, "inside"), (0.6875, "inside"), (0.7200, "on the better side of")],
)
def test_a_linear_model_that_is_as_good_is_told_on_the_first_screen(rate: float, where: str) -> None:
    sealed = evidence(tested=outcome(baselines={"linear, no factors": rate}))
    notice = f"This model adds nothing over the linear model: its match rate {rate:.4f} lies {where} the interval."
    assert notice in first_screen(reviewed(sealed))


def test_nothing_is_noted_about_a_usual_execution() -> None:
    assert "Note:" not in first_screen(reviewed())
    assert "Problem:" not in first_screen(reviewed())


def _unreadable() -> dict[str, bytes]:
    return {"QA.TestEndpoint/08a0b5ec-d47a-451c-a111-3fedd24e1e56/03_test_endpoint.record.json": b"{"}


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        (
            {"attempts": (attempt("Build_and_Train.ModelTraining"), attempt("QA.TestEndpoint", confirmed=False))},
            "do not confirm its digests",
        ),
        ({"attempts": (attempt("Build_and_Train.ModelTraining"),)}, "belongs to no attempt of QA.TestEndpoint"),
        ({"records": {"01_prep": record("01_prep", origin=Origin(endpoint_url="http://10.0.0.1:4566"))}}, "http://10.0.0.1:4566"),
        ({"records": {"01_prep": record("01_prep", status=Status.FAILED)}}, "01_prep.ipynb: failed."),
        ({"records": {"01_prep": record("01_prep", redactions=(Redaction(rule="a", place="output"),))}}, "1 secret was redacted"),
        ({"records": {"01_prep": record("01_prep", reused=Earlier(record="s3://b/r", started=""))}}, "results of an earlier run"),
        ({"records": {"01_prep": record("01_prep", activity=Activity(warnings=("eight rows dropped",)))}}, "eight rows dropped"),
        ({"tested": outcome(low=0.61, verdict="PASS")}, "The interval reaches past the gate"),
        ({"tested": outcome(model={"sha256": "0" * 64})}, "The tested model is not the sealed model"),
        ({"tested": {**outcome(), "estimate": estimated() | {"value": "high"}}}, "The test's result is damaged"),
        ({"tested": outcome(estimate={**estimated(), "low": float("nan")})}, "The test's result is damaged"),
        ({"tested": outcome(estimate={**estimated(), "low": 0.9})}, "The test's result is damaged"),
        ({"verdict": "FAIL"}, "The seal says FAIL, the test's result says something else."),
        ({"more": _unreadable()}, "The record of QA.TestEndpoint"),
    ],
)
def test_what_is_odd_is_on_the_first_screen(parts: dict[str, Any], words: str) -> None:
    assert words in first_screen(reviewed(evidence(**parts)))


def test_a_failed_attempt_is_noted_and_listed_as_not_confirmed() -> None:
    failed = attempt("Build_and_Train.ModelTraining", build="mlkit-build:dead", status="Failed", confirmed=False)
    page = reviewed(evidence(attempts=(failed, attempt("Build_and_Train.ModelTraining"), attempt("QA.TestEndpoint"))))
    assert "An attempt of Build_and_Train.ModelTraining ended as Failed" in first_screen(page)
    assert "mlkit-build:dead Failed not confirmed" in shown(page).text


def test_a_file_that_is_not_the_sealed_one_is_named_on_the_first_screen() -> None:
    sealed = evidence()
    name = next(name for name in sealed.files if name.endswith("03_test_endpoint.ipynb"))
    tampered = replace(sealed, files={**sealed.files, name: sealed.files[name].replace(b"0.6984", b"0.9984")})
    assert f"{name} is not the file that was sealed" in first_screen(reviewed(tampered))


def test_cells_that_ran_but_are_not_in_the_commit_are_told() -> None:
    source = source_files(notebooks())
    other = notebooks() | {"03_test_endpoint": [*notebooks()["03_test_endpoint"], code("verdict = 'PASS'")]}
    text = first_screen(reviewed(evidence(cells=other, source=source)))
    assert "The cells that ran in 03_test_endpoint.ipynb are not those of the commit." in text


def test_stages_attempts_jobs_and_queries_are_shown_with_what_they_took() -> None:
    text = shown(reviewed()).text
    assert "DeployEndpoint QA Succeeded 2026-03-14 09:05:00 UTC 7 min 40 s" in text
    assert "training ml-30f1b5e6-3b501c33 1 ml.c5.xlarge Completed 1 min 11 s The execution" in text
    assert "The execution took 26 min 53 s until it was sealed; its jobs were billed 1 min 11 s in all." in text
    assert "Athena query 96b34064 SUCCEEDED, 2.0 MB scanned SELECT 1" in text


def test_a_price_that_the_notebook_was_given_makes_the_cost() -> None:
    plain = record("02_train")
    price = replace(plain.parameters[0], name="usd_per_instance_hour", type="dict", value={"ml.c5.xlarge": 36.0})
    text = shown(reviewed(evidence(records={"02_train": replace(plain, parameters=(*plain.parameters, price))}))).text
    assert "Completed 1 min 11 s 0.71 USD" in text


def test_every_sealed_file_is_listed_with_its_digest() -> None:
    sealed = evidence()
    text = shown(reviewed(sealed)).text
    for file in sealed.manifest.files:
        assert file.sha256 in text


def test_each_notebook_is_in_a_sandboxed_frame_that_allows_nothing() -> None:
    frames = shown(reviewed()).all("iframe")
    assert [frame["title"] for frame in frames] == [
        "Executed notebook 01_prep.ipynb of Build_and_Train.ModelTraining",
        "Executed notebook 02_train.ipynb of Build_and_Train.ModelTraining",
        "Executed notebook 03_test_endpoint.ipynb of QA.TestEndpoint",
    ]
    assert all(frame["sandbox"] == "" and "src" not in frame for frame in frames)
    assert "01 Prep: which ratings train" in str(frames[0]["srcdoc"])


def test_the_page_has_no_script_and_a_policy_that_allows_only_its_styles_and_inline_pictures() -> None:
    page = shown(reviewed(None, champion()))
    (policy,) = [meta["content"] for meta in page.all("meta") if meta.get("http-equiv") == "Content-Security-Policy"]
    assert str(policy).startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in str(policy)
    assert not page.all("script")
    assert not [attributes for _tag, attributes in page.elements if any(name.startswith("on") for name in attributes)]


def test_only_the_callers_links_lead_anywhere_and_only_to_the_web() -> None:
    links = {"Log": "https://console.example/log", "Bad": "javascript:alert(1)", "Worse": "data:text/html,x", "Worst": 'https://a"b'}
    hrefs = {str(link["href"]) for link in shown(reviewed(links=links)).all("a") if not str(link["href"]).startswith("#")}
    assert hrefs == {"https://console.example/log", "https://us-east-1.console.aws.amazon.com/codesuite/"}


HOSTILE = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<img src='https://evil.example/x.png'>",
    "<iframe src='https://evil.example'></iframe>",
    "<svg onload=alert(1)><script>alert(1)</script></svg>",
    "<a href='javascript:alert(1)'>click</a>",
    "<link rel=stylesheet href='https://evil.example/x.css'>",
    "<style>@import 'https://evil.example/x.css';</style>",
    "<div style='background:url(https://evil.example/x.png)'>x</div>",
    "<form action='https://evil.example'><button>Approve</button></form>",
    "<meta http-equiv=refresh content='0;url=https://evil.example'>",
    "<base href='https://evil.example'>",
    "<object data='https://evil.example'></object>",
    "<img src='data:text/html;base64,PHNjcmlwdD4='>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    "<img srcset='https://evil.example/x.png 2x'>",
)


@pytest.mark.parametrize("markup", HOSTILE)
def test_hostile_html_keeps_no_script_address_style_or_frame(markup: str) -> None:
    clean = sanitized(markup)
    for word in ("script", "evil", "onerror", "onload", "style", "href", "iframe", "form", "meta", "base", "object", "svg", "text/html"):
        assert word not in clean.lower()


@pytest.mark.parametrize("markup", HOSTILE)
def test_hostile_words_are_quoted_as_text_outside_of_the_frames(markup: str) -> None:
    loud = record("01_prep", activity=Activity(warnings=(markup,), verdict=markup))
    tested = outcome(verdict=markup, baselines={f"linear {markup}": 0.7})
    page = shown(reviewed(evidence(records={"01_prep": loud}, tested=tested, verdict=markup, message=markup)))
    allowed = {
        "wbr",
        "h1",
        "h2",
        "h3",
        "p",
        "div",
        "section",
        "span",
        "strong",
        "a",
        "ul",
        "li",
        "dl",
        "dt",
        "dd",
        "code",
        "blockquote",
        "b",
        "br",
    }
    allowed |= {"html", "head", "meta", "title", "style", "body", "header", "nav", "main", "footer", "figure", "figcaption", "img", "pre"}
    allowed |= {"svg", "desc", "line", "text", "circle", "details", "summary", "iframe"}
    allowed |= {"table", "caption", "thead", "tbody", "tr", "th", "td", "ins", "del"}
    assert {tag for tag, _attributes in page.elements} <= allowed
    assert all(str(img["src"]).startswith("data:image/") for img in page.all("img"))
    assert markup[:12] in page.text


def test_a_picture_in_svg_becomes_an_image_in_which_nothing_runs() -> None:
    hostile = "<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'><script>alert(1)</script></svg>"
    document = notebook_html(notebook(code("x", result({"image/svg+xml": hostile, "text/plain": "a plot"}))), title="n", style="")
    assert re.search(r'<img alt="a plot" src="data:image/svg\+xml;base64,[A-Za-z0-9+/=]+">', document)
    assert "alert" not in document


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"{", b'{"cells": 1}', b'{"cells": [1]}', b'{"cells": [{"cell_type": "code"}]}', b"[" * 100_000, b" " * 7_000_000],
    ids=["empty", "list", "cut", "number", "cell", "source", "deep", "large"],
)
def test_a_notebook_that_cannot_be_shown_leaves_a_page_that_says_so(data: bytes) -> None:
    sealed = evidence()
    name = next(name for name in sealed.files if name.endswith("01_prep.ipynb"))
    page = shown(reviewed(replace(sealed, files={**sealed.files, name: data})))
    assert "Not shown here." in page.text
    assert name in page.text


_HALF = "\ud800"  # of a surrogate pair: JSON can hold it, UTF-8 cannot


@pytest.mark.parametrize(
    ("name", "path", "value"),
    [
        ("01_prep.record.json", ("activity", "queries", 0, "bytes_scanned"), 10**400),
        ("02_train.record.json", ("activity", "jobs", 0, "billable_seconds"), 10**400),
        ("02_train.record.json", ("activity", "metrics", "loss"), float("nan")),
        ("02_train.record.json", ("activity", "warnings"), [_HALF]),
        ("02_train.record.json", ("packages",), {_HALF: _HALF}),
        (
            "02_train.record.json",
            ("parameters", 0),
            {"name": "usd_per_instance_hour", "type": "dict", "value": {"ml.c5.xlarge": 10**400}, "source": "x"},
        ),
        ("test_result.json", ("baselines",), 5),
        ("test_result.json", ("baselines",), {f"linear {_HALF}": 0.7}),
        ("test_result.json", ("model",), [1]),
        ("prepared_data.json", ("details",), [1]),
        ("configuration_production.json", ("Parameters",), None),
        ("02_train.ipynb", ("cells", 0, "source"), _HALF),
        ("02_train.ipynb", ("cells", 0, "source"), "[" * 500_000),
        ("02_train.ipynb", ("cells", 3, "outputs", 0, "data"), {"image/svg+xml": _HALF}),
        ("02_train.ipynb", ("cells", 3, "outputs", 0, "data"), {"image/png": 5}),
        ("02_train.ipynb", ("cells", 3, "outputs", 0, "data"), {"text/html": "<div>" * 12_000}),
        ("02_train.ipynb", ("cells", 3, "outputs", 0, "metadata"), [1]),
        ("02_train.ipynb", ("cells", 3, "outputs"), 5),
    ],
)
def test_a_value_that_no_run_writes_does_not_hinder_the_page(name: str, path: tuple[Any, ...], value: Any) -> None:
    sealed = evidence()
    place = next(place for place in sealed.files if place.endswith(name))
    document = json.loads(sealed.files[place])
    holder = document
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = value
    odd = replace(sealed, files={**sealed.files, place: json.dumps(document).encode()})
    assert f"{place} is not the file that was sealed" in first_screen(reviewed(odd, champion()))


def test_cells_that_are_left_out_of_a_long_notebook_are_told() -> None:
    many = notebook_html(notebook(*(code(f"a = {number}") for number in range(401))), title="n", style="")
    assert "Only the first 400 of 401 cells are shown here." in many
    wordy = notebook_html(notebook(*(markdown("word " * 1_500) for _ in range(20)), code("a")), title="n", style="")
    assert "The text cells are not shown here: they have more than 100,000 characters." in wordy
    assert "word word" not in wordy


def test_long_words_of_a_step_are_cut() -> None:
    loud = record("01_prep", activity=Activity(warnings=("a" * 100_000,)))
    assert len(first_screen(reviewed(evidence(records={"01_prep": loud}, message="b" * 100_000)))) < 5_000


def test_characters_that_turn_the_direction_of_text_are_visible_in_diffs_and_quotes() -> None:
    before = source_files(notebooks())
    after = {**before, "mlkit.yml": "kind: movielens  # \u202e nothing here\n".encode()}
    text = render(reviewed(evidence(source=after, message="all \u2066 good"), champion())).decode()
    assert "\\u202e nothing here" in text
    assert "all \\u2066 good" in text
    assert "\u202e" not in text


def test_the_first_screen_says_what_the_metric_means_and_how_far_the_best_baseline_is() -> None:
    first = render(reviewed(None, champion())).decode().partition("<nav")[0]
    assert "The share of rows predicted right; higher is better." in first
    assert re.search(r"0\.\d{4} (better|worse) than the best baseline, [^(<]+ \(0\.\d{4}\)\.", first)


def test_equal_evidence_gives_equal_bytes() -> None:
    assert render(reviewed(None, champion())) == render(reviewed(None, champion()))


def test_the_review_imports_a_small_set_of_packages_and_light_modules_of_mlkit() -> None:
    allowed = {"jinja2", "markupsafe", "nbconvert", "nbdime", "nbformat", "nh3", "mlkit"}
    light = {
        "mlkit.errors",
        "mlkit.evidence",
        "mlkit.gate.comparison",
        "mlkit.gate.estimate",
        "mlkit.gate.metric_directions",
        "mlkit.gate.outcome",
        "mlkit.gate.policy",
        "mlkit.notebook.handoff",
        "mlkit.review",
        "mlkit.typed_json",
    }
    for path in Path(mlkit.review.__path__[0]).glob("*.py"):
        nodes = list(ast.walk(ast.parse(path.read_text())))
        names = {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
        names |= {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
        assert {name.partition(".")[0] for name in names} - set(sys.stdlib_module_names) <= allowed
        own = {name for name in names if name.partition(".")[0] == "mlkit"}
        assert all(any(f"{name}.".startswith(f"{one}.") for one in light) for name in own), path


def test_the_page_imports_neither_numbers_nor_the_sdk() -> None:
    heavy = ("numpy", "pandas", "matplotlib", "scipy", "sklearn", "pyarrow", "boto3", "sagemaker", "papermill", "git", "jupyter_server")
    program = f"import sys, mlkit.review; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_index_lists_executions_newest_first_with_verdict_figures_and_who_decided() -> None:
    old = IndexEntry(execution="1" * 36, sealed_at="2026-03-01T09:00:00+00:00", commit="4" * 40, message="First", verdict="FAIL")
    new = IndexEntry(
        execution=EXECUTION,
        sealed_at="2026-03-14T09:26:53+00:00",
        commit=COMMIT,
        message="<script>alert(1)</script>",
        verdict="PASS",
        estimate=Estimate(**estimated()),
        decided_by="arn:aws:iam::1:user/eve",
        decision="Approved",
        page="30f1/review.html",
    )
    page = Page(render_index([old, new]))
    assert page.text.index("30f1b5e6") < page.text.index("11111111")
    assert "PASS match rate 0.6984 0.6875 to 0.7093 Approved arn:aws:iam::1:user/eve" in page.text
    assert "<script>alert(1)</script>" in page.text
    assert [link["href"] for link in page.all("a")] == ["30f1/review.html"]
    assert not page.all("script")


def test_the_index_links_no_address_with_a_scheme() -> None:
    entry = IndexEntry(execution=EXECUTION, sealed_at="", commit="", message="", verdict="PASS", page="javascript:alert(1)")
    assert not Page(render_index([entry])).all("a")


def test_slices_are_shown_and_a_flagged_one_is_noted_on_the_first_screen() -> None:
    parts = [sliced("new users, up to 23", is_flagged=True), sliced("rare movies", estimate=None, worse_by=None, p_value=None)]
    page = reviewed(evidence(tested=outcome(slices=parts)))
    note = "The model is far worse on a part of the rows: training ratings, new users, up to 23: 0.6600 (95% interval 0.6300 to 0.6900"
    assert note in first_screen(page)
    text = shown(page).text
    assert "new users, up to 23 far worse training ratings 2,357 0.6600 0.6300 to 0.6900 0.0402 worse 0.061" in text
    assert "rare movies training ratings 2,357 not judged" in text
    assert "correction for 2 parts" in text


def test_a_better_part_is_called_better() -> None:
    text = shown(reviewed(evidence(tested=outcome(slices=[sliced("heavy users", worse_by=-0.0447)])))).text
    assert "0.0447 better" in text
    assert "-0.0447" not in text


def test_of_many_slices_the_page_shows_the_conspicuous_ones_and_says_so() -> None:
    parts = [sliced(f"part {number}", is_flagged=number < 5, p_value=number / 100) for number in range(30)]
    page = reviewed(evidence(tested=outcome(slices=parts)))
    assert "The model is far worse on 2 parts more" in first_screen(page)
    assert "The first 12 of 30 parts" in shown(page).text
    assert "part 11 " in shown(page).text
    assert "part 12 " not in shown(page).text


@pytest.mark.parametrize("wrong", [{"p_value": float("nan")}, {"rows": "many"}, {"estimate": {}}, {"surprise": 1}])
def test_a_damaged_slice_damages_the_result(wrong: dict[str, Any]) -> None:
    assert "The test's result is damaged" in first_screen(reviewed(evidence(tested=outcome(slices=[sliced("a") | wrong]))))


def test_a_loss_is_shown_in_its_own_unit_and_direction() -> None:
    loss = estimated(0.58, 0.56, 0.6, metric="log loss", unit="nats", higher_is_better=False)
    policy = outcome()["policy"] | {"metric": "log loss", "required": 0.62}
    page = reviewed(evidence(tested=outcome(estimate=loss, policy=policy, verdict="PASS", baselines={"linear": 0.59}, slices=[])))
    text = first_screen(page)
    assert "PASS log loss 0.5800 nats" in text
    assert "The 95% interval, 0.5600 to 0.6000 from 9,430 held-out rows, lies below the required 0.62 nats." in text
    assert "log loss (nats) of this model, and what it is compared with; lower is better" in text
    assert "Linear model: 0.5900. At most 0.6200 nats is required." in text
    assert "This model adds nothing over the linear model: its log loss 0.5900 lies inside the interval." in text
    assert "The interval reaches past the gate" not in text


def test_the_linear_model_of_a_number_is_ridge_regression_and_figures_are_in_its_unit() -> None:
    error = estimated(61.4, 53.5, 69.3, metric="RMSE", unit="points", higher_is_better=False)
    policy = outcome()["policy"] | {"metric": "RMSE", "required": 72.0}
    baselines = {"ridge regression": 58.9, "mean of the training rows": 75.8}
    text = first_screen(reviewed(evidence(tested=outcome(estimate=error, policy=policy, verdict="PASS", baselines=baselines, slices=[]))))
    assert "PASS RMSE 61.4000 points" in text
    assert "Linear model: 58.9000. At most 72.0000 points is required." in text
    assert "nothing over the linear model: its RMSE 58.9000 lies inside the interval." in text


def test_the_untuned_model_stands_beside_a_tuned_one_and_is_not_taken_for_the_linear_one() -> None:
    baselines = {"the same, untuned": 0.6984, "linear, no factors": 0.6981, "majority class": 0.58}
    page = reviewed(evidence(tested=outcome(baselines=baselines)))
    assert "Without tuning: 0.6984; Linear model: 0.6981." in first_screen(page)


def test_production_that_was_tested_on_another_metric_is_told_and_not_drawn() -> None:
    loss = estimated(0.58, 0.56, 0.6, metric="log loss", unit="nats", higher_is_better=False)
    policy = outcome()["policy"] | {"metric": "log loss", "required": 0.62}
    text = first_screen(reviewed(None, champion(tested=outcome(estimate=loss, policy=policy, verdict="PASS"))))
    assert "Production's gate decided on its log loss, so the picture does not show it." in text
    assert "In production: 0.58" not in text


def test_evidence_of_an_earlier_schema_says_so() -> None:
    words = "its schema is mlkit/test-result/1, and this version of mlkit reads mlkit/test-result/2"
    assert words in first_screen(reviewed(evidence(tested=outcome(schema="mlkit/test-result/1"))))


@pytest.mark.parametrize(
    ("value", "low", "high", "required"), [(12_345.6, 12_000, 13_000, 12_500), (0.00012, 0.0001, 0.00014, 0.0002), (0.995, 0.99, 1.0, 0.9)]
)
def test_the_picture_has_a_few_ticks_in_the_metrics_own_scale(value: float, low: float, high: float, required: float) -> None:
    unit = "share" if high == 1 else "units of the label"
    found = Estimate(**estimated(value, low, high, metric="RMSE", unit=unit, higher_is_better=high == 1))
    svg = forest_plot([Row(label="This model", value=value, low=low, high=high)], required, found)
    ticks = re.findall(r'class="tick" x="([\d.]+)%"[^>]*>([\d.]+)<', svg)
    assert 3 <= len(ticks) <= 7
    assert len({label for _, label in ticks}) == len(ticks)
    assert all(0 <= float(place) <= 100 for place, _ in ticks)
