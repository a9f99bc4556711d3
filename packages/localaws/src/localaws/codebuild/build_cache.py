"""A project's cache: an archive in S3, or folders on this machine that the project's builds share.

As on AWS, an S3 cache is restored before INSTALL and stored after POST_BUILD. As on AWS, the folders of a LOCAL_CUSTOM_CACHE are links
into the cache, so the cache contains all files that a build writes there. On AWS a local cache exists as long as its host; here it exists
until the project is deleted.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from localaws.codebuild import globs, zips
from localaws.codebuild.build_objects import fetch, store
from localaws.codebuild.phase_failures import PhaseFailed
from localaws.codebuild.zips import Entry
from localaws.kit.s3 import Encryption, Location
from localaws.kit.sandbox import Confine

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

_CONTAINER_HOME = "/root"  # the home folder of a container on AWS; buildspecs name it literally


class Cache:
    """`settings` are the project's. `paths` are the buildspec's, below the sources or below the home (also written as /root)."""

    def __init__(self, settings: Mapping[str, Any], paths: Sequence[str], *, project: str, source: Path, home: Path, shared: Path) -> None:
        self._kind, self._settings = settings.get("type", "NO_CACHE"), settings
        self._project, self._source, self._home, self._shared = project, source, home, shared
        self._paths = paths

    def restore(self, s3: "S3Client", scratch: Path) -> str:
        """Restore the cache. Returns a line for the build log."""
        if self._kind == "NO_CACHE" or not self._paths:
            return "No cache to restore"
        if self._kind == "LOCAL":
            linked = [path for path in self._paths if self._link(path)]
            return f"Linked local cache folders: {', '.join(linked) or 'none'}"
        try:
            fetch(s3, self._place(), scratch, what="cache")
        except PhaseFailed as error:
            if not _is_missing(error):
                return f"Cache not restored: {error.message}"
            return "Cache is empty"
        with_home = scratch.with_suffix(".content")
        try:
            zips.unpack(scratch, with_home)
        except ValueError as error:
            return f"Cache not restored: {error}"
        restored = sum(_move(with_home / name, root) for name, root in (("source", self._source), ("home", self._home)))
        return f"Restored {restored} files from the cache {self._place().arn}"

    @property
    def kept(self) -> Path:
        """The folder of the project's local caches, in which the build itself writes."""
        return self._shared / self._project

    def save(self, s3: "S3Client", scratch: Path, encryption: Encryption, confine: Confine) -> str:
        """Store the cache. Returns a line for the build log, also if it cannot be stored: that does not fail the build."""
        if self._kind != "S3" or not self._paths:
            return "No cache to store"
        count = confine(lambda: self._pack(scratch))
        if not count:
            return "Cache not stored: no matching paths found"
        try:
            store(s3, scratch, self._place(), encryption=encryption)
        except PhaseFailed as error:
            return f"Cache not stored: {error.message}"
        return f"Stored {count} files in the cache {self._place().arn}"

    def _pack(self, archive: Path) -> int:
        if entries := list(self._entries()):
            zips.pack(entries, archive, keep_symlinks=True, compress=False)
        return len(entries)

    def _place(self) -> Location:
        bucket, _, prefix = str(self._settings["location"]).removeprefix("arn:aws:s3:::").partition("/")
        return Location(bucket=bucket, key="/".join(filter(None, (prefix.strip("/"), self._project, "cache.zip"))))

    def _entries(self) -> Iterator[Entry]:
        for path in self._paths:
            root, pattern = self._resolved(path)
            if root is not None:
                name = "home" if root == self._home else "source"
                yield from (Entry(path=root / found, name=f"{name}/{found}") for found in globs.matching(root, [pattern]))

    def _resolved(self, path: str) -> tuple[Path | None, str]:
        """Root folder and pattern of the path. The root is None for other places: a build must not cache the machine's files."""
        for written in (_CONTAINER_HOME, "~", "$HOME", "${HOME}", str(self._home)):
            if path == written or path.startswith(f"{written}/"):
                return self._home, path[len(written) :].lstrip("/") or "**/*"
        if path.startswith(f"{self._source}/"):
            return self._source, path[len(str(self._source)) + 1 :]
        return (None, path) if path.startswith("/") or ".." in Path(path).parts else (self._source, path)

    def _link(self, path: str) -> bool:
        """Link the path's folder into the cache. AWS caches folders only, so a glob stands for its part before the first `*`."""
        root, pattern = self._resolved(path)
        folder = pattern.split("*")[0].rstrip("/")
        if root is None or not folder:
            return False
        place = root / folder
        if place.exists() or place.is_symlink():
            return False
        kept = self.kept / hashlib.sha256(path.encode()).hexdigest()[:16]
        kept.mkdir(parents=True, exist_ok=True)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(kept)
        return True


def _is_missing(error: PhaseFailed) -> bool:
    cause = error.__cause__
    return isinstance(cause, ClientError) and cause.response["Error"]["Code"] in ("NoSuchKey", "404")


def _move(content: Path, root: Path) -> int:
    """Move restored files into `root`, but never replace a file of the source. Returns their number."""
    count = 0
    for path in sorted(content.rglob("*")):
        target = root / path.relative_to(content)
        if (path.is_symlink() or path.is_file()) and not target.exists() and target.parent.resolve().is_relative_to(root.resolve()):
            target.parent.mkdir(parents=True, exist_ok=True)
            path.rename(target)
            count += 1
    return count
