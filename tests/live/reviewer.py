"""The approver: a role that has the pipeline's ReviewerPolicy and nothing else, with the reviewer's name as its session."""

import json
import time

import boto3
from botocore.exceptions import ClientError

from live.lab import Lab
from mlkit.aws import pipeline_executions
from mlkit.aws.pipeline_executions import Approval
from mlkit.aws.session import Session
from mlkit.errors import AccessDenied

_TRIES = 12
_PAUSE_S = 10  # a new role is known everywhere after some seconds


def approve(lab: Lab, pipeline: str, asked: Approval) -> None:
    """Approve as the role. Its policy is known everywhere after some seconds. Raises AccessDenied if it never is."""
    session, comment = _as_reviewer(lab), f"The first hour on AWS, approved for {lab.options.reviewer}"
    for left in reversed(range(_TRIES)):
        try:
            return pipeline_executions.decide(session, pipeline, asked, approved=True, comment=comment)
        except AccessDenied:
            if not left:
                raise
            time.sleep(lab.aws.poll_s(_PAUSE_S))


def _as_reviewer(lab: Lab) -> Session:
    """A session of the role; makes the role at first."""
    iam, name = lab.client("iam"), role_name(lab)
    if not lab.folder.fact("reviewer_role"):
        trust = {"Effect": "Allow", "Principal": {"AWS": lab.options.account}, "Action": "sts:AssumeRole"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"]
        lab.folder.note(reviewer_role=arn)
        iam.attach_role_policy(RoleName=name, PolicyArn=lab.folder.fact("outputs")["ReviewerPolicy"])
    return _assumed(lab)


def remove(lab: Lab) -> None:
    """Detach the policy first: CloudFormation deletes no attached policy."""
    if lab.folder.fact("reviewer_role"):
        iam, name = lab.client("iam"), role_name(lab)
        for policy in iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]:
            iam.detach_role_policy(RoleName=name, PolicyArn=policy["PolicyArn"])
        iam.delete_role(RoleName=name)
        lab.folder.note(reviewer_role="")


def _assumed(lab: Lab) -> Session:
    sts, arn = lab.client("sts"), lab.folder.fact("reviewer_role")
    for _ in range(_TRIES):
        try:
            given = sts.assume_role(RoleArn=arn, RoleSessionName=lab.options.reviewer)["Credentials"]
        except ClientError as error:
            if error.response["Error"]["Code"] != "AccessDenied":
                raise
            time.sleep(lab.aws.poll_s(_PAUSE_S))
        else:
            return Session(_session(lab, given))
    raise AccessDenied(f"{arn} cannot be assumed", cure="Your role must be allowed sts:AssumeRole.")


def _session(lab: Lab, given: dict[str, str]) -> boto3.Session:
    session = boto3.Session(
        aws_access_key_id=given["AccessKeyId"],
        aws_secret_access_key=given["SecretAccessKey"],
        aws_session_token=given["SessionToken"],
        region_name=lab.options.region,
    )
    lab.folder.record(session)
    return session


def role_name(lab: Lab) -> str:
    return f"{lab.names.prefix}live-reviewer"
