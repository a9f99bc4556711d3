"""The steps of mlkit.yml: read strictly, with lines, and run by name."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from mlkit import cli
from mlkit.check import check_project
from mlkit.cli.run_plan import PAIR, Given, Keeping, PlannedRun, plan, plan_steps, staging_of
from mlkit.errors import InvalidParameters, MlkitError, NotebookFailed, NotFound, UsageError
from mlkit.evidence.layout import Staging
from mlkit.evidence.run_record import RunRecord, Status
from mlkit.project.pipeline_steps import read_steps
from mlkit.settings import Project

ROOT = Path(__file__).parents[2]
ABOUT = "kind: tabular\ndataset: shop\ntable: sales\nsource: load_data.py\n"
STEPS = """steps:
  prep: {notebook: notebooks/one.ipynb, parameters: {initials: {env: INITIALS}}, reuse: true}
  train: {notebook: notebooks/two.ipynb, parameters: {role: {env: ROLE}, tune: {env: TUNE, unless: notebook}}, reuse: true}
  test: {notebook: notebooks/three.ipynb}
"""
ENVIRON = {"INITIALS": "abc", "ROLE": "", "TUNE": "notebook"}
NOTHING = Given(values={}, sources={})


def notebook(*cells: str) -> str:
    """A notebook of code cells, whose first one holds its parameters."""
    code = [
        {"cell_type": "code", "id": f"c{number}", "metadata": {}, "source": source, "outputs": [], "execution_count": None}
        for number, source in enumerate(cells)
    ]
    code[0]["metadata"] = {"tags": ["parameters"]}
    kernel = {"kernelspec": {"name": "python3", "language": "python", "display_name": "Python 3"}}
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": kernel, "cells": code})


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Three steps whose notebooks print what they were given; the current folder is the project's, the variables are set."""
    files = {
        "mlkit.yml": ABOUT + STEPS,
        "CloudFormation/sagemaker_prediction_endpoint.yaml": "",
        "notebooks/one.ipynb": notebook('initials: str = "x"', "print(initials)"),
        "notebooks/two.ipynb": notebook('role: str = "-"\ntune: bool = False', "print(role, tune)"),
        "notebooks/three.ipynb": notebook("rows: int = 0", "print(rows)"),
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    for name, value in ENVIRON.items():
        monkeypatch.setenv(name, value)
    return Project(root=tmp_path)


def write_steps(project: Project, text: str) -> None:
    (project.root / "mlkit.yml").write_text(f"{ABOUT}{text}")


def planned(project: Project, *names: str, environ: dict[str, str] | None = None, given: Given = NOTHING) -> list[PlannedRun]:
    return plan_steps(project, names, given, Keeping(), ENVIRON if environ is None else environ)


def typed(**parameters: str) -> Given:
    return Given.of(None, [f"{name}{PAIR}{value}" for name, value in parameters.items()])


def run(*arguments: str) -> BaseException | None:
    return CliRunner().invoke(cli.app, ["run", *arguments]).exception


def record(project: Project, name: str) -> RunRecord:
    return RunRecord.from_json((project.root / "executed" / f"{name}.record.json").read_text())


def test_the_project_s_own_steps_are_the_pipeline_s() -> None:
    for root in (ROOT, ROOT / "examples" / "breast_cancer"):
        steps = read_steps(root)
        assert [(step.name, step.reuse) for step in steps.values()] == [("prep", True), ("train", True), ("test", False)]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("steps: [prep]\n", "line 5: `steps` is not a mapping"),
        ("steps:\n", "line 5: `steps` is not a mapping"),
        ("steps: {prep: notebooks/one.ipynb}\n", "line 5: step prep is not a mapping"),
        ("steps:\n  Prep: {notebook: notebooks/one.ipynb}\n", "line 6: step Prep: a name has lower-case letters"),
        ("steps:\n  1: {notebook: notebooks/one.ipynb}\n", "line 6: step 1: a name has lower-case letters"),
        ("steps:\n  a.ipynb: {notebook: notebooks/one.ipynb}\n", "line 6: step a.ipynb: a name has"),
        ("steps:\n  prep: {reuse: true}\n", "line 6: step prep has no `notebook`"),
        ("steps:\n  prep:\n    notebok: notebooks/one.ipynb\n", "line 7: step prep has no key `notebok`. Did you mean notebook?"),
        ("steps:\n  prep:\n    notebook: [one.ipynb]\n", "line 7: `notebook` of step prep is not text"),
        ("steps:\n  prep:\n    notebook: notebooks/one.py\n", "line 7: step prep: notebooks/one.py is not the path of a notebook"),
        ("steps:\n  prep:\n    notebook: /one.ipynb\n", "line 7: step prep: /one.ipynb is not the path"),
        ("steps:\n  prep:\n    notebook: ../one.ipynb\n", "line 7: step prep: ../one.ipynb is not the path"),
        ("steps:\n  prep:\n    notebook: s3://b/one.ipynb\n", "line 7: step prep: s3://b/one.ipynb is not the path"),
        ("steps:\n  prep: {notebook: one.ipynb, reuse: 1}\n", "line 6: `reuse` of step prep is neither true nor false"),
        ("steps:\n  prep: {notebook: one.ipynb, reuse: 'true'}\n", "line 6: `reuse` of step prep is neither"),
        ("steps:\n  prep: {notebook: one.ipynb, parameters: [x]}\n", "line 6: `parameters` of step prep is not a mapping"),
        (
            "steps:\n  prep:\n    notebook: one.ipynb\n    parameters:\n      x: 3\n",
            "line 9: parameter x of step prep is not {env: VARIABLE}",
        ),
        ("steps:\n  prep: {notebook: one.ipynb, parameters: {x: {}}}\n", "line 6: `env` of parameter x of step prep is not text"),
        ("steps:\n  prep: {notebook: one.ipynb, parameters: {x: {env: A-B}}}\n", "A-B is not a valid name for an environment variable"),
        ("steps:\n  prep: {notebook: one.ipynb, parameters: {x: {env: A, unles: b}}}\n", "has no key `unles`. Did you mean unless?"),
        ("steps:\n  prep: {notebook: one.ipynb, parameters: {x: !Ref A}}\n", "has a YAML tag, which mlkit.yml does not allow"),
        ("steps:\n  a: {notebook: x/one.ipynb}\n  b: {notebook: y/one.ipynb}\n", "line 7: step b: its executed notebook would replace"),
        ("steps:\n  a: {notebook: one.ipynb}\n  a: {notebook: two.ipynb}\n", "line 7: this is not YAML: the key `a` is there twice"),
        ("steps: {\n", "line 6: this is not YAML"),
        ("steps:\n  prep: {notebook: one.ipynb, buildspec: [x]}\n", "line 6: `buildspec` of step prep is not text"),
    ],
)
def test_an_error_in_mlkit_yml_is_refused_with_its_line(project: Project, text: str, complaint: str) -> None:
    write_steps(project, text)
    with pytest.raises(UsageError) as refused:
        read_steps(project.root)
    assert complaint in str(refused.value)
    assert "prep: {notebook: notebooks/01_prep.ipynb" in str(refused.value.cure)


def test_without_mlkit_yml_a_step_is_told_what_to_write(project: Project) -> None:
    (project.root / "mlkit.yml").unlink()
    with pytest.raises(NotFound, match="lists the steps"):
        planned(project, "prep")


@pytest.mark.parametrize("text", ["", "steps: {}\n"])
def test_a_mlkit_yml_without_steps_is_told_what_to_write(project: Project, text: str) -> None:
    write_steps(project, text)
    with pytest.raises(UsageError, match="There is no step prep") as refused:
        planned(project, "prep")
    assert "Write a step in mlkit.yml" in str(refused.value.cure)


def test_an_unknown_name_is_refused_with_what_was_probably_meant(project: Project) -> None:
    with pytest.raises(UsageError, match=r"There is no step trian\. Did you mean train\?") as refused:
        planned(project, "prep", "trian")
    assert refused.value.cure == "mlkit.yml lists: prep, train, test. A notebook's path ends with .ipynb."


def test_values_come_from_the_environment_and_the_record_says_from_where(project: Project) -> None:
    [prep, train] = planned(project, "prep", "train", environ={**ENVIRON, "TUNE": "true"})
    assert (dict(prep.given), dict(prep.sources)) == ({"initials": "abc"}, {"initials": "env INITIALS"})
    assert dict(train.given) == {"role": "", "tune": "true"}
    assert dict(train.sources) == {"role": "env ROLE", "tune": "env TUNE"}


def test_unless_leaves_the_parameter_to_the_notebook(project: Project) -> None:
    [train] = planned(project, "train")
    assert dict(train.given) == {"role": ""}


def test_a_parameter_that_is_left_to_the_notebook_must_exist(project: Project) -> None:
    write_steps(project, "steps:\n  train: {notebook: notebooks/two.ipynb, parameters: {tine: {env: TUNE, unless: notebook}}}\n")
    with pytest.raises(InvalidParameters, match=r"There is no parameter `tine`\. Did you mean `tune`\?"):
        planned(project, "train")


def test_each_variable_that_is_not_set_is_refused_with_step_line_and_what_to_type(project: Project) -> None:
    with pytest.raises(UsageError) as refused:
        planned(project, "train", environ={})
    assert str(refused.value).splitlines() == [
        "Step train takes role from ROLE, which is not set (mlkit.yml, line 7)",
        "Step train takes tune from TUNE, which is not set (mlkit.yml, line 7)",
    ]
    assert refused.value.cure == "`export ROLE=VALUE TUNE=notebook`, or give one step's parameter with `-p role VALUE`."


def test_for_one_step_p_replaces_the_variable(project: Project) -> None:
    [train] = planned(project, "train", environ={"TUNE": "true"}, given=typed(role="r", tune="false"))
    assert dict(train.given) == {"role": "r", "tune": "false"}
    assert dict(train.sources) == {"role": "-p", "tune": "-p"}


def test_p_with_several_steps_is_refused_by_name(project: Project) -> None:
    with pytest.raises(UsageError, match="-p tune can be given for one step only, not for prep, train"):
        planned(project, "prep", "train", given=typed(tune="true"))


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["prep", "notebooks/two.ipynb"], "prep is the name of a step, notebooks/two.ipynb is a path"),
        (["prep", "prep"], "Step prep is given twice"),
        (["notebooks/one.ipynb", "out.ipynb", "three.ipynb"], "three.ipynb is one path too many"),
        (["-"], "cannot be read from standard input"),
    ],
)
def test_arguments_that_are_neither_steps_nor_one_notebook_are_refused(project: Project, arguments: list[str], complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        plan(arguments, NOTHING, Keeping())


def test_a_value_that_does_not_fit_the_second_step_is_refused_before_the_first_runs(project: Project) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("TUNE", "maybe")
        assert isinstance(run("prep", "train"), InvalidParameters)
    assert not (project.root / "executed").exists()


@pytest.mark.parametrize(("reuse", "expected"), [(None, [True, True, False]), (True, [True] * 3), (False, [False] * 3)])
def test_mlkit_yml_decides_what_is_reused_unless_the_option_does(project: Project, reuse: bool | None, expected: list[bool]) -> None:
    runs = plan_steps(project, ["prep", "train", "test"], NOTHING, Keeping(reuse=reuse), ENVIRON)
    assert [one.reuse for one in runs] == expected
    [one] = plan(["notebooks/one.ipynb"], NOTHING, Keeping(reuse=reuse))
    assert one.reuse is bool(reuse)


BUILD = {"PIPELINE_EXECUTION_ID": "e1", "ACTION": "QA.Test", "CODEBUILD_BUILD_ID": "project:b1"}


def test_a_build_keeps_its_attempt_and_the_finished_steps_of_its_execution_in_staging(project: Project) -> None:
    keeping = Keeping(staging=staging_of("s3://staging/", BUILD))
    [prep, test] = plan_steps(project, ["prep", "test"], NOTHING, keeping, ENVIRON)
    assert prep.destination.s3_prefix == test.destination.s3_prefix == "s3://staging/e1/QA.Test/b1/"
    assert (prep.finished_runs, test.finished_runs) == ("s3://staging/steps/e1/", "")
    assert Staging(address="s3://staging", execution="e1").executions == "s3://staging/e1/"


def test_staging_outside_of_a_build_is_refused_with_what_is_missing(project: Project) -> None:
    with pytest.raises(UsageError, match="--staging-bucket needs PIPELINE_EXECUTION_ID, ACTION, which only a build of the pipeline has"):
        staging_of("s3://staging", {"CODEBUILD_BUILD_ID": "project:b1", "ACTION": ""})
    told = run("prep", "--staging-bucket", "s3://a", "--evidence", "s3://b/")
    assert "--staging-bucket and --evidence cannot be combined: both name the place for evidence" in str(told)


def test_steps_run_by_name_from_any_folder_of_the_project(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project.root / "notebooks")
    assert run("prep", "test") is None
    assert [(one.name, one.value, one.source) for one in record(project, "one").parameters] == [("initials", "abc", "env INITIALS")]
    assert record(project, "three").status == Status.COMPLETED


def test_steps_stop_at_the_first_that_fails_with_its_exit_code(project: Project) -> None:
    (project.root / "notebooks" / "two.ipynb").write_text(notebook('role: str = "-"\ntune: bool = False', "1 / 0"))
    failed = run("prep", "train", "test")
    assert isinstance(failed, MlkitError)
    assert failed.exit_code == NotebookFailed.exit_code
    assert [path.stem for path in sorted((project.root / "executed").glob("*.ipynb"))] == ["one", "two"]


@pytest.fixture
def fourth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A copy of this project to which a notebook and its entry in mlkit.yml were added, and nothing else."""
    for folder in ("notebooks", "buildspecs", "CloudFormation"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    shutil.copy(ROOT / "mlkit.yml", tmp_path)
    (tmp_path / "notebooks" / "04_report.ipynb").write_text(notebook("title: str\nrows: int = 10", "print(title * rows)"))
    entry = "  report: {notebook: notebooks/04_report.ipynb, parameters: {title: {env: TITLE}}}\n"
    with (tmp_path / "mlkit.yml").open("a") as file:
        file.write(entry)
    monkeypatch.chdir(tmp_path)
    return Project(root=tmp_path)


def test_a_fourth_notebook_is_one_entry_in_mlkit_yml(fourth: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    assert check_project(fourth.root).problems == []
    assert check_project(fourth.root).steps == 4
    monkeypatch.setenv("TITLE", "Sales")
    assert run("report") is None
    assert [(one.name, one.value, one.source) for one in record(fourth, "04_report").parameters] == [
        ("title", "Sales", "env TITLE"),
        ("rows", 10, "default"),
    ]


def test_a_fourth_notebook_is_checked_like_the_others(fourth: Project) -> None:
    text = (fourth.root / "mlkit.yml").read_text()
    (fourth.root / "mlkit.yml").write_text(text.replace("{title:", "{titel:"))
    problems: list[Any] = [str(problem) for problem in check_project(fourth.root).problems]
    assert any("step report: There is no parameter `titel`. Did you mean `title`?" in problem for problem in problems)


def test_a_build_that_runs_the_fourth_notebook_must_set_its_variables(fourth: Project) -> None:
    buildspec = fourth.root / "buildspecs" / "test_endpoint.yml"
    buildspec.write_text(buildspec.read_text().replace("run --buildspec test_endpoint", "run test report"))
    problems = "\n".join(str(problem) for problem in check_project(fourth.root).problems)
    assert "step report in TestEndpoint in QA.TestEndpoint: TITLE is set by neither the project nor the action" in problems


OF_BUILDS = """steps:
  prep: {notebook: notebooks/one.ipynb, buildspec: train}
  look: {notebook: notebooks/three.ipynb}
  train: {notebook: notebooks/two.ipynb, buildspec: train}
"""


def names_planned(*arguments: str, buildspec: str = "") -> list[str]:
    return [run.notebook.name for run in plan(arguments, NOTHING, Keeping(), buildspec)]


def test_a_buildspec_runs_its_steps_in_the_file_s_order(project: Project) -> None:
    write_steps(project, OF_BUILDS)
    assert names_planned(buildspec="train") == ["one.ipynb", "two.ipynb"]
    assert names_planned("look") == ["three.ipynb"]
    assert run("--buildspec", "train") is None
    assert record(project, "two").status is Status.COMPLETED
    assert not (project.root / "executed" / "three.ipynb").exists()


def test_a_buildspec_without_steps_is_refused_by_name(project: Project) -> None:
    write_steps(project, OF_BUILDS)
    with pytest.raises(UsageError, match=r"No step has the buildspec trian\. Did you mean train\?") as refused:
        names_planned(buildspec="trian")
    assert refused.value.cure == "mlkit.yml has steps of: train."
    write_steps(project, STEPS)
    with pytest.raises(UsageError, match=r"No step has the buildspec train\n") as refused:
        names_planned(buildspec="train")
    assert refused.value.cure == "Give a step `buildspec:` in mlkit.yml."


def test_a_buildspec_and_steps_cannot_be_combined_and_one_is_needed(project: Project) -> None:
    write_steps(project, OF_BUILDS)
    with pytest.raises(UsageError, match="look and --buildspec train both say what to run"):
        names_planned("look", buildspec="train")
    with pytest.raises(UsageError, match="Nothing to run was given"):
        names_planned()
