"""What the page says first: the verdict beside the required value and production's model, what got worse, and what a decision means."""

import json
from dataclasses import replace
from typing import Any

import pytest
from page_text import Page, first_screen, shown
from sealed_evidence import (
    BUILDS,
    COMMIT,
    MODEL,
    attempt,
    champion,
    code,
    compared,
    estimated,
    evidence,
    notebooks,
    outcome,
    record,
    result,
    reviewed,
    source_files,
)

from mlkit.evidence.manifest import Approval, Seal
from mlkit.evidence.run_record import Activity, Origin, ParameterRecord, QueryRecord
from mlkit.review import ActionTime, Decision, Evidence, Reviewed, notes_in_words, render, result_in_words
from mlkit.review.bundle_contents import Contents
from mlkit.review.metrics import TEST, VALIDATION, Metric, metrics_of
from mlkit.review.shown_text import breakable

APPROVED = Approval(
    action="Production.ApprovalGate",
    status="Approved",
    decided_by="arn:aws:iam::1:user/eve",
    decided_at="2026-03-14T09:40:53+00:00",
    comment="As good as the last one",
)


def beside(**parts: Any) -> Reviewed:
    """An execution beside production's, whose seal names production's."""
    old = parts.pop("old", None) or champion()
    whole = {"tested": outcome(champion=compared()), "champion": named(old), **parts}
    return reviewed(evidence(**whole), old)


def named(old: Evidence) -> Seal:
    return Seal(s3_uri="s3://evidence/x/manifest.json", sha256=old.sha256)


@pytest.mark.parametrize(
    ("difference", "words"),
    [
        ((-0.0006, -0.0066, 0.0054), "as good as production (0.6990 on the same rows, difference -0.0006, within the margin 0.02)"),
        ((0.0100, 0.0010, 0.0190), "better than production (0.6990 on the same rows, difference +0.0100)"),
        ((-0.0100, -0.0190, -0.0010), "worse than production (0.6990 on the same rows, difference -0.0100, within the margin 0.02)"),
        (
            (-0.0200, -0.0300, -0.0100),
            "worse than production (0.6990 on the same rows, difference -0.0200, perhaps beyond the margin 0.02)",
        ),
        ((-0.0300, -0.0400, -0.0200), "worse than production (0.6990 on the same rows, difference -0.0300, beyond the margin 0.02)"),
        (
            (-0.0100, -0.0200, 0.0000),
            "cannot tell whether it is as good as production (0.6990 on the same rows, difference -0.0100, interval",
        ),
    ],
)
def test_the_first_line_has_the_required_value_and_production_on_the_same_rows(difference: tuple[float, float, float], words: str) -> None:
    page = beside(tested=outcome(champion=compared(difference=difference)))
    assert f"PASS match rate 0.6984 At least 0.65 is required; {words}" in first_screen(page)
    assert result_in_words(page).startswith(f"PASS: match rate 0.6984, at least 0.65 is required; {words}")


def test_a_loss_that_grows_is_worse_than_production() -> None:
    loss = estimated(0.58, 0.56, 0.6, metric="log loss", unit="nats", higher_is_better=False)
    policy = outcome()["policy"] | {"metric": "log loss", "required": 0.62}
    old = compared(0.57, (0.01, 0.002, 0.018))
    for part in ("champion", "difference"):
        old[part] |= {"metric": "log loss", "unit": "nats", "higher_is_better": False}
    page = beside(tested=outcome(estimate=loss, policy=policy, verdict="PASS", champion=old, others={}))
    told = "worse than production (0.5700 nats on the same rows, difference +0.0100, lower is better, within the margin 0.02)"
    assert f"At most 0.62 nats is required; {told}." in first_screen(page)


@pytest.mark.parametrize(
    ("tested", "parts", "words"),
    [
        ({}, {"champion": None}, "production has no model yet"),
        ({}, {}, "not compared with production, whose model was not tested on these rows"),
        ({"champion": {"model_s3_uri": "s3://b/m", "problem": "no index"}}, {}, "not compared with production: no index"),
        ({}, {"parents": (Seal(s3_uri="s3://x", sha256="1" * 64),), "approval": APPROVED}, "before the approval, in QA's test"),
        (
            {},
            {"champion": None, "parents": (Seal(s3_uri="s3://x", sha256="1" * 64),), "approval": APPROVED},
            "is required; production had no model before.",
        ),
    ],
)
def test_why_nobody_compared_is_told(tested: dict[str, Any], parts: dict[str, Any], words: str) -> None:
    assert words in first_screen(beside(tested=outcome(**tested), **parts))


def test_the_page_of_the_first_deployment_says_what_was_before() -> None:
    text = first_screen(reviewed(of_production()))
    assert "production had no model before. " in text
    assert "Production had no model before, so there is nothing to compare with." in text
    assert "no model yet" not in text


def test_the_message_names_production_s_version() -> None:
    page = replace(beside(), decision=Decision(production="version 3"))
    assert "as good as production's version 3 (0.6990 on" in result_in_words(page)


@pytest.mark.parametrize(
    ("tested", "parts", "words"),
    [
        ({}, {}, "The model in production was not tested on these rows, so nobody compared the two."),
        ({"champion": {"model_s3_uri": "s3://b/m", "problem": "no index"}}, {}, "could not be tested on these rows: no index"),
        ({"champion": compared()}, {"champion": None}, "and the registry names none."),
        ({"champion": compared(model_s3_uri="s3://b/models/other/m.tar.gz")}, {}, "another model than the one that the registry names"),
    ],
)
def test_a_champion_that_was_not_tested_or_is_another_is_a_problem(tested: dict[str, Any], parts: dict[str, Any], words: str) -> None:
    problems = first_screen(beside(tested=outcome(**tested), **parts)).partition("Approve or reject")[0]
    assert words in problems
    assert "Problem:" in problems


def test_a_tested_champion_is_no_problem_and_production_s_own_test_needs_none() -> None:
    assert "Problem:" not in first_screen(beside())
    later = {"parents": (Seal(s3_uri="s3://x", sha256="1" * 64),), "approval": APPROVED}
    assert "Problem:" not in first_screen(beside(tested=outcome(), **later))


def test_a_model_that_is_worse_on_the_same_rows_is_noted() -> None:
    page = beside(tested=outcome(champion=compared(difference=(-0.01, -0.019, -0.001))))
    assert "Note: The model is worse than production's on the same rows: match rate -0.0100 (95% interval" in first_screen(page)


def test_the_picture_shows_production_on_the_same_rows_else_it_says_when_it_was_measured() -> None:
    same = beside(old=champion(tested=outcome(0.6902, 0.679, 0.701)))
    assert "In production: 0.6990 (0.6880 to 0.7100)" in shown(same).text
    assert "In production: on the same rows." in first_screen(same)
    other = beside(tested=outcome(), old=champion(tested=outcome(0.6902, 0.679, 0.701)))
    assert "In production: 0.6902 (0.6790 to 0.7010)" in shown(other).text
    assert "In production: measured when that model was sealed." in first_screen(other)


def test_the_labels_of_the_picture_are_a_column_beside_it() -> None:
    page = render(beside()).decode()
    labels, _, svg = page.partition('<ul class="labels" aria-hidden="true">')[2].partition("<svg")
    assert [label in labels for label in ("This model", "In production", "Linear model")] == [True] * 3
    assert 'class="label' not in svg.partition("</svg>")[0]


@pytest.mark.parametrize("name", ["value", "low", "high"])
def test_a_difference_that_is_no_number_damages_the_result(name: str) -> None:
    odd = compared()
    odd["difference"][name] = float("nan")
    assert "The test's result is damaged" in first_screen(beside(tested=outcome(champion=odd)))


# --- metrics


def test_a_metric_that_got_worse_is_told_on_the_first_screen() -> None:
    page = beside(tested=outcome(champion=compared(), others={"log loss": 0.5955}))
    told = "Note: Worse than production's model, and no part of the verdict: log loss 0.5777 -> 0.5955 (lower is better)"
    assert told in first_screen(page)
    assert "log loss 0.5777 0.5955 +0.0178 worse lower is better" in shown(page).text


def test_a_metric_that_got_better_is_told_there_too() -> None:
    told = "Note: Better than production's model, and no part of the verdict: log loss 0.5777 -> 0.5500 (lower is better)"
    assert told in first_screen(beside(tested=outcome(champion=compared(), others={"log loss": 0.55})))


@pytest.mark.parametrize("loss", [0.5777, 0.5800, 0.5760])
def test_a_metric_that_hardly_changed_is_not(loss: float) -> None:
    assert "no part of the verdict" not in first_screen(beside(tested=outcome(champion=compared(), others={"log loss": loss})))


@pytest.mark.parametrize(
    ("old", "new", "higher", "verdict", "clearly"),
    [
        (0.70, 0.72, True, "better", True),
        (0.70, 0.68, True, "worse", True),
        (0.70, 0.698, True, "worse", False),
        (0.58, 0.57, False, "better", True),
        (0.58, 0.579, False, "better", False),
        (0.58, 0.60, False, "worse", True),
        (0.58, 0.58001, False, "same", False),
        (0.58, 0.60, None, "", False),
        (None, 0.60, True, "", False),
    ],
)
def test_each_metric_is_judged_by_its_direction(old: Any, new: float, higher: Any, verdict: str, clearly: bool) -> None:
    metric = Metric(name="m", old=old, new=new, higher_is_better=higher)
    assert (metric.verdict, metric.is_worth_a_note) == (verdict, clearly)


def test_the_test_s_figures_come_first_and_the_job_s_have_a_heading_of_their_own() -> None:
    activity = Activity(
        metrics={"test:binary_classification_accuracy": 0.71, "test:binary_classification_cross_entropy": 0.56, "mine": 1.0}
    )
    records = {"02_train": record("02_train", activity=activity)}
    found = {one.name: one for one in metrics_of(Contents(champion()), Contents(evidence(records=records)))}
    assert next(iter(found)) == "match rate"
    assert [found[f"test:binary_classification_{name}"].higher_is_better for name in ("accuracy", "cross_entropy")] == [True, False]
    assert (found["mine"].group, found["test:binary_classification_accuracy"].group) == (TEST, VALIDATION)
    text = shown(beside(records=records)).text
    heading = text.index("On the validation rows, by the training job")
    assert text.index("Figures of the test") < text.index("linear, no factors: match rate") < heading
    assert heading < text.index("test:binary_classification_accuracy")


def test_the_verdict_s_metric_has_the_word_of_the_comparison_on_the_same_rows() -> None:
    text = shown(beside()).text
    assert "match rate 0.6990 0.6984 -0.0006 as good higher is better" in text
    assert "In production: the match rate and its interval on the same rows; all other figures as measured when" in text
    assert "In production: all figures as measured when that model was sealed." in shown(beside(tested=outcome())).text


# --- what must be seen first


def test_a_run_that_did_not_use_aws_is_the_first_problem() -> None:
    origin = Origin(endpoint_url="http://127.0.0.1:4566")
    everywhere = {name: record(name, origin=origin) for name in notebooks()}
    page = beside(records=everywhere, tested=outcome(model={"sha256": "0" * 64}, champion=compared()))
    first = "Problem: This run was a rehearsal: it did not use AWS but the endpoint in AWS_ENDPOINT_URL. http://127.0.0.1:4566 Problem:"
    assert first in first_screen(page)
    assert notes_in_words(page).startswith("2 problems: This run was a rehearsal: ")
    one = beside(records={"02_train": everywhere["02_train"]})
    assert "This run of 02_train.ipynb was a rehearsal" in first_screen(one)


def test_the_notes_are_counted_for_the_message() -> None:
    assert notes_in_words(beside()) == "No notes"
    loud = {"01_prep": record("01_prep", activity=Activity(warnings=("a", "b")))}
    assert notes_in_words(beside(records=loud)) == "2 notes: 01_prep.ipynb warned."
    mixed = beside(records=loud, tested=outcome())
    assert notes_in_words(mixed).startswith("1 problem and 2 notes: The model in production was not tested")


def curve_of(epochs: str, place: str = "text") -> dict[str, list[dict[str, Any]]]:
    told = f"log loss over {epochs} epochs; at the end train 0.5112."
    data, metadata = {"image/png": "aGk=", "text/plain": told if place == "text" else ""}, {"image/png": {"alt": told}}
    cells = notebooks()
    cells["02_train"] = [*cells["02_train"][:3], code("charts.metric_by_epoch(history)", result(data, metadata if place == "alt" else {}))]
    return cells


@pytest.mark.parametrize("place", ["text", "alt"])
def test_a_curve_of_other_epochs_than_were_asked_for_is_a_problem(place: str) -> None:
    words = "The training was asked for 100 epochs, and its curve shows 30"
    assert words in first_screen(beside(cells=curve_of("30", place)))
    assert "its curve shows" not in first_screen(beside(cells=curve_of("100", place)))


def test_a_tuning_s_curve_and_a_curve_without_its_epochs_are_no_problem() -> None:
    assert "its curve shows" not in first_screen(beside(cells=curve_of("all")))
    sealed = evidence(cells=curve_of("30"))
    place = next(name for name in sealed.files if name.endswith("trained_model.json"))
    trained = json.loads(sealed.files[place]) | {"tuning_job": "tuned"}
    tuned = replace(sealed, files={**sealed.files, place: json.dumps(trained).encode()})
    assert "its curve shows" not in first_screen(reviewed(tuned))


# --- what changed


def with_epochs(value: int) -> dict[str, Any]:
    """An execution whose 02_train has another value of `epochs`, in the source and in the record."""
    cells = notebooks()
    old = cells["02_train"][1]
    cells["02_train"][1] = {**old, "source": old["source"].replace("epochs: int = 100", f"epochs: int = {value}")}
    plain = record("02_train")
    told = tuple(replace(one, value=value) if one.name == "epochs" else one for one in plain.parameters)
    return {"cells": cells, "records": {"02_train": replace(plain, parameters=told)}}


def test_a_parameter_that_a_notebook_sets_is_one_change() -> None:
    text = first_screen(beside(**with_epochs(30)))
    assert "One change: epochs 100 -> 30 (02_train.ipynb). Code, data and packages are the same. See the changes" in text
    assert "Only values of parameters changed in 02_train.ipynb: counted as parameters." in shown(beside(**with_epochs(30))).text
    assert "UTC. 1 parameter Code No change." in shown(beside(**with_epochs(30))).text  # nothing is counted that did not change


@pytest.mark.parametrize("more", ["epochs = 30", "import os", "epochs == 30"])
def test_a_notebook_that_changed_more_than_parameters_is_counted(more: str) -> None:
    told = "2 changes: notebooks/02_train.ipynb; epochs 100 -> 30 (02_train.ipynb). Code, data and packages are the same."
    parts = with_epochs(30)
    parts["cells"]["02_train"] = [*parts["cells"]["02_train"], code(more)]
    assert told in first_screen(beside(**parts))


@pytest.mark.parametrize("line", ["import os", "rate = 1", "epochs == 30"])
def test_another_line_in_the_cell_of_parameters_is_a_change_of_the_notebook(line: str) -> None:
    parts = with_epochs(30)
    cell = parts["cells"]["02_train"][1]
    parts["cells"]["02_train"][1] = {**cell, "source": f"{cell['source']}\n{line}"}
    assert "2 changes: notebooks/02_train.ipynb; epochs 100 -> 30" in first_screen(beside(**parts))


def test_many_changes_are_counted_by_kind() -> None:
    after = {**source_files(notebooks()), **{f"mlkit/new{number}.py": b"a = 1\n" for number in range(4)}}
    assert "Against production, 4 code files changed." in first_screen(beside(source=after))


def test_a_parameter_that_the_stage_sets_is_no_change() -> None:
    plain = record("03_test_endpoint")
    stage = ParameterRecord(name="environment", type="str", value="production", source="env ENVIRONMENT")
    page = beside(records={"03_test_endpoint": replace(plain, parameters=(stage, *plain.parameters[1:]))})
    assert "Nothing changed: code, notebooks, parameters, data and packages" in first_screen(page)


def test_versions_that_differ_between_steps_are_told_by_step() -> None:
    assert "29 unchanged" not in shown(beside()).text
    assert "The same in all steps." in shown(beside()).text
    page = beside(records={"02_train": record("02_train", packages={"numpy": "2.5.0", "pandas": "3.0.1", "scikit-learn": "1.8.0"})})
    assert "numpy changed 2.4.1 2.4.1 in 01_prep, 03_test_endpoint; 2.5.0 in 02_train" in shown(page).text
    assert "The steps ran with different packages." in shown(page).text


def test_the_data_s_digests_are_whole_and_each_query_is_told() -> None:
    sql = "UNLOAD (SELECT * FROM u_data WHERE rating >= 4) <b>"
    query = QueryRecord(query_execution_id="96b34064", sql=sql, state="SUCCEEDED", bytes_scanned=1_979_205)
    text = shown(beside(records={"01_prep": record("01_prep", activity=Activity(queries=(query,)))})).text
    assert f"Athena query 96b34064 SUCCEEDED, 2.0 MB scanned {sql}" in text
    assert f"digest of the encoding columns {'ee' * 32}" in text


# --- the decision


def test_the_way_to_the_approval_is_told_high_up_and_a_rejection_s_effect_too() -> None:
    decision = Decision(where="https://console.example/view", clicks="Production > ApprovalGate > Review", production="version 3")
    page = replace(beside(), decision=decision)
    text = first_screen(page)
    assert "Approve or reject in CodePipeline Production > ApprovalGate > Review" in text
    assert "If you reject production keeps version 3" in text
    assert text.index("Approve or reject") < text.index("See the comparison")
    assert "If you reject production keeps its model" in first_screen(beside())


def test_an_author_that_the_source_does_not_tell_is_not_called_unknown() -> None:
    sealed = evidence()
    source = replace(sealed.manifest.source, variables={"CommitId": COMMIT})
    text = first_screen(reviewed(replace(sealed, manifest=replace(sealed.manifest, source=source))))
    assert f"Author not recorded by the source; ask whoever pushed {COMMIT[:10]}" in text


def of_production() -> Evidence:
    """The evidence that Production.SealEvidence makes: both tests' notebooks, the approval, and QA's seal as its parent."""
    sealed = evidence(action="Production.SealEvidence", approval=APPROVED, parents=(Seal(s3_uri="s3://x", sha256="1" * 64),))
    again = record("03_test_endpoint", started="2026-03-14T09:50:00+00:00", origin=Origin(action="Production.TestEndpoint"))
    stem = "Production.TestEndpoint/5e/03_test_endpoint"
    ran = next(data for name, data in sealed.files.items() if name.endswith("03_test_endpoint.ipynb"))
    files = {**sealed.files, f"{stem}.ipynb": ran, f"{stem}.record.json": again.to_json().encode()}
    produced = replace(attempt("QA.TestEndpoint"), action="Production.TestEndpoint", build="mlkit-build:5e")
    return replace(sealed, files=files, manifest=replace(sealed.manifest, attempts=(*sealed.manifest.attempts, produced)))


def test_production_s_page_tells_who_decided_after_how_long_and_what_production_served() -> None:
    ended = {"SealEvidence": "2026-03-14T09:27:53+00:00", "RemoveEndpoint": "2026-03-14T09:33:00+00:00"}
    sealing, removing = (ActionTime(stage="QA", action=name, status="Succeeded", started=time, ended=time) for name, time in ended.items())
    later = replace(sealing, stage="Production", ended="2026-03-14T10:00:00+00:00")
    times = (sealing, replace(sealing, status="Failed", ended=ended["RemoveEndpoint"]), removing, later)
    text = first_screen(reviewed(of_production(), actions=times))
    assert "Approved By arn:aws:iam::1:user/eve, 2026-03-14 09:40:53 UTC, 13 min 0 s after the seal Comment As good as" in text
    assert "Approved seal 111111111111" in text
    tested = f"Production mlkit-ml-lab-qa was tested at 2026-03-14 09:50:00 UTC; it served the model {MODEL[:12]}..."
    assert tested in text
    assert "updates the endpoint" not in text
    assert "must equal the mail's" not in text


def test_qa_s_test_is_no_earlier_attempt_and_a_repeated_one_is() -> None:
    text = shown(reviewed(of_production())).text
    assert "completed in 48 s, QA's test, confirmed" in text
    assert "an earlier attempt" not in text
    early = f"QA.TestEndpoint/{BUILDS['QA.TestEndpoint'][::-1]}/03_test_endpoint.record.json"
    first = record("03_test_endpoint", started="2026-03-14T09:10:00+00:00").to_json().encode()
    assert "an earlier attempt" in shown(reviewed(evidence(more={early: first}))).text


def test_the_full_digests_and_the_key_are_in_the_digests() -> None:
    sealed = evidence()
    text = shown(reviewed(sealed, key="arn:aws:kms:us-east-1:1:key/a")).text
    digests = text.rpartition("SHA-256 of what was sealed.")[2]
    assert f"Seal {sealed.sha256}" in digests
    assert f"Commit {COMMIT}" in digests
    assert "Key that signs seals arn:aws:kms:us-east-1:1:key/a" in digests
    assert f"{len(sealed.manifest.files)} files, and what they were made from" in digests
    assert "counts the files of the earlier seals too" not in digests
    assert "counts the files of the earlier seals too" in shown(reviewed(of_production())).text


# --- the layout


def test_a_long_word_may_break_after_a_mark_only() -> None:
    long = "a" * 20
    assert breakable(f"{long}_b/c.d <i>") == f"{long}_<wbr>b/<wbr>c.<wbr>d &lt;i&gt;"
    assert breakable("03_test_endpoint.ipynb 0.6984") == "03_test_endpoint.ipynb 0.6984"
    assert breakable(f"{long}0.6984") == f"{long}0.6984"
    assert Page(b"<p>03_<wbr>test</p>").text == "03_test"


def test_the_way_around_the_page_comes_after_the_verdict() -> None:
    page = render(beside()).decode()
    assert page.index('id="verdict"') < page.index("<nav") < page.index('id="changes"')


def test_unchanged_packages_are_left_out_of_print() -> None:
    assert 'class="unchanged"><summary>4 unchanged' in render(beside()).decode()
