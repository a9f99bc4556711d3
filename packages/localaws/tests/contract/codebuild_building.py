"""Projects and builds for tests: small sources, one way to wait, what a build said."""

import io
import uuid
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

from started import LocalAws, allow, policy
from waiting import wait_until

ENVIRONMENT = {"type": "LINUX_CONTAINER", "image": "aws/codebuild/standard:7.0", "computeType": "BUILD_GENERAL1_SMALL"}
LOGS = allow(["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"])


def zipped(files: Mapping[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return buffer.getvalue()


def unzipped(data: bytes) -> dict[str, str]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def spec(build: str | Sequence[str] = ("true",), **sections: Any) -> str:
    """A buildspec of JSON, which is YAML; `build` are the commands of the build phase."""
    import json

    commands = [build] if isinstance(build, str) else list(build)
    phases = {"build": {"commands": commands}, **sections.pop("phases", {})}
    return json.dumps({"version": "0.2", "phases": phases, **sections})


class Builder:
    """One bucket, one way to make roles and projects, on one local AWS."""

    def __init__(self, local_aws: LocalAws, service: Any = None) -> None:
        self.local_aws = local_aws
        self.codebuild, self.s3, self.iam, self.logs = (local_aws.client(name) for name in ("codebuild", "s3", "iam", "logs"))
        self.bucket = f"builds-{uuid.uuid4().hex[:12]}"
        self.s3.create_bucket(Bucket=self.bucket)
        self.service = service

    def role(self, *statements: Mapping[str, Any]) -> str:
        name = f"build-{uuid.uuid4().hex[:12]}"
        principal = {"Service": "codebuild.amazonaws.com", "AWS": f"arn:aws:iam::{self.local_aws.account}:root"}
        trust = policy({"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"})
        arn: str = self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
        if statements:
            self.iam.put_role_policy(RoleName=name, PolicyName="inline", PolicyDocument=policy(*statements))
        return arn

    @property
    def everything(self) -> str:
        """A role with the usual permissions of a build on this bucket."""
        return self.role(LOGS, allow("s3:*", [f"arn:aws:s3:::{self.bucket}", f"arn:aws:s3:::{self.bucket}/*"]))

    def request(self, buildspec: str, role: str | None = None, **changes: Any) -> dict[str, Any]:
        """CreateProject's members."""
        return {
            "name": f"project-{uuid.uuid4().hex[:8]}",
            "source": {"type": "NO_SOURCE", "buildspec": buildspec},
            "artifacts": {"type": "NO_ARTIFACTS"},
            "environment": ENVIRONMENT,
            "serviceRole": role or self.everything,
            **changes,
        }

    def project(self, buildspec: str, role: str | None = None, **changes: Any) -> str:
        name: str = self.codebuild.create_project(**self.request(buildspec, role, **changes))["project"]["name"]
        return name

    def start(self, project: str, **members: Any) -> str:
        build: str = self.codebuild.start_build(projectName=project, **members)["build"]["id"]
        return build

    def get(self, build: str) -> dict[str, Any]:
        found: dict[str, Any] = self.codebuild.batch_get_builds(ids=[build])["builds"][0]
        return found

    def ended(self, build: str) -> dict[str, Any]:
        return self.until(build, lambda found: found["buildComplete"])

    def until(self, build: str, condition: Any) -> dict[str, Any]:
        return wait_until(lambda: self.get(build), f"build {build} comes so far", ok=condition)

    def run(self, buildspec: str, role: str | None = None, *, start: Mapping[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
        """The build of a new project, after its end."""
        return self.ended(self.start(self.project(buildspec, role, **changes), **(start or {})))

    def lines(self, build: Mapping[str, Any]) -> list[str]:
        """The log without the container's own lines."""
        return [line for line in self.log(build) if not line.startswith("[Container]")]

    def log(self, build: Mapping[str, Any]) -> list[str]:
        where = build["logs"]
        events = self.logs.get_log_events(logGroupName=where["groupName"], logStreamName=where["streamName"], startFromHead=True)["events"]
        return [event["message"].removesuffix("\n") for event in events]

    def put(self, key: str, files: Mapping[str, str]) -> str:
        """The location of a zip archive in the bucket."""
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=zipped(files))
        return f"{self.bucket}/{key}"

    def artifact(self, key: str) -> dict[str, str]:
        return unzipped(self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read())


def statuses(build: Mapping[str, Any]) -> dict[str, str]:
    """The status of each phase that the build went through."""
    return {phase["phaseType"]: phase.get("phaseStatus", "") for phase in build["phases"]}


def context(build: Mapping[str, Any], phase: str) -> tuple[str, str]:
    found = next(item for item in build["phases"] if item["phaseType"] == phase)["contexts"][0]
    return found["statusCode"], found["message"]
