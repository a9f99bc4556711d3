"""What people do to notebooks in JupyterLab, and what of it reaches git: the filter that set-up defines, and the check behind it."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager
from waiting import HANG_S, wait_until

from mlkit.check import check_project
from mlkit.project.git import settle
from mlkit.project.new_project import Parts, collect, find_source, make

ROOT = Path(__file__).parents[2]
TRAIN = "notebooks/02_train.ipynb"
OF_JUPYTERLAB = {
    "codemirror_mode": {"name": "ipython", "version": 3},
    "file_extension": ".py",
    "mimetype": "text/x-python",
    "name": "python",
    "nbconvert_exporter": "python",
    "pygments_lexer": "ipython3",
    "version": "3.11.7",
}
OUTPUT = {"output_type": "stream", "name": "stdout", "text": ["seen\n"]}


@pytest.fixture(scope="module")
def parts() -> Parts:
    return collect(find_source(ROOT / "mlkit", ROOT), example=None, name="churn")


@pytest.fixture
def project(parts: Parts, tmp_path: Path) -> Path:
    """A new project in a repository of its own, with this environment for its own, before its set-up."""
    make(tmp_path / "churn", parts, with_git=True)
    (tmp_path / "churn" / ".venv").symlink_to(Path(sys.executable).parents[1])
    (tmp_path / "churn" / ".git" / "info" / "exclude").write_text(".venv\n")
    return tmp_path / "churn"


def set_up_filter(folder: Path) -> None:
    subprocess.run(["make", "--silent", "notebook-filter"], cwd=folder, check=True, capture_output=True, timeout=HANG_S)


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), "-c", "user.name=A", "-c", "user.email=a@example.org", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=HANG_S).stdout


def change(notebook: Path, edit: Any) -> None:
    content = json.loads(notebook.read_text())
    edit(content)
    notebook.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def run_all_and_save(content: dict[str, Any]) -> None:
    """What JupyterLab leaves in a notebook."""
    for count, cell in enumerate((cell for cell in content["cells"] if cell["cell_type"] == "code"), start=1):
        cell |= {"outputs": [{**OUTPUT}], "execution_count": count}
        cell["metadata"]["execution"] = {"iopub.execute_input": "2026-01-01T00:00:00Z"}
    content["metadata"]["language_info"] = OF_JUPYTERLAB


def deploy_dev(content: dict[str, Any]) -> None:
    for cell in content["cells"]:
        cell["source"] = [line.replace("deploy_dev: bool = False", "deploy_dev: bool = True") for line in cell["source"]]


def leave_injected_parameters(content: dict[str, Any]) -> None:
    cell = {"cell_type": "code", "id": "left", "metadata": {"tags": ["injected-parameters"]}, "outputs": [], "execution_count": None}
    content["cells"].insert(2, {**cell, "source": ["max_depth = 1\n"]})


def found(project: Path) -> list[str]:
    return [str(problem) for problem in check_project(project).problems]


def save_in_jupyterlab(project: Path, name: str, edit: Any) -> None:
    """Save as the server does that `mlkit local jupyter` starts."""
    manager = AsyncLargeFileManager(root_dir=str(project), post_save_hook="mlkit.jupyter.save_hook.after_save")
    content = json.loads((project / name).read_text())
    edit(content)
    asyncio.run(manager.save({"type": "notebook", "format": "json", "content": content}, name))


def test_after_run_all_git_status_is_clean_and_the_file_keeps_its_outputs(project: Path) -> None:
    set_up_filter(project)
    save_in_jupyterlab(project, TRAIN, run_all_and_save)
    wait_until(lambda: git(project, "status", "--porcelain"), "git status is clean", ok=lambda status: status == "")
    assert "seen" in (project / TRAIN).read_text()


def test_a_git_command_that_holds_the_index_meanwhile_is_waited_for(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    set_up_filter(project)
    lock, pauses = project / ".git" / "index.lock", []
    content = json.loads((project / TRAIN).read_text())
    run_all_and_save(content)
    (project / TRAIN).write_text(json.dumps(content))
    lock.touch()

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 2:
            lock.unlink()

    monkeypatch.setattr("mlkit.project.git.time.sleep", pause)
    settle(project / "notebooks", Path(TRAIN).name)
    assert len(pauses) == 2
    assert git(project, "status", "--porcelain") == ""


def test_after_save_a_changed_source_is_left_to_be_added_and_a_new_notebook_too(project: Path) -> None:
    set_up_filter(project)
    change(project / TRAIN, deploy_dev)
    (project / "notebooks" / "new.ipynb").write_text((project / TRAIN).read_text())
    for name in ("02_train.ipynb", "new.ipynb"):
        settle(project / "notebooks", name)
    assert git(project, "status", "--porcelain").splitlines() == [f" M {TRAIN}", "?? notebooks/new.ipynb"]


def test_after_run_all_git_diff_shows_nothing_whatever_saved_it(project: Path) -> None:
    set_up_filter(project)
    change(project / TRAIN, run_all_and_save)
    assert git(project, "diff") == ""


def test_a_changed_notebook_is_staged_without_its_outputs(project: Path) -> None:
    set_up_filter(project)
    before = json.loads(git(project, "show", f"HEAD:{TRAIN}"))
    change(project / TRAIN, run_all_and_save)
    change(project / TRAIN, deploy_dev)
    git(project, "add", "--all")
    staged = json.loads(git(project, "show", f":{TRAIN}"))
    deploy_dev(before)
    assert staged == before


def test_the_filter_is_of_the_clone_alone_and_set_up_defines_it(project: Path) -> None:
    set_up_filter(project)
    assert ".venv/bin/nbstripout" in git(project, "config", "--local", "filter.nbstripout.clean")
    for folder in (ROOT, project):
        done = subprocess.run(
            ["make", "-n", "--always-make", "setup"], cwd=folder, check=True, capture_output=True, text=True, timeout=HANG_S
        )
        assert "notebook-filter" in done.stdout


def test_in_a_folder_of_a_larger_repository_the_filter_is_the_projects(parts: Parts, tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    make(tmp_path / "models" / "churn", parts, with_git=True)
    (tmp_path / "models" / "churn" / ".venv").symlink_to(Path(sys.executable).parents[1])
    set_up_filter(tmp_path / "models" / "churn")
    git(tmp_path, "add", "models/churn/notebooks")
    git(tmp_path, "commit", "--quiet", "--message", "start")
    change(tmp_path / "models" / "churn" / TRAIN, run_all_and_save)
    assert git(tmp_path, "diff") == ""


def test_without_the_environment_notebooks_pass_as_they_are(project: Path) -> None:
    set_up_filter(project)
    (project / ".venv").unlink()
    change(project / TRAIN, run_all_and_save)
    git(project, "add", "--all")
    assert git(project, "show", f":{TRAIN}") == (project / TRAIN).read_text()


def test_set_up_outside_of_git_is_no_error(project: Path) -> None:
    (project / ".git").rename(project / "no-git")
    environment = {**os.environ, "GIT_CEILING_DIRECTORIES": str(project.parent)}
    subprocess.run(["make", "--silent", "notebook-filter"], cwd=project, check=True, env=environment, timeout=HANG_S)


def test_a_clone_without_set_up_is_told_what_git_would_hold(project: Path) -> None:
    change(project / TRAIN, run_all_and_save)
    assert found(project) == []  # nothing of it is in git yet
    git(project, "add", "--all")
    (problem,) = found(project)
    assert problem.startswith(f"{TRAIN}:1: code cells 1, 2, 3")
    assert f"outputs or an execution count. Type: .venv/bin/nbstripout --keep-id {TRAIN} && git add {TRAIN}" in problem


def test_the_command_in_the_message_fixes_the_problem(project: Path) -> None:
    change(project / TRAIN, run_all_and_save)
    git(project, "add", "--all")
    (problem,) = found(project)
    subprocess.run(["sh", "-c", problem.partition("Type: ")[2]], cwd=project, check=True, timeout=HANG_S)
    assert found(project) == []


def test_a_committed_deploy_dev_is_pointed_out(project: Path) -> None:
    change(project / TRAIN, deploy_dev)
    assert found(project) == []
    git(project, "commit", "--all", "--quiet", "--message", "try")
    (problem,) = found(project)
    assert problem == (
        f"{TRAIN}:1: deploy_dev is True by default: each run of the pipeline would deploy the dev endpoint. "
        f"Set it to False, then type: git add {TRAIN}"
    )


def test_left_parameters_of_a_run_are_pointed_out(project: Path) -> None:
    change(project / TRAIN, leave_injected_parameters)
    git(project, "add", "--all")
    (problem,) = found(project)
    assert "parameters of an earlier run, which would overrule the defaults. Delete the cell tagged injected-parameters" in problem


def test_outside_of_git_the_files_are_what_is_checked(tmp_path: Path) -> None:
    (tmp_path / "notebooks").mkdir()
    cell = {"cell_type": "code", "id": "a", "metadata": {}, "source": [], "outputs": [OUTPUT], "execution_count": None}
    (tmp_path / "notebooks" / "one.ipynb").write_text(json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    (problem,) = found(tmp_path)
    assert problem.startswith("notebooks/one.ipynb:1: code cell 1 holds outputs or an execution count.")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"cells": [null]}', '{"cells": {}}'])
def test_a_file_that_is_no_notebook_is_not_reported(text: str, tmp_path: Path) -> None:
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "one.ipynb").write_text(text)
    assert found(tmp_path) == []
