"""Operations on branches, commits and files."""

from pathlib import Path
from typing import Any

from localaws.codecommit import git_contents
from localaws.codecommit.commit_repositories import CommitRepositories
from localaws.codecommit.git_contents import Entry
from localaws.codeconnections.repositories import GitFailed
from localaws.kit.service import AwsError, Caller, Members

_LARGEST = 6 << 20  # AWS's limit for a file that GetFile returns


class BranchOperations:
    """The handlers of the operations on a repository's contents."""

    def __init__(self, repositories: CommitRepositories) -> None:
        self._repositories = repositories

    def get_branch(self, caller: Caller, request: Members) -> Members:
        name = request.get("branchName", "")
        return {"branch": {"branchName": name, "commitId": _head(self._folder(request), name)}}

    def list_branches(self, caller: Caller, request: Members) -> Members:
        return {"branches": sorted(git_contents.branches(self._folder(request)))}

    def create_branch(self, caller: Caller, request: Members) -> Members:
        folder, name = self._folder(request), request["branchName"]
        if name in git_contents.branches(folder):
            raise AwsError("BranchNameExistsException", f"The branch {name} already exists")
        git_contents.move_branch(folder, name, _commit(folder, request["commitId"]), old=None)
        return {}

    def delete_branch(self, caller: Caller, request: Members) -> Members:
        folder, name = self._folder(request), request["branchName"]
        if (commit := git_contents.branches(folder).get(name)) is None:
            return {}
        if name == git_contents.head_branch(folder):
            raise AwsError("DefaultBranchCannotBeDeletedException", f"{name} is the default branch")
        git_contents.move_branch(folder, name, None, old=commit)
        return {"deletedBranch": {"branchName": name, "commitId": commit}}

    def update_default(self, caller: Caller, request: Members) -> Members:
        folder, name = self._folder(request), request["defaultBranchName"]
        _head(folder, name)
        git_contents.set_head(folder, name)
        return {}

    def get_commit(self, caller: Caller, request: Members) -> Members:
        folder = self._folder(request)
        try:
            return {"commit": git_contents.describe(folder, _commit(folder, request["commitId"]))}
        except AwsError as error:
            raise AwsError("CommitIdDoesNotExistException", error.message) from error

    def get_file(self, caller: Caller, request: Members) -> Members:
        folder, commit = self._at(request)
        path = request["filePath"].strip("/")
        found = git_contents.entry(folder, commit, path)
        if found is None or found.kind != "blob":
            raise AwsError("FileDoesNotExistException", f"The file {path} does not exist in {commit}")
        content = git_contents.blob(folder, found.id)
        if len(content) > _LARGEST:
            raise AwsError("FileTooLargeException", f"The file {path} is larger than 6 MB")
        answer = {"commitId": commit, "blobId": found.id, "filePath": path, "fileMode": found.file_mode, "fileSize": len(content)}
        return {**answer, "fileContent": content}

    def get_folder(self, caller: Caller, request: Members) -> Members:
        folder, commit = self._at(request)
        path = request["folderPath"].strip("/")
        listed = git_contents.entries(folder, commit, path)
        if not listed and path:
            raise AwsError("FolderDoesNotExistException", f"The folder {path} does not exist in {commit}")

        def shown(kind: str, key: str, *, link: bool = False, mode: bool = False) -> list[Members]:
            chosen = [item for item in listed if item.kind == kind and (kind != "blob" or (item.file_mode == "SYMLINK") == link)]
            return [_place(path, item, key) | ({"fileMode": item.file_mode} if mode else {}) for item in chosen]

        return {
            "commitId": commit,
            "folderPath": path,
            "treeId": git_contents.tree_id(folder, commit, path),
            "subFolders": shown("tree", "treeId"),
            "files": shown("blob", "blobId", mode=True),
            "symbolicLinks": shown("blob", "blobId", link=True, mode=True),
            "subModules": shown("commit", "commitId"),
        }

    def put_file(self, caller: Caller, request: Members) -> Members:
        folder, path = self._folder(request), _path(request["filePath"])
        parent = self._parent(folder, request)
        content = request["fileContent"]
        if parent and (old := git_contents.entry(folder, parent, path)) and git_contents.blob(folder, old.id) == content:
            raise AwsError("SameFileContentException", f"The file {path} already has this content")
        mode = git_contents.FILE_MODES[request.get("fileMode", "NORMAL")]
        message = request.get("commitMessage", f"Put {path}")
        written = self._write(folder, request, parent, put=[(path, mode, content)], delete=[], message=message)
        return {"commitId": written.commit, "treeId": written.tree, "blobId": {**written.added, **written.updated}[path]}

    def create_commit(self, caller: Caller, request: Members) -> Members:
        if request.get("setFileModes") or any("sourceFile" in item for item in request.get("putFiles", ())):
            raise AwsError("FileEntryRequiredException", "The local AWS does not honour setFileModes and sourceFile of CreateCommit.")
        folder = self._folder(request)
        modes = git_contents.FILE_MODES
        put = [
            (_path(item["filePath"]), modes[item.get("fileMode", "NORMAL")], item["fileContent"]) for item in request.get("putFiles", ())
        ]
        delete = [item["filePath"].strip("/") for item in request.get("deleteFiles", ())]
        if not put and not delete:
            raise AwsError("FileEntryRequiredException", "A commit needs files to put or to delete")
        message = request.get("commitMessage", "")
        written = self._write(folder, request, self._parent(folder, request), put=put, delete=delete, message=message)
        kinds = {"filesAdded": written.added, "filesUpdated": written.updated, "filesDeleted": written.deleted}
        shown = {name: [{"absolutePath": path, "blobId": blob} for path, blob in found.items()] for name, found in kinds.items()}
        return {"commitId": written.commit, "treeId": written.tree, **shown}

    def _write(self, folder: Path, request: Members, parent: str | None, **members: Any) -> git_contents.Written:
        name = request.get("authorName") or request.get("name") or "localaws"
        person = {"name": name, "email": request.get("email") or "localaws@localhost"}
        try:
            return git_contents.write(folder, request["branchName"], parent, person=person, **members)
        except GitFailed as error:
            raise AwsError("InvalidPathException", f"git refused: {error}") from error

    def _parent(self, folder: Path, request: Members) -> str | None:
        """The head of the branch, which the request must name unless the repository is empty. Raises AwsError."""
        heads, given = git_contents.branches(folder), request.get("parentCommitId")
        head = heads.get(request["branchName"])
        if head is None:
            if heads:
                raise AwsError("BranchDoesNotExistException", f"The branch {request['branchName']} does not exist")
            return None
        if given is None:
            raise AwsError("ParentCommitIdRequiredException", "A parent commit ID is required")
        if given != head:
            raise AwsError("ParentCommitIdOutdatedException", f"The parent commit {given} is not the head of the branch: {head}")
        return head

    def _at(self, request: Members) -> tuple[Path, str]:
        """The folder, and the commit that commitSpecifier names. Raises AwsError."""
        folder = self._folder(request)
        specifier = request.get("commitSpecifier") or git_contents.head_branch(folder)
        if specifier is None:
            raise AwsError("CommitDoesNotExistException", f"The repository {request['repositoryName']} has no commit")
        return folder, _commit(folder, specifier)

    def _folder(self, request: Members) -> Path:
        if "repositoryName" not in request:
            raise AwsError("RepositoryNameRequiredException", "A repository name is required")
        return self._repositories.folder(request["repositoryName"])


def _head(folder: Path, branch: str) -> str:
    if (commit := git_contents.branches(folder).get(branch)) is None:
        raise AwsError("BranchDoesNotExistException", f"The branch {branch} does not exist")
    return commit


def _commit(folder: Path, specifier: str) -> str:
    if (commit := git_contents.resolve(folder, specifier)) is None:
        raise AwsError("CommitDoesNotExistException", f"The commit {specifier} does not exist")
    return commit


def _path(given: str) -> str:
    """The path of a file to write. Raises AwsError for one that git would leave out or that leaves the repository."""
    parts = given.strip("/").split("/")
    if any(part in ("", ".", "..") or part.lower() == ".git" for part in parts):
        raise AwsError("InvalidPathException", f"{given} is not a valid path")
    return "/".join(parts)


def _place(path: str, found: Entry, key: str) -> Members:
    absolute = f"{path}/{found.path}" if path else found.path
    return {key: found.id, "absolutePath": absolute, "relativePath": found.path}
