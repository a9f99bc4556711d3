"""The folder of one build: sources, environment variables, files to store."""

import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

from localaws import client_files
from localaws.codebuild import build_machine
from localaws.codebuild.build_objects import parse_location
from localaws.codebuild.build_record import Build
from localaws.codebuild.build_sources import Fetched
from localaws.codebuild.credential_endpoint import CredentialEndpoint
from localaws.codebuild.shell import own_folder
from localaws.kit.files import read_regular
from localaws.kit.sandbox import Sandbox, for_build


class Workspace:
    """The folder of one build. It is deleted after the build."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home, self.output = folder / "home", folder / "output"
        self.scratch, self.shell = folder / "scratch", folder / "shell"
        self.exchange = folder / "exchange"  # what the build's shell writes for CodeBuild

    def sandbox(self, home: Path, *, caches: Path) -> Sandbox:
        """What the build may do. `home` is the local AWS's, `caches` the folder of the project's local caches."""
        names = ("home", "src", "python", ".venv", "exchange")
        own = [*(self.folder / name for name in names), own_folder(self.shell), Path(os.readlink(self.folder / "tmp")), caches]
        return for_build(home, own=own, readable=[self.folder])

    def source_folder(self, index: int) -> Path:
        return self.folder / "src" / f"{index:02}"

    def environment(self, build: Build, sources: Sequence[Fetched], given: Mapping[str, str], *, aws: Mapping[str, str]) -> dict[str, str]:
        """The shell's variables: the machine's, then AWS's, then the user's, then those that only CodeBuild sets."""
        return {**build_machine.environment(self.folder), **aws, **given, **_own(build, self.folder, sources)}

    def aws_variables(self, endpoint_url: str, region: str, credentials: CredentialEndpoint) -> dict[str, str]:
        """The variables that point AWS tools to the local AWS, as the project's role."""
        client_files.write_rules(self.folder / "botocore", endpoint_url)
        return {
            "AWS_ENDPOINT_URL": endpoint_url,
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,
            "AWS_DATA_PATH": str(self.folder / "botocore"),
            **credentials.variables,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def exporting(self, names: Sequence[str]) -> str:
        """A script that writes each variable's value to a file. A variable that is not set gets no file."""
        places = {name: shlex.quote(str(self._export(name))) for name in names}
        lines = [f'if [ "${{{name}+x}}" ]; then printf %s "${name}" >{place}; fi' for name, place in places.items()]
        dump = "import os, sys; sys.stdout.buffer.write(b'\\0'.join(k + b'=' + v for k, v in os.environb.items()))"
        python = shlex.quote(sys.executable)
        return "\n".join([*lines, f"{python} -I -S -c {shlex.quote(dump)} >{shlex.quote(str(self.exchange / 'environment'))}"])

    def exported(self, names: Sequence[str]) -> list[dict[str, str]]:
        found = {name: read_regular(self._export(name)) for name in names}
        return [{"name": name, "value": value.decode(errors="replace")} for name, value in found.items() if value is not None]

    def final_environment(self) -> dict[str, str]:
        """The shell's environment after the last command."""
        content = read_regular(self.exchange / "environment")
        if content is None:
            return {}
        pairs = (pair.partition(b"=") for pair in content.split(b"\0"))
        return {name.decode(errors="replace"): value.decode(errors="replace") for name, _, value in pairs}

    def _export(self, name: str) -> Path:
        return self.exchange / f"export-{name}"


def build_url(build: Build) -> str:
    """The build's page in AWS's console."""
    region = build.arn.split(":")[3]
    return f"https://{region}.console.aws.amazon.com/codebuild/home?region={region}#/builds/{quote(build.id)}/view/new"


def _own(build: Build, folder: Path, sources: Sequence[Fetched]) -> dict[str, str]:
    found = {
        "CODEBUILD_BUILD_ID": build.id,
        "CODEBUILD_BUILD_ARN": build.arn,
        "CODEBUILD_BUILD_NUMBER": str(build.number),
        "CODEBUILD_BUILD_IMAGE": build.settings["environment"]["image"],
        "CODEBUILD_BUILD_SUCCEEDING": "1",
        "CODEBUILD_INITIATOR": build.initiator,
        "CODEBUILD_KMS_KEY_ID": build.settings["encryptionKey"],
        "CODEBUILD_BUILD_URL": build_url(build),
        "CODEBUILD_CONTAINER_NAME": "default",
        "CODEBUILD_PROJECT_ARN": build.arn.replace(":build/", ":project/").rpartition(":")[0],
        "HOME": str(folder / "home"),  # always CodeBuild's own, as AWS documents for /root
        "CODEBUILD_START_TIME": str(round(build.started * 1000)),
    }
    if build.log_stream is not None:
        found["CODEBUILD_LOG_PATH"] = build.log_stream
    if build.resolved_source_version:
        found["CODEBUILD_RESOLVED_SOURCE_VERSION"] = build.resolved_source_version
    for source in sources:
        suffix = f"_{source.identifier}" if source.identifier else ""
        if "-" in suffix:  # a shell cannot have variables with such names
            continue
        found[f"CODEBUILD_SRC_DIR{suffix}"] = str(source.folder)
        if source.commit is not None:
            found[f"CODEBUILD_SOURCE_REPO_URL{suffix}"] = source.location
            found[f"CODEBUILD_SOURCE_VERSION{suffix}"] = source.version_id or ""
        elif source.location:
            place = parse_location(source.location)
            version = place.arn if build.from_pipeline else source.version_id
            found |= {f"CODEBUILD_SOURCE_VERSION{suffix}": version} if version else {}
            found[f"CODEBUILD_SOURCE_REPO_URL{suffix}"] = "" if build.from_pipeline else f"s3://{place.bucket}/{place.key}"
    return found
