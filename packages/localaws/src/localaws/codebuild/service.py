"""The CodeBuild service: its operations with their permissions, its CloudFormation type, its state."""

from collections.abc import Callable, Mapping, Sequence
from threading import RLock

from localaws.codebuild.build_operations import Builds
from localaws.codebuild.build_projects import Projects
from localaws.codebuild.cloudformation import RESOURCE_TYPES
from localaws.codebuild.permissions import anywhere, on_projects, on_report_groups
from localaws.codebuild.reports import Reports
from localaws.kit.service import Caller, Host, Members, Operation

# The time between SIGTERM and SIGKILL when a build is stopped or times out. AWS documents no signal, so builds must not depend on it.
_GRACE_S = 10.0


class CodeBuild:
    """`name` is botocore's. `minute_s` is the length of a minute of the projects' time limits."""

    name = "codebuild"

    def __init__(self, host: Host, *, grace_s: float = _GRACE_S, minute_s: float = 60.0) -> None:
        lock = RLock()
        self.projects, self.reports = Projects(host, lock), Reports(host, lock)
        self.builds = Builds(host, self.projects, self.reports, lock=lock, grace_s=grace_s, minute_s=minute_s)
        self.resource_types = RESOURCE_TYPES
        self.operations: Mapping[str, Operation] = {
            **self._project_operations(),
            **self._build_operations(),
            **self._report_operations(),
        }

    def get_state(self) -> Members:
        return {"projects": self.projects.get_state(), "reports": self.reports.get_state(), "builds": self.builds.get_state()}

    def load_state(self, state: Members) -> None:
        self.projects.load_state(state.get("projects", {}))
        self.reports.load_state(state.get("reports", {}))
        self.builds.load_state(state.get("builds", []))

    def stop(self) -> None:
        self.builds.shut_down()

    def _project_operations(self) -> dict[str, Operation]:
        projects, tags_of = self.projects, self.projects.tags_of
        named = _one("name")
        return {
            "CreateProject": Operation(
                handler=projects.create, permissions=on_projects("CreateProject", named, tags_of=tags_of, role="serviceRole")
            ),
            "UpdateProject": Operation(
                handler=projects.update, permissions=on_projects("UpdateProject", named, tags_of=tags_of, role="serviceRole")
            ),
            "DeleteProject": Operation(handler=self._delete_project, permissions=on_projects("DeleteProject", named, tags_of=tags_of)),
            "BatchGetProjects": Operation(
                handler=projects.batch_get, permissions=on_projects("BatchGetProjects", _all("names"), tags_of=tags_of)
            ),
            "ListProjects": Operation(handler=projects.list_names, permissions=anywhere("ListProjects")),
        }

    def _build_operations(self) -> dict[str, Operation]:
        builds, tags_of = self.builds, self.projects.tags_of
        return {
            "StartBuild": Operation(
                handler=builds.start,
                permissions=on_projects("StartBuild", _one("projectName"), tags_of=tags_of, role="serviceRoleOverride"),
            ),
            "StopBuild": Operation(handler=builds.stop, permissions=on_projects("StopBuild", _one("id"), tags_of=tags_of)),
            "RetryBuild": Operation(handler=builds.retry, permissions=on_projects("RetryBuild", _one("id"), tags_of=tags_of)),
            "BatchGetBuilds": Operation(handler=builds.batch_get, permissions=on_projects("BatchGetBuilds", _all("ids"), tags_of=tags_of)),
            "BatchDeleteBuilds": Operation(
                handler=builds.batch_delete, permissions=on_projects("BatchDeleteBuilds", _all("ids"), tags_of=tags_of)
            ),
            "ListBuilds": Operation(handler=builds.list_ids, permissions=anywhere("ListBuilds")),
            "ListBuildsForProject": Operation(
                handler=builds.list_of_project,
                permissions=on_projects("ListBuildsForProject", _one("projectName"), tags_of=tags_of),
            ),
        }

    def _report_operations(self) -> dict[str, Operation]:
        reports = self.reports

        def on(action: str, names: Callable[[Members], Sequence[str]], handler: Callable[[Caller, Members], Members]) -> Operation:
            return Operation(handler=handler, permissions=on_report_groups(action, names))

        return {
            "CreateReportGroup": on("CreateReportGroup", _one("name"), reports.create_group),
            "BatchGetReportGroups": on("BatchGetReportGroups", _all("reportGroupArns"), reports.batch_get_groups),
            "DeleteReportGroup": on("DeleteReportGroup", _one("arn"), reports.delete_group),
            "BatchGetReports": on("BatchGetReports", _all("reportArns"), reports.batch_get),
            "ListReportsForReportGroup": on("ListReportsForReportGroup", _one("reportGroupArn"), reports.list_of_group),
            "DescribeTestCases": on("DescribeTestCases", _one("reportArn"), reports.test_cases),
            "DeleteReport": on("DeleteReport", _one("arn"), reports.delete),
            "ListReportGroups": Operation(handler=reports.list_groups, permissions=anywhere("ListReportGroups")),
            "ListReports": Operation(handler=reports.list_all, permissions=anywhere("ListReports")),
        }

    def _delete_project(self, caller: Caller, request: Members) -> Members:
        answer = self.projects.delete(caller, request)
        self.builds.forget_cache(self.projects.name_of(request["name"]))
        return answer


def _one(member: str) -> Callable[[Members], Sequence[str]]:
    return lambda request: [request[member]] if member in request else []


def _all(member: str) -> Callable[[Members], Sequence[str]]:
    return lambda request: list(request[member])
