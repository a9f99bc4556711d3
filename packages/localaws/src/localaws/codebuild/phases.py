"""Which phase follows which, and whether the build succeeds: AWS's phase transitions as one table.

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

# Where a failed phase leads. A phase that is not here leads to FINALIZING, because nothing after it could work.
_AFTER_FAILURE: Mapping[str, str] = {"BUILD": "POST_BUILD", "POST_BUILD": "UPLOAD_ARTIFACTS", "FINALIZING": "COMPLETED"}


def following(phase: str, *, failed: bool, on_failure: str | None = None) -> str:
    """The phase after this one. `on_failure` is what the buildspec says about a phase with commands."""
    if not failed or on_failure == "CONTINUE":
        return ORDER[ORDER.index(phase) + 1]
    if on_failure == "ABORT":
        return "FINALIZING"
    return _AFTER_FAILURE.get(phase, "FINALIZING")


def outcome(phases: Sequence[tuple[str, str]]) -> str:
    """The build's status from (phase, status) of all its phases: what stopped it, else FAILED if any phase failed.

    CONTINUE lets later phases run; it does not make a failed phase good.
    """
    statuses = [status for _, status in phases]
    return next((status for status in (FAULT, STOPPED, TIMED_OUT, FAILED) if status in statuses), SUCCEEDED)
