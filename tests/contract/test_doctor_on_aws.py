"""Doctor on the local AWS: with a lake and a pipeline and without, with the rights that docs/doctor.md names and with fewer.

What the local AWS does not offer - quotas, simulation, what waits for a person - is answered as AWS documents it.
"""

import functools
import io
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import botocore.session
import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.stub import Stubber
from started import LocalAws
from waiting import HANG_S

from localaws import ports
from mlkit import errors
from mlkit.aws.pipeline_stacks import plan
from mlkit.aws.session import Session
from mlkit.aws.stacks import deploy_stack
from mlkit.cli import local_checks
from mlkit.doctor import credential_checks, lake_checks, pipeline_checks, policy_checks, quota_checks, role_checks, sagemaker_checks
from mlkit.doctor.account import Account
from mlkit.doctor.checking import Check, Group, examine, exit_code
from mlkit.doctor.findings import CheckStatus, Finding
from mlkit.doctor.read_only_session import ReadingSession, WouldChange
from mlkit.naming import DATALAKE_TEMPLATE, PIPELINE_TEMPLATES, LabNames
from mlkit.project.yaml_lines import load
from mlkit.settings import Project

ROOT = Path(__file__).parents[2]
PROJECT = Project(root=ROOT)
NAMES = LabNames(initials="doctor", dataset="movielens")
BUCKET = NAMES.bucket
RATINGS = "movielens-data/u.data/ratings.tsv"
HEADER = "userid\tmovieid\trating\ttimestamp\n"
# The image's address needs no AWS, and the SDK seconds to start: one test asks for it.
ASKING = (
    *credential_checks.CHECKS,
    *lake_checks.CHECKS,
    *role_checks.CHECKS,
    *quota_checks.CHECKS,
    *(c for c in sagemaker_checks.CHECKS if c.name != "image"),
    *pipeline_checks.CHECKS,
    *policy_checks.CHECKS,
)
NOT_OFFERED = {
    *("you may train", "role may work", "region enabled", "lake formation", "role policies", "other policies"),
    *(check.name for check in quota_checks.CHECKS),
}


# Of the documented rights, those to services that the local AWS does not offer, and one that is asked for after such a service.
OF_AWS_ALONE = ("codestar-", "servicequotas", "access-analyzer", "account:", "lakeformation:", "pricing:", "codebuild:ListBuilds")


@pytest.fixture(scope="module", autouse=True)
def pointed(local_aws: LocalAws) -> Iterator[None]:
    patch = pytest.MonkeyPatch()
    for name, value in local_aws.environment.items():
        patch.setenv(name, value)
    yield
    patch.undo()


@pytest.fixture(scope="module")
def deployed(local_aws: LocalAws, pointed: None) -> str:
    """A lake with ratings, and a pipeline; the ARN of the pipeline's connection."""
    aws = Session()
    given = {"YourInitials": NAMES.initials}
    deploy_stack(aws, NAMES.datalake_stack, ROOT / DATALAKE_TEMPLATE, given, capabilities=("CAPABILITY_IAM",))
    rows = "".join(f"{user}\t{user + 1}\t3\t881250949\n" for user in range(100))
    aws.client("s3").put_object(Bucket=BUCKET, Key=RATINGS, Body=(HEADER + rows).encode())
    connection: str = aws.client("codeconnections").create_connection(ProviderType="GitHub", ConnectionName="doctor")["ConnectionArn"]
    given |= {"Email": "a@example.com", "GitHubUser": "local", "ConnectionArn": connection, "ToolsSha256": "0" * 64}
    for stack in plan(ROOT, NAMES, given):
        stack.deploy(aws, ROOT)
    return connection


@functools.cache
def models() -> Any:
    """botocore's models, which take longer to read than most tests to run: one reader for all sessions."""
    return botocore.session.get_session().get_component("data_loader")


def looking(**key: str) -> ReadingSession:
    session = botocore.session.get_session()
    session.register_component("data_loader", models())
    return ReadingSession(boto3.Session(botocore_session=session, **key))


def account(initials: str = NAMES.initials, **more: Any) -> Account:
    return Account(names=PROJECT.names(initials), project=PROJECT, **{"make_session": looking, **more})


def findings(subject: Account, checks: Sequence[Check] = ASKING) -> dict[str, Finding]:
    return {finding.check: finding for finding in examine([Group(title="AWS", subject=subject, checks=checks)])}


def outcomes(found: dict[str, Finding]) -> dict[str, CheckStatus]:
    return {name: finding.outcome for name, finding in found.items()}


def alone(check: str, subject: Account) -> Finding:
    """The check's finding, whatever it needs."""
    (found,) = [item for item in ASKING if item.name == check]
    return findings(subject, [Check(name=found.name, run=found.run, optional=found.optional)])[check]


def test_with_lake_and_pipeline_nothing_fails(deployed: str) -> None:
    found = findings(account())
    assert {name for name, outcome in outcomes(found).items() if outcome is CheckStatus.SKIPPED} == NOT_OFFERED
    assert {name for name, outcome in outcomes(found).items() if outcome is CheckStatus.WARN} == {"initials"}
    assert exit_code(found.values()) == 0
    assert found["rows"].detail == "1 object, 0.0 MB, first rows: 0 1 3 881250949 | 1 2 3 881250949 | 2 3 3 881250949"
    assert found["subscription"].detail == "a@example.com is notified of approvals"
    assert all(finding.detail.startswith("not offered here: The local AWS") for name, finding in found.items() if name in NOT_OFFERED)


def test_before_the_first_deployment_nothing_fails_and_the_next_step_is_to_deploy() -> None:
    found = findings(account("nobody"))
    assert exit_code(found.values()) == 0
    assert "aws cloudformation deploy --template-file CloudFormation/datalake.yaml" in found["lake stack"].next_step
    assert [found[name].detail for name in ("database", "execution role")] == ["comes with the lake"] * 2
    assert found["bucket"].detail == "nobody-ml-id-lab is free; the lake's stack creates it"
    assert found["rows"].detail == "needs table"
    assert found["connection"].detail == "needs pipeline stack"
    assert "`mlkit local run`" in alone("lake stack", account("nobody", deploys="mlkit local run")).next_step


def test_a_bucket_that_a_deleted_stack_left_is_told_before_a_deployment_stops_at_it(aws: Callable[[str], Any]) -> None:
    aws("s3").create_bucket(Bucket=LabNames(initials="left").bucket)
    found = alone("lake stack", account("left"))
    assert found.outcome is CheckStatus.WARN
    assert "so deploying would fail" in found.detail
    without = findings(account("left"))
    assert [name for name, outcome in outcomes(without).items() if outcome is CheckStatus.FAIL] == ["database", "execution role"]
    assert exit_code(without.values()) == errors.NotFound.exit_code


def test_an_empty_table_names_the_command_that_fills_it(deployed: str, aws: Callable[[str], Any]) -> None:
    with replaced(aws("s3"), None):
        found = alone("rows", account())
    assert found.exit_code == errors.InvalidData.exit_code
    assert found.next_step == "`mlkit data load --your-initials doctor`"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (HEADER + "1,2,3,4\n5,6,7,8\n", r"a row has 1 fields by the delimiter '\t', the table has 4 columns: 1,2,3,4"),
        (HEADER + "1\t2\tfour\t4\n", "column rating is bigint, the file has 'four'"),
        (HEADER, "the first object has no complete row"),
    ],
)
def test_rows_that_the_table_cannot_read_are_shown(deployed: str, aws: Callable[[str], Any], content: str, told: str) -> None:
    with replaced(aws("s3"), content):
        found = alone("rows", account())
    assert (found.outcome, found.exit_code) == (CheckStatus.FAIL, errors.InvalidData.exit_code)
    assert told in found.detail


class replaced:
    """Inside, the table's one object has this content, or is gone."""

    def __init__(self, s3: Any, content: str | None) -> None:
        self._s3, self._content = s3, content

    def __enter__(self) -> None:
        self._before = self._s3.get_object(Bucket=BUCKET, Key=RATINGS)["Body"].read()
        if self._content is None:
            self._s3.delete_object(Bucket=BUCKET, Key=RATINGS)
        else:
            self._s3.put_object(Bucket=BUCKET, Key=RATINGS, Body=self._content.encode())

    def __exit__(self, *_: object) -> None:
        self._s3.put_object(Bucket=BUCKET, Key=RATINGS, Body=self._before)


@pytest.mark.parametrize(
    ("service", "operation", "arguments"),
    [
        ("s3", "create_bucket", {"Bucket": "doctor-made-this"}),
        ("s3", "put_object", {"Bucket": BUCKET, "Key": "doctor", "Body": b""}),
        ("sagemaker", "delete_endpoint", {"EndpointName": "doctor"}),
        ("athena", "start_query_execution", {"QueryString": "SELECT 1"}),
        ("cloudformation", "delete_stack", {"StackName": NAMES.datalake_stack}),
        ("iam", "update_role", {"RoleName": "doctor"}),
        ("sns", "publish", {"TopicArn": "arn:aws:sns:us-east-1:123456789012:t", "Message": "m"}),
        ("codebuild", "batch_get_builds", {"ids": ["a:b"]}),
    ],
)
def test_doctor_refuses_an_operation_that_does_not_only_read_before_it_is_sent(
    service: str, operation: str, arguments: dict[str, Any]
) -> None:
    sent: list[str] = []
    aws = looking()
    aws.client(service).meta.events.register("before-send", lambda request, **_: sent.append(request.url))
    with pytest.raises(WouldChange, match=service):
        getattr(aws.client(service), operation)(**arguments)
    assert sent == []


def test_all_that_the_checks_send_is_a_look(deployed: str) -> None:
    sent: set[str] = set()
    aws = looking()
    aws.boto_session.events.register("before-call", lambda model, **_: sent.add(f"{model.service_model.service_name}:{model.name}"))
    findings(account(make_session=lambda: aws))
    assert sent == {
        "accessanalyzer:ValidatePolicy", "account:GetRegionOptStatus", "athena:GetWorkGroup", "cloudformation:DescribeStackResource",
        "cloudformation:DescribeStacks", "cloudformation:ListExports", "cloudformation:ListStackResources",
        "codeconnections:GetConnection", "glue:GetDatabase", "glue:GetTable", "iam:GetRole", "iam:GetRolePolicy",
        "iam:ListRolePolicies", "iam:SimulatePrincipalPolicy", "lakeformation:GetDataLakeSettings", "pricing:GetProducts",
        "s3:GetBucketPolicy", "s3:GetObject", "s3:HeadBucket", "s3:ListObjectsV2", "sagemaker:ListEndpoints",
        "service-quotas:ListServiceQuotas", "sns:ListSubscriptionsByTopic", "sts:GetCallerIdentity",
    }  # fmt: skip


@pytest.fixture(scope="module")
def everything(deployed: str) -> dict[str, CheckStatus]:
    """What somebody with all rights is told, where Access Analyzer answers."""
    subject = account()
    Validated(subject)
    return outcomes(findings(subject))


def documented() -> list[dict[str, Any]]:
    """The statements of docs/doctor.md, for our initials."""
    block = re.search(r"```json\n(.*?)```", (ROOT / "docs" / "doctor.md").read_text(), re.S)
    assert block
    statements: list[dict[str, Any]] = json.loads(block[1].replace("abc-", f"{NAMES.initials}-"))["Statement"]
    return statements


def with_rights(local_aws: LocalAws, role: str) -> Account:
    """The account as a session of the role sees it."""
    key = local_aws.client("sts").assume_role(RoleArn=role, RoleSessionName="doctor")["Credentials"]
    given = {
        "aws_access_key_id": key["AccessKeyId"],
        "aws_secret_access_key": key["SecretAccessKey"],
        "aws_session_token": key["SessionToken"],
    }
    return account(make_session=lambda: looking(**given))


def test_the_documented_rights_suffice(everything: dict[str, CheckStatus], local_aws: LocalAws, make_role: Callable[..., str]) -> None:
    subject = with_rights(local_aws, make_role(*documented()))
    Validated(subject)
    assert outcomes(findings(subject)) == everything


@pytest.mark.parametrize(
    "action",
    [action for statement in documented() for action in statement["Action"] if not action.startswith(OF_AWS_ALONE)],
)
def test_one_right_less_changes_what_needs_it_and_nothing_breaks(
    everything: dict[str, CheckStatus], local_aws: LocalAws, make_role: Callable[..., str], action: str
) -> None:
    fewer = [{**statement, "Action": [name for name in statement["Action"] if name != action]} for statement in documented()]
    subject = with_rights(local_aws, make_role(*fewer))
    Validated(subject)
    found = findings(subject)
    assert not [finding for finding in found.values() if "check itself failed" in finding.detail]
    if action != "iam:SimulatePrincipalPolicy":  # the local AWS refuses it to everybody
        assert outcomes(found) != everything


def test_an_unknown_key_fails_once_and_the_rest_is_skipped() -> None:
    found = findings(account(make_session=lambda: looking(aws_access_key_id="AKIAAAAAAAAAAAAAAAAA", aws_secret_access_key="x")))
    assert [name for name, outcome in outcomes(found).items() if outcome is CheckStatus.FAIL] == ["identity"]
    assert exit_code(found.values()) == errors.AccessDenied.exit_code
    assert found["database"].detail == "needs identity"


def test_an_aws_that_cannot_be_reached_fails_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # nobody listens there, and nobody else can
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{taken.getsockname()[1]}")
        found = findings(account())
    assert [name for name, outcome in outcomes(found).items() if outcome is CheckStatus.FAIL] == ["clock"]
    assert exit_code(found.values()) == errors.AwsUnavailable.exit_code


def test_no_region_and_an_unknown_profile_are_findings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "not-there")
    monkeypatch.delenv("AWS_DATA_PATH", raising=False)  # the local AWS's; with it, boto3 does not look for the profile at once
    found = findings(account(make_session=ReadingSession))
    assert "not-there" in found["region"].detail
    monkeypatch.delenv("AWS_PROFILE")
    monkeypatch.delenv("AWS_REGION")
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    found = findings(account())
    assert found["region"].detail == "No AWS region is set"
    assert found["clock"].detail == "needs credentials"


def test_a_region_without_sagemaker_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "us-moon-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-moon-1")
    assert alone("region", account()).outcome is CheckStatus.WARN


def test_an_account_was_asked_for_and_something_else_answers() -> None:
    assert alone("endpoint", account(is_account=True)).outcome is CheckStatus.WARN
    assert alone("endpoint", account()).outcome is CheckStatus.OK


def answered(check: str, *answers: tuple[str, str, dict[str, Any]], errors_: Sequence[tuple[str, str, str, int]] = ()) -> Finding:
    """The check's finding where services answer so: (service, operation, answer), or (service, operation, code, HTTP status)."""
    subject = account()
    _ = subject.caller, subject.lake_stack, subject.pipeline_stacks, subject.execution_role  # asked for before anything is answered for AWS
    stubs: dict[str, Stubber] = {}
    for service in dict.fromkeys([*(item[0] for item in answers), *(item[0] for item in errors_)]):
        region = (subject.price_list_region,) if service == "pricing" else ()
        stubs[service] = Stubber(subject.aws.client(service, *region))
    for service, operation, answer in answers:
        stubs[service].add_response(operation, answer)
    for service, operation, code, status in errors_:
        stubs[service].add_client_error(operation, code, f"User: x is not authorized to perform: {service}:X", status)
    for stub in stubs.values():
        stub.activate()
    found = alone(check, subject)
    for stub in stubs.values():
        stub.assert_no_pending_responses()
    return found


def quotas(name: str, value: float, *more: tuple[str, float]) -> tuple[str, str, dict[str, Any]]:
    listed = [
        {"QuotaName": "another", "Value": 9},
        *({"QuotaName": one, "Value": of, "QuotaCode": "L-1"} for one, of in ((name, value), *more)),
    ]
    return "service-quotas", "list_service_quotas", {"Quotas": listed}


BUILDS = ("Concurrently running builds for Linux/Small environment", "Concurrently running builds for Linux/Medium environment")


@pytest.mark.parametrize("none_of", BUILDS)
def test_an_account_that_may_run_no_build_is_told_the_message_that_builds_would_end_with(deployed: str, none_of: str) -> None:
    values = [0 if name == none_of else 1 for name in BUILDS]
    found = answered("build quota", quotas(BUILDS[0], values[0], (BUILDS[1], values[1])))
    assert (found.outcome, found.exit_code) == (CheckStatus.FAIL, errors.QuotaExceeded.exit_code)
    assert found.detail == f'{none_of}: 0: every build would end with "Cannot have more than 0 builds in queue for the account"'
    assert (
        "aws service-quotas request-service-quota-increase --service-code codebuild --quota-code L-1 --desired-value 1" in found.next_step
    )
    assert "AWS Support" in found.next_step


def test_a_quota_of_builds_that_is_not_listed_is_told(deployed: str) -> None:
    found = answered("build quota", quotas(BUILDS[0], 60))
    assert (found.outcome, found.detail) == (CheckStatus.SKIPPED, f"Service Quotas lists no {BUILDS[1]}")


@pytest.mark.parametrize(("builds", "outcome"), [([], CheckStatus.WARN), (["a:1"], CheckStatus.OK)])
def test_a_quota_of_builds_is_no_proof_before_the_first_build(deployed: str, builds: list[str], outcome: CheckStatus) -> None:
    """Public reports: a new account is held at 0 although Service Quotas shows 10."""
    found = answered("build quota", quotas(BUILDS[0], 10, (BUILDS[1], 10)), ("codebuild", "list_builds", {"ids": builds} if builds else {}))
    assert found.outcome is outcome
    assert ("Cannot have more than 0 builds in queue" in found.detail) == (not builds)


def priced(*products: tuple[str, str]) -> tuple[str, str, dict[str, Any]]:
    listed = [json.dumps({"product": {"attributes": {"instanceName": name, "component": use}}}) for name, use in products]
    return "pricing", "get_products", {"FormatVersion": "aws_v1", "PriceList": listed}


def test_instance_types_that_the_region_s_price_list_has_are_offered(deployed: str) -> None:
    found = answered(
        "instance types", priced(("ml.t2.medium", "Hosting"), ("ml.t2.medium", "Notebook")), priced(("ml.c5.xlarge", "Training"))
    )
    assert (found.outcome, found.detail) == (CheckStatus.OK, "us-east-1 offers ml.t2.medium for hosting and ml.c5.xlarge for training")


def test_an_instance_type_that_the_region_lacks_names_the_pipeline_s_parameter(deployed: str) -> None:
    notebook, training, anything = (
        priced(("ml.t2.medium", "Notebook")),
        priced(("ml.c5.xlarge", "Training")),
        priced(("ml.m5.large", "Hosting")),
    )
    found = answered("instance types", notebook, training, anything)
    assert (found.outcome, found.exit_code) == (CheckStatus.FAIL, errors.DeploymentFailed.exit_code)
    assert found.detail == "us-east-1 does not offer ml.t2.medium for hosting"
    assert "`mlkit pipeline deploy EndpointInstanceType=ml.m5.large`" in found.next_step


def test_a_region_without_prices_is_no_answer(deployed: str) -> None:
    assert answered("instance types", priced(), priced(), priced()).outcome is CheckStatus.SKIPPED


def region_status(status: str) -> tuple[str, str, dict[str, Any]]:
    return "account", "get_region_opt_status", {"RegionName": "us-east-1", "RegionOptStatus": status}


@pytest.mark.parametrize(
    ("status", "outcome"),
    [("ENABLED_BY_DEFAULT", CheckStatus.OK), ("ENABLED", CheckStatus.OK), ("ENABLING", CheckStatus.WARN), ("DISABLED", CheckStatus.FAIL)],
)
def test_a_region_that_the_account_has_not_enabled_is_told(deployed: str, status: str, outcome: CheckStatus) -> None:
    found = answered("region enabled", region_status(status))
    assert found.outcome is outcome
    assert ("aws account enable-region" in found.next_step) == (outcome is CheckStatus.FAIL)


def lake_settings(*kinds: str) -> tuple[str, str, dict[str, Any]]:
    everybody = [{"Principal": {"DataLakePrincipalIdentifier": "IAM_ALLOWED_PRINCIPALS"}, "Permissions": ["ALL"]}]
    defaults = {f"Create{kind}DefaultPermissions": everybody if kind in kinds else [] for kind in ("Database", "Table")}
    return "lakeformation", "get_data_lake_settings", {"DataLakeSettings": defaults}


def test_an_account_that_gives_new_tables_to_lake_formation_is_told_the_grants(deployed: str) -> None:
    assert answered("lake formation", lake_settings("Database", "Table")).outcome is CheckStatus.OK
    found = answered("lake formation", lake_settings("Database"))
    assert found.outcome is CheckStatus.WARN
    assert "gives new tables to Lake Formation" in found.detail
    granted = re.findall(r"--resource '(.*?)'", found.next_step)
    assert [json.loads(resource) for resource in granted] == [
        {"Database": {"Name": NAMES.database}},
        {"Table": {"DatabaseName": NAMES.database, "Name": "u_data"}},
    ]


class Validated:
    """Access Analyzer, answering for our deployed policies: nothing, but for those whose name has an answer."""

    def __init__(self, subject: Account, **answers: str) -> None:
        self.answers, self.asked = answers, list[dict[str, str]]()
        client = subject.aws.client("accessanalyzer")
        client.meta.events.register(
            "before-parameter-build.accessanalyzer.ValidatePolicy", lambda params, **_: self.asked.append(dict(params))
        )
        client.meta.events.register("before-send.accessanalyzer.ValidatePolicy", self._answer)

    def _answer(self, **_: Any) -> Any:
        sid, kind = next(((sid, kind) for sid, kind in self.answers.items() if sid in self.asked[-1]["policyDocument"]), ("", ""))
        details = {"findingDetails": f"about {sid}", "issueCode": "CODE", "learnMoreLink": "https://docs.aws.amazon.com/x", "locations": []}
        body = json.dumps({"findings": [{"findingType": kind, **details}] if kind else []}).encode()
        return AWSResponse("https://access-analyzer", 200, HTTPHeaders.from_dict({"content-type": "application/json"}), RawBody(body))


class RawBody(io.BytesIO):
    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.getvalue()


def test_every_deployed_policy_of_our_roles_is_validated(deployed: str) -> None:
    subject = account()
    validated = Validated(subject)
    found = alone("role policies", subject)
    assert (found.outcome, found.detail) == (CheckStatus.OK, f"{len(validated.asked)} policies: Access Analyzer finds nothing")
    declared = [one for path in (DATALAKE_TEMPLATE, *PIPELINE_TEMPLATES) for one in load((ROOT / path).read_text())["Resources"].values()]
    made = [one for one in declared if "Condition" not in one]
    roles = [one for one in made if one["Type"] == "AWS::IAM::Role"]
    managed = [one for one in made if one["Type"] == "AWS::IAM::ManagedPolicy"]
    identity = [one for one in validated.asked if one["policyType"] == "IDENTITY_POLICY"]
    trusts = [one for one in validated.asked if one.get("validatePolicyResourceType") == "AWS::IAM::AssumeRolePolicyDocument"]
    assert len(identity) == sum(len(one["Properties"].get("Policies", [])) for one in roles) + len(managed)
    assert len(trusts) == len(roles)
    assert all(json.loads(one["policyDocument"])["Statement"] for one in validated.asked)


def test_the_policies_of_buckets_key_and_topic_are_validated(deployed: str) -> None:
    subject = account()
    validated = Validated(subject)
    assert alone("other policies", subject).outcome is CheckStatus.OK
    assert {one["policyType"] for one in validated.asked} == {"RESOURCE_POLICY"}
    assert len([one for one in validated.asked if one.get("validatePolicyResourceType") == "AWS::S3::Bucket"]) == 4
    assert [one for one in validated.asked if "kms:*" in one["policyDocument"]]
    assert [one for one in validated.asked if "EventsTellOfFailures" in one["policyDocument"]]


@pytest.mark.parametrize(
    ("kind", "outcome", "told"),
    [
        ("ERROR", CheckStatus.FAIL, "1 error, 1 suggestion. error in PipelineRole: about DeploysEndpoints; suggestion in SweeperRole"),
        ("SECURITY_WARNING", CheckStatus.WARN, "1 security warning, 1 suggestion. security warning in PipelineRole"),
        ("WARNING", CheckStatus.WARN, "1 warning, 1 suggestion. warning in PipelineRole"),
        ("SUGGESTION", CheckStatus.OK, "2 suggestions. suggestion in "),
    ],
)
def test_the_worst_finding_about_a_policy_decides_and_is_told_first(deployed: str, kind: str, outcome: CheckStatus, told: str) -> None:
    subject = account()
    Validated(subject, EndsJobs="SUGGESTION", DeploysEndpoints=kind)
    found = alone("role policies", subject)
    assert found.outcome is outcome
    assert told in found.detail
    assert found.next_step == ("" if outcome is CheckStatus.OK else "CODE: https://docs.aws.amazon.com/x")


def test_without_the_right_to_validate_policies_one_line_says_so(deployed: str) -> None:
    subject = account()
    subject.aws.client("accessanalyzer").meta.events.register("before-send.accessanalyzer.ValidatePolicy", denied)
    found = alone("role policies", subject)
    assert (found.outcome, found.detail) == (CheckStatus.SKIPPED, "no permission: access-analyzer:ValidatePolicy")


def denied(**_: Any) -> Any:
    body = json.dumps({"message": "User: x is not authorized to perform: access-analyzer:ValidatePolicy"}).encode()
    headers = HTTPHeaders.from_dict({"content-type": "application/json", "x-amzn-errortype": "AccessDeniedException"})
    return AWSResponse("https://access-analyzer", 403, headers, RawBody(body))


@pytest.mark.parametrize(("value", "outcome"), [(0, CheckStatus.FAIL), (1, CheckStatus.WARN), (4, CheckStatus.OK), (20, CheckStatus.OK)])
def test_the_quota_of_training_jobs_is_compared_with_what_tuning_starts(deployed: str, value: float, outcome: CheckStatus) -> None:
    found = answered("training quota", quotas("ml.c5.xlarge for training job usage", value))
    assert found.outcome is outcome
    assert found.detail.startswith(f"ml.c5.xlarge for training job usage: {value}")
    assert ("Request increase" in found.next_step) == (outcome is not CheckStatus.OK)


def test_the_quota_of_endpoints_is_that_of_the_template_s_instance_and_counts_instances(deployed: str) -> None:
    for value, outcome in ((0, CheckStatus.FAIL), (7, CheckStatus.WARN), (8, CheckStatus.OK)):
        assert answered("endpoint quota", quotas("ml.t2.medium for endpoint usage", value)).outcome is outcome
    assert answered("endpoint quota", quotas("ml.m5.large for endpoint usage", 3)).outcome is CheckStatus.SKIPPED


def test_quotas_that_may_not_be_listed_are_skipped_with_the_action(deployed: str) -> None:
    found = answered("training quota", errors_=[("service-quotas", "list_service_quotas", "AccessDeniedException", 400)])
    assert (found.outcome, found.detail) == (CheckStatus.SKIPPED, "no permission: service-quotas:X")


def decisions(*values: str) -> list[tuple[str, str, dict[str, Any]]]:
    results = [{"EvaluationResults": [{"EvalActionName": "a:B", "EvalDecision": value}]} for value in values]
    return [("iam", "simulate_principal_policy", result) for result in results]


def test_a_simulated_denial_names_action_and_resource(deployed: str, local_aws: LocalAws) -> None:
    found = answered("you may train", *decisions("allowed", "allowed"))
    assert (found.outcome, found.detail) == (CheckStatus.OK, "you may sagemaker:CreateTrainingJob, iam:PassRole (simulated)")
    found = answered("you may train", *decisions("allowed", "implicitDeny"))
    assert (found.outcome, found.exit_code) == (CheckStatus.FAIL, errors.AccessDenied.exit_code)
    assert found.detail == f"you may not iam:PassRole on {account().execution_role}"
    found = answered("role may work", *decisions("allowed", "allowed", "explicitDeny", "allowed"))
    assert found.detail == f"the role may not s3:PutObject on arn:aws:s3:::{BUCKET}/models/model.tar.gz"


def test_a_session_s_role_is_simulated_by_its_own_arn(deployed: str, local_aws: LocalAws, make_role: Callable[..., str]) -> None:
    role = make_role({"Effect": "Allow", "Action": "*", "Resource": "*"})
    asked: list[str] = []
    subject = with_rights(local_aws, role)
    subject.aws.client("iam").meta.events.register(
        "before-parameter-build.iam.SimulatePrincipalPolicy", lambda params, **_: asked.append(params["PolicySourceArn"])
    )
    alone("you may train", subject)
    assert asked == [role]


@pytest.mark.parametrize(("status", "outcome"), [("AVAILABLE", CheckStatus.OK), ("PENDING", CheckStatus.FAIL), ("ERROR", CheckStatus.FAIL)])
def test_a_connection_whose_handshake_is_not_finished_fails(deployed: str, status: str, outcome: CheckStatus) -> None:
    answer = {"Connection": {"ConnectionName": "c", "ProviderType": "GitHub", "ConnectionStatus": status}}
    found = answered("connection", ("codeconnections", "get_connection", answer))
    assert found.outcome is outcome
    assert ("handshake" in found.next_step) == (outcome is CheckStatus.FAIL)


@pytest.mark.parametrize(
    ("arns", "outcome", "told"),
    [
        (["arn:aws:sns:us-east-1:123456789012:t:1"], CheckStatus.OK, "a@example.com is notified of approvals"),
        (["PendingConfirmation"], CheckStatus.WARN, "a@example.com has not confirmed the subscription to approvals"),
        (["Deleted"], CheckStatus.WARN, "nobody is notified of approvals"),
        ([], CheckStatus.WARN, "nobody is notified of approvals"),
    ],
)
def test_a_subscription_that_waits_for_its_click_is_told(deployed: str, arns: list[str], outcome: CheckStatus, told: str) -> None:
    listed = [{"SubscriptionArn": arn, "Endpoint": "a@example.com", "Protocol": "email"} for arn in arns]
    found = answered("subscription", ("sns", "list_subscriptions_by_topic", {"Subscriptions": listed}))
    assert (found.outcome, found.detail) == (outcome, told)


SINCE = datetime(2026, 1, 2, 10, 0, tzinfo=UTC)


def running(*names: str) -> tuple[str, str, dict[str, Any]]:
    times = {"CreationTime": SINCE, "LastModifiedTime": SINCE, "EndpointStatus": "InService"}
    listed = [{"EndpointName": name, "EndpointArn": f"arn:aws:sagemaker:us-east-1:123456789012:endpoint/{name}", **times} for name in names]
    return "sagemaker", "list_endpoints", {"Endpoints": listed}


def test_endpoints_that_cost_are_listed_with_their_age(deployed: str) -> None:
    found = answered("endpoints", running("other", NAMES.endpoint("production")))
    assert found.outcome is CheckStatus.OK
    assert found.detail.startswith(f"{NAMES.endpoint('production')} since 2026-01-02 10:00, other since")
    found = answered("endpoints", running("other", NAMES.endpoint("dev")))
    assert (found.outcome, found.next_step) == (CheckStatus.WARN, "`mlkit undeploy dev --your-initials doctor` when you are done.")


@pytest.mark.parametrize(("status", "outcome"), [(403, CheckStatus.FAIL), (404, CheckStatus.OK)])
def test_a_missing_bucket_is_free_and_a_forbidden_one_belongs_to_another_account(deployed: str, status: int, outcome: CheckStatus) -> None:
    found = answered("bucket", errors_=[("s3", "head_bucket", str(status), status)])
    assert found.outcome is outcome
    assert ("--your-initials" in found.next_step) == (status == 403)


def test_a_bucket_in_another_region_is_told(deployed: str) -> None:
    found = answered("bucket", ("s3", "head_bucket", {"BucketRegion": "eu-west-1"}))
    assert (found.outcome, found.next_step) == (CheckStatus.FAIL, "`export AWS_DEFAULT_REGION=eu-west-1`")


@pytest.mark.parametrize(
    ("group", "outcome"),
    [
        ({"State": "DISABLED", "Configuration": {}}, CheckStatus.FAIL),
        ({"State": "ENABLED", "Configuration": {"EnforceWorkGroupConfiguration": False}}, CheckStatus.WARN),
    ],
)
def test_a_workgroup_that_decides_nothing_or_is_off_is_told(deployed: str, group: dict[str, Any], outcome: CheckStatus) -> None:
    assert answered("workgroup", ("athena", "get_work_group", {"WorkGroup": {"Name": "w", **group}})).outcome is outcome


def test_the_port_s_holder_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        monkeypatch.setattr(ports, "PORT", taken.getsockname()[1])
        found = local_checks.port(Project(root=tmp_path))
        assert found.outcome is CheckStatus.OK  # a free one is taken then
        assert f"taken by {ports.holder(ports.PORT)}" in found.detail
        assert str(os.getpid()) in found.detail
    assert local_checks.port(Project(root=tmp_path)).outcome is CheckStatus.OK


def test_another_project_s_local_aws_on_the_port_is_named_by_its_folder(
    local_aws: LocalAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ports, "PORT", int(local_aws.endpoint_url.rpartition(":")[2]))
    assert f"the local AWS of {local_aws.home}" in local_checks.port(Project(root=tmp_path)).detail


def test_the_command_tells_everything_in_80_columns(deployed: str, local_aws: LocalAws) -> None:
    command = [sys.executable, "-c", "from mlkit.cli import main; main()", "doctor", "--aws", "--your-initials", NAMES.initials]
    environment = {**os.environ, **local_aws.environment, "COLUMNS": "80"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=HANG_S, check=False)
    assert done.stderr == ""
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert "\x1b" not in done.stdout
    titles = [line for line in done.stdout.splitlines() if line and not line.startswith(" ")]
    assert titles[:-1] == ["This machine", "Credentials", "Data lake", "Roles", "Quotas", "SageMaker", "Pipeline", "Policies"]
    assert re.fullmatch(r"\d+ ok, .* in \d+\.\d s", titles[-1])
    assert "factorization-machines:1 from" in done.stdout
