"""The three templates are deployed, updated and deleted cleanly; what outlives them is what their outputs say."""

import pytest
from botocore.exceptions import ClientError
from tiny_project import IMAGE, TEMPLATES, delete, deploy, outputs, resources, shard, training_job
from waiting import wait_until


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


def test_the_pipeline_comes_changes_and_goes_but_for_its_buckets_and_key(cloudformation, local_aws):
    deploy(cloudformation, "here-lake", text("datalake"), YourInitials="here")
    connection = local_aws.client("codeconnections").create_connection(ConnectionName="here", ProviderType="GitHub")["ConnectionArn"]
    given = {"YourInitials": "here", "Email": "a@example.org", "GitHubUser": "a", "ConnectionArn": connection}
    pipeline = outputs(deploy(cloudformation, "here-pipeline", text("codepipeline"), **given))["Pipeline"]
    deploy(cloudformation, "here-pipeline", text("codepipeline"), **given, Tune="true", ApprovalMinutes="60")
    made = resources(cloudformation, "here-pipeline")
    project = local_aws.client("codebuild").batch_get_projects(names=[made["ModelTraining"]])["projects"][0]
    assert {"name": "TUNE", "value": "true", "type": "PLAINTEXT"} in project["environment"]["environmentVariables"]
    shown = local_aws.client("codepipeline").get_pipeline(name=pipeline)["pipeline"]
    assert shown["stages"][3]["actions"][0]["timeoutInMinutes"] == 60
    buckets = ("ArtifactBucket", "EvidenceBucket", "StagingBucket")
    with pytest.raises(ClientError, match="here-ml-lab-execution-role"):
        cloudformation.delete_stack(StackName="here-lake")
    assert delete(cloudformation, "here-pipeline") == sorted(["PipelineKey", *buckets, *(f"{name}Policy" for name in buckets)])
    kept = {bucket["Name"] for bucket in local_aws.client("s3").list_buckets()["Buckets"]}
    assert {made[name] for name in buckets} <= kept
    assert local_aws.client("kms").describe_key(KeyId=made["PipelineKey"])["KeyMetadata"]["KeyState"] == "Enabled"
    assert delete(cloudformation, "here-lake") == ["DataBucket", "DataBucketPolicy"]


def test_a_pipeline_with_a_token_keeps_it_in_a_secret_and_a_connection_is_not_asked_for(cloudformation, local_aws):
    deploy(cloudformation, "token-lake", text("datalake"), YourInitials="token")
    given = {"YourInitials": "token", "Email": "a@example.org", "GitHubUser": "a", "GitHubToken": "ghp-of-a-test"}
    pipeline = outputs(deploy(cloudformation, "token-pipeline", text("codepipeline"), **given))["Pipeline"]
    source = local_aws.client("codepipeline").get_pipeline(name=pipeline)["pipeline"]["stages"][0]["actions"][0]
    assert source["actionTypeId"]["provider"] == "GitHub"
    assert source["configuration"]["OAuthToken"] == "****"
    secret = resources(cloudformation, "token-pipeline")["GitHubTokenSecret"]
    assert "ghp-of-a-test" in local_aws.client("secretsmanager").get_secret_value(SecretId=secret)["SecretString"]
    delete(cloudformation, "token-pipeline")


def test_a_pipeline_without_a_way_to_its_source_is_refused(cloudformation):
    deploy(cloudformation, "none-lake", text("datalake"), YourInitials="none")
    with pytest.raises(ClientError, match="Give ConnectionArn or GitHubToken"):
        deploy(cloudformation, "none-pipeline", text("codepipeline"), YourInitials="none", Email="a@example.org", GitHubUser="a")


def test_a_pipeline_before_its_lake_is_refused_by_the_export_s_name(cloudformation):
    given = {"YourInitials": "lakeless", "Email": "a@example.org", "GitHubUser": "a", "GitHubToken": "ghp-of-a-test"}
    with pytest.raises((ClientError, AssertionError), match="lakeless-ml-lab-execution-role"):
        deploy(cloudformation, "lakeless-pipeline", text("codepipeline"), **given)


def test_an_endpoint_comes_changes_in_place_and_goes_and_models_that_it_had_stay(cloudformation, local_aws):
    role = outputs(deploy(cloudformation, "serve-lake", text("datalake"), YourInitials="serve"))["ExecutionRole"]
    s3, sagemaker, lake = local_aws.client("s3"), local_aws.client("sagemaker"), "s3://serve-ml-id-lab"
    s3.put_object(Bucket="serve-ml-id-lab", Key="prepared/train", Body=shard())
    sagemaker.create_training_job(**training_job("fm-serve", role, f"{lake}/prepared/", f"{lake}/models/"))
    wait_until(
        lambda: sagemaker.describe_training_job(TrainingJobName="fm-serve")["TrainingJobStatus"],
        "the job is complete",
        ok=lambda status: status == "Completed",
    )
    first, second = (f"{lake}/models/{folder}/model.tar.gz" for folder in ("fm-serve/output", "again"))
    s3.copy_object(Bucket="serve-ml-id-lab", Key="models/again/model.tar.gz", CopySource=first.removeprefix("s3://"))
    given = {"EndpointName": "serve-ml-lab-dev", "ImageUri": IMAGE, "ExecutionRoleArn": role, "BakeSeconds": "0"}
    before = outputs(deploy(cloudformation, "serve-endpoint", text("sagemaker_prediction_endpoint"), **given, ModelDataUrl=first))
    after = outputs(deploy(cloudformation, "serve-endpoint", text("sagemaker_prediction_endpoint"), **given, ModelDataUrl=second))
    assert before["EndpointName"] == after["EndpointName"] == "serve-ml-lab-dev"
    assert before["ModelName"] != after["ModelName"]
    assert sagemaker.describe_endpoint(EndpointName="serve-ml-lab-dev")["EndpointConfigName"] == after["EndpointConfigName"]
    assert delete(cloudformation, "serve-endpoint") == ["MlkitEndpointConfig", "MlkitModel"]  # those that were replaced
    left = {model["ModelName"] for model in sagemaker.list_models()["Models"]}
    assert before["ModelName"] in left
    assert after["ModelName"] not in left
