"""Holds the engines to the ledger of service-made calls, both ways: what they really ask IAM for, and what the ledger says."""

import json
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from codebuild_building import LOGS, Builder, spec
from codepipeline_lab import TEMPLATE, action, make_lab, stage
from started import LocalAws, allow, policy, start_local_aws
from waiting import wait_until

from localaws import lifecycle
from localaws.kit import api_record, service_calls

XGBOOST = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:3.2-0"
BROKEN = """
Resources:
  Topic: {Type: AWS::SNS::TopicPolicy, Properties: {Topics: ["arn:aws:sns:us-east-1:123456789012:none"], PolicyDocument: {}}}
"""
CASE = '<testsuite><testcase classname="c" name="n"/></testsuite>'


class Account:
    """One local AWS of the module's own, with a bucket under a customer's key."""

    def __init__(self, home: Path) -> None:
        self.local = start_local_aws(home)
        self.client = self.local.client
        self.bucket = f"calls-{uuid.uuid4().hex[:8]}"
        self.key = self.client("kms").create_key()["KeyMetadata"]["Arn"]
        self.client("s3").create_bucket(Bucket=self.bucket)
        self.client("s3").put_bucket_versioning(Bucket=self.bucket, VersioningConfiguration={"Status": "Enabled"})
        rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": self.key}}
        self.client("s3").put_bucket_encryption(Bucket=self.bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})

    def role(self, principal: dict[str, str], *statements: Any) -> str:
        iam, name = self.client("iam"), f"r-{uuid.uuid4().hex[:8]}"
        trust = policy({"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"})
        arn: str = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
        iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=policy(*(statements or [allow("*")])))
        return arn

    def service_role(self, service: str, *statements: Any) -> str:
        return self.role({"Service": f"{service}.amazonaws.com"}, *statements)

    def asked(self) -> dict[str, set[str]]:
        """The actions that each service asked for, from the record of API calls."""
        found: dict[str, set[str]] = {}
        for call in api_record.ApiRecord(self.local.home / "calls").all():
            for check in call.checks:
                if service := check.via or call.invoked_by:
                    found.setdefault(service, set()).add(check.action)
        return found


def pipelines(account: Account, scratch: Path) -> None:
    """Source, build, approval, and every mode of the stack action; with roles of their own, and a connection of the older name."""
    client = account.client
    stack_role = account.service_role("cloudformation")
    role = account.service_role("codepipeline", {"Effect": "Deny", "Action": "codestar-connections:*", "Resource": "*"}, allow("*"))
    action_role = account.role({"AWS": role})
    lab = make_lab(account.local.home, scratch, client, role, account.bucket, {"stack.yaml": TEMPLATE, "broken.yaml": BROKEN})
    project = f"p-{lab.name}"
    client("codebuild").create_project(
        name=project,
        source={"type": "CODEPIPELINE", "buildspec": spec("echo x > x.txt", artifacts={"files": ["x.txt"]})},
        artifacts={"type": "CODEPIPELINE"},
        environment={"type": "LINUX_CONTAINER", "image": "aws/codebuild/standard:7.0", "computeType": "BUILD_GENERAL1_SMALL"},
        serviceRole=account.service_role("codebuild"),
    )
    topic = client("sns").create_topic(Name=lab.name)["TopicArn"]

    def deploy(name: str, mode: str, order: int, **settings: str) -> dict[str, Any]:
        given = {"ActionMode": mode, "StackName": lab.name, "RoleArn": stack_role, **settings}
        return action(name, "Deploy", "CloudFormation", given, inputs=["Code"], runOrder=order, roleArn=action_role)

    change, template = {"ChangeSetName": "c"}, {"TemplatePath": "Code::stack.yaml"}
    deploys = [
        deploy("Create", "CREATE_UPDATE", 1, **template),
        deploy("Update", "CREATE_UPDATE", 2, **template, ParameterOverrides='{"Text": "other"}'),
        deploy("Make", "CHANGE_SET_REPLACE", 3, **template, **change),
        deploy("Again", "CHANGE_SET_REPLACE", 4, **template, ParameterOverrides='{"Text": "third"}', **change),
        deploy("Execute", "CHANGE_SET_EXECUTE", 5, **change),
        deploy("Remove", "DELETE_ONLY", 6),
        deploy("Broken", "CREATE_UPDATE", 7, TemplatePath="Code::broken.yaml"),
    ]
    build = action("Build", "Build", "CodeBuild", {"ProjectName": project}, inputs=["Code"], outputs=["Built"])
    client("s3").put_object(Bucket=account.bucket, Key="in/site.zip", Body=b"PK")
    client("codecommit").create_repository(repositoryName=lab.name)
    client("codecommit").put_file(repositoryName=lab.name, branchName="main", filePath="a", fileContent=b"a")
    unwatched = {"PollForSourceChanges": "false"}  # an execution of its own would wait for an approval that nobody gives
    sources = stage(
        "Source",
        *lab.source()["actions"],
        action("Object", "Source", "S3", {"S3Bucket": account.bucket, "S3ObjectKey": "in/site.zip", **unwatched}, outputs=["Object"]),
        action("Commit", "Source", "CodeCommit", {"RepositoryName": lab.name, "BranchName": "main", **unwatched}, outputs=["Commit"]),
    )
    lab.create(sources, stage("Build", build), stage("Gate", lab.approval(configuration={"NotificationArn": topic})), stage("D", *deploys))
    execution = lab.start()
    lab.answer("Approved")
    lab.wait(execution)


def builds(account: Account, scratch: Path) -> None:
    """A build with a parameter, a secret, reports, a cache, a folder and an older version as sources."""
    builder, client = Builder(account.local), account.client
    client("ssm").put_parameter(Name=f"/{builder.bucket}", Value="v", Type="SecureString", KeyId=account.key)
    client("secretsmanager").create_secret(Name=builder.bucket, SecretString="s", KmsKeyId=account.key)
    client("s3").put_bucket_versioning(Bucket=builder.bucket, VersioningConfiguration={"Status": "Enabled"})
    client("s3").put_object(Bucket=builder.bucket, Key="folder/a.txt", Body=b"a")
    builder.put("source.zip", {"report.xml": CASE})
    version = client("s3").head_object(Bucket=builder.bucket, Key="source.zip")["VersionId"]
    clone_url = client("codecommit").create_repository(repositoryName=builder.bucket)["repositoryMetadata"]["cloneUrlHttp"]
    client("codecommit").put_file(repositoryName=builder.bucket, branchName="main", filePath="a", fileContent=b"a")
    text = spec(
        "true",
        env={"parameter-store": {"P": f"/{builder.bucket}"}, "secrets-manager": {"S": builder.bucket}},
        reports={"group": {"files": ["report.xml"]}},
        cache={"paths": ["report.xml"]},
        artifacts={"files": ["report.xml"]},
    )
    built = builder.run(
        text,
        account.service_role("codebuild"),
        start={"sourceVersion": version},
        source={"type": "S3", "location": f"{builder.bucket}/source.zip", "buildspec": text},
        secondarySources=[
            {"type": "S3", "location": f"{builder.bucket}/folder/", "sourceIdentifier": "Folder"},
            {"type": "CODECOMMIT", "location": clone_url, "sourceIdentifier": "Site"},
        ],
        artifacts={"type": "S3", "location": builder.bucket, "name": "out.zip", "packaging": "ZIP"},
        encryptionKey=account.key,
        cache={"type": "S3", "location": f"{builder.bucket}/cache"},
    )
    assert built["buildStatus"] == "SUCCEEDED", built["phases"]


def models(account: Account, scratch: Path) -> None:
    """A training job, and an endpoint whose update watches an alarm."""
    sagemaker, role, name = account.client("sagemaker"), account.service_role("sagemaker"), f"M-{uuid.uuid4().hex[:8]}"
    rows = "".join(f"{i % 2},{i},{i * i}\n" for i in range(60))
    account.client("s3").put_object(Bucket=account.bucket, Key=f"{name}/train/rows.csv", Body=rows.encode())
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{account.bucket}/{name}/train/", "S3DataDistributionType": "FullyReplicated"}
    sagemaker.create_training_job(
        TrainingJobName=name,
        AlgorithmSpecification={"TrainingImage": XGBOOST, "TrainingInputMode": "File"},
        RoleArn=role,
        HyperParameters={"num_round": "2", "objective": "binary:logistic"},
        InputDataConfig=[{"ChannelName": "train", "ContentType": "text/csv", "DataSource": {"S3DataSource": source}}],
        OutputDataConfig={"S3OutputPath": f"s3://{account.bucket}/{name}/out"},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        StoppingCondition={"MaxRuntimeInSeconds": 600},
    )
    job = wait_until(
        lambda: sagemaker.describe_training_job(TrainingJobName=name),
        "the job ends",
        ok=lambda found: found["TrainingJobStatus"] in ("Completed", "Failed"),
    )
    assert job["TrainingJobStatus"] == "Completed", job
    container = {"Image": XGBOOST, "ModelDataUrl": job["ModelArtifacts"]["S3ModelArtifacts"]}
    sagemaker.create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=role)
    variant = {"VariantName": "v", "ModelName": name, "InitialInstanceCount": 1, "InstanceType": "ml.t2.medium"}
    for config in (name, f"{name}-2"):
        sagemaker.create_endpoint_config(EndpointConfigName=config, ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    in_service(sagemaker, name)
    alarm = {"Namespace": "N", "MetricName": "m", "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1, "Threshold": 1}
    account.client("cloudwatch").put_metric_alarm(AlarmName=name, ComparisonOperator="GreaterThanThreshold", **alarm)
    routing = {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}
    sagemaker.update_endpoint(
        EndpointName=name,
        EndpointConfigName=f"{name}-2",
        DeploymentConfig={
            "BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing},
            "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": name}]},
        },
    )
    in_service(sagemaker, name)


def in_service(sagemaker: Any, name: str) -> None:
    wait_until(
        lambda: sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"],
        "the endpoint is in service",
        ok=lambda status: status == "InService",
    )


def queries(account: Account, scratch: Path) -> None:
    """Statements of every kind, and the operations on the catalog."""
    athena, base, db = account.client("athena"), f"s3://{account.bucket}/lake", f"d{uuid.uuid4().hex[:8]}"

    def run(sql: str) -> str:
        query: str = athena.start_query_execution(QueryString=sql, ResultConfiguration={"OutputLocation": f"{base}/results/"})[
            "QueryExecutionId"
        ]
        done = wait_until(
            lambda: athena.get_query_execution(QueryExecutionId=query)["QueryExecution"]["Status"],
            f"{sql} ends",
            ok=lambda status: status["State"] in ("SUCCEEDED", "FAILED"),
        )
        assert done["State"] == "SUCCEEDED", (sql, done)
        return query

    run(f"CREATE DATABASE {db}")
    run(f"CREATE EXTERNAL TABLE {db}.t (a int) PARTITIONED BY (k string) STORED AS PARQUET LOCATION '{base}/t/'")
    run(f"ALTER TABLE {db}.t ADD PARTITION (k='x')")
    run(f"CREATE TABLE {db}.c WITH (format='PARQUET', external_location='{base}/c/') AS SELECT 1 AS a")
    athena.get_query_results(QueryExecutionId=run(f"SELECT a FROM {db}.t UNION ALL SELECT a FROM {db}.c"))
    run(f"SHOW TABLES IN {db}")
    athena.list_databases(CatalogName="AwsDataCatalog")
    run(f"DROP TABLE {db}.t")
    run(f"DROP TABLE {db}.c")
    run(f"DROP DATABASE {db}")


def rules(account: Account, scratch: Path) -> None:
    """Events that start a build and that publish to a topic."""
    builder, events, name = Builder(account.local), account.client("events"), f"rule-{uuid.uuid4().hex[:8]}"
    project = builder.project(spec("true"), builder.role(LOGS))
    arn = account.client("codebuild").batch_get_projects(names=[project])["projects"][0]["arn"]
    topic = account.client("sns").create_topic(Name=name)["TopicArn"]
    statement = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sns:Publish", "Resource": topic}
    account.client("sns").set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy(statement))
    events.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))
    targets = [{"Id": "build", "Arn": arn, "RoleArn": account.service_role("events"), "Input": "{}"}, {"Id": "topic", "Arn": topic}]
    events.put_targets(Rule=name, Targets=targets)
    events.put_events(Entries=[{"Source": name, "DetailType": "d", "Detail": "{}"}])
    wait_until(lambda: account.client("codebuild").list_builds_for_project(projectName=project)["ids"], "the rule started a build")


def stacks(account: Account, scratch: Path) -> None:
    name = f"s-{uuid.uuid4().hex[:8]}"
    account.client("cloudformation").create_stack(StackName=name, TemplateBody=TEMPLATE, RoleARN=account.service_role("cloudformation"))


def trails(account: Account, scratch: Path) -> None:
    """A trail, whose log file CloudTrail writes by the bucket's policy."""
    cloudtrail, bucket = account.client("cloudtrail"), f"trail-{uuid.uuid4().hex[:8]}"
    account.client("s3").create_bucket(Bucket=bucket)
    principal = {"Principal": {"Service": "cloudtrail.amazonaws.com"}}
    statements = [{**allow("s3:GetBucketAcl", f"arn:aws:s3:::{bucket}"), **principal}]
    statements.append({**allow("s3:PutObject", f"arn:aws:s3:::{bucket}/*"), **principal})
    account.client("s3").put_bucket_policy(Bucket=bucket, Policy=policy(*statements))
    cloudtrail.create_trail(Name=bucket, S3BucketName=bucket)
    cloudtrail.start_logging(Name=bucket)
    account.client("sns").create_topic(Name=bucket)
    cloudtrail.stop_logging(Name=bucket)


SCENARIOS: list[Callable[[Account, Path], None]] = [pipelines, builds, models, queries, rules, stacks, trails]


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, set[str]]]:
    """The actions that each service asked for while all scenarios ran, two at a time."""
    account = Account(tmp_path_factory.mktemp("calls") / "home")
    try:
        with ThreadPoolExecutor(2) as pool:
            for done in [pool.submit(scenario, account, tmp_path_factory.mktemp("scratch")) for scenario in SCENARIOS]:
                done.result()
        yield account.asked()
    finally:
        lifecycle.down(account.local.home)


def listed() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for call in service_calls.ledger().values():
        found.setdefault(call.service, set()).update(call.actions)
    return found


def test_no_service_asks_for_an_action_that_the_ledger_does_not_have(asked: dict[str, set[str]]) -> None:
    known = listed()
    missing = {service: actions - known.get(service, set()) for service, actions in asked.items() if "*" not in known.get(service, ())}
    assert {service: sorted(actions) for service, actions in missing.items() if actions} == {}


def test_every_action_of_the_ledger_is_asked_for(asked: dict[str, set[str]]) -> None:
    unasked = {service: sorted(actions - asked.get(service, set()) - {"*"}) for service, actions in listed().items()}
    assert {service: actions for service, actions in unasked.items() if actions} == {}


def test_a_users_request_does_not_become_a_services_by_its_user_agent(local_aws: LocalAws) -> None:
    s3 = local_aws.client("s3", user_agent="codebuild.amazonaws.com/guess")
    s3.list_buckets()
    last = [call for call in api_record.ApiRecord(local_aws.home / "calls").all() if call.name == "ListBuckets"][-1]
    assert (last.invoked_by, last.principal) == ("", f"arn:aws:iam::{local_aws.account}:user/administrator")
