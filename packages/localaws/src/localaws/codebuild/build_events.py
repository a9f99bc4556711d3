"""Puts CodeBuild's events on the default bus: a changed build state, an ended phase.

Source: AWS CodeBuild User Guide, "Build notifications input format reference".
"""

from typing import Any

from localaws.codebuild.build_record import Build, BuildPhase
from localaws.kit.service import Host
from localaws.kit.timestamps import moment

_SOURCE = "aws.codebuild"


def publish_state(host: Host, build: Build) -> None:
    detail = {
        "build-status": build.status,
        "project-name": build.project,
        "build-id": build.arn,
        "current-phase": build.current_phase,
        "current-phase-context": _context(build.phases[-1]),
        "additional-information": _information(build),
        "version": "1",
    }
    host.publish_event(_SOURCE, "CodeBuild Build State Change", detail, [build.arn])


def publish_phase(host: Host, build: Build) -> None:
    """Publish the event of the phase that has just ended."""
    phase = build.phases[-1]
    detail = {
        "completed-phase": phase["phaseType"],
        "completed-phase-status": phase["phaseStatus"],
        "completed-phase-context": _context(phase),
        "completed-phase-duration-seconds": phase["durationInSeconds"],
        "completed-phase-start": _shown(phase["startTime"]),
        "completed-phase-end": _shown(phase["endTime"]),
        "project-name": build.project,
        "build-id": build.arn,
        "additional-information": _information(build),
        "version": "1",
    }
    host.publish_event(_SOURCE, "CodeBuild Build Phase Change", detail, [build.arn])


def _information(build: Build) -> dict[str, Any]:
    """The build's details, without the values of environment variables, because every reader of the bus sees them."""
    settings = build.settings
    return {
        "initiator": build.initiator,
        "build-number": build.number,
        "build-complete": build.is_complete,
        "build-start-time": _shown(build.started),
        "timeout-in-minutes": settings["timeoutInMinutes"],
        "source": {name: settings["source"][name] for name in ("type", "location") if name in settings["source"]},
        "environment": {name: settings["environment"][name] for name in ("type", "image") if name in settings["environment"]},
        "logs": {"group-name": build.log_group, "stream-name": build.log_stream},
        "phases": [
            {
                "phase-type": phase["phaseType"],
                "phase-context": [_context(phase)],
                "start-time": _shown(phase["startTime"]),
                **({"phase-status": phase["phaseStatus"], "end-time": _shown(phase["endTime"])} if "endTime" in phase else {}),
            }
            for phase in build.phases
        ],
    }


def _context(phase: BuildPhase) -> str:
    texts = [f"{context['statusCode']}: {context['message']}" for context in phase.get("contexts", ())]
    return f"[{', '.join(texts)}]"


def _shown(seconds: float) -> str:
    """Jan 9, 2026 3:04:05 PM"""
    at = moment(seconds)
    return f"{at:%b} {at.day}, {at:%Y} {at.hour % 12 or 12}:{at:%M:%S %p}"
