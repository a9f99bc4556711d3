"""What every template in CloudFormation/ and every buildspec keeps to, whoever changes them."""

import functools
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from cfnlint.decode import decode

from localaws.codepipeline.artifact_store import artifact_key
from mlkit.aws.endpoints import write_configurations
from mlkit.errors import AccessDenied
from mlkit.evidence.agreement import PRODUCTION, QA, check_configurations
from mlkit.naming import ENDPOINT_TAG, ENDPOINT_TEMPLATE, EXECUTION_TAG, PIPELINE_TEMPLATES, LabNames
from mlkit.settings import Project

ROOT = Path(__file__).parents[2]
PATHS = {path.stem: path for path in (ROOT / "CloudFormation").glob("*.yaml")}
PATHS |= {f"{path.parts[-3]}-{path.stem}": path for path in ROOT.glob("examples/*/CloudFormation/*.yaml")}
NAMES = sorted(PATHS)
BUILDSPECS = sorted((ROOT / "buildspecs").glob("*.yml"))

# Actions that AWS authorises on no resource of its own, or on something that cannot be named beforehand.
UNAVOIDABLE = {
    "ecr:GetAuthorizationToken": "a token is for the whole registry",
    "cloudwatch:PutMetricData": "metrics are no resources; a condition names the namespaces",
    "cloudwatch:DescribeAlarms": "SageMaker looks at alarms as a list, which has no single alarm as resource",
    "sagemaker:ListTrainingJobs": "a list has no single job as resource",
    "sagemaker:ListHyperParameterTuningJobs": "a list has no single job as resource",
    "application-autoscaling:DescribeScalableTargets": "a list has no single target as resource",
    "application-autoscaling:DescribeScalingPolicies": "a list has no single policy as resource",
    **dict.fromkeys(
        (
            "ec2:CreateNetworkInterface",
            "ec2:CreateNetworkInterfacePermission",
            "ec2:DeleteNetworkInterface",
            "ec2:DeleteNetworkInterfacePermission",
            "ec2:DescribeDhcpOptions",
            "ec2:DescribeNetworkInterfaces",
            "ec2:DescribeSecurityGroups",
            "ec2:DescribeSubnets",
            "ec2:DescribeVpcs",
        ),
        "SageMaker makes network interfaces in the VPC, whose ids nobody knows beforehand; only with the lake's parameter Vpc",
    ),
    "sagemaker:ListModels": "a list has no single model as resource",
    "sagemaker:ListEndpointConfigs": "a list has no single configuration as resource",
}


DENIALS = {"LeavesItsToolsAlone", "LeavesFinishedStepsAlone"}
# Kept when the stack is deleted, but not when its first creation fails: what is left then would block every retry.
OUTLIVES = ("RetainExceptOnCreate", "Retain")
# What CodePipeline's event holds as a name, which has no quote and no line break.
NAMES_IN_EVENTS = {"$.detail.pipeline", "$.detail.execution-id", "$.detail.stage", "$.detail.action"}


def load(name: str) -> dict[str, Any]:
    template, problems = decode(str(PATHS[name]))
    assert not problems
    return template


TEMPLATES = {name: load(name) for name in NAMES}


def of_type(*kinds: str) -> list[Any]:
    """One test for each resource of these types, named like it."""
    found = [
        pytest.param(name, key, id=f"{name}.{key}")
        for name, template in TEMPLATES.items()
        for key, resource in template["Resources"].items()
        if resource["Type"] in kinds
    ]
    assert found, kinds
    return found


def listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list) else [value]


def strings(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for value in node.values():
            yield from strings(value)
    elif isinstance(node, list):
        for value in node:
            yield from strings(value)
    elif isinstance(node, str):
        yield node


def statements(resource: dict[str, Any]) -> list[dict[str, Any]]:
    """Those of a role's inline policies or of a managed policy, not those that a role attaches; of an !If both branches."""
    properties = resource["Properties"]
    documents = [policy["PolicyDocument"] for policy in properties.get("Policies", [])] or [properties["PolicyDocument"]]
    found = []
    for statement in (item for document in documents for item in document["Statement"]):
        branches = statement["Fn::If"][1:] if "Fn::If" in statement else [statement]
        found += [branch for branch in branches if branch != {"Ref": "AWS::NoValue"}]
    return found


POLICIES = of_type("AWS::IAM::Role", "AWS::IAM::ManagedPolicy")


@pytest.mark.parametrize(("name", "key"), of_type("AWS::IAM::Role"))
def test_a_role_trusts_one_service_of_this_account(name, key):
    properties = TEMPLATES[name]["Resources"][key]["Properties"]
    [trust] = properties["AssumeRolePolicyDocument"]["Statement"]
    assert set(trust["Principal"]) == {"Service"}
    assert isinstance(trust["Principal"]["Service"], str)
    assert trust["Action"] == "sts:AssumeRole"
    assert trust["Condition"]["StringEquals"]["aws:SourceAccount"] == {"Ref": "AWS::AccountId"}
    for attached in properties.get("ManagedPolicyArns", []):  # nobody else's policies, which may change
        assert TEMPLATES[name]["Resources"][attached["Ref"]]["Type"] == "AWS::IAM::ManagedPolicy"


@pytest.mark.parametrize(("name", "key"), POLICIES)
def test_actions_are_spelled_out_and_a_star_has_its_reason(name, key):
    for statement in statements(TEMPLATES[name]["Resources"][key]):
        actions = listed(statement["Action"])
        assert not [action for action in actions if "*" in action]
        assert statement["Effect"] == "Allow" or statement["Sid"] in DENIALS
        if "*" in listed(statement["Resource"]):
            assert set(actions) <= UNAVOIDABLE.keys()


def test_every_reason_for_a_star_is_still_needed():
    policies = [TEMPLATES[name]["Resources"][key] for name, key in (parameter.values for parameter in POLICIES)]
    starred = [item for resource in policies for item in statements(resource) if item["Resource"] == "*"]
    assert {action for item in starred for action in listed(item["Action"])} == UNAVOIDABLE.keys()


@pytest.mark.parametrize(("name", "key"), POLICIES)
def test_a_role_is_passed_by_its_arn_to_one_service(name, key):
    for statement in statements(TEMPLATES[name]["Resources"][key]):
        if "iam:PassRole" in listed(statement["Action"]):
            assert listed(statement["Action"]) == ["iam:PassRole"]
            assert set(statement["Resource"]) <= {"Fn::GetAtt", "Fn::ImportValue"}
            assert re.fullmatch(r"[a-z]+\.amazonaws\.com", statement["Condition"]["StringEquals"]["iam:PassedToService"])


@pytest.mark.parametrize(("name", "key"), of_type("AWS::SNS::TopicPolicy"))
def test_eventbridge_may_publish_without_a_condition(name, key):
    [statement] = [
        one
        for one in TEMPLATES[name]["Resources"][key]["Properties"]["PolicyDocument"]["Statement"]
        if one["Principal"] == {"Service": "events.amazonaws.com"}
    ]
    assert "Condition" not in statement


RULES = of_type("AWS::Events::Rule")


@pytest.mark.parametrize(("name", "key"), RULES)
def test_a_rule_takes_no_free_text_from_an_event_of_aws(name, key):
    properties = TEMPLATES[name]["Resources"][key]["Properties"]
    taken = {path for target in properties["Targets"] for path in target["InputTransformer"]["InputPathsMap"].values()}
    assert properties["EventPattern"]["source"] == ["mlkit"] or taken <= NAMES_IN_EVENTS


@pytest.mark.parametrize(("name", "key"), RULES)
def test_an_alarm_tells_people_that_a_rule_could_not_deliver(name, key):
    alarms = [one["Properties"] for one in TEMPLATES[name]["Resources"].values() if one["Type"] == "AWS::CloudWatch::Alarm"]
    [alarm] = [alarm for alarm in alarms if alarm["Dimensions"] == [{"Name": "RuleName", "Value": {"Ref": key}}]]
    assert (alarm["Namespace"], alarm["MetricName"], alarm["AlarmActions"]) == (
        "AWS/Events",
        "FailedInvocations",
        [{"Ref": "ApprovalTopic"}],
    )


def test_the_alarm_of_a_deployment_sees_only_the_new_fleet_and_in_time():
    template = TEMPLATES["sagemaker_prediction_endpoint"]
    alarm, bake = template["Resources"]["ServerErrors"]["Properties"], template["Parameters"]["BakeSeconds"]
    dimensions = {item["Name"]: item["Value"] for item in alarm["Dimensions"]}
    assert dimensions["EndpointConfigName"] == {"Fn::GetAtt": ["MlkitEndpointConfig", "EndpointConfigName"]}
    # A metric is a minute old when CloudWatch has it, or two; then the alarm's period must end.
    shortest = 2 * 60 + alarm["Period"] * alarm["EvaluationPeriods"]
    allowed = [seconds for seconds in range(2000) if re.fullmatch(bake["AllowedPattern"], str(seconds))]
    assert allowed == [0, *range(shortest, 1801)]
    assert int(bake["Default"]) >= shortest


def test_roles_that_run_notebooks_write_no_evidence():
    writers = {
        f"{name}.{key}"
        for name, key in (parameter.values for parameter in POLICIES)
        for statement in statements(TEMPLATES[name]["Resources"][key])
        if {"s3:PutObject", "s3:DeleteObject"} & set(listed(statement["Action"]))
        and "${YourInitials}-ml-lab-evidence-bucket" in strings(statement["Resource"])
    }
    assert writers == {"pipeline_builds.SealEvidenceRole"}


def artifact_rights(action: str) -> dict[str, set[str]]:
    """The artifacts on which a role has the right, by role; a key holds an artifact's name as its second part."""
    found: dict[str, set[str]] = {}
    for name, key in (parameter.values for parameter in POLICIES):
        for statement in statements(TEMPLATES[name]["Resources"][key]):
            if action in listed(statement["Action"]) and "${YourInitials}-ml-lab-artifact-bucket" in strings(statement["Resource"]):
                patterns = {text for text in strings(statement["Resource"]) if text.startswith("arn:")}
                found[key] = {pattern.partition("${Bucket}/")[2] for pattern in patterns}
    return found


def keys_of(*artifacts: str) -> set[str]:
    return {f"*/{artifact_key('line', name, 'x').split('/')[1]}/*" for name in artifacts}


def test_a_build_writes_its_own_artifacts_only_and_reads_what_it_is_given_or_checks():
    assert artifact_rights("s3:PutObject") == {
        "PipelineRole": {"*"},
        "ModelTrainingRole": keys_of("Trained", "Configuration"),
        "TestEndpointRole": keys_of("QATested", "ProductionTested"),
        "VerifyApprovalRole": keys_of("Approved"),
    }
    read = artifact_rights("s3:GetObject")
    assert read == {
        "PipelineRole": {"*"},
        "ModelTrainingRole": keys_of("SourceOutput"),
        "TestEndpointRole": keys_of("SourceOutput", "Trained"),
        "SealEvidenceRole": keys_of("SourceOutput", "Trained", "Configuration", "QATested", "ProductionTested"),
        "VerifyApprovalRole": keys_of("SourceOutput"),
    }
    for action in actions():
        if action["ActionTypeId"]["Provider"] != "CodeBuild":
            continue
        role = project_of(action)["ServiceRole"]["Fn::GetAtt"][0]
        assert {key for artifact in action["InputArtifacts"] for key in keys_of(artifact["Name"])} <= read[role], action["Name"]
        given = {key for artifact in action.get("OutputArtifacts", ()) for key in keys_of(artifact["Name"])}
        assert given <= artifact_rights("s3:PutObject").get(role, set()), action["Name"]


def test_the_names_of_artifacts_differ_in_the_part_that_keys_hold():
    names = {artifact["Name"] for action in actions() for artifact in action.get("OutputArtifacts", ())}
    assert len({key for name in names for key in keys_of(name)}) == len(names)


def test_a_step_stages_below_its_own_actions_only():
    builds = TEMPLATES["pipeline_builds"]["Resources"]
    for role in (key for key, one in builds.items() if one["Type"] == "AWS::IAM::Role"):
        own = {label for label, action in labelled() if project_is(action, role)}
        written = {
            text.partition("${Bucket}/")[2]
            for statement in statements(builds[role])
            if statement["Effect"] == "Allow"
            and "s3:PutObject" in listed(statement["Action"])
            and "${YourInitials}-ml-lab-staging-bucket" in strings(statement["Resource"])
            for text in strings(statement["Resource"])
            if text.startswith("arn:")
        }
        runs_notebooks = role in ("ModelTrainingRole", "TestEndpointRole")
        finished = {"steps/*"} if role == "ModelTrainingRole" else set()
        assert written == ({f"*/{label}/*" for label in own} | finished if runs_notebooks else set()), role


@pytest.mark.parametrize(("name", "key"), of_type("AWS::CodeBuild::Project"))
def test_a_build_finds_nothing_that_an_earlier_build_left(name, key):
    """A package of one commit could leave code in a cache that runs in the build of the next commit."""
    assert "Cache" not in TEMPLATES[name]["Resources"][key]["Properties"]


def test_qa_and_production_deploy_the_template_of_the_source():
    """A step writes the artifact Configuration; what QA deploys from it is its parameters only."""
    of_stacks = {label: action["Configuration"].get("TemplatePath") for label, action in labelled() if "RoleArn" in action["Configuration"]}
    assert of_stacks == {
        "QA.LaunchEndpoint": f"SourceOutput::{ENDPOINT_TEMPLATE}",
        "QA.RemoveEndpoint": None,
        "Production.LaunchEndpoint": f"Approved::{ENDPOINT_TEMPLATE.name}",
    }


def overrides(label: str) -> dict[str, str]:
    """The parameters that the action gives beside its template configuration."""
    [action] = [action for name, action in labelled() if name == label]
    found: dict[str, str] = json.loads(action["Configuration"]["ParameterOverrides"]["Fn::Sub"])
    return found


def test_the_pipeline_s_parameters_reach_the_endpoints():
    production, qa = overrides("Production.LaunchEndpoint"), overrides("QA.LaunchEndpoint")
    own, endpoint = TEMPLATES["codepipeline"]["Parameters"], TEMPLATES["sagemaker_prediction_endpoint"]["Parameters"]
    assert production.keys() <= endpoint.keys()
    assert qa == {name: production[name] for name in ("SubnetIds", "SecurityGroupIds")}  # QA's endpoint has no callers
    for name, value in production.items():
        if name == "DataCaptureUri":
            assert value.startswith("s3://${YourInitials}-ml-id-lab/")
            continue
        parameter = own[value[2:-1]]
        for limit in ("Default", "AllowedPattern", "MinValue", "MaxValue"):
            assert parameter.get(limit) == endpoint[name].get(limit), (name, limit)
    off = {name: own[name]["Default"] for name in ("ProductionMaxInstanceCount", "DataCapturePercent", "SubnetIds", "SecurityGroupIds")}
    assert off == {"ProductionMaxInstanceCount": 0, "DataCapturePercent": 0, "SubnetIds": "none", "SecurityGroupIds": "none"}


def test_the_parameters_of_an_action_are_below_codepipeline_s_limit():
    """ParameterOverrides holds 1 kilobyte; 16 subnets and 5 security groups are what SageMaker takes."""
    longest = {"SubnetIds": ",".join(["subnet-" + "0" * 17] * 16), "SecurityGroupIds": ",".join(["sg-" + "0" * 17] * 5)}
    text = json.dumps(overrides("Production.LaunchEndpoint"))
    for name, value in {**longest, "YourInitials": "x" * 20}.items():
        text = text.replace(f"${{{name}}}", value)
    assert len(re.sub(r"\$\{\w+\}", "1000000", text)) < 1000


def labelled() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every action with STAGE.ACTION."""
    for stage in TEMPLATES["codepipeline"]["Resources"]["Pipeline"]["Properties"]["Stages"]:
        for action in stage["Actions"]:
            for one in action["Fn::If"][1:] if "Fn::If" in action else [action]:
                yield f"{stage['Name']}.{one['Name']}", one


def project_is(action: dict[str, Any], role: str) -> bool:
    return action["ActionTypeId"]["Provider"] == "CodeBuild" and project_of(action)["ServiceRole"]["Fn::GetAtt"][0] == role


@pytest.mark.parametrize(("name", "key"), of_type("AWS::S3::Bucket"))
def test_a_bucket_is_encrypted_versioned_private_and_outlives_its_stack(name, key):
    resource = TEMPLATES[name]["Resources"][key]
    properties = resource["Properties"]
    assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == OUTLIVES
    assert properties["VersioningConfiguration"] == {"Status": "Enabled"}
    [rule] = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] in ("aws:kms", "AES256")
    wanted = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
    assert properties["PublicAccessBlockConfiguration"] == dict.fromkeys(wanted, True)
    assert properties["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}


def policy_of(name, bucket):
    policies = [resource for resource in TEMPLATES[name]["Resources"].values() if resource["Type"] == "AWS::S3::BucketPolicy"]
    [policy] = [resource for resource in policies if resource["Properties"]["Bucket"] == {"Ref": bucket}]
    return policy


@pytest.mark.parametrize(("name", "key"), of_type("AWS::S3::Bucket"))
def test_a_bucket_is_reached_through_tls_only_for_as_long_as_it_stays(name, key):
    policy = policy_of(name, key)
    assert (policy["DeletionPolicy"], policy["UpdateReplacePolicy"]) == OUTLIVES
    statement = policy["Properties"]["PolicyDocument"]["Statement"][0]
    assert (statement["Effect"], statement["Principal"], statement["Action"]) == ("Deny", "*", "s3:*")
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert statement["Resource"] == [{"Fn::GetAtt": [key, "Arn"]}, {"Fn::Sub": f"${{{key}.Arn}}/*"}]


def test_evidence_is_write_once():
    properties = TEMPLATES["pipeline_foundation"]["Resources"]["EvidenceBucket"]["Properties"]
    assert properties["ObjectLockEnabled"] is True
    assert properties["ObjectLockConfiguration"]["Rule"]["DefaultRetention"] == {"Mode": "GOVERNANCE", "Days": {"Ref": "EvidenceDays"}}
    assert "LifecycleConfiguration" not in properties
    statements_of_bucket = policy_of("pipeline_foundation", "EvidenceBucket")["Properties"]["PolicyDocument"]["Statement"]
    assert ("Deny", "*", "s3:BypassGovernanceRetention") in [
        (one["Effect"], one["Principal"], one["Action"]) for one in statements_of_bucket
    ]


def test_artifacts_are_still_there_after_the_longest_wait_for_an_approval():
    bucket = TEMPLATES["pipeline_foundation"]["Resources"]["ArtifactBucket"]["Properties"]
    [rule] = bucket["LifecycleConfiguration"]["Rules"]
    assert rule["ExpirationInDays"] * 24 * 60 > TEMPLATES["codepipeline"]["Parameters"]["ApprovalMinutes"]["MaxValue"]


@pytest.mark.parametrize(("name", "key"), of_type("AWS::KMS::Key"))
def test_a_key_that_encrypts_rotates_and_every_key_outlives_its_stack(name, key):
    resource = TEMPLATES[name]["Resources"][key]
    signs = resource["Properties"].get("KeyUsage") == "SIGN_VERIFY"  # KMS cannot rotate a key pair
    assert resource["Properties"].get("EnableKeyRotation", False) is not signs
    assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == OUTLIVES


@pytest.mark.parametrize(("name", "key"), of_type("AWS::Logs::LogGroup"))
def test_a_log_group_forgets(name, key):
    assert TEMPLATES[name]["Resources"][key]["Properties"]["RetentionInDays"] > 0


@pytest.mark.parametrize(("name", "key"), of_type("AWS::CodeBuild::Project"))
def test_a_build_has_a_role_a_log_and_a_time_limit_of_its_own(name, key):
    template = TEMPLATES[name]["Resources"]
    properties = template[key]["Properties"]
    role, log = properties["ServiceRole"], properties["LogsConfig"]["CloudWatchLogs"]
    assert role == {"Fn::GetAtt": [f"{key}Role", "Arn"]}
    assert log == {"Status": "ENABLED", "GroupName": {"Ref": f"{key}Log"}}
    assert 0 < properties["TimeoutInMinutes"] < 480
    assert "PrivilegedMode" not in properties["Environment"]


def test_only_the_endpoint_is_named_and_what_it_may_go_back_to_stays():
    resources = TEMPLATES["sagemaker_prediction_endpoint"]["Resources"]
    assert resources["Endpoint"]["Properties"]["EndpointName"] == {"Ref": "EndpointName"}
    for key, member in (("MlkitModel", "ModelName"), ("MlkitEndpointConfig", "EndpointConfigName")):
        assert member not in resources[key]["Properties"]
        assert resources[key]["UpdateReplacePolicy"] == "Retain"


def test_the_sweeper_deletes_only_what_carries_the_tag_of_the_labs_endpoints():
    resources = TEMPLATES["sagemaker_prediction_endpoint"]["Resources"]
    for resource in (one for one in resources.values() if one["Type"] in ("AWS::SageMaker::Model", "AWS::SageMaker::EndpointConfig")):
        assert resource["Properties"]["Tags"] == [{"Key": ENDPOINT_TAG, "Value": {"Ref": "EndpointName"}}]
    [right] = [one for one in statements(TEMPLATES["codepipeline"]["Resources"]["SweeperRole"]) if "sagemaker:DeleteModel" in one["Action"]]
    assert right["Condition"] == {"StringLike": {f"aws:ResourceTag/{ENDPOINT_TAG}": {"Fn::Sub": "${YourInitials}-ml-lab-*"}}}


@pytest.mark.parametrize("name", NAMES)
def test_no_arn_names_a_partition_or_an_account(name):
    resources = TEMPLATES[name]["Resources"]
    assert not [text for text in strings(resources) if re.search(r"arn:aws|:[0-9]{12}:", text)]


@pytest.mark.parametrize("name", [path.stem for path in (*PIPELINE_TEMPLATES, ENDPOINT_TEMPLATE)])
def test_the_templates_that_every_project_shares_know_no_data_set_and_no_algorithm(name):
    text = PATHS[name].read_text().replace("    Default: movielens\n", "").lower()
    assert not [word for word in ("movie", "rating", "factorization", "xgboost", "breast", "fm-") if word in text]


@pytest.mark.parametrize("name", NAMES)
def test_parameters_say_what_they_are_and_why_they_are_limited(name):
    template = TEMPLATES[name]
    for key, parameter in template["Parameters"].items():
        assert parameter.get("Description", "").endswith("."), key
        assert "AllowedPattern" not in parameter or parameter.get("ConstraintDescription", "").endswith("."), key
        assert "Token" not in key or parameter["NoEcho"] is True, key
    groups = template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    assert sorted(key for group in groups for key in group["Parameters"]) == sorted(template["Parameters"])


PROJECTS = [parameter.values for parameter in of_type("AWS::CodeBuild::Project")]


@pytest.mark.parametrize("buildspec", BUILDSPECS, ids=lambda path: path.stem)
def test_a_buildspec_is_a_thin_launcher(buildspec):
    lines = [line for line in buildspec.read_text().splitlines() if line.strip()]
    assert len(lines) <= 25
    content = yaml.safe_load("\n".join(lines))
    assert content["version"] == 0.2
    assert set(content["phases"]) == {"install", "build"}


def test_every_buildspec_is_a_project_s_and_the_other_way_round():
    projects = [TEMPLATES[name]["Resources"][key]["Properties"] for name, key in PROJECTS]
    named = [properties["Source"]["BuildSpec"] for properties in projects if "\n" not in properties["Source"]["BuildSpec"]]
    assert sorted(named) == sorted(str(path.relative_to(ROOT)) for path in BUILDSPECS)


def project_of(action: dict[str, Any]) -> dict[str, Any]:
    """The properties of the project that the action starts, found by the name under which the builds' stack exports it."""
    template = TEMPLATES["pipeline_builds"]
    imported = action["Configuration"]["ProjectName"]["Fn::ImportValue"]
    [value] = [output["Value"] for output in template["Outputs"].values() if output["Export"]["Name"] == imported]
    return template["Resources"][value["Ref"]]["Properties"]


def actions() -> Iterator[dict[str, Any]]:
    return (action for _, action in labelled())


def buildspec_of(project: dict[str, Any]) -> str:
    """The buildspec's text, inline or in the repository."""
    named = project["Source"]["BuildSpec"]
    return named if "\n" in named else (ROOT / named).read_text()


def test_no_push_changes_the_code_that_seals_and_verifies():
    for action in actions():
        if action["Name"] in ("SealEvidence", "VerifyApproval"):
            commands = yaml.safe_load(project_of(action)["Source"]["BuildSpec"])["phases"]["install"]["commands"]
            assert commands[0].startswith('cd "$(mktemp -d)"')  # outside of the artifacts, before anything runs
            assert commands[2] == 'echo "$TOOLS_SHA256  tools.zip" | sha256sum --check --quiet'
            assert "Cache" not in project_of(action)


def test_variables_of_a_namespace_are_exported_by_the_build_that_has_it():
    exported = {}
    for action in actions():
        if action["ActionTypeId"]["Provider"] == "CodeBuild" and "Namespace" in action:
            project = project_of(action)
            buildspec = yaml.safe_load(buildspec_of(project))
            exported[action["Namespace"]] = set(buildspec["env"]["exported-variables"])
    used = {pair for text in strings(list(actions())) for pair in re.findall(r"#\{(\w+)\.(\w+)\}", text) if pair[0] != "codepipeline"}
    assert used
    assert {name for namespace, name in used if name not in exported.get(namespace, ())} == set()


def test_a_build_gets_every_variable_that_its_buildspec_reads():
    for action in actions():
        if action["ActionTypeId"]["Provider"] != "CodeBuild":
            continue
        project = project_of(action)
        text = buildspec_of(project)
        variables = action["Configuration"]["EnvironmentVariables"]
        given = {item["name"] for item in json.loads(variables["Fn::Sub"] if isinstance(variables, dict) else variables)}
        given |= {item["Name"] for item in project["Environment"]["EnvironmentVariables"]}
        given |= set(re.findall(r"(\w+)=", text)) | {"HOME"}
        read = {name for name in re.findall(r"\$\{?(\w+)", text) if not name.startswith("CODEBUILD_")}
        assert read <= given, action["Name"]


CHAMPION = SimpleNamespace(image="i", model_s3_uri="s3://e/p/x/models/a/model.tar.gz")


@pytest.fixture(params=["first", "champion", "champion that is gone"])
def written_configurations(request, monkeypatch, tmp_path):
    """`written_configurations(instance_type="")` writes what the training does, without and with a model in production."""

    def written_at(aws, s3_uri):
        if request.param == "champion that is gone":
            raise AccessDenied(f"HeadObject: Forbidden\n{'x' * 300}")

    monkeypatch.setattr("mlkit.aws.registry.champion", lambda aws, group: None if request.param == "first" else CHAMPION)
    monkeypatch.setattr("mlkit.aws.endpoints.written_at", written_at)
    return functools.partial(_written_configurations, tmp_path)


def trained_model(untuned: Any) -> Any:
    model, role = SimpleNamespace(s3_uri="s3://b/model.tar.gz"), "arn:aws:iam::123456789012:role/x"
    return SimpleNamespace(your_initials="ab", image_uri="i", model=model, execution_role=role, untuned=untuned)


def _written_configurations(folder: Path, instance_type: str = "", *, untuned: Any = None) -> list[str]:
    (folder / "CloudFormation").mkdir()
    aws: Any = SimpleNamespace(pipeline_execution_id="e")
    return write_configurations(aws, trained_model(untuned), Project(root=folder), instance_type)


@pytest.mark.parametrize("instance_type", ["", "ml.m5.large"])
def test_every_environment_s_endpoint_gets_the_instance_type_that_training_was_given(tmp_path, written_configurations, instance_type):
    for path in written_configurations(instance_type):
        written = json.loads((tmp_path / path).read_text())["Parameters"]
        assert written.get("InstanceType", "") == instance_type


@pytest.mark.parametrize(("name", "key"), of_type("AWS::S3::Bucket"))
def test_what_expires_in_a_bucket_with_versions_is_not_kept_as_an_old_version(name, key):
    properties = TEMPLATES[name]["Resources"][key]["Properties"]
    assert properties["VersioningConfiguration"]["Status"] == "Enabled"
    for rule in properties.get("LifecycleConfiguration", {}).get("Rules", []):
        assert ("ExpirationInDays" in rule) == ("NoncurrentVersionExpiration" in rule), rule["Id"]


def test_only_qa_tests_production_s_model_beside_the_new_one(tmp_path, written_configurations, request):
    kind = request.node.callspec.params["written_configurations"]
    named = {"ChampionImageUri": "i", "ChampionModelDataUrl": CHAMPION.model_s3_uri}
    gone = {"ChampionProblem": f"its file cannot be read: HeadObject: Forbidden {'x' * 300}"[:200]}
    expected = {"first": {}, "champion": named, "champion that is gone": named | gone}[kind]
    for path in written_configurations():
        parameters = json.loads((tmp_path / path).read_text())["Parameters"]
        found = {name: value for name, value in parameters.items() if name.startswith("Champion")}
        assert found == (expected if "_qa" in path else {}), path


def test_only_endpoints_without_callers_hold_the_untuned_model_beside_a_tuned_one(tmp_path, written_configurations):
    for path in written_configurations(untuned=SimpleNamespace(s3_uri="s3://b/untuned/model.tar.gz")):
        found = json.loads((tmp_path / path).read_text())["Parameters"].get("UntunedModelDataUrl")
        assert found == (None if "_production" in path else "s3://b/untuned/model.tar.gz"), path


def test_sealing_accepts_the_configurations_that_training_writes(tmp_path, written_configurations):
    untuned = SimpleNamespace(s3_uri="s3://b/untuned/model.tar.gz")
    written = {Path(path).name: (tmp_path / path).read_bytes() for path in written_configurations("ml.m5.large", untuned=untuned)}
    check_configurations(written[PRODUCTION], written[QA], trained_model(untuned), LabNames(initials="ab"), "e")


def test_the_configuration_that_training_writes_is_the_endpoint_template_s(tmp_path, written_configurations):
    paths = written_configurations()
    template = TEMPLATES["sagemaker_prediction_endpoint"]["Parameters"]
    needed = {key for key, parameter in template.items() if "Default" not in parameter}
    for path in paths:
        written = json.loads((tmp_path / path).read_text())
        assert needed <= written["Parameters"].keys() <= template.keys()
        assert {type(value) for value in written["Parameters"].values()} == {str}
        assert written["Tags"] == {EXECUTION_TAG: "e"}
        # Production's is a parameter of the pipeline's stack.
        assert written["Parameters"].get("BakeSeconds") == (None if path.endswith("_production.json") else "0")
    configurations = {text for text in strings(list(actions())) if "::configuration_" in text}
    # What the notebook writes is tested; what was approved is deployed.
    assert configurations == {"Configuration::configuration_qa.json", "Approved::configuration_production.json"}


def test_cfn_lint_has_no_finding():
    program = str(Path(sys.executable).with_name("cfn-lint"))
    files = list(map(str, PATHS.values()))
    done = subprocess.run([program, *files], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


# Lengths, in characters, of what CloudFormation puts in: the longest that a parameter allows, or that AWS makes of a stack's names.
LONGEST = {"AWS::Partition": 10, "AWS::Region": 14, "AWS::AccountId": 12, "YourInitials": 20, "Dataset": 40, "Bucket": 63, "Project": 100}
_ARN = 150  # of anything else: an ARN or a name that CloudFormation makes


def put_in(node: Any) -> Any:
    """The policy as IAM gets it, with texts as long as they can be; of an !If the longer branch."""
    if isinstance(node, list):
        return [put_in(item) for item in node]
    if not isinstance(node, dict):
        return node
    if "Fn::If" in node:
        return max((put_in(branch) for branch in node["Fn::If"][1:]), key=lambda branch: len(json.dumps(branch)))
    if "Fn::Sub" in node:
        text = node["Fn::Sub"] if isinstance(node["Fn::Sub"], str) else node["Fn::Sub"][0]
        return re.sub(r"\$\{([^}]+)\}", lambda match: "x" * LONGEST.get(match[1], _ARN), text)
    if node.keys() & {"Ref", "Fn::GetAtt", "Fn::ImportValue"}:
        return "x" * LONGEST.get(node.get("Ref", ""), _ARN)
    return {key: put_in(value) for key, value in node.items()}


@pytest.mark.parametrize(("name", "key"), POLICIES)
def test_policies_are_below_iam_s_limits(name, key):
    """IAM counts no white space: 6,144 characters of a managed policy, 10,240 of all inline policies of a role."""
    resource = TEMPLATES[name]["Resources"][key]
    properties = resource["Properties"]
    managed = resource["Type"] == "AWS::IAM::ManagedPolicy"
    documents = [properties["PolicyDocument"]] if managed else [policy["PolicyDocument"] for policy in properties["Policies"]]
    size = sum(len(json.dumps(put_in(document), separators=(",", ":"))) for document in documents)
    assert size < (6_144 if managed else 10_240), size
