"""Which pushes start a pipeline, as its source actions and triggers say.

Sources: AWS CodePipeline User Guide, "Add trigger with code push or pull request event types" and "Change detection methods".
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from localaws.codeconnections.pushes import Push
from localaws.codepipeline.action import POLLING

_WILDCARD = re.compile(r"(\*\*/?|\*|\?|\{[^{}]*\})")
Webhook = Callable[[str], str | None]


@dataclass(frozen=True, kw_only=True)
class Start:
    """The start of an execution. `branch` is set if a trigger's filter chose it; the source action then reads `commit`."""

    action: str
    trigger_type: str
    trigger_detail: str
    branch: str | None = None
    commit: str | None = None


def starts(declaration: Mapping[str, Any], push: Push, webhook: Webhook) -> Iterator[Start]:
    """The starts that the push causes. `webhook` gives the ARN of the webhook of a source action."""
    if push.commit is None:
        return
    for action in declaration["stages"][0]["actions"]:
        detect = _DETECTIONS.get(action["actionTypeId"]["provider"])
        if detect is not None and (start := detect(declaration, action, push, webhook)) is not None:
            yield start


def _by_connection(declaration: Mapping[str, Any], action: Mapping[str, Any], push: Push, webhook: Webhook) -> Start | None:
    configuration, name = action["configuration"], action["name"]
    if configuration["FullRepositoryId"].lower() != push.repository.lower():
        return None
    start = Start(action=name, trigger_type="WebhookV2", trigger_detail=configuration["ConnectionArn"])
    triggers = [trigger["gitConfiguration"] for trigger in declaration.get("triggers", ())]
    if own := [trigger for trigger in triggers if trigger["sourceActionName"] == name]:
        wanted = any(_lets_in(trigger, push, configuration["BranchName"]) for trigger in own)
        return Start(**{**start.__dict__, "branch": push.branch, "commit": push.commit}) if wanted else None
    detects = configuration.get("DetectChanges", "true").lower() == "true"
    return start if detects and configuration["BranchName"] == push.branch else None


def _by_token(declaration: Mapping[str, Any], action: Mapping[str, Any], push: Push, webhook: Webhook) -> Start | None:
    configuration, name = action["configuration"], action["name"]
    wanted = (f"{configuration['Owner']}/{configuration['Repo']}".lower(), configuration["Branch"])
    if wanted != (push.repository.lower(), push.branch):
        return None
    if (arn := webhook(name)) is not None:
        return Start(action=name, trigger_type="Webhook", trigger_detail=arn)
    return _polled(action)


def _by_polling(declaration: Mapping[str, Any], action: Mapping[str, Any], push: Push, webhook: Webhook) -> Start | None:
    configuration = action["configuration"]
    wanted = (configuration["RepositoryName"].lower(), configuration["BranchName"])
    return _polled(action) if wanted == (push.repository.lower(), push.branch) else None


def _polled(action: Mapping[str, Any]) -> Start | None:
    return Start(action=action["name"], trigger_type=POLLING, trigger_detail=action["name"]) if polls(action) else None


def polls(action: Mapping[str, Any]) -> bool:
    """Whether CodePipeline polls the source. It does by default."""
    return str(action["configuration"].get("PollForSourceChanges", "true")).lower() == "true"


_DETECTIONS = {"CodeStarSourceConnection": _by_connection, "GitHub": _by_token, "CodeCommit": _by_polling}


def _lets_in(trigger: Mapping[str, Any], push: Push, branch: str) -> bool:
    """Whether one of the trigger's filters lets the push in. Filters for tags and pull requests let in no push to a branch."""
    filters = trigger.get("push", ())
    if not filters:
        return not trigger.get("pullRequest") and push.branch == branch
    return any(_passes(item, push, branch) for item in filters)


def _passes(wanted: Mapping[str, Any], push: Push, branch: str) -> bool:
    if "tags" in wanted:
        return False
    branches = wanted.get("branches", {"includes": [branch]})
    if not _chosen(branches, push.branch):
        return False
    return "filePaths" not in wanted or any(_chosen(wanted["filePaths"], path) for path in push.paths)


def _chosen(wanted: Mapping[str, Any], name: str) -> bool:
    """Whether the name matches a pattern of `includes`, if there are any, and none of `excludes`, which go first."""
    included = [pattern for pattern in wanted.get("includes", ()) if matches(pattern, name)]
    excluded = [pattern for pattern in wanted.get("excludes", ()) if matches(pattern, name)]
    return not excluded and bool(included or not wanted.get("includes"))


def matches(pattern: str, name: str) -> bool:
    """Whether a trigger's glob pattern matches: `*` stays within a folder, `**` does not, `{a,b}` are choices."""
    return re.fullmatch("".join(_expression(part) for part in _WILDCARD.split(pattern)), name) is not None


def _expression(part: str) -> str:
    if part.startswith("{"):
        return f"(?:{'|'.join(''.join(map(_expression, _WILDCARD.split(choice))) for choice in part[1:-1].split(','))})"
    return {"**": ".*", "**/": "(?:.*/)?", "*": "[^/]*", "?": "[^/]"}.get(part, re.escape(part))
