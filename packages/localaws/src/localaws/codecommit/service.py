"""The CodeCommit service: its operations with their permissions, its CloudFormation type, its state, its events."""

from collections.abc import Callable, Mapping
from typing import Any

from localaws.codecommit.branch_operations import BranchOperations
from localaws.codecommit.cloudformation import RESOURCE_TYPES
from localaws.codecommit.commit_repositories import CommitRepositories, CommitRepository
from localaws.codeconnections.pushes import Push, Pushes
from localaws.kit.permissions import Asked, anywhere, named, on
from localaws.kit.service import AwsError, Caller, Host, Members, Operation
from localaws.kit.tags import tags_of_request
from localaws.kit.timestamps import moment

_CHANGED = "CodeCommit Repository State Change"


class CodeCommit:
    """`name` is botocore's. A push to one of its repositories is an event on the default bus."""

    name = "codecommit"

    def __init__(self, host: Host, pushes: Pushes) -> None:
        self._host, self.repositories = host, CommitRepositories(host)
        self.resource_types = RESOURCE_TYPES
        self.operations: Mapping[str, Operation] = {**self._repository_operations(), **self._content_operations(), **self._tag_operations()}
        pushes.listen(self._publish)

    def get_state(self) -> dict[str, Any]:
        return {"repositories": self.repositories.get_state()}

    def load_state(self, state: dict[str, Any]) -> None:
        self.repositories.load_state(state.get("repositories", []))

    def stop(self) -> None:
        """The service has no processes or threads."""

    def _publish(self, push: Push) -> None:
        try:
            repository = self.repositories.get(push.repository)
        except AwsError:
            return  # a repository of another provider
        event = {True: "referenceCreated", False: "referenceUpdated"}[push.old is None] if push.commit else "referenceDeleted"
        detail = {
            "event": event,
            "repositoryName": push.repository,
            "repositoryId": repository.id,
            "referenceType": "branch",
            "referenceName": push.branch,
            "referenceFullName": f"refs/heads/{push.branch}",
            "commitId": push.commit or push.old,
            **({"oldCommitId": push.old} if push.old and push.commit else {}),
            "callerUserArn": f"arn:aws:iam::{self._host.account}:user/administrator",
        }
        self._host.publish_event("aws.codecommit", _CHANGED, detail, [self.repositories.arn(push.repository)])

    def _create(self, caller: Caller, request: Members) -> Members:
        made = self.repositories.create(
            request["repositoryName"],
            description=request.get("repositoryDescription", ""),
            key=request.get("kmsKeyId"),
            tags=tags_of_request(request),
        )
        return {"repositoryMetadata": self._described(made)}

    def _get(self, caller: Caller, request: Members) -> Members:
        return {"repositoryMetadata": self._described(self.repositories.get(request["repositoryName"]))}

    def _list(self, caller: Caller, request: Members) -> Members:
        listed = self.repositories.all()
        if request.get("sortBy") == "lastModifiedDate":
            listed.sort(key=lambda found: found.modified)
        if request.get("order") == "descending":
            listed.reverse()
        return {"repositories": [{"repositoryName": found.name, "repositoryId": found.id} for found in listed]}

    def _batch_get(self, caller: Caller, request: Members) -> Members:
        known = {found.name: found for found in self.repositories.all()}
        wanted = request["repositoryNames"]
        described = [self._described(known[name]) for name in wanted if name in known]
        return {"repositories": described, "repositoriesNotFound": [name for name in wanted if name not in known]}

    def _delete(self, caller: Caller, request: Members) -> Members:
        identifier = self.repositories.delete(request["repositoryName"])
        return {"repositoryId": identifier} if identifier else {}

    def _describe_as(self, caller: Caller, request: Members) -> Members:
        self.repositories.get(request["repositoryName"]).description = request.get("repositoryDescription", "")
        return {}

    def _described(self, repository: CommitRepository) -> Members:
        found = self.repositories.describe(repository)
        return {**found, **{name: moment(found[name]) for name in ("creationDate", "lastModifiedDate")}}

    def _repository_operations(self) -> dict[str, Operation]:
        asked = self._asked
        return {
            "CreateRepository": Operation(
                handler=self._create,
                permissions=on("codecommit:CreateRepository", self._arns, tagging="codecommit:TagResource"),
            ),
            "GetRepository": Operation(handler=self._get, permissions=asked("GetRepository")),
            "DeleteRepository": Operation(handler=self._delete, permissions=asked("DeleteRepository")),
            "UpdateRepositoryDescription": Operation(handler=self._describe_as, permissions=asked("UpdateRepositoryDescription")),
            "ListRepositories": Operation(handler=self._list, permissions=anywhere("codecommit:ListRepositories")),
            "BatchGetRepositories": Operation(
                handler=self._batch_get,
                permissions=on(
                    "codecommit:BatchGetRepositories",
                    lambda caller, request: [self.repositories.arn(name) for name in request["repositoryNames"]],
                    tags_of=self._tags_of,
                ),
            ),
        }

    def _content_operations(self) -> dict[str, Operation]:
        contents = BranchOperations(self.repositories)
        handlers: Mapping[str, Callable[[Caller, Members], Members]] = {
            "GetBranch": contents.get_branch,
            "ListBranches": contents.list_branches,
            "CreateBranch": contents.create_branch,
            "DeleteBranch": contents.delete_branch,
            "UpdateDefaultBranch": contents.update_default,
            "GetCommit": contents.get_commit,
            "GetFile": contents.get_file,
            "GetFolder": contents.get_folder,
            "PutFile": contents.put_file,
            "CreateCommit": contents.create_commit,
        }
        return {name: Operation(handler=handler, permissions=self._asked(name)) for name, handler in handlers.items()}

    def _tag_operations(self) -> dict[str, Operation]:
        def change(caller: Caller, request: Members) -> Members:
            self.repositories.change_tags(request["resourceArn"].rpartition(":")[2], request)
            return {}

        def show(caller: Caller, request: Members) -> Members:
            return {"tags": dict(self._tags_of(request["resourceArn"]))}

        handlers = {"TagResource": change, "UntagResource": change, "ListTagsForResource": show}
        return {
            name: Operation(handler=handler, permissions=on(f"codecommit:{name}", named("resourceArn"), tags_of=self._tags_of))
            for name, handler in handlers.items()
        }

    def _asked(self, action: str) -> Asked:
        def context(request: Members) -> Mapping[str, Any]:
            branch = request.get("branchName")
            return {"codecommit:References": [f"refs/heads/{branch}"]} if branch else {}

        return on(f"codecommit:{action}", self._arns, tags_of=self._tags_of, context=context)

    def _arns(self, caller: Caller, request: Members) -> list[str]:
        return [self.repositories.arn(request.get("repositoryName", "*"))]

    def _tags_of(self, arn: str) -> Mapping[str, str]:
        try:
            return self.repositories.get(arn.rpartition(":")[2]).tags
        except AwsError:
            return {}
