"""Polls the S3 objects of source actions, and starts pipelines when an object has a new version."""

import logging
from collections.abc import Callable, Iterator
from threading import Event, Thread
from typing import Any

from botocore.exceptions import ClientError

from localaws.codepipeline.action import POLLING
from localaws.codepipeline.change_detection import Start, polls
from localaws.codepipeline.object_source import current_version
from localaws.codepipeline.pipeline_records import Pipeline
from localaws.kit.service import AwsError

_EVERY_S = 5.0  # AWS polls about once a minute
Client = Callable[[Pipeline, str | None], Any]
_log = logging.getLogger("localaws")


class ObjectPolls:
    """`client(pipeline, action_role)` makes the S3 client of a source action; `start` starts an execution."""

    def __init__(self, pipelines: Callable[[], list[Pipeline]], client: Client, start: Callable[[Pipeline, Start], None]) -> None:
        self._pipelines, self._client, self._start = pipelines, client, start
        self._seen: dict[tuple[str, str, str, str], str | None] = {}
        self._ended = Event()
        Thread(target=self._watch, name="object-polls", daemon=True).start()

    def stop(self) -> None:
        self._ended.set()

    def poll(self) -> None:
        """Compare the objects with the last poll. The first look at a source starts nothing."""
        for pipeline, action in _sources(self._pipelines()):
            configuration = action["configuration"]
            place = (pipeline.name, action["name"], configuration["S3Bucket"], configuration["S3ObjectKey"])
            try:
                version = current_version(self._client(pipeline, action.get("roleArn")), *place[2:])
            except (AwsError, ClientError):
                continue  # the role is gone, or trusts CodePipeline no longer: the next execution tells
            if place in self._seen and version not in (None, self._seen[place]):
                self._start(pipeline, Start(action=action["name"], trigger_type=POLLING, trigger_detail=action["name"]))
            self._seen[place] = version or self._seen.get(place)

    def _watch(self) -> None:
        while not self._ended.wait(_EVERY_S):
            try:
                self.poll()
            except Exception:
                _log.exception("a source in S3 was not polled")


def _sources(pipelines: list[Pipeline]) -> Iterator[tuple[Pipeline, dict[str, Any]]]:
    """The source actions with S3 that are polled."""
    for pipeline in pipelines:
        for action in pipeline.declaration["stages"][0]["actions"]:
            if action["actionTypeId"]["provider"] == "S3" and polls(action):
                yield pipeline, action
