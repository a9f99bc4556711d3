"""Sources in git: a clone of the local folder that stands for a repository on GitHub or in CodeCommit."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

from localaws.codebuild.phase_failures import PhaseFailed
from localaws.codeconnections import repositories
from localaws.codeconnections.repositories import GitFailed, git

TYPES = ("CODECOMMIT", "GITHUB")
_LOCATION = {
    "GITHUB": re.compile(r"https://(?:[^@/]+@)?github\.com/(?P<name>[\w.-]+/[\w.-]+?)(?:\.git)?/?"),
    "CODECOMMIT": re.compile(r"https://git-codecommit\.[\w-]+\.amazonaws\.com/v1/repos/(?P<name>[\w.-]+)"),
}
_CLIENT_ERROR = "CLIENT_ERROR"


def check_location(source: Mapping[str, Any]) -> None:
    """Raises ValueError for a location that names no repository."""
    location = source.get("location", "")
    if not _LOCATION[source["type"]].fullmatch(location) and not _is_clone_url(source["type"], location):
        raise ValueError(f"{location!r} is not the address of a repository of {source['type']}")


def name_of(source: Mapping[str, Any]) -> str:
    """OWNER/REPO, or the name of the CodeCommit repository, as `localaws repository` registers it."""
    match = _LOCATION[source["type"]].fullmatch(source["location"])
    return match["name"] if match else Path(unquote(urlparse(source["location"]).path)).name.removesuffix(".git")


def clone(registry: Path, source: Mapping[str, Any], folder: Path, version: str | None) -> str:
    """Clone the registered folder and check out the branch, tag or commit. Returns the commit. Raises PhaseFailed."""
    name = name_of(source)
    known = {full_name.lower(): found.folder for full_name, found in repositories.read(registry).items()}
    if (origin := known.get(name.lower())) is None:
        text = f"the local AWS has no folder for the repository {name}. The command `localaws repository {name}` adds it"
        raise PhaseFailed(_CLIENT_ERROR, text)
    try:
        git(folder, "clone", "--quiet", "--no-hardlinks", "--", str(origin), ".")
        if version:
            git(folder, "checkout", "--quiet", version.removeprefix("refs/heads/"), "--")
        return git(folder, "rev-parse", "HEAD").decode().strip()
    except GitFailed as error:
        raise PhaseFailed(_CLIENT_ERROR, f"git clone of {source['location']} failed: {error}") from error


def _is_clone_url(kind: str, location: str) -> bool:
    """Whether it is the clone URL that the local CodeCommit gives."""
    return kind == "CODECOMMIT" and location.startswith("file:///")
