"""AWS's phase transitions as a table, and the build's status from the statuses of its phases.

Source: AWS CodeBuild User Guide, "Build phase transitions" and `on-failure` in the buildspec reference.
"""

from collections.abc import Mapping, Sequence

SUCCEEDED, FAILED, STOPPED, TIMED_OUT, FAULT, IN_PROGRESS = "SUCCEEDED", "FAILED", "STOPPED", "TIMED_OUT", "FAULT", "IN_PROGRESS"

ORDER = (
    "SUBMITTED",
    "QUEUED",
    "PROVISIONING",
    "DOWNLOAD_SOURCE",
    "INSTALL",
    "PRE_BUILD",
    "BUILD",
    "POST_BUILD",
    "UPLOAD_ARTIFACTS",
    "FINALIZING",
    "COMPLETED",
)

# The phase after a failed one. For all others it is FINALIZING, because no later phase could work.
_AFTER_FAILURE: Mapping[str, str] = {"BUILD": "POST_BUILD", "POST_BUILD": "UPLOAD_ARTIFACTS", "FINALIZING": "COMPLETED"}


def following(phase: str, *, failed: bool, on_failure: str | None = None) -> str:
    """The phase after this one. `on_failure` is the buildspec's setting for a phase with commands."""
    if not failed or on_failure == "CONTINUE":
        return ORDER[ORDER.index(phase) + 1]
    if on_failure == "ABORT":
        return "FINALIZING"
    return _AFTER_FAILURE.get(phase, "FINALIZING")


def outcome(phases: Sequence[tuple[str, str]]) -> str:
    """The build's status from (phase, status) of all its phases: the status that stopped it, or FAILED if a phase failed.

    CONTINUE lets later phases run. Whether the build fails all the same is an open question: `kit.open_questions`, on-failure-continue.
    """
    statuses = [status for _, status in phases]
    return next((status for status in (FAULT, STOPPED, TIMED_OUT, FAILED) if status in statuses), SUCCEEDED)
