"""The results of a build: test reports and artifacts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localaws.codebuild import globs, junit, output_artifacts
from localaws.codebuild.build_objects import CLIENT_ERROR
from localaws.codebuild.build_record import Build
from localaws.codebuild.buildspec import Artifact, Buildspec, ReportFiles
from localaws.codebuild.phase_failures import PhaseFailed
from localaws.codebuild.reports import Reports
from localaws.kit import service_calls
from localaws.kit.s3 import Encryption
from localaws.kit.sandbox import Confine
from localaws.kit.service import AwsError, Permission


@dataclass(frozen=True, kw_only=True)
class Results:
    """`environment` is the shell's at its end. `say` adds a line to the log. `client` and `authorize` act as the role.

    `confine` reads the build's files with the build's own rights, because they may be links to anything.
    """

    build: Build
    spec: Buildspec
    source: Path
    scratch: Path
    environment: Mapping[str, str]
    client: Callable[[str], Any]
    encryption: Encryption
    say: Callable[[str], None]
    reports: Reports
    authorize: Callable[[Permission], None]
    confine: Confine

    def store_artifacts(self, name_of: Callable[[str], str]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """Store the artifacts. Returns the build's descriptions of its primary and secondary artifacts. Raises PhaseFailed."""
        settings = self.build.settings
        primary = self._store(settings["artifacts"], self.spec.artifacts, name_of)
        secondary = [
            self._store(item, self.spec.secondary_artifacts.get(item["artifactIdentifier"]), name_of)
            for item in settings.get("secondaryArtifacts", [])
        ]
        return primary, secondary

    def store_reports(self) -> PhaseFailed | None:
        """Create the reports. After trying all, returns the failure of those that could not be created."""
        problems = [problem for item in self.spec.reports if (problem := self._store_report(item)) is not None]
        if not problems:
            return None
        return PhaseFailed(CLIENT_ERROR, f"Error in UPLOAD_ARTIFACTS phase: [{', '.join(problems)}]")

    def _store(self, settings: Mapping[str, Any], artifact: Artifact | None, name_of: Callable[[str], str]) -> dict[str, Any]:
        if settings["type"] != "S3":
            return {"location": ""}
        identifier = settings.get("artifactIdentifier")
        if artifact is None:
            where = f"artifacts.secondary-artifacts.{identifier}" if identifier else "artifacts"
            raise PhaseFailed(CLIENT_ERROR, f"missing artifact definition: the buildspec has no {where}")
        self.say(f"Expanding base directory path: {artifact.base_directory}")
        try:
            entries = self.confine(lambda: output_artifacts.chosen(artifact, self.source, self.environment))
        except globs.NothingMatches as error:
            raise PhaseFailed(CLIENT_ERROR, str(error)) from error
        self.say(f"Found {len(entries)} file(s)")
        name = name_of(artifact.name) if artifact.name and settings.get("overrideArtifactName") else None
        prefix = name_of(artifact.s3_prefix) if artifact.s3_prefix else None
        place = output_artifacts.place_of(settings, build_uuid=self.build.uuid, name=name, s3_prefix=prefix)
        s3 = self.client("s3")
        return self.confine(
            lambda: output_artifacts.upload(
                s3, entries, settings, place, artifact=artifact, scratch=self.scratch, encryption=self.encryption
            )
        )

    def _store_report(self, item: ReportFiles) -> str | None:
        if item.file_format != "JUNITXML":
            self.say(f"Report {item.group} was skipped: the local AWS reads JUNITXML, not {item.file_format}")
            return None
        name = item.group if item.group.startswith("arn:") else f"{self.build.project}-{item.group}"
        group = self.reports.group_arn(name)
        try:
            cases = self.confine(lambda: self._cases(item))
            if not cases:
                return f"{item.group}: [report files not found in build]"
            self._admit(group, is_named=not item.group.startswith("arn:"))
        except (globs.NothingMatches, ValueError) as error:
            return f"{item.group}: [{error}]"
        except AwsError as error:
            return f"{item.group}: [{error.code}: {error.message}]"
        arn = self.reports.add(group, build_arn=self.build.arn, cases=cases)
        self.build.report_arns.append(arn)
        self.say(f"Report {arn}: {len(cases)} test(s)")
        return None

    def _cases(self, item: ReportFiles) -> list[junit.TestCase]:
        return [
            case
            for base in globs.base_directories(self.source, globs.expand(item.base_directory, self.environment))
            for path in globs.matching(base, [globs.expand(pattern, self.environment) for pattern in item.files])
            for case in junit.read(base / path, path)
        ]

    def _admit(self, group: str, *, is_named: bool) -> None:
        """Check the role's permissions for a report, and create the report group if it is given by name. Raises AwsError."""
        exists = self.reports.has_group(group)
        if not exists and not is_named:
            raise AwsError("ResourceNotFoundException", f"Report group does not exist: {group}")
        for line in (*(() if exists else ("codebuild-report-group",)), "codebuild-report"):
            for permission in service_calls.permissions(line, group):
                self.authorize(permission)
        if not exists:
            self.reports.add_group(group.rpartition("/")[2])
