import subprocess
import sys
from importlib import metadata
from pathlib import Path

from mlkit.naming import ENDPOINT_TEMPLATE
from mlkit.reuse.finished_steps import lock_digests
from mlkit.runner.provenance import installed_packages, origin, project_of
from mlkit.settings import Project


def project(folder: Path, *, commit: bool = True) -> Project:
    (folder / ENDPOINT_TEMPLATE).parent.mkdir(parents=True)
    (folder / ENDPOINT_TEMPLATE).write_text("Resources: {}")
    (folder / "requirements.lock").write_text("numpy==2")
    git(folder, "init", "-q")
    if commit:
        git(folder, "add", ".")
        git(folder, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "-m", "first")
    return Project(root=folder)


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True, text=True).stdout.strip()


def test_a_clean_tree_is_told_from_a_changed_one(tmp_path):
    made = project(tmp_path)
    clean = origin(made, {})
    assert (clean.commit, clean.tree_clean) == (git(tmp_path, "rev-parse", "HEAD"), True)
    (tmp_path / "CloudFormation/new.yaml").write_text("x")
    changed = origin(made, {})
    assert (changed.commit, changed.tree_clean) == (clean.commit, False)
    assert changed.code_sha256 != clean.code_sha256


def test_a_repository_without_a_commit_and_a_surrounding_one_give_no_commit(tmp_path):
    assert origin(project(tmp_path / "fresh", commit=False), {}).commit is None
    inner = tmp_path / "outer"
    outer = project(inner)
    (inner / "sub" / ENDPOINT_TEMPLATE).parent.mkdir(parents=True)
    assert origin(Project(root=inner / "sub"), {}).commit is None
    assert origin(outer, {}).commit is not None


def test_a_build_names_its_commit_itself_and_its_cleanness_is_not_known(tmp_path):
    (tmp_path / ENDPOINT_TEMPLATE).parent.mkdir(parents=True)
    build = {
        "CODEBUILD_RESOLVED_SOURCE_VERSION": "abc",
        "CODEBUILD_BUILD_ID": "train:1",
        "CODEBUILD_INITIATOR": "codepipeline/lab",
        "PIPELINE_EXECUTION_ID": "e1",
        "ACTION": "QA.Test",
        "AWS_REGION": "eu-west-1",
    }
    found = origin(Project(root=tmp_path), build)
    assert (found.commit, found.tree_clean, found.build_id, found.pipeline) == ("abc", None, "train:1", "lab")
    assert (found.pipeline_execution_id, found.action, found.region) == ("e1", "QA.Test", "eu-west-1")


def test_other_tools_name_their_builds_too():
    assert origin(None, {"BUILD_TAG": "jenkins-model-7", "BUILD_NUMBER": "7"}).build_id == "jenkins-model-7"
    assert origin(None, {"BUILD_TAG": "", "GITHUB_RUN_ID": "42"}).build_id == "42"


def test_lock_files_are_digested(tmp_path):
    made = project(tmp_path)
    before = lock_digests(made.root)
    (tmp_path / "requirements.lock").write_text("numpy==3")
    assert list(before) == ["requirements.lock"]
    assert lock_digests(made.root) != before


def test_a_notebook_outside_of_a_project_has_none(tmp_path):
    assert project_of(tmp_path / "a.ipynb") is None
    assert origin(None, {}).code_sha256 is None


def test_packages_are_those_that_importlib_knows():
    known = {distribution.name: distribution.version for distribution in metadata.distributions()}
    assert installed_packages(sys.executable) == known
    assert known["papermill"]


def test_packages_of_another_python_are_not_guessed():
    assert installed_packages("/somewhere/else/bin/python") == {}
