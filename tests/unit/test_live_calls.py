"""What `make live` makes of CloudTrail's events: rows of calls, and their comparison with the ledger and the roles' policies."""

from typing import Any

from live import calls, comparison, policies
from live.calls import Call

from localaws.kit.service_calls import ledger

ACCOUNT, ROLE = "111122223333", "live1-ml-lab-pipeline-PipelineRole-AbCdEfGhIjKl"
ROLES = {
    ROLE: {
        "logical": "PipelineRole",
        "policies": [
            {
                "Version": "2012-10-17",
                "Statement": [
                    {"Sid": "Artifacts", "Effect": "Allow", "Action": ["s3:PutObject", "s3:GetBucketAcl"], "Resource": "*"},
                    {"Sid": "Builds", "Effect": "Allow", "Action": "codebuild:*", "Resource": "*"},
                    {"Sid": "Passes", "Effect": "Allow", "Action": "iam:PassRole", "Resource": "*"},
                    {"Sid": "Never", "Effect": "Deny", "Action": "s3:DeleteObject", "Resource": "*"},
                ],
            }
        ],
    }
}


def event(name: str, source: str = "s3.amazonaws.com", **members: Any) -> dict[str, Any]:
    """An event as AWS's guides show them: of a session of the pipeline's role, which a service uses."""
    issuer = {"type": "Role", "arn": f"arn:aws:iam::{ACCOUNT}:role/{ROLE}", "accountId": ACCOUNT, "userName": ROLE}
    identity = {
        "type": "AssumedRole",
        "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/{ROLE}/1712345678901",
        "sessionContext": {"sessionIssuer": issuer},
        "invokedBy": "codepipeline.amazonaws.com",
    }
    whole = {"userIdentity": identity, "eventSource": source, "eventName": name, "sourceIPAddress": "codepipeline.amazonaws.com"}
    return {**whole, **members}


def rows(*events: dict[str, Any]) -> dict[Call, int]:
    return calls.of_lab(events, ROLES, ["live1-ml-"], ACCOUNT)


def test_a_row_names_role_permission_resource_and_service_and_no_account() -> None:
    arn = f"arn:aws:s3:::live1-ml-lab-pipeline-foundation-artifactbucket-abcdefghijkl/p/{ACCOUNT}"
    found = rows(*[event("CompleteMultipartUpload", resources=[{"type": "AWS::S3::Object", "ARN": arn}])] * 2)
    ((call, times),) = found.items()
    assert (call.who, call.action, call.error, call.invoked_by) == ("PipelineRole", "s3:PutObject", "", "codepipeline.amazonaws.com")
    assert call.resource == "arn:aws:s3:::live1-ml-lab-pipeline-foundation-artifactbucket-*/p/000000000000"
    assert times == 2
    assert calls.fixture(found)[0]["result"] == "ok"


def test_events_of_others_are_left_out() -> None:
    other = event(
        "GetObject", userIdentity={"type": "IAMUser", "arn": f"arn:aws:iam::{ACCOUNT}:user/somebody"}, sourceIPAddress="192.0.2.1"
    )
    assert rows(other) == {}


def test_a_call_of_a_service_that_the_ledger_lacks_is_unexpected_and_one_by_the_role_s_own_code_is_not() -> None:
    known, unknown = event("PutObject"), event("GetBucketTagging")
    by_code = event("GetBucketTagging", userIdentity={**known["userIdentity"], "invokedBy": None}, sourceIPAddress="192.0.2.1")
    lines = ledger().values()
    assert comparison.unexpected(rows(known, by_code), lines) == []
    assert [call.action for call in comparison.unexpected(rows(known, unknown), lines)] == ["s3:GetBucketTagging"]


def test_a_service_that_acts_as_itself_is_its_own_who() -> None:
    itself = {"type": "AWSService", "invokedBy": "codepipeline.amazonaws.com"}
    assume = event(
        "AssumeRole", "sts.amazonaws.com", userIdentity=itself, requestParameters={"roleArn": f"arn:aws:iam::{ACCOUNT}:role/{ROLE}"}
    )
    ((call, _),) = rows(assume).items()
    assert (call.who, call.action) == ("codepipeline.amazonaws.com", "sts:AssumeRole")
    assert comparison.unexpected({call: 1}, ledger().values()) == []


def test_a_refused_call_is_denied_and_a_grant_that_no_call_used_is_unused() -> None:
    refused = event("GetBucketTagging", errorCode="AccessDenied")
    found = rows(event("PutObject"), event("StartBuild", "codebuild.amazonaws.com"), refused)
    assert [call.action for call in comparison.denied(found)] == ["s3:GetBucketTagging"]
    idle, hidden = comparison.unused(found, policies.grants(ROLES))
    assert [(grant.role, grant.sid, grant.action) for grant in idle] == [("PipelineRole", "Artifacts", "s3:GetBucketAcl")]
    assert [grant.action for grant in hidden] == ["iam:PassRole"]


def test_cloudwatch_s_events_have_iam_s_prefix_and_dated_operations_their_plain_name() -> None:
    assert calls.action_of({"eventSource": "monitoring.amazonaws.com", "eventName": "DescribeAlarms"}) == "cloudwatch:DescribeAlarms"
    assert calls.action_of({"eventSource": "lambda.amazonaws.com", "eventName": "ListFunctions20150331"}) == "lambda:ListFunctions"
