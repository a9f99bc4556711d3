"""The repositories of CodeCommit: their records, and the folders in which they are.

A repository has the folder that `localaws repository NAME` registered, or a bare git repository in the home. A registered folder needs no
CreateRepository, and CreateRepository takes it over.
"""

import shutil
import time
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from threading import RLock
from typing import Any

from localaws.codecommit import git_contents
from localaws.codeconnections import push_hook, repositories
from localaws.codeconnections.repositories import git
from localaws.kit.service import AwsError, Host
from localaws.kit.tags import changed


@dataclass(kw_only=True)
class CommitRepository:
    """One repository. Times are seconds since the epoch."""

    name: str
    id: str
    created: float
    modified: float
    description: str = ""
    key: str | None = None
    tags: dict[str, str] = field(default_factory=dict)


class CommitRepositories:
    """All repositories by name."""

    def __init__(self, host: Host) -> None:
        self._host, self._lock = host, RLock()
        self._home, self._registry = host.home("codecommit"), host.home("codeconnections")
        self._by_name: dict[str, CommitRepository] = {}

    def create(self, name: str, **members: Any) -> CommitRepository:
        with self._lock:
            if name in self._by_name:
                raise AwsError("RepositoryNameExistsException", f"Repository named {name} already exists")
            if name not in repositories.read(self._registry):
                folder = self._home / f"{name}.git"
                folder.mkdir(parents=True)
                git(folder, "init", "--quiet", "--bare", "--initial-branch=main")
                repositories.register(self._registry, name, folder)
                push_hook.install(self._registry, name, folder)
            now = time.time()
            made = CommitRepository(name=name, id=str(uuid.uuid4()), created=now, modified=now, **members)
            self._by_name[name] = made
            return made

    def get(self, name: str) -> CommitRepository:
        """The repository. Raises AwsError."""
        with self._lock:
            if (found := self._by_name.get(name)) is not None:
                return found
            if name in self._registered():
                return CommitRepository(name=name, id=str(uuid.uuid5(uuid.NAMESPACE_URL, name)), created=0.0, modified=0.0)
        raise AwsError("RepositoryDoesNotExistException", f"{name} does not exist")

    def all(self) -> list[CommitRepository]:
        with self._lock:
            return [self.get(name) for name in sorted({*self._by_name, *self._registered()})]

    def folder(self, name: str) -> Path:
        """The folder of an existing repository. Raises AwsError."""
        self.get(name)
        found = repositories.read(self._registry).get(name)
        if found is None or not found.folder.is_dir():
            where = found.folder if found else "no folder"
            raise AwsError("RepositoryDoesNotExistException", f"The folder of {name} does not exist: {where}")
        return found.folder

    def delete(self, name: str) -> str | None:
        """Delete the repository, and its folder if it is in the home. The id; None if there is no such repository."""
        with self._lock:
            found = self._by_name.pop(name, None)
            own = self._home / f"{name}.git"
            registered = repositories.read(self._registry).get(name)
            if registered is not None and registered.folder == own.resolve():
                repositories.forget(self._registry, name)
            shutil.rmtree(own, ignore_errors=True)
            return found.id if found else None

    def change_tags(self, name: str, request: Mapping[str, Any]) -> None:
        with self._lock:
            found = self.get(name)
            found.tags = changed(found.tags, request, refused="TooManyTagsException")

    def describe(self, found: CommitRepository) -> dict[str, Any]:
        """RepositoryMetadata, with its times in seconds. The clone URLs are the folder's, because nothing else could be cloned here."""
        folder = self.folder(found.name)
        url = folder.resolve().as_uri()
        default = git_contents.head_branch(folder)
        return {
            "accountId": self._host.account,
            "repositoryId": found.id,
            "repositoryName": found.name,
            "Arn": self.arn(found.name),
            "cloneUrlHttp": url,
            "cloneUrlSsh": url,
            "creationDate": found.created,
            "lastModifiedDate": found.modified,
            **({"repositoryDescription": found.description} if found.description else {}),
            **({"kmsKeyId": found.key} if found.key else {}),
            **({"defaultBranch": default} if default else {}),
        }

    def arn(self, name: str) -> str:
        return f"arn:aws:codecommit:{self._host.region}:{self._host.account}:{name}"

    def get_state(self) -> list[dict[str, Any]]:
        with self._lock:
            return [asdict(found) for found in self._by_name.values()]

    def load_state(self, rows: list[Mapping[str, Any]]) -> None:
        with self._lock:
            self._by_name = {row["name"]: CommitRepository(**row) for row in rows}

    def _registered(self) -> set[str]:
        """The registered names of CodeCommit; those of other providers have an owner before a slash."""
        return {name for name in repositories.read(self._registry) if "/" not in name}
