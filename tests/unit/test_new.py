"""`mlkit new`: a whole project or nothing, the shared parts byte for byte, and nothing of a team's lost when they are refreshed."""

import dataclasses
import os
import re
import shutil
import subprocess
import sys
import zipfile
from io import BytesIO
from pathlib import Path

import pytest
from waiting import HANG_S

import mlkit
from mlkit.check import check_project
from mlkit.errors import NotFound, UsageError
from mlkit.evidence.manifest import code_digests, code_sha256
from mlkit.project import git
from mlkit.project.new_project import Parts, collect, find_source, make, refresh
from mlkit.project.wheels import PACKAGES, build_wheels, carried_wheels
from mlkit.settings import Project

ROOT = Path(__file__).parents[2]
LIBRARY = ROOT / "mlkit"


@pytest.fixture(scope="module")
def parts() -> Parts:
    return collect(find_source(LIBRARY, ROOT), example=None, name="churn")


@pytest.fixture
def project(parts: Parts, tmp_path: Path) -> Path:
    make(tmp_path / "churn", parts, with_git=True)
    return tmp_path / "churn"


def run_new(*arguments: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-c", "from mlkit.cli import main; main()", "new", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env={**os.environ, **variables}, timeout=HANG_S, check=False)


def ask_git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True, text=True).stdout.strip()


def commit(folder: Path, message: str) -> None:
    ask_git(folder, "add", "--all")
    ask_git(folder, "-c", "user.name=A", "-c", "user.email=a@example.org", "commit", "--quiet", "--no-gpg-sign", "--message", message)


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file() and ".git" not in path.parts}


SHARED = [
    *sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "buildspecs").iterdir()),
    *sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "CloudFormation").glob("*.yaml") if path.stem != "datalake"),
    *("requirements.lock", "requirements-build.lock", "notebooks/.gitattributes"),
]


@pytest.mark.parametrize("path", SHARED)
def test_shared_parts_are_the_repositorys_byte_for_byte(project: Path, path: str) -> None:
    assert (project / path).read_bytes() == (ROOT / path).read_bytes()


@pytest.mark.parametrize(("example", "folder"), [("breast_cancer", ROOT / "examples" / "breast_cancer"), ("movielens", ROOT)])
def test_notebooks_lake_and_project_file_are_the_examples(example: str, folder: Path, parts: Parts, tmp_path: Path) -> None:
    source = dataclasses.replace(find_source(LIBRARY, ROOT), wheels=lambda: parts.wheels)
    make(tmp_path / "p", collect(source, example=example, name="p"), with_git=False)
    names = ["mlkit.yml", "CloudFormation/datalake.yaml", *(f"notebooks/{path.name}" for path in (folder / "notebooks").glob("*.ipynb"))]
    assert len(names) == 5
    for name in names:
        assert (tmp_path / "p" / name).read_bytes() == (folder / name).read_bytes()
    check_project(tmp_path / "p").raise_problems()
    assert Project(root=tmp_path / "p").about.kind in ("tabular", "movielens")


def test_the_first_commit_holds_everything_on_main(project: Path) -> None:
    assert set(ask_git(project, "ls-files").splitlines()) == files(project)
    assert ask_git(project, "status", "--porcelain") == ""
    assert ask_git(project, "rev-parse", "--abbrev-ref", "HEAD") == "main"
    assert {"load_data.py", "Makefile", "uv.mk", ".gitignore", "README.md", "tests/test_project.py"} <= files(project)


def test_the_wheels_are_committed_whatever_a_user_ignores(parts: Parts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ignored").write_text("*.whl\nvendor/\n")
    (tmp_path / "config").write_text(f"[core]\n\texcludesFile = {tmp_path / 'ignored'}\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "config"))
    make(tmp_path / "churn", parts, with_git=True)
    assert {wheel.path for wheel in parts.wheels} <= set(ask_git(tmp_path / "churn", "ls-files").splitlines())


def test_without_an_identity_in_git_the_first_commit_is_mlkits(parts: Parts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"):
        monkeypatch.setenv(name, os.devnull)
    make(tmp_path / "churn", parts, with_git=True)
    assert ask_git(tmp_path / "churn", "log", "-1", "--format=%an") == "mlkit"
    assert "user" not in (tmp_path / "churn" / ".git" / "config").read_text()


def test_a_variable_of_a_git_hook_does_not_lead_to_another_repository(
    parts: Parts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask_git(tmp_path, "init", "--quiet", "other")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other" / ".git"))
    assert make(tmp_path / "churn", parts, with_git=True).commit
    assert (tmp_path / "churn" / ".git").is_dir()


def test_the_wheels_depend_on_the_files_alone(parts: Parts, tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere"
    for package in PACKAGES:
        for name in package.sources:
            source, target = ROOT / package.folder / name, copy / package.folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)
        (copy / package.folder / "build" / "lib" / "mlkit").mkdir(parents=True)
        (copy / package.folder / "build" / "lib" / "mlkit" / "left_over.py").touch()
    for path in copy.rglob("*.py"):
        path.chmod(0o600)
        os.utime(path, (0, 0))
    assert build_wheels(copy) == parts.wheels


@pytest.mark.parametrize("number", range(len(PACKAGES)))
def test_a_wheel_holds_its_whole_package(parts: Parts, number: int) -> None:
    names = set(zipfile.ZipFile(BytesIO(parts.wheels[number].content)).namelist())
    root = ROOT / PACKAGES[number].folder / ("src" if "src" in PACKAGES[number].sources else ".")
    (package,) = {name.split("/")[0] for name in names if ".dist-info/" not in name}
    found = {
        path.relative_to(root).as_posix() for path in (root / package).rglob("*") if path.is_file() and "__pycache__" not in path.parts
    }
    assert found <= names


def test_the_library_makes_projects_itself(parts: Parts) -> None:
    names = set(zipfile.ZipFile(BytesIO(parts.wheels[0].content)).namelist())
    assert {"mlkit/project/skeleton/Makefile", "mlkit/project/skeleton/tests/test_project.py"} <= names


def test_the_seal_covers_wheel_project_file_and_modules(project: Path) -> None:
    installed = [wheel.path for wheel in carried_wheels(project) if Path(wheel.path).parent == Path("vendor")]
    (project / "features.py").write_text("ANSWER = 42\n")
    assert len(installed) == 2
    assert {*installed, "mlkit.yml", "load_data.py", "features.py"} <= set(code_digests(project))
    for path in (*(project / name for name in installed), project / "mlkit.yml", project / "features.py"):
        before = code_sha256(project)
        path.write_bytes(path.read_bytes() + b"#")
        assert code_sha256(project) != before, path


def test_files_beside_an_installed_library_are_not_in_its_digest(tmp_path: Path) -> None:
    (tmp_path / "mlkit").mkdir()
    for name in ("mlkit/a.py", "six.py"):
        (tmp_path / name).touch()
    assert set(code_digests(tmp_path, ("mlkit",), files=())) == {"mlkit/a.py"}


def test_a_folder_that_is_not_empty_is_left_as_it_is(parts: Parts, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    for target in (tmp_path, tmp_path / "notes.txt"):
        with pytest.raises(UsageError, match="is not empty"):
            make(target, parts, with_git=True)
    assert files(tmp_path) == {"notes.txt"}


def test_an_empty_folder_stays_the_same_folder(parts: Parts, tmp_path: Path) -> None:
    before = tmp_path.stat().st_ino
    make(tmp_path, parts, with_git=True)
    assert tmp_path.stat().st_ino == before
    assert ask_git(tmp_path, "status", "--porcelain") == ""


def test_a_failed_commit_leaves_nothing(parts: Parts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise UsageError("git failed")

    monkeypatch.setattr(git, "commit", fail)
    for target in (tmp_path / "a" / "b" / "churn", tmp_path):
        with pytest.raises(UsageError, match="git failed"):
            make(target, parts, with_git=True)
        assert list(tmp_path.iterdir()) == []


def test_a_move_that_fails_takes_back_what_was_moved(parts: Parts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, moved = Path.rename, []

    def rename(path: Path, target: Path) -> Path:
        moved.append(path)
        if len(moved) == 4:
            raise OSError(28, "No space left on device")
        return real(path, target)

    monkeypatch.setattr(Path, "rename", rename)
    with pytest.raises(UsageError, match="No space left"):
        make(tmp_path, parts, with_git=True)
    assert list(tmp_path.iterdir()) == []


def test_inside_of_another_repository_nothing_is_committed(parts: Parts, tmp_path: Path) -> None:
    ask_git(tmp_path, "init", "--quiet")
    written = make(tmp_path / "models" / "churn", parts, with_git=True)
    assert (written.commit, written.repository) == ("", tmp_path)
    assert not (tmp_path / "models" / "churn" / ".git").exists()


def test_where_another_repository_ignores_it_a_project_has_its_own(parts: Parts, tmp_path: Path) -> None:
    ask_git(tmp_path, "init", "--quiet")
    (tmp_path / ".gitignore").write_text(".mlkit/\n")
    assert make(tmp_path / ".mlkit" / "examples" / "x", parts, with_git=True).commit
    assert ask_git(tmp_path / ".mlkit" / "examples" / "x", "log", "--oneline")


def test_a_fresh_clone_is_filled_and_left_to_its_owner_to_commit(parts: Parts, tmp_path: Path) -> None:
    ask_git(tmp_path, "init", "--quiet", "churn")
    written = make(tmp_path / "churn", parts, with_git=True)
    assert (written.commit, written.repository) == ("", tmp_path / "churn")
    assert "Makefile" in files(tmp_path / "churn")


def test_the_command_ends_with_two_commands_to_type(tmp_path: Path) -> None:
    done = run_new("models/churn", "--name", "churn-2", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-2:] == ["  cd models/churn", "  make run"]
    readme = (tmp_path / "models" / "churn" / "README.md").read_text()
    assert readme.startswith("# churn-2\n")
    assert "PROJECT_NAME" not in readme
    assert f"(mlkit {mlkit.__version__})" in readme


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["my model"], "cannot be a project's name"),
        (["churn", "--name", "../x"], "cannot be a project's name"),
        (["churn", "--example", "iris"], "no example 'iris'"),
        (["churn", "--refresh", "--example", "iris"], "no example 'iris'"),
    ],
)
def test_bad_names_are_refused_with_the_good_ones(arguments: list[str], said: str, tmp_path: Path) -> None:
    done = run_new(*arguments, cwd=tmp_path)
    assert (done.returncode, list(tmp_path.iterdir())) == (2, [])
    assert said in done.stderr
    assert "Next: Give another with --name" in done.stderr or "breast_cancer, diabetes, movielens, penguins" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_git_only_a_project_without_git_is_made(parts: Parts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match="git is not installed"):
        make(tmp_path / "churn", parts, with_git=True)
    assert list(tmp_path.iterdir()) == []
    make(tmp_path / "churn", parts, with_git=False)
    assert "Makefile" in files(tmp_path / "churn")
    assert not (tmp_path / "churn" / ".git").exists()


class TestRefresh:
    def test_a_refresh_without_changes_makes_no_commit(self, project: Path, parts: Parts) -> None:
        before = ask_git(project, "rev-parse", "HEAD")
        assert refresh(project, parts, with_example=True, with_git=True).files == ()
        assert ask_git(project, "rev-parse", "HEAD") == before

    def test_shared_parts_change_and_the_teams_stay(self, project: Path, parts: Parts) -> None:
        (project / "buildspecs" / "test_endpoint.yml").write_text("version: 0.2\n")
        (project / "notebooks" / "02_train.ipynb").write_text("{}")
        (project / "README.md").write_text("ours")
        commit(project, "ours")
        written = refresh(project, parts, with_example=False, with_git=True)
        assert (written.files, bool(written.commit)) == (("buildspecs/test_endpoint.yml",), True)
        assert (project / "README.md").read_text() == "ours"
        assert (project / "notebooks" / "02_train.ipynb").read_text() == "{}"
        assert ask_git(project, "status", "--porcelain") == ""

    def test_with_the_example_its_files_come_back_too(self, project: Path, parts: Parts) -> None:
        (project / "notebooks" / "02_train.ipynb").write_text("{}")
        commit(project, "ours")
        assert refresh(project, parts, with_example=True, with_git=True).files == ("notebooks/02_train.ipynb",)
        assert ask_git(project, "show", "HEAD~1:notebooks/02_train.ipynb") == "{}"

    def test_another_wheel_takes_the_place_of_the_old_one(self, project: Path, parts: Parts) -> None:
        old, *others = parts.wheels
        newer = dataclasses.replace(old, path="vendor/sagemaker_mlkit-9.9.9-py3-none-any.whl", content=b"newer")
        shared = {**{path: content for path, content in parts.shared.items() if path != old.path}, newer.path: b"newer"}
        refresh(project, dataclasses.replace(parts, shared=shared, wheels=(newer, *others)), with_example=False, with_git=True)
        assert carried_wheels(project) == (newer, *others)
        assert ask_git(project, "status", "--porcelain") == ""

    def test_uncommitted_changes_are_never_overwritten(self, project: Path, parts: Parts) -> None:
        (project / "Makefile").write_text("run:\n")
        with pytest.raises(UsageError, match=r"not committed: Makefile"):
            refresh(project, parts, with_example=False, with_git=True)
        assert (project / "Makefile").read_text() == "run:\n"

    def test_without_a_commit_either(self, project: Path, parts: Parts) -> None:
        (project / "Makefile").write_text("run:\n")
        with pytest.raises(UsageError, match=r"not committed: Makefile"):
            refresh(project, parts, with_example=False, with_git=False)
        assert (project / "Makefile").read_text() == "run:\n"

    def test_a_change_in_an_ignored_file_is_never_overwritten(self, project: Path, parts: Parts) -> None:
        ask_git(project, "rm", "--cached", "--quiet", "Makefile")
        (project / ".gitignore").write_text("Makefile\n")
        commit(project, "a Makefile of one's own")
        (project / "Makefile").write_text("run:\n")
        with pytest.raises(UsageError, match=r"not committed: Makefile"):
            refresh(project, parts, with_example=False, with_git=True)
        assert (project / "Makefile").read_text() == "run:\n"

    @pytest.mark.parametrize("git", ["no repository", "no git"])
    def test_files_outside_of_a_repository_are_not_replaced(self, tmp_path: Path, parts: Parts, monkeypatch, git: str) -> None:
        folder = tmp_path / "churn"
        make(folder, parts, with_git=False)
        (folder / "Makefile").write_text("run:\n")
        if git == "no git":
            monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(UsageError, match=r"in no git repository: Makefile would be lost"):
            refresh(folder, parts, with_example=False, with_git=False)
        (folder / "Makefile").unlink()
        assert refresh(folder, parts, with_example=False, with_git=False).files == ("Makefile",)

    def test_a_folder_of_something_else_is_refused(self, tmp_path: Path, parts: Parts) -> None:
        (tmp_path / "notes.txt").touch()
        with pytest.raises(UsageError, match="`mlkit new` did not create"):
            refresh(tmp_path, parts, with_example=False, with_git=True)
        assert files(tmp_path) == {"notes.txt"}


class TestFromAnInstalledLibrary:
    INSTALLED = Path("/usr/lib/python3/site-packages/mlkit")

    def test_a_project_passes_on_its_own_parts_and_wheel(self, project: Path, tmp_path: Path, parts: Parts) -> None:
        (project / "buildspecs" / "test_endpoint.yml").write_text("version: 0.2\n")
        found = collect(find_source(self.INSTALLED, project / "notebooks"), example=None, name="second")
        assert found.wheels == parts.wheels
        assert found.shared["buildspecs/test_endpoint.yml"] == b"version: 0.2\n"
        make(tmp_path / "second", found, with_git=True)
        assert files(tmp_path / "second") == files(project)

    def test_two_wheels_are_refused(self, project: Path) -> None:
        (project / "vendor" / "sagemaker_mlkit-0.0.1-py3-none-any.whl").touch()
        with pytest.raises(UsageError, match="more than one wheel"):
            collect(find_source(self.INSTALLED, project), example=None, name="second")

    def test_elsewhere_there_is_nothing_to_make_it_from(self, tmp_path: Path) -> None:
        with pytest.raises(NotFound, match="no source for a new project here"):
            find_source(self.INSTALLED, tmp_path)


def test_setup_and_builds_install_as_the_repository_does(project: Path) -> None:
    ours, theirs = ((folder / "Makefile").read_text() for folder in (ROOT, project))
    for line in (r"include .*?(uv\.mk)", r"\$\(UV\) (?:venv .* \.venv|pip sync .*)\n", r"@\$\(BUILD_UV\) (?:venv|pip sync) .*"):
        assert re.findall(line, theirs) == re.findall(line, ours) != []
    shown = subprocess.run(["make", "-n", "build-environment"], cwd=project, capture_output=True, text=True, check=True).stdout
    mlkit_wheel, formats_wheel, *_ = (wheel.path for wheel in carried_wheels(project))
    (installed,) = re.findall(r"--no-deps (.*)", shown)
    assert sorted(installed.split()) == sorted([mlkit_wheel, formats_wheel])


def test_the_teams_readme_names_targets_and_files_that_exist(project: Path) -> None:
    readme = (project / "README.md").read_text()
    targets = re.findall(r"^([a-z-]+):", (project / "Makefile").read_text(), re.M)
    assert set(re.findall(r"(?:^\$ |`)make ([a-z-]+)", readme, re.M)) == {"run", "test"} <= set(targets)
    for path in re.findall(r"`((?:notebooks|CloudFormation|buildspecs|vendor|tests)/[\w./]*)`", readme):
        assert (project / path).exists(), path


def test_make_run_with_an_example_makes_and_runs_a_project_of_its_own() -> None:
    typed = ["make", "--no-print-directory", "-n", "run"]
    shown = subprocess.run([*typed, "EXAMPLE=breast_cancer"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "mlkit new .mlkit/examples/breast_cancer --example breast_cancer --refresh\n" in shown
    assert "cd .mlkit/examples/breast_cancer && " in shown
    plain = subprocess.run(typed, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert plain.endswith('.venv/bin/mlkit local run --approve "make run"\n')
    assert "mlkit new" not in plain


def test_the_commit_says_what_the_project_began_with(project: Path, parts: Parts) -> None:
    said = ask_git(project, "log", "-1", "--format=%B")
    assert said.startswith(f"breast_cancer with mlkit {mlkit.__version__}\n")
    assert said.splitlines()[2:] == [f"{wheel.path} has sha256 {wheel.sha256}" for wheel in parts.wheels]
