"""Operations on pipelines: create, get, update, delete, list, tag."""

import copy
import time
from collections.abc import Iterator, Mapping
from threading import RLock
from typing import Any

from localaws.codepipeline import structure
from localaws.codepipeline.action_roles import Sessions
from localaws.codepipeline.permissions import pipeline_arn
from localaws.codepipeline.pipeline_records import Pipeline
from localaws.codepipeline.scheduler import Scheduler
from localaws.kit.service import AwsError, Caller, Members
from localaws.kit.tags import changed, tags_of_request
from localaws.kit.timestamps import moment

MASK = "****"
_SECRETS = ("OAuthToken",)


class Pipelines:
    """All pipelines by name, and the operations on them."""

    def __init__(self, sessions: Sessions, engine: Scheduler, lock: RLock) -> None:
        self._sessions, self._engine, self._lock = sessions, engine, lock
        self._by_name: dict[str, Pipeline] = {}

    def __iter__(self) -> Iterator[Pipeline]:
        with self._lock:
            return iter(list(self._by_name.values()))

    def load(self, pipelines: list[Pipeline]) -> None:
        with self._lock:
            self._by_name = {pipeline.name: pipeline for pipeline in pipelines}

    def get(self, name: str, caller: Caller) -> Pipeline:
        with self._lock:
            if name not in self._by_name:
                raise AwsError("PipelineNotFoundException", f"Account '{caller.account}' does not have a pipeline with name '{name}'")
            return self._by_name[name]

    def find(self, name: str) -> Pipeline | None:
        with self._lock:
            return self._by_name.get(name)

    def tags_of(self, arn: str) -> dict[str, str]:
        """The tags of the pipeline, also for the ARN of a stage or action; empty if the pipeline does not exist."""
        pipeline = self.find(arn.rpartition(":")[2].partition("/")[0])
        return dict(pipeline.tags) if pipeline is not None else {}

    def create(self, caller: Caller, request: Members) -> Members:
        """Create a pipeline. On AWS this starts an execution. Here it does not, because the caller starts one for a certain commit."""
        declaration, name = request["pipeline"], request["pipeline"]["name"]
        arn = self._check(caller, declaration)
        _check_tags(request)
        tags = tags_of_request(request)
        with self._lock:
            if name in self._by_name:
                raise AwsError(
                    "PipelineNameInUseException", f"A pipeline with the name '{name}' already exists in account '{caller.account}'"
                )
            now = time.time()
            pipeline = Pipeline(name=name, arn=arn, created=now, updated=now, version=1, declarations={}, tags=tags)
            pipeline.declarations[1] = _completed(declaration, 1)
            self._by_name[name] = pipeline
            shown: Members = {"pipeline": copy.deepcopy(pipeline.declaration)}
        return {**shown, "tags": request["tags"]} if tags else shown

    def update(self, caller: Caller, request: Members) -> Members:
        """Create a new version. If its stages differ, executions in progress are cancelled."""
        declaration = request["pipeline"]
        pipeline = self.get(declaration["name"], caller)
        self._check(caller, declaration)
        with self._lock:
            new = _completed(declaration, pipeline.version + 1)
            is_other = new["stages"] != pipeline.declaration["stages"]
            pipeline.version += 1
            pipeline.declarations[pipeline.version] = new
            pipeline.updated = time.time()
            stages = {stage["name"] for stage in new["stages"]}
            pipeline.disabled = {stage: entry for stage, entry in pipeline.disabled.items() if stage in stages}
            for execution in pipeline.open_executions() if is_other else ():
                self._engine.cancel(pipeline, execution)
            return {"pipeline": copy.deepcopy(pipeline.declaration)}

    def show(self, caller: Caller, request: Members) -> Members:
        with self._lock:
            pipeline = self.get(request["name"], caller)
            version = request.get("version", pipeline.version)
            if version not in pipeline.declarations:
                raise AwsError("PipelineVersionNotFoundException", f"Pipeline '{pipeline.name}' has no version {version}")
            metadata = {"pipelineArn": pipeline.arn, "created": moment(pipeline.created), "updated": moment(pipeline.updated)}
            return {"pipeline": copy.deepcopy(pipeline.declarations[version]), "metadata": metadata}

    def delete(self, caller: Caller, request: Members) -> Members:
        with self._lock:
            pipeline = self._by_name.pop(request["name"], None)
            for execution in pipeline.open_executions() if pipeline else ():
                self._engine.cancel(pipeline, execution)  # type: ignore[arg-type]
        return {}

    def list_all(self, caller: Caller, request: Members) -> Members:
        with self._lock:
            return {"pipelines": [_summary(pipeline) for _, pipeline in sorted(self._by_name.items())]}

    def change_tags(self, tags: dict[str, str], request: Members) -> None:
        """TagResource and UntagResource on a pipeline's or a webhook's own dictionary."""
        _check_tags(request)
        with self._lock:
            new = changed(tags, request, refused="TooManyTagsException")
            tags.clear()
            tags.update(new)

    def _check(self, caller: Caller, declaration: Members) -> str:
        structure.check(declaration, region=caller.region)
        arn = pipeline_arn(caller, declaration["name"])
        actions = [action for stage in declaration["stages"] for action in stage["actions"]]
        roles = list(dict.fromkeys(action["roleArn"] for action in actions if "roleArn" in action))
        self._sessions.check(pipeline=declaration["name"], pipeline_arn=arn, role=declaration["roleArn"], action_roles=roles)
        return arn


def _check_tags(request: Members) -> None:
    if any(key.lower().startswith("aws:") and not key.startswith("aws:cloudformation:") for key in tags_of_request(request)):
        raise AwsError("InvalidTagsException", "Tag keys that begin with aws: are reserved.")


def _completed(declaration: Mapping[str, Any], version: int) -> Members:
    """The declaration with AWS's defaults and without tokens. A local folder needs no token, so none is stored."""
    made: Members = copy.deepcopy(dict(declaration))
    made["version"] = version
    made.setdefault("pipelineType", "V1")
    made.setdefault("executionMode", "SUPERSEDED")
    for stage in made["stages"]:
        for action in stage["actions"]:
            action.setdefault("runOrder", 1)
            configuration = action.setdefault("configuration", {})
            configuration.update({key: MASK for key in _SECRETS if key in configuration})
            for member in ("inputArtifacts", "outputArtifacts"):
                action.setdefault(member, [])
    return made


def _summary(pipeline: Pipeline) -> Members:
    return {
        "name": pipeline.name,
        "version": pipeline.version,
        "pipelineType": pipeline.declaration["pipelineType"],
        "executionMode": pipeline.declaration["executionMode"],
        "created": moment(pipeline.created),
        "updated": moment(pipeline.updated),
    }
