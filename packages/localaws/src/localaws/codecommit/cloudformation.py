"""AWS::CodeCommit::Repository. Each call is made with the deployment's own credentials."""

import io
import stat
import zipfile
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from localaws.kit.properties import check_kept, gone_is_fine, retag, undone_on_failure, words
from localaws.kit.service import Provisioned, ResourceRequest, ResourceType
from localaws.kit.tags import tags_in

_FILES_OF_A_COMMIT = 100  # AWS's limit
_MOST_BYTES = 64 << 20
_ATTRIBUTES = {"Arn": "Arn", "CloneUrlHttp": "cloneUrlHttp", "CloneUrlSsh": "cloneUrlSsh", "Name": "repositoryName"}


def _create(request: ResourceRequest) -> Provisioned:
    client, properties = request.client("codecommit"), request.properties
    name, tags = properties["RepositoryName"], tags_in(properties.get("Tags"))
    more = {"repositoryDescription": "RepositoryDescription", "kmsKeyId": "KmsKeyId"}
    given = {member: properties[name] for member, name in more.items() if name in properties}
    client.create_repository(repositoryName=name, **given, **({"tags": tags} if tags else {}))
    with undone_on_failure(lambda: client.delete_repository(repositoryName=name)):
        if "Code" in properties:
            _fill(request, client, name, properties["Code"])
    return _repository(client, name)


def _fill(request: ResourceRequest, client: Any, name: str, code: Mapping[str, Any]) -> None:
    """Commit the files of the zip archive in S3. Raises ValueError for an archive that is too large."""
    members = {"Bucket": "Bucket", "Key": "Key", "ObjectVersion": "VersionId"}
    place = {member: code["S3"][key] for key, member in members.items() if key in code["S3"]}
    answer = request.client("s3").get_object(**place)
    if answer["ContentLength"] > _MOST_BYTES:
        raise ValueError(f"s3://{place['Bucket']}/{place['Key']} is larger than {_MOST_BYTES >> 20} MB")
    branch, parent = code.get("BranchName", "main"), dict[str, str]()
    person = {"authorName": "AWS CloudFormation", "commitMessage": "Initial commit by CloudFormation"}
    files = _files(answer["Body"].read())
    while some := list(islice(files, _FILES_OF_A_COMMIT)):
        made = client.create_commit(repositoryName=name, branchName=branch, putFiles=some, **person, **parent)
        parent = {"parentCommitId": made["commitId"]}
    client.update_default_branch(repositoryName=name, defaultBranchName=branch)


def _files(archive: bytes) -> Iterator[dict[str, Any]]:
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        infos = [info for info in opened.infolist() if not info.is_dir()]
        if sum(info.file_size for info in infos) > _MOST_BYTES:
            raise ValueError(f"The archive holds more than {_MOST_BYTES >> 20} MB")
        for info in infos:
            mode = "EXECUTABLE" if (info.external_attr >> 16) & stat.S_IXUSR else "NORMAL"
            yield {"filePath": info.filename, "fileMode": mode, "fileContent": opened.read(info)}


def _update(request: ResourceRequest) -> Provisioned:
    check_kept(request, "RepositoryName")
    client, name = request.client("codecommit"), request.properties["RepositoryName"]
    client.update_repository_description(repositoryName=name, **_description(request))
    made = _repository(client, name)
    arn = made.attributes["Arn"]
    retag(
        request,
        tag=lambda tags: client.tag_resource(resourceArn=arn, tags=tags),
        untag=lambda keys: client.untag_resource(resourceArn=arn, tagKeys=keys),
    )
    return made


def _description(request: ResourceRequest) -> dict[str, str]:
    return {"repositoryDescription": found} if (found := request.properties.get("RepositoryDescription")) else {}


def _repository(client: Any, name: str) -> Provisioned:
    found = client.get_repository(repositoryName=name)["repositoryMetadata"]
    return Provisioned(physical_id=found["repositoryId"], attributes={key: found[member] for key, member in _ATTRIBUTES.items()})


def _delete(request: ResourceRequest) -> None:
    with gone_is_fine("RepositoryDoesNotExistException"):
        request.client("codecommit").delete_repository(repositoryName=request.properties["RepositoryName"])


RESOURCE_TYPES: Mapping[str, ResourceType] = {
    "AWS::CodeCommit::Repository": ResourceType(
        properties=words("RepositoryName RepositoryDescription KmsKeyId Code Tags"),
        replacing=frozenset(),
        create=_create,
        update=_update,
        delete=_delete,
    )
}
