"""Downloads a build's sources from S3 and unpacks each into its own folder."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localaws.codebuild import git_sources, zips
from localaws.codebuild.build_objects import CLIENT_ERROR, fetch, fetch_folder, parse_location
from localaws.codebuild.buildspec import DEFAULT_NAME, is_inline
from localaws.codebuild.phase_failures import PhaseFailed

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

_YAML_FILE_ERROR = "YAML_FILE_ERROR"


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """`version_id` is the archive's version in S3, None if the bucket keeps no versions. `identifier` is "" for the primary source.

    `commit` is that of a source in git, whose `version_id` is the version that was asked for.
    """

    identifier: str
    folder: Path
    location: str
    version_id: str | None
    commit: str | None = None


def fetch_source(
    s3: "S3Client", source: Mapping[str, Any], folder: Path, *, version_id: str | None = None, registry: Path | None = None
) -> Fetched:
    """Download one source to `folder`: a zip archive or a folder of objects in S3, or a clone of a folder in `registry`.

    Raises PhaseFailed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    identifier = source.get("sourceIdentifier", "")
    if source["type"] == "NO_SOURCE":
        return Fetched(identifier=identifier, folder=folder, location="", version_id=None)
    if source["type"] in git_sources.TYPES and registry is not None:
        commit = git_sources.clone(registry, source, folder, version_id)
        return Fetched(identifier=identifier, folder=folder, location=source["location"], version_id=version_id, commit=commit)
    what = f"secondary source {identifier}" if identifier else "primary source"
    place = parse_location(source["location"])
    if place.key.endswith("/"):
        fetch_folder(s3, place, folder, what=what)
        return Fetched(identifier=identifier, folder=folder, location=source["location"], version_id=None)
    archive = folder.with_name(f"{folder.name}.zip")
    found = fetch(s3, place, archive, what=what, version_id=version_id)
    try:
        zips.unpack(archive, folder)
    except (ValueError, OSError) as error:
        raise PhaseFailed(CLIENT_ERROR, f"{error} for {what} {place.arn}") from error
    archive.unlink()
    return Fetched(identifier=identifier, folder=folder, location=source["location"], version_id=found)


def buildspec_text(s3: "S3Client", buildspec: str | None, source: Path, scratch: Path) -> tuple[str, str]:
    """The buildspec's location, for the log, and its text. It is inline, an object (by ARN) or a file of the source. Raises PhaseFailed."""
    if buildspec and is_inline(buildspec):
        return "the project's own buildspec", buildspec
    if buildspec and buildspec.startswith("arn:"):
        fetch(s3, parse_location(buildspec), scratch, what="buildspec")
        return buildspec, scratch.read_text(errors="replace")
    path = source / (buildspec or DEFAULT_NAME)
    if not path.resolve().is_relative_to(source.resolve()):
        raise PhaseFailed(_YAML_FILE_ERROR, f"the buildspec {buildspec} is outside of the source")
    if not path.is_file():
        raise PhaseFailed(_YAML_FILE_ERROR, f"stat {path}: no such file or directory")
    return str(path), path.read_text(errors="replace")
