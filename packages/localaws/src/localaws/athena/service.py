"""Athena's operations, with the permissions that they need and their answers."""

import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from localaws.athena import browsing, submission
from localaws.athena.cloudformation import RESOURCE_TYPES
from localaws.athena.query_executions import ENGINE_VERSION, History
from localaws.athena.workgroups import PRIMARY, WorkGroup, WorkGroups, configuration_of, refuse, updated
from localaws.kit.permissions import Asked, anywhere, named, on
from localaws.kit.service import AwsError, Caller, Host, Members, Operation, ResourceType
from localaws.kit.tags import as_list, changed, tags_of_request

if TYPE_CHECKING:
    from localaws.athena.query_queue import Queue

_Names = Callable[[Members], Sequence[str]]


class Athena:
    """The service. DuckDB and the SQL parser are imported with the first query, so that the server starts quickly."""

    name = "athena"

    def __init__(self, host: Host) -> None:
        self._host = host
        self._groups, self._history = WorkGroups(host.account, host.region), History()
        self._lock = threading.Lock()
        self._started: Queue | None = None
        self.resource_types: Mapping[str, ResourceType] = RESOURCE_TYPES
        self.operations: Mapping[str, Operation] = {
            **self._query_operations(),
            **self._workgroup_operations(),
            **self._catalog_operations(),
        }

    def get_state(self) -> Members:
        return {"workgroups": self._groups.get_state(), "executions": self._history.get_state()}

    def load_state(self, state: Members) -> None:
        self._groups.load_state(state["workgroups"])
        self._history.load_state(state["executions"])

    def stop(self) -> None:
        with self._lock:
            queue = self._started
        if queue is not None:
            queue.close()

    def _queue(self) -> "Queue":
        from localaws.athena.query_queue import Queue

        with self._lock:
            if self._started is None:
                self._started = Queue(self._host, self._host.changed)
            return self._started

    # Permissions

    def _on_groups(self, action: str, names: _Names) -> Asked:
        return on(
            f"athena:{action}", lambda caller, members: [self._groups.arn(name) for name in names(members)], tags_of=self._groups.tags_of
        )

    def _operation(self, action: str, handler: Callable[[Caller, Members], Members], names: _Names) -> tuple[str, Operation]:
        return action, Operation(handler=handler, permissions=self._on_groups(action, names))

    def _groups_of_executions(self, members: Members) -> Sequence[str]:
        ids = members.get("QueryExecutionIds") or [members["QueryExecutionId"]]
        found = {self._history.get(one).workgroup for one in ids if "QueryExecutionIds" not in members or self._history.has(one)}
        return sorted(found) or [PRIMARY]

    # Queries

    def _query_operations(self) -> Mapping[str, Operation]:
        def named(members: Members) -> Sequence[str]:
            return [members.get("WorkGroup", PRIMARY)]

        of = self._groups_of_executions
        return dict(
            [
                self._operation("StartQueryExecution", self._start, named),
                self._operation("GetQueryExecution", self._get_execution, of),
                self._operation("BatchGetQueryExecution", self._batch_get, of),
                (
                    "GetQueryResults",
                    Operation(handler=self._get_results, permissions=self._on_groups("GetQueryResults", of), pages_itself=True),
                ),
                self._operation("GetQueryRuntimeStatistics", self._get_statistics, of),
                self._operation("StopQueryExecution", self._stop_execution, of),
                self._operation("ListQueryExecutions", self._list_executions, named),
            ]
        )

    def _start(self, caller: Caller, members: Members) -> Members:
        group, token = self._groups.get(members.get("WorkGroup", PRIMARY)), members.get("ClientRequestToken")
        submission.check(members, group, self._host.account)
        earlier = self._history.submitted_as(token) if token else None
        if earlier is not None:
            if earlier.query != members["QueryString"]:
                raise AwsError("InvalidRequestException", "Idempotent parameters do not match")
            return {"QueryExecutionId": earlier.id}
        result = group.result_configuration(members.get("ResultConfiguration", {}))
        kind = submission.kind_of(members["QueryString"])
        submission.check_output(self._host.client("s3", caller.credentials), result["OutputLocation"])
        execution = submission.execution(members, group.name, kind, result, execution_id=str(uuid.uuid4()), now_s=time.time())
        self._history.add(execution)
        cutoff = group.configuration.get("BytesScannedCutoffPerQuery")
        self._queue().submit(execution, submission.order(execution, result, cutoff), caller.credentials)
        return {"QueryExecutionId": execution.id}

    def _get_execution(self, caller: Caller, members: Members) -> Members:
        return {"QueryExecution": self._history.get(members["QueryExecutionId"]).answer()}

    def _batch_get(self, caller: Caller, members: Members) -> Members:
        found: list[Members] = []
        unknown: list[Members] = []
        for one in members["QueryExecutionIds"]:
            if self._history.has(one):
                found.append(self._history.get(one).answer())
            else:
                text = f"QueryExecution {one} was not found"
                unknown.append({"QueryExecutionId": one, "ErrorCode": "INVALID_INPUT", "ErrorMessage": text})
        return {"QueryExecutions": found, "UnprocessedQueryExecutionIds": unknown}

    def _get_results(self, caller: Caller, members: Members) -> Members:
        from localaws.athena import result_pages

        execution = self._history.get(members["QueryExecutionId"])
        if not execution.ended:
            raise refuse(f"Query has not yet finished. Current state: {execution.state}")
        if execution.state != "SUCCEEDED":
            raise refuse(f"Query did not finish successfully. Final query state: {execution.state}")
        if members.get("QueryResultType", "DATA_ROWS") != "DATA_ROWS":
            raise refuse(f"The local Athena does not honour QueryResultType {members['QueryResultType']}.")
        client = self._host.client("s3", caller.credentials)
        rows = members.get("MaxResults", result_pages.MAX_ROWS)
        return result_pages.page(client, execution, max_rows=rows, token=members.get("NextToken"))

    def _get_statistics(self, caller: Caller, members: Members) -> Members:
        execution = self._history.get(members["QueryExecutionId"])
        answer = execution.answer()["Statistics"]
        names = ("QueryQueueTimeInMillis", "QueryPlanningTimeInMillis", "EngineExecutionTimeInMillis", "TotalExecutionTimeInMillis")
        timeline = {name: answer[name] for name in names if name in answer}
        rows = {"InputBytes": execution.scanned_bytes}
        return {"QueryRuntimeStatistics": {"Timeline": timeline, "Rows": rows}}

    def _stop_execution(self, caller: Caller, members: Members) -> Members:
        self._queue().stop(self._history.get(members["QueryExecutionId"]))
        return {}

    def _list_executions(self, caller: Caller, members: Members) -> Members:
        group = self._groups.get(members.get("WorkGroup", PRIMARY))
        ids = [execution.id for execution in self._history.newest_first(group.name)]
        return {"QueryExecutionIds": ids}

    # Workgroups

    def _workgroup_operations(self) -> Mapping[str, Operation]:
        def of(member: str) -> _Names:
            return lambda members: [members[member]]

        def tagged(action: str, handler: Callable[[Caller, Members], Members]) -> tuple[str, Operation]:
            asked = on(f"athena:{action}", named("ResourceARN"), tags_of=self._groups.tags_of)
            return action, Operation(handler=handler, permissions=asked)

        return dict(
            [
                self._operation("CreateWorkGroup", self._create_group, of("Name")),
                self._operation("GetWorkGroup", self._get_group, of("WorkGroup")),
                self._operation("UpdateWorkGroup", self._update_group, of("WorkGroup")),
                self._operation("DeleteWorkGroup", self._delete_group, of("WorkGroup")),
                ("ListWorkGroups", Operation(handler=self._list_groups, permissions=anywhere("athena:ListWorkGroups"))),
                ("ListEngineVersions", Operation(handler=self._list_engines, permissions=anywhere("athena:ListEngineVersions"))),
                tagged("TagResource", self._change_tags),
                tagged("UntagResource", self._change_tags),
                tagged("ListTagsForResource", self._list_tags),
            ]
        )

    def _create_group(self, caller: Caller, members: Members) -> Members:
        group = WorkGroup(
            name=members["Name"],
            created_s=time.time(),
            description=members.get("Description", ""),
            configuration=configuration_of(members.get("Configuration", {}), self._host.account),
            tags=tags_of_request(members),
        )
        self._groups.create(group)
        return {}

    def _get_group(self, caller: Caller, members: Members) -> Members:
        return {"WorkGroup": self._groups.get(members["WorkGroup"]).answer()}

    def _update_group(self, caller: Caller, members: Members) -> Members:
        group = self._groups.get(members["WorkGroup"])
        if "ConfigurationUpdates" in members:
            group.configuration = updated(group.configuration, members["ConfigurationUpdates"], self._host.account)
        group.description = members.get("Description", group.description)
        group.state = members.get("State", group.state)
        return {}

    def _delete_group(self, caller: Caller, members: Members) -> Members:
        group = self._groups.get(members["WorkGroup"])
        if self._history.newest_first(group.name) and not members.get("RecursiveDeleteOption"):
            raise refuse(f"WorkGroup {group.name} is not empty")
        self._groups.delete(group.name)
        self._history.forget(group.name)
        return {}

    def _list_groups(self, caller: Caller, members: Members) -> Members:
        return {"WorkGroups": [group.summary() for group in self._groups.all()]}

    def _list_engines(self, caller: Caller, members: Members) -> Members:
        effective = ENGINE_VERSION["EffectiveEngineVersion"]
        versions = [{"SelectedEngineVersion": name, "EffectiveEngineVersion": effective} for name in ("AUTO", effective)]
        return {"EngineVersions": versions}

    def _change_tags(self, caller: Caller, members: Members) -> Members:
        group = self._groups.by_arn(members["ResourceARN"])
        group.tags = changed(group.tags, members, refused="InvalidRequestException")
        return {}

    def _list_tags(self, caller: Caller, members: Members) -> Members:
        tags = self._groups.by_arn(members["ResourceARN"]).tags
        return {"Tags": as_list(dict(sorted(tags.items())))}

    # The data catalog

    def _catalog_operations(self) -> Mapping[str, Operation]:
        catalog_arn = f"arn:aws:athena:{self._host.region}:{self._host.account}:datacatalog/"

        def operation(action: str, member: str, read: Callable[[Any, Members], Members]) -> tuple[str, Operation]:
            def handler(caller: Caller, members: Members) -> Members:
                browsing.check_catalog(members[member])
                return read(self._host.client("glue", caller.credentials), members)

            asked = on(f"athena:{action}", lambda caller, members: [catalog_arn + members[member]])
            return action, Operation(handler=handler, permissions=asked)

        listed = {"DataCatalogsSummary": [{"CatalogName": browsing.CATALOG, "Type": "GLUE"}]}
        listing = Operation(handler=lambda caller, members: listed, permissions=anywhere("athena:ListDataCatalogs"))
        return dict(
            [
                ("ListDataCatalogs", listing),
                operation("GetDataCatalog", "Name", lambda glue, _: {"DataCatalog": browsing.data_catalog(self._host.account)}),
                operation("GetDatabase", "CatalogName", lambda glue, asked: {"Database": browsing.database(glue, asked["DatabaseName"])}),
                operation("ListDatabases", "CatalogName", lambda glue, _: {"DatabaseList": browsing.databases(glue)}),
                operation("GetTableMetadata", "CatalogName", _get_table),
                operation("ListTableMetadata", "CatalogName", _list_tables),
            ]
        )


def _get_table(glue: Any, asked: Members) -> Members:
    return {"TableMetadata": browsing.table(glue, asked["DatabaseName"], asked["TableName"])}


def _list_tables(glue: Any, asked: Members) -> Members:
    return {"TableMetadataList": browsing.tables(glue, asked["DatabaseName"], asked.get("Expression"))}
