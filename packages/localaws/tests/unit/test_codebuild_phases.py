"""Phase transitions and the build's status, as a table."""

import pytest

from localaws.codebuild.phases import ORDER, following, outcome


@pytest.mark.parametrize(
    ("phase", "on_failure", "next_phase"),
    [
        ("PROVISIONING", None, "FINALIZING"),
        ("DOWNLOAD_SOURCE", None, "FINALIZING"),
        ("INSTALL", None, "FINALIZING"),
        ("PRE_BUILD", None, "FINALIZING"),
        ("BUILD", None, "POST_BUILD"),
        ("POST_BUILD", None, "UPLOAD_ARTIFACTS"),
        ("UPLOAD_ARTIFACTS", None, "FINALIZING"),
        ("FINALIZING", None, "COMPLETED"),
        ("INSTALL", "CONTINUE", "PRE_BUILD"),
        ("PRE_BUILD", "CONTINUE", "BUILD"),
        ("BUILD", "CONTINUE", "POST_BUILD"),
        ("BUILD", "ABORT", "FINALIZING"),
        ("POST_BUILD", "ABORT", "FINALIZING"),
        ("INSTALL", "ABORT", "FINALIZING"),
    ],
)
def test_a_failed_phase_leads_where_aws_says(phase, on_failure, next_phase):
    assert following(phase, failed=True, on_failure=on_failure) == next_phase


@pytest.mark.parametrize("on_failure", [None, "ABORT", "CONTINUE"])
def test_phases_that_succeed_follow_in_order(on_failure):
    phase, seen = ORDER[0], [ORDER[0]]
    while phase != "COMPLETED":
        phase = following(phase, failed=False, on_failure=on_failure)
        seen.append(phase)
    assert tuple(seen) == ORDER


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        (["SUCCEEDED", "SUCCEEDED"], "SUCCEEDED"),
        (["SUCCEEDED", "FAILED", "SUCCEEDED"], "FAILED"),
        (["FAILED", "STOPPED"], "STOPPED"),
        (["FAILED", "TIMED_OUT", "SUCCEEDED"], "TIMED_OUT"),
        (["SUCCEEDED", "FAULT"], "FAULT"),
    ],
)
def test_one_phase_that_failed_makes_the_build_fail_and_an_end_from_outside_goes_before(statuses, expected):
    assert outcome([("BUILD", status) for status in statuses]) == expected
