"""The origin of a run: commit, code, locks, build, and the caller's identity."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from mlkit.errors import NotFound
from mlkit.evidence.manifest import code_sha256
from mlkit.evidence.run_record import Origin
from mlkit.project import distributions
from mlkit.reuse.finished_steps import lock_digests
from mlkit.settings import Project

# The variables in which CodeBuild, Jenkins, GitHub Actions, CircleCI and TeamCity name a build.
BUILDS = ("CODEBUILD_BUILD_ID", "BUILD_TAG", "GITHUB_RUN_ID", "CIRCLE_WORKFLOW_ID", "BUILD_NUMBER")
_GIT_TIMEOUT_S = 300  # a limit against a git that hangs; without its answer the record has no commit


def origin(project: Project | None, environ: Mapping[str, str] = os.environ) -> Origin:
    """The origin without calls to AWS. In CodeBuild there is no git; the build's variables name the commit."""
    commit, clean = _git(project.root) if project else (None, None)
    return Origin(
        commit=commit or environ.get("CODEBUILD_RESOLVED_SOURCE_VERSION"),
        tree_clean=clean,
        code_sha256=code_sha256(project.root) if project else None,
        lock_sha256=lock_digests(project.root) if project else {},
        build_id=next((environ[name] for name in BUILDS if environ.get(name)), None),
        pipeline=environ.get("CODEBUILD_INITIATOR", "").removeprefix("codepipeline/") or None,
        pipeline_execution_id=environ.get("PIPELINE_EXECUTION_ID"),
        action=environ.get("ACTION"),
        region=environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION"),
        endpoint_url=environ.get("AWS_ENDPOINT_URL"),
    )


def project_of(notebook: Path) -> Project | None:
    """The notebook's project; None if it is in none."""
    try:
        return Project.find(notebook.resolve().parent)
    except NotFound:
        return None


def installed_packages(python: str) -> dict[str, str]:
    """The kernel's packages with their versions; empty if its Python is not this one."""
    if Path(python).parent != Path(sys.executable).parent:
        return {}
    return distributions.installed()


def _git(root: Path) -> tuple[str | None, bool | None]:
    """(commit, whether nothing is changed or untracked), or Nones without an answer of git."""
    commit = _asked(root, "rev-parse", "--show-toplevel", "HEAD")
    if commit is None or Path(commit.split("\n")[0]).resolve() != root.resolve():
        return None, None  # no repository, no commit yet, or a folder inside of somebody else's
    changes = _asked(root, "status", "--porcelain", "--untracked-files=normal")
    return commit.split("\n")[1], None if changes is None else not changes


def _asked(root: Path, *question: str) -> str | None:
    try:
        answer = subprocess.run(["git", "-C", str(root), *question], capture_output=True, text=True, timeout=_GIT_TIMEOUT_S)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() if answer.returncode == 0 else None
