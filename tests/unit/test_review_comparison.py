"""What the comparison of two executions finds, as data and as text."""

from typing import Any

import pytest
from sealed_evidence import attempt, champion, code, evidence, notebooks, outcome, prepared_data, record, source_files

from mlkit.review.bundle_contents import Contents
from mlkit.review.comparison import Comparison, compare
from mlkit.review.comparison_text import comparison_text
from mlkit.review.line_diffs import diff_texts
from mlkit.review.notebook_diffs import diff_notebooks


def compared(**changes: Any) -> Comparison:
    return compare(Contents(evidence(**changes)), Contents(champion()))


def cell(name: str, text: str, kind: str = "code") -> dict[str, Any]:
    return {"cell_type": kind, "id": name, "source": text}


CELLS = [cell(name, f"step_{name} = run('{name}')") for name in "abcdef"]


def test_the_same_notebook_has_no_changed_cells() -> None:
    assert diff_notebooks(CELLS, CELLS) == []


def test_a_changed_an_added_and_a_removed_cell_are_found_at_their_places() -> None:
    new = [CELLS[0], cell("new", "a cell of its own"), *CELLS[1:3], cell("d", "step_d = run('D')"), CELLS[4]]
    found = diff_notebooks(CELLS, new)
    assert [(one.number, one.change) for one in found] == [(2, "added"), (5, "changed"), (6, "removed")]
    assert [(line.mark, line.text) for line in found[1].diff.lines[1:]] == [("-", "step_d = run('d')"), ("+", "step_d = run('D')")]


def test_a_notebook_of_thousands_of_cells_is_compared_by_its_digest() -> None:
    other = notebooks()
    other["02_train"] = [code(f"a = {number}") for number in range(2_000)]
    notes = {file.path: file.lines.note for file in compared(source=source_files(other)).code}
    assert notes == {"notebooks/02_train.ipynb": "Too large, or not readable as a notebook: compared by digest only."}


def test_many_changed_cells_are_listed_as_removed_and_added_without_comparing_each_with_each() -> None:
    before, after = ([cell(f"{name}{number}", f"{name} " * 300 + str(number)) for number in range(100)] for name in ("old", "new"))
    found = diff_notebooks([*before, CELLS[0]], [*after, CELLS[0]])
    assert [one.change for one in found] == ["removed"] * 100 + ["added"] * 100
    assert [one.number for one in found] == [*range(1, 101), *range(1, 101)]


def test_outputs_metadata_and_injected_parameters_are_no_change_of_a_notebook() -> None:
    other = notebooks()
    other["01_prep"] = [{**one, "metadata": {**one["metadata"], "papermill": {"duration": 1}}} for one in other["01_prep"]]
    found = compared(source=source_files(other))
    assert not [cell for file in found.code for cell in file.cells]
    assert [file.lines.note for file in found.code] == ["No cell changed: only metadata, outputs or format."]


def test_a_file_that_came_and_one_that_went_are_shown_whole() -> None:
    files = source_files(notebooks())
    gone = dict(files)
    del gone["mlkit.yml"]
    found = {file.path: file for file in compared(source={**gone, "mlkit/new.py": b"a = 1\nb = 2\n"}).code}
    assert (found["mlkit/new.py"].change, found["mlkit/new.py"].added, found["mlkit/new.py"].removed) == ("added", 2, 0)
    assert (found["mlkit.yml"].change, found["mlkit.yml"].added, found["mlkit.yml"].removed) == ("removed", 0, 1)


def test_a_binary_file_is_compared_by_its_digest() -> None:
    found = compared(source={**source_files(notebooks()), "vendor/mlkit.whl": b"PK\0\1"})
    assert [file.lines.note for file in found.code] == ["Not text, or not in the source archive: compared by digest only."]


def test_a_file_of_the_archive_that_is_not_the_one_that_ran_is_not_shown() -> None:
    files = source_files(notebooks())
    sealed = evidence(source={**files, "mlkit.yml": b"kind: tabular\n"}, code=dict.fromkeys(files, "0" * 64))
    assert set(Contents(sealed).source.values()) == {None}


def test_a_changed_parameter_keeps_its_setter() -> None:
    plain = record("03_test_endpoint")
    lower = tuple(
        one if one.name != "min_match_rate" else type(one)(name=one.name, type=one.type, value=0.5, source="env MIN_MATCH_RATE")
        for one in plain.parameters
    )
    found = compared(records={"03_test_endpoint": record("03_test_endpoint", parameters=lower)})
    (value,) = [value for value in found.parameters if value.is_changed]
    assert (value.name, value.old, value.new, value.setter) == ("min_match_rate", "0.65", "0.5", "the build's variable MIN_MATCH_RATE")


def test_other_rows_change_their_count_and_their_digest() -> None:
    changed = [f"{value.group} {value.name}" for value in compared(prepared=prepared_data(80_000)).data if value.is_changed]
    assert changed == ["train rows", "train digest"]


def test_the_labels_of_a_split_are_told_by_class_or_as_a_number() -> None:
    for labels, told in (
        ({"rows of Adelie": 12_000, "rows of Gentoo": 69_518}, {"rows of Adelie": "12,000", "rows of Gentoo": "69,518"}),
        ({"lowest": 0.5, "mean": 3.5264, "highest": 5.0}, {"lowest": "0.5", "mean": "3.5264", "highest": "5"}),
    ):
        prepared = prepared_data()
        prepared["train"] = {**prepared["train"], "positives": None, "labels": labels}
        found = {value.name: value.new for value in compared(prepared=prepared).data if value.group == "train" and value.new}
        assert {name: value for name, value in found.items() if name not in ("rows", "digest")} == told


def test_evidence_of_a_version_without_targets_is_compared_too() -> None:
    old = prepared_data()
    del old["target"]
    for name in ("train", "validation", "test"):
        del old[name]["labels"]
    found = compare(Contents(evidence()), Contents(champion(prepared=old)))
    assert not [value.name for value in found.data if value.is_changed]


def test_a_new_version_of_a_package_is_a_change_and_metrics_are_not() -> None:
    packages = {name: record(name, packages={"numpy": "2.5.0", "pandas": "3.0.1", "scikit-learn": "1.8.0"}) for name in notebooks()}
    found = compared(records=packages, tested=outcome(0.71, 0.7, 0.72))
    assert found.counts == {"code": 0, "notebooks": 0, "parameters": 0, "data": 0, "packages": 1}
    assert [metric.difference for metric in found.metrics if metric.name == "match rate"] == [pytest.approx(0.0116)]


def test_the_machines_speed_is_no_metric_of_the_model() -> None:
    assert "train:throughput" not in {metric.name for metric in compared().metrics}


def test_of_two_attempts_the_confirmed_one_counts() -> None:
    late = "Build_and_Train.ModelTraining/ffff/02_train"
    again = record("02_train", started="2026-03-14T11:00:00+00:00", packages={"numpy": "9.9"})
    sealed = evidence(
        more={f"{late}.record.json": again.to_json().encode()},
        attempts=(
            attempt("Build_and_Train.ModelTraining"),
            attempt("QA.TestEndpoint"),
            attempt("Build_and_Train.ModelTraining", build="mlkit-build:ffff", status="Failed", confirmed=False),
        ),
    )
    assert Contents(sealed).current["02_train.ipynb"].build != "ffff"


def test_a_hunk_tells_the_line_at_which_it_begins() -> None:
    before = "".join(f"{number}\n" for number in range(1, 100))
    found = diff_texts(before, before.replace("50\n", "fifty\n"))
    assert [line.text for line in found.lines] == ["line 48", "48", "49", "50", "fifty", "51", "52"]
    assert diff_texts("a\n", "").lines[0].text == "line 1"


def test_a_long_text_is_named_and_not_compared() -> None:
    assert diff_texts("a\n" * 10_000, "b\n" * 10_000).note == "Too long to compare here."


def test_lines_of_a_large_diff_are_counted_beyond_the_first_400() -> None:
    found = diff_texts("", "a\n" * 1_000)
    assert (len(found.lines), found.left_out, found.added) == (400, 601, 1_000)


def test_the_text_tells_both_executions_and_each_change_in_80_columns() -> None:
    before = source_files(notebooks())
    long_line = b"MARGIN = 0.01  # " + b"a reason that is quite long " * 6
    after = {**before, "mlkit/gate/verdicts.py": before["mlkit/gate/verdicts.py"].replace(b"MARGIN = 0.02", long_line)}
    text = comparison_text(champion(), evidence(source=after, prepared=prepared_data(80_000)))
    assert max(len(line) for line in text.splitlines()) <= 80
    assert "From A to B, 1 code file and 2 data values changed." in text
    assert "    - MARGIN = 0.02" in text
    assert "  train: rows: 81,518 -> 80,000" in text


def test_the_text_of_two_equal_executions_says_so() -> None:
    text = comparison_text(champion(), evidence())
    assert text.splitlines()[3:] == ["Nothing changed: B has A's code, notebooks, parameters, data and packages."]


def test_terminal_codes_in_a_changed_line_are_not_printed() -> None:
    files = {**source_files(notebooks()), "mlkit.yml": b"kind: \x1b[2Jmovielens\n"}
    text = comparison_text(champion(), evidence(source=files))
    assert "\x1b" not in text
    assert "\\u001b[2J" in text


def test_a_changed_cell_is_named_by_its_number_in_the_text() -> None:
    other = notebooks()
    other["02_train"] = [*other["02_train"], code("more = 1")]
    text = comparison_text(champion(), evidence(cells=other))
    assert "  cell 5 added" in text
    assert "    + more = 1" in text
