"""Checks of the installed packages against the lock files."""

import re
from collections.abc import Mapping
from pathlib import Path

import mlkit
from mlkit.doctor.checking import Check
from mlkit.doctor.findings import Finding, fail, ok, warn
from mlkit.errors import NotFound
from mlkit.project import distributions
from mlkit.settings import Project

DISTRIBUTION = "sagemaker-mlkit"
ALL, BUILD = "requirements.lock", "requirements-build.lock"
SHOWN = ("boto3", "sagemaker", "papermill")
_PIN = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;\\]+)\s*(;)?", re.M)
_REPAIR = "`make setup` installs the pinned versions."
_TOLD = 3


def pins(lock: Path) -> tuple[dict[str, set[str]], set[str]]:
    """The versions that the lock file allows for each package, and the names of those with a marker, which only some machines need."""
    if not lock.is_file():
        raise NotFound(f"There is no {lock.name}", cure="Restore it from git: `git checkout -- requirements*.lock`.")
    versions: dict[str, set[str]] = {}
    elsewhere: set[str] = set()
    for name, version, marker in _PIN.findall(lock.read_text()):
        versions.setdefault(name, set()).add(version)
        if marker:
            elsewhere.add(name)
    return versions, elsewhere


def installed() -> dict[str, str]:
    """The installed packages and versions, with names as in lock files."""
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in distributions.installed().items()}


def differences(lock: Path, found: Mapping[str, str]) -> list[str]:
    """One text for each package that is missing or has another version."""
    versions, elsewhere = pins(lock)
    told = []
    for name, allowed in versions.items():
        if name not in found:
            if name not in elsewhere:
                told.append(f"{name} is missing")
        elif found[name] not in allowed:
            told.append(f"{name} is {found[name]}, not {' or '.join(sorted(allowed))}")
    return told


def packages(project: Project) -> Finding:
    """Whether packages are as pinned. Notebooks and builds need those of one lock file; the local AWS, JupyterLab and tests the rest."""
    found = installed()
    wrong = differences(project.root / BUILD, found)
    if wrong:
        return fail(_enumerated(wrong), _REPAIR)
    wrong = differences(project.root / ALL, found)
    if wrong:
        return warn(f"as pinned for notebooks; for the local AWS, JupyterLab or tests {_enumerated(wrong)}", _REPAIR)
    return ok(f"{len(set(found) & set(pins(project.root / ALL)[0]))} as pinned in {ALL}")


def versions(project: Project) -> Finding:
    """The versions that a bug report needs, and whether mlkit is this project's."""
    found = installed()
    allowed, _ = pins(project.root / ALL)
    told = [f"mlkit {mlkit.__version__}", *(f"{name} {found.get(name, 'missing')}" for name in SHOWN)]
    wrong = [f"{name} {' or '.join(sorted(allowed[name]))}" for name in SHOWN if name in allowed and found.get(name) not in allowed[name]]
    if wrong:
        return fail(f"{', '.join(told)}; pinned: {', '.join(wrong)}", _REPAIR)
    if (version := found.get(DISTRIBUTION)) != mlkit.__version__:
        return warn(f"{', '.join(told)}, but installed as {version or 'nothing'}", _REPAIR)
    home, own = Path(mlkit.__file__).resolve().parent, (project.root / "mlkit").resolve()
    # A project without the library's source installs it from its own wheel into its own environment.
    if home != own and (own.is_dir() or not home.is_relative_to(project.root.resolve() / ".venv")):
        return warn(
            f"{', '.join(told)}; mlkit from {home}, not from this project", "`make setup` in this project, then its .venv/bin/mlkit."
        )
    return ok(", ".join(told))


def _enumerated(texts: list[str]) -> str:
    more = f" and {len(texts) - _TOLD} more" if len(texts) > _TOLD else ""
    return "; ".join(texts[:_TOLD]) + more


CHECKS = (Check(name="packages", run=packages), Check(name="versions", run=versions))
