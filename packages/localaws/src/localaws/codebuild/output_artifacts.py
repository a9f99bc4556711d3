"""A build's output artifacts: the buildspec chooses the files, the project (or the pipeline) the location.

Source: AWS CodeBuild API reference, ProjectArtifacts, for how name, path and namespace make the key.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localaws.codebuild import globs, zips
from localaws.codebuild.build_objects import CLIENT_ERROR, store
from localaws.codebuild.buildspec import Artifact
from localaws.codebuild.phase_failures import PhaseFailed
from localaws.codebuild.zips import Entry
from localaws.kit.s3 import Encryption, Location

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client


def chosen(artifact: Artifact, root: Path, variables: Mapping[str, str]) -> list[Entry]:
    """The files of an artifact, with their names in it. Raises NothingMatches with AWS's text."""
    found: dict[str, Path] = {}
    for base in globs.base_directories(root, globs.expand(artifact.base_directory, variables)):
        patterns, excluded = ([globs.expand(item, variables) for item in items] for items in (artifact.files, artifact.exclude_paths))
        for path in globs.matching(base, patterns, excluded):
            found[Path(path).name if artifact.discard_paths else path] = base / path
    if not found:
        raise globs.NothingMatches("no matching artifact paths found")
    return [Entry(path=path, name=name) for name, path in sorted(found.items())]


def place_of(settings: Mapping[str, Any], *, build_uuid: str, name: str | None, s3_prefix: str | None) -> Location:
    """The location of an S3 artifact, from path, build id and name. `name` and `s3_prefix` of the buildspec override the settings."""
    given = name if settings.get("overrideArtifactName") and name else settings.get("name", "")
    in_namespace = settings.get("namespaceType", "NONE") == "BUILD_ID"
    parts = [s3_prefix if in_namespace and s3_prefix else "", settings.get("path", ""), build_uuid if in_namespace else "", given]
    key = "/".join(part.strip("/") for part in parts if part.strip("/"))
    return Location(bucket=settings["location"].removeprefix("arn:aws:s3:::"), key=key)


def upload(
    s3: "S3Client",
    entries: Sequence[Entry],
    settings: Mapping[str, Any],
    place: Location,
    *,
    artifact: Artifact,
    scratch: Path,
    encryption: Encryption,
) -> dict[str, Any]:
    """Store the files, as a zip archive or one by one. Returns the build's description of the artifact. Raises PhaseFailed."""
    encryption = {} if settings.get("encryptionDisabled") else encryption
    shown: dict[str, Any] = {"location": place.arn, "encryptionDisabled": bool(settings.get("encryptionDisabled"))}
    if "artifactIdentifier" in settings:
        shown["artifactIdentifier"] = settings["artifactIdentifier"]
    if "overrideArtifactName" in settings:
        shown["overrideArtifactName"] = settings["overrideArtifactName"]
    if settings.get("packaging") == "ZIP":
        if not place.key:
            raise PhaseFailed(CLIENT_ERROR, "the artifact has no name")
        zips.pack(entries, scratch, keep_symlinks=artifact.keep_symlinks)
        store(s3, scratch, place, encryption=encryption)
        shown |= zips.digests(scratch)
        scratch.unlink()
        return shown
    for entry in entries:
        if entry.path.is_file():
            key = f"{place.key}/{entry.name}" if place.key else entry.name
            store(s3, entry.path, Location(bucket=place.bucket, key=key), encryption=encryption)
    return shown
