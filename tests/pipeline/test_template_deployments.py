"""The templates are deployed, updated and deleted cleanly, by hand or by `mlkit pipeline deploy`; what outlives them is what they say."""

import io
import json
import os
import re
import tarfile
import uuid
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from botocore.exceptions import ClientError
from cfnlint.decode.cfn_yaml import loads
from project_pipeline import run_in, script
from tiny_project import IMAGE, PREDICTION, TEMPLATES, delete, deploy, deploy_pipeline, outputs, pipeline_resources, shard, training_job
from waiting import wait_until

from mlkit.aws.champion_test import ChampionTest, ask_champion
from mlkit.aws.endpoints import describe_endpoint
from mlkit.aws.superseded import delete as delete_part
from mlkit.aws.superseded import find_superseded
from mlkit.errors import DeploymentFailed, NotFound, UsageError
from mlkit.gate.answers import Answers
from mlkit.naming import BUILDS_TEMPLATE, EXPORTS, FOUNDATION_TEMPLATE, PIPELINE_TEMPLATES, LabNames


@pytest.fixture(scope="module")
def cloudformation(local_aws):
    return local_aws.client("cloudformation")


def text(name):
    return (TEMPLATES / f"{name}.yaml").read_text()


def test_the_lake_comes_changes_and_goes_but_for_its_bucket(cloudformation, local_aws):
    deploy(cloudformation, "gone-lake", text("datalake"), YourInitials="gone")
    deploy(cloudformation, "gone-lake", text("datalake"), YourInitials="gone", RatingType="double")
    table = local_aws.client("glue").get_table(DatabaseName="gone-ml-lab-movielens", Name="u_data")["Table"]
    assert [column["Type"] for column in table["StorageDescriptor"]["Columns"]] == ["bigint", "bigint", "double", "bigint"]
    assert delete(cloudformation, "gone-lake") == ["DataBucket", "DataBucketPolicy"]
    assert "gone-ml-id-lab" in {bucket["Name"] for bucket in local_aws.client("s3").list_buckets()["Buckets"]}


def connection(local_aws, name):
    return local_aws.client("codeconnections").create_connection(ConnectionName=name, ProviderType="GitHub")["ConnectionArn"]


def shown_pipeline(local_aws, name):
    return local_aws.client("codepipeline").get_pipeline(name=name)["pipeline"]


def build_variables(local_aws, project):
    (shown,) = local_aws.client("codebuild").batch_get_projects(names=[project])["projects"]
    return {item["name"]: item["value"] for item in shown["environment"]["environmentVariables"]}


def test_the_pipeline_comes_changes_and_goes_but_for_its_buckets_and_key(cloudformation, local_aws):
    deploy(cloudformation, "here-lake", text("datalake"), YourInitials="here")
    given = {"Email": "a@example.org", "GitHubUser": "a", "ConnectionArn": connection(local_aws, "here")}
    pipeline = deploy_pipeline(cloudformation, "here", **given)["Pipeline"]
    policy = {
        "GateMetric": "log loss",
        "GateRequired": "0.6",
        "GateMargin": "0.01",
        "GateConfidence": "0.9",
        "GateOnInconclusive": "ask",
        "GateSlices": "stop",
    }
    instances = {"TrainInstanceType": "ml.m5.large", "EndpointInstanceType": "ml.c5.large"}
    deploy_pipeline(cloudformation, "here", Tune="true", MinMatchRate="0.5", **policy, ApprovalMinutes="60", **instances)
    made = pipeline_resources(cloudformation, "here")
    (_, train, qa, production) = shown_pipeline(local_aws, pipeline)["stages"]
    told = [
        build_variables(local_aws, action["configuration"]["ProjectName"])
        for action in (train["actions"][0], qa["actions"][1], production["actions"][3])
    ]
    assert told[0]["TUNE"] == "true"
    assert (told[0]["TRAIN_INSTANCE_TYPE"], told[0]["ENDPOINT_INSTANCE_TYPE"]) == ("ml.m5.large", "ml.c5.large")
    assert [variables.get("MIN_MATCH_RATE") for variables in told] == [None, "0.5", "0.5"]
    of_gate = {name: value for name, value in told[1].items() if name.startswith("GATE_")}
    assert list(of_gate.values()) == list(policy.values())
    assert production["actions"][0]["timeoutInMinutes"] == 60
    with pytest.raises(ClientError, match="here-ml-lab-execution-role"):
        cloudformation.delete_stack(StackName="here-lake")
    stacks = LabNames(initials="here").pipeline_stacks
    for path in PIPELINE_TEMPLATES[:-1]:
        with pytest.raises(ClientError, match=f"here-ml-lab-({'|'.join(EXPORTS[path])})"):
            cloudformation.delete_stack(StackName=stacks[path])
    buckets = ("ArtifactBucket", "EvidenceBucket", "StagingBucket")
    kept = [delete(cloudformation, stacks[path]) for path in reversed(PIPELINE_TEMPLATES)]
    assert kept == [[], [], [], sorted(["ModelGroup", "PipelineKey", "EvidenceKey", *buckets, *(f"{name}Policy" for name in buckets)])]
    left = {bucket["Name"] for bucket in local_aws.client("s3").list_buckets()["Buckets"]}
    assert {made[name] for name in buckets} <= left
    assert local_aws.client("kms").describe_key(KeyId=made["PipelineKey"])["KeyMetadata"]["KeyState"] == "Enabled"
    assert delete(cloudformation, "here-lake") == ["DataBucket", "DataBucketPolicy"]


def test_a_pipeline_with_a_token_keeps_it_in_a_secret_and_a_connection_is_not_asked_for(cloudformation, local_aws):
    deploy(cloudformation, "token-lake", text("datalake"), YourInitials="token")
    given = {"Email": "a@example.org", "GitHubUser": "a", "GitHubToken": "ghp-of-a-test"}
    pipeline = deploy_pipeline(cloudformation, "token", **given)["Pipeline"]
    source = shown_pipeline(local_aws, pipeline)["stages"][0]["actions"][0]
    assert source["actionTypeId"]["provider"] == "GitHub"
    assert source["configuration"]["OAuthToken"] == "****"
    secret = pipeline_resources(cloudformation, "token")["GitHubTokenSecret"]
    assert "ghp-of-a-test" in local_aws.client("secretsmanager").get_secret_value(SecretId=secret)["SecretString"]
    delete(cloudformation, "token-ml-lab-pipeline")


def test_a_pipeline_without_a_way_to_its_source_is_refused(cloudformation):
    deploy(cloudformation, "none-lake", text("datalake"), YourInitials="none")
    with pytest.raises(DeploymentFailed, match="Give ConnectionArn or GitHubToken"):
        deploy_pipeline(cloudformation, "none", Email="a@example.org", GitHubUser="a")


def test_a_pipeline_before_its_lake_is_refused_by_the_export_s_name(cloudformation):
    given = {"Email": "a@example.org", "GitHubUser": "a", "GitHubToken": "ghp-of-a-test"}
    with pytest.raises(DeploymentFailed, match="lakeless-ml-lab-execution-role"):
        deploy_pipeline(cloudformation, "lakeless", **given)


def test_initials_of_the_greatest_length_fit_into_every_name(cloudformation, local_aws):
    initials = "a" * 19 + "z"
    deploy(cloudformation, "long-lake", text("datalake"), YourInitials=initials)
    given = {"Email": "a@example.org", "GitHubUser": "a", "ConnectionArn": connection(local_aws, "long")}
    assert deploy_pipeline(cloudformation, initials, **given)["Pipeline"]


def aws_of(local_aws) -> Any:
    """The administrator's session."""
    return SimpleNamespace(client=local_aws.client, poll_s=lambda on_aws_s: 0.1)


def packed(files):
    """A model's archive with these files."""
    body = io.BytesIO()
    with tarfile.open(fileobj=body, mode="w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return body.getvalue()


class Shell:
    """mlkit and the AWS CLI in the project's folder, for one lab."""

    def __init__(self, local_aws, initials):
        self.names, self.cloudformation = LabNames(initials=initials), local_aws.client("cloudformation")
        self.variables = {**os.environ, **local_aws.environment, "MLKIT_YOUR_INITIALS": initials, "COLUMNS": "80"}
        self.variables["PATH"] = f"{Path(script('mlkit')).parent}:{self.variables['PATH']}"
        deploy(self.cloudformation, f"{initials}-lake", text("datalake"), YourInitials=initials)

    def type(self, command, **variables):
        return run_in(TEMPLATES.parent, ["bash", "-ec", command], {**self.variables, **variables}, check=False)

    def parameters(self):
        """Of each stack that there is, by its name."""
        listed = self.cloudformation.describe_stacks()["Stacks"]
        ours = [stack for stack in listed if stack["StackName"] in self.names.pipeline_stacks.values()]
        return {stack["StackName"]: {one["ParameterKey"]: one["ParameterValue"] for one in stack["Parameters"]} for stack in ours}


@pytest.fixture
def typed(local_aws):
    return Shell(local_aws, f"t{uuid.uuid4().hex[:8]}")


def test_one_command_deploys_the_stacks_and_changes_one_parameter(typed, local_aws):
    missing = typed.type("mlkit pipeline deploy GitHubUser=you")
    assert missing.returncode == UsageError.exit_code
    assert f"The new stack {typed.names.pipeline_stack} needs Email" in missing.stderr
    assert typed.parameters() == {}
    arn = connection(local_aws, typed.names.initials)
    first = typed.type(f"mlkit pipeline deploy EvidenceDays=1 Email=a@example.org GitHubUser=you ConnectionArn={arn}")
    assert first.returncode == 0, first.stderr
    for path, stack in typed.names.pipeline_stacks.items():
        assert re.search(rf"^Stack {stack} \({path}\) done in [0-9.]+ s$", first.stdout, re.MULTILINE), first.stdout
    assert "A push to you/mlkit, branch main, starts the pipeline" in first.stdout
    assert typed.parameters()[typed.names.pipeline_stacks[FOUNDATION_TEMPLATE]]["EvidenceDays"] == "1"
    before = typed.parameters()
    assert typed.type("mlkit pipeline deploy Tune=true").returncode == 0
    builds = typed.names.pipeline_stacks[BUILDS_TEMPLATE]
    assert typed.parameters() == {**before, builds: {**before[builds], "Tune": "true"}}


def test_the_commands_that_it_shows_do_the_same(typed):
    given = "EvidenceDays=2 Email=a@example.org GitHubUser=you GitHubToken=ghp-of-a-test MinMatchRate=0.5"
    commands = typed.type(f"mlkit pipeline deploy --show {given}").stdout
    assert typed.parameters() == {}
    assert len(commands.splitlines()) == len(PIPELINE_TEMPLATES) + 1  # and the upload of the tools
    done = typed.type(commands, GitHubToken="ghp-of-a-test")
    assert done.returncode == 0, done.stderr
    by_commands = typed.parameters()
    assert set(by_commands) == set(typed.names.pipeline_stacks.values())
    again = typed.type(f"mlkit pipeline deploy {given}")
    assert again.returncode == 0, again.stderr
    assert " s  " not in again.stdout, "nothing was left to change"
    assert typed.parameters() == by_commands


def test_without_the_lake_nothing_is_deployed_and_the_lake_s_command_is_told(typed):
    given = "--your-initials nolake Email=a@example.org GitHubUser=you GitHubToken=ghp-of-a-test"
    refused = typed.type(f"mlkit pipeline deploy {given}")
    assert refused.returncode == NotFound.exit_code
    assert "No stack exports nolake-ml-lab-execution-role" in refused.stderr
    assert "CloudFormation/datalake.yaml --stack-name nolake-ml-lab-datalake" in refused.stderr


def rights(local_aws, initials, template, role):
    """What the role of a pipeline's template may do, as far as that needs nothing of other stacks."""
    resources = loads(text(template))["Resources"]
    values = {"AWS::Partition": "aws", "AWS::Region": local_aws.region, "AWS::AccountId": local_aws.account, "YourInitials": initials}
    [policy] = resources[role]["Properties"]["Policies"]
    plain = re.sub(r"\$\{([\w:]+)\}", lambda found: values.get(found[1], found[0]), json.dumps(policy["PolicyDocument"]["Statement"]))
    statements = json.loads(re.sub(r'\{"Fn::Sub": ("[^"]*")\}', r"\1", plain))
    return [statement for statement in statements if "Fn::" not in json.dumps(statement) and "Log.Arn" not in statement["Resource"]]


SERVE = LabNames(initials="serve")
TRAINED: Any = SimpleNamespace(your_initials="serve")
ANSWERS = Answers(scores=np.array([0.5]))


class Models:
    """A lake with a trained model, and copies of its file; `deploy` deploys them to the endpoint of an environment."""

    def __init__(self, local_aws):
        self.cloudformation, self.s3 = local_aws.client("cloudformation"), local_aws.client("s3")
        self.role = outputs(deploy(self.cloudformation, "serve-lake", text("datalake"), YourInitials="serve"))["ExecutionRole"]
        lake, sagemaker = f"s3://{SERVE.bucket}", local_aws.client("sagemaker")
        self.s3.put_object(Bucket=SERVE.bucket, Key="prepared/train", Body=shard())
        sagemaker.create_training_job(**training_job("fm-serve", self.role, f"{lake}/prepared/", f"{lake}/models/"))
        wait_until(
            lambda: sagemaker.describe_training_job(TrainingJobName="fm-serve")["TrainingJobStatus"],
            "the job is complete",
            ok=lambda status: status == "Completed",
        )
        self.trained = f"{lake}/models/fm-serve/output/model.tar.gz"

    def put(self, name, content=None):
        """The address of a model's file: of a copy, or with other content."""
        place = {"Bucket": SERVE.bucket, "Key": f"models/{name}/model.tar.gz"}
        if content is None:
            self.s3.copy_object(**place, CopySource=self.trained.removeprefix("s3://"))
        else:
            self.s3.put_object(**place, Body=content)
        return f"s3://{SERVE.bucket}/{place['Key']}"

    def deploy(self, environment, model, **parameters):
        given = {"ImageUri": IMAGE, "ExecutionRoleArn": self.role, "BakeSeconds": "0", "ModelDataUrl": model, **parameters}
        stack, template = SERVE.endpoint_stack(environment), text("sagemaker_prediction_endpoint")
        return outputs(deploy(self.cloudformation, stack, template, EndpointName=SERVE.endpoint(environment), **given))


@pytest.fixture(scope="module")
def models(local_aws):
    return Models(local_aws)


def test_an_endpoint_changes_in_place_and_goes_and_the_sweeper_deletes_what_it_had(models, cloudformation, local_aws, as_role):
    sagemaker, stack = local_aws.client("sagemaker"), SERVE.endpoint_stack("dev")
    before = models.deploy("dev", models.trained)
    after = models.deploy("dev", models.put("again"))
    assert before["EndpointName"] == after["EndpointName"] == "serve-ml-lab-dev"
    assert before["ModelName"] != after["ModelName"]
    assert sagemaker.describe_endpoint(EndpointName="serve-ml-lab-dev")["EndpointConfigName"] == after["EndpointConfigName"]
    variant = {"VariantName": "v", "ModelName": before["ModelName"], "InstanceType": "ml.t2.medium", "InitialInstanceCount": 1}
    sagemaker.create_endpoint_config(EndpointConfigName="somebody-else-s", ProductionVariants=[variant])
    sweeper: Any = SimpleNamespace(client=as_role(*rights(local_aws, "serve", "codepipeline", "SweeperRole")))
    superseded = find_superseded(sweeper, SERVE)
    assert [part.name for part in superseded] == [before["EndpointConfigName"], before["ModelName"]]
    for part in superseded:
        delete_part(sweeper, part.kind, part.name)
    with pytest.raises(ClientError, match="AccessDenied"):
        sweeper.client("sagemaker").delete_endpoint_config(EndpointConfigName="somebody-else-s")
    assert find_superseded(sweeper, SERVE) == []
    assert delete(cloudformation, stack) == ["MlkitEndpointConfig", "MlkitModel"]  # those that were replaced, and are gone
    left = {model["ModelName"] for model in sagemaker.list_models()["Models"]}
    assert not {before["ModelName"], after["ModelName"]} & left


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, ""),
        (b"no archive", "SageMaker could not load it: Failed to extract model data archive"),
        (packed({"weights": b"of another algorithm"}), "SageMaker could not load it: The primary container for production variant"),
    ],
)
def test_a_champion_that_cannot_be_loaded_is_told_and_the_new_model_goes_on(models, cloudformation, local_aws, as_role, content, problem):
    told = {"ChampionImageUri": IMAGE, "ChampionModelDataUrl": models.put("champion", content)}
    planned = models.deploy("qa", models.trained, **told)
    aws: Any = SimpleNamespace(
        client=as_role(*rights(local_aws, "serve", "pipeline_builds", "TestEndpointRole")), poll_s=lambda on_aws_s: 0.1
    )
    before = describe_endpoint(aws, SERVE.endpoint("qa"))
    assert find_superseded(aws_of(local_aws), SERVE) == []  # not the configuration that the endpoint is going to have
    champion = ask_champion(aws, "qa", TRAINED, lambda served: ANSWERS)
    assert champion.model_s3_uri == told["ChampionModelDataUrl"]
    assert champion.problem.startswith(problem), champion.problem
    assert (champion.predictions is None) == bool(problem)
    after = describe_endpoint(aws, SERVE.endpoint("qa"))
    assert (after.status, after.model_name) == ("InService", before.model_name)
    assert after.endpoint_config == (planned["EndpointConfigName"] if problem else planned["ComparisonEndpointConfigName"])
    if not problem:
        assert ask_champion(aws, "qa", TRAINED, lambda served: ANSWERS) == champion  # a test that runs again
    delete(cloudformation, SERVE.endpoint_stack("qa"))


@pytest.mark.parametrize(
    ("given", "refused"),
    [
        ({"SubnetIds": "subnet-0a1b2c3d", "SecurityGroupIds": "sg-0a1b2c3d"}, "VpcConfig"),
        ({"SubnetIds": "subnet-0a1b2c3d"}, "Give SubnetIds and SecurityGroupIds together"),
        ({"DataCapturePercent": "10"}, "Give DataCaptureUri with DataCapturePercent"),
    ],
)
def test_what_the_local_aws_does_not_do_is_refused_by_name(models, given, refused):
    with pytest.raises((ClientError, AssertionError), match=refused):
        models.deploy("dev", models.trained, **given)


def test_what_an_endpoint_is_asked_is_captured_in_the_lake(models, local_aws):
    models.deploy("dev", models.trained, DataCapturePercent="100", DataCaptureUri=f"s3://{SERVE.bucket}/captured")
    ask = {"EndpointName": SERVE.endpoint("dev"), "ContentType": "application/json"}
    local_aws.client("sagemaker-runtime").invoke_endpoint(**ask, Body=PREDICTION)
    place = {"Bucket": SERVE.bucket, "Prefix": f"captured/{SERVE.endpoint('dev')}/"}
    found = wait_until(lambda: models.s3.list_objects_v2(**place).get("Contents"), "the request is captured")
    (line,) = models.s3.get_object(Bucket=SERVE.bucket, Key=found[0]["Key"])["Body"].read().splitlines()
    assert json.loads(line)["captureData"]["endpointInput"]["data"] == PREDICTION
    delete(models.cloudformation, SERVE.endpoint_stack("dev"))


def test_a_champion_whose_file_is_gone_fails_no_stack(models, cloudformation, local_aws):
    told = {
        "ChampionImageUri": IMAGE,
        "ChampionModelDataUrl": f"s3://{SERVE.bucket}/models/gone/model.tar.gz",
        "ChampionProblem": "it is gone",
    }
    assert "ComparisonEndpointConfigName" not in models.deploy("qa", models.trained, **told)
    champion = ask_champion(aws_of(local_aws), "qa", TRAINED, lambda served: pytest.fail("it was asked"))
    assert champion == ChampionTest(model_s3_uri=told["ChampionModelDataUrl"], problem="it is gone")
    delete(cloudformation, SERVE.endpoint_stack("qa"))
