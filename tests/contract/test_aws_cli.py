"""The AWS CLI works unchanged: it is given the environment and nothing else."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

AWS = Path(sys.executable).with_name("aws")


@pytest.fixture
def cli(local_aws, tmp_path):
    def run(*arguments: str) -> str:
        environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "AWS_PAGER": "", **local_aws.environment}
        done = subprocess.run([AWS, *arguments], env=environment, capture_output=True, text=True, timeout=120, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_s3_ls_and_cp(cli, aws, tmp_path):
    aws("s3").create_bucket(Bucket="cli-bucket")
    (tmp_path / "file").write_bytes(b"x" * 20_000_000)  # enough for a multipart upload
    cli("s3", "cp", "file", "s3://cli-bucket/a/file")
    assert "cli-bucket" in cli("s3", "ls")
    assert "20000000 file" in cli("s3", "ls", "s3://cli-bucket/a/")


def test_cloudformation_deploy_creates_updates_and_finds_nothing_to_do(cli, aws, tmp_path):
    template = {
        "Parameters": {"Name": {"Type": "String"}},
        "Resources": {"T": {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": {"Ref": "Name"}}}},
    }
    (tmp_path / "t.json").write_text(json.dumps(template))
    deploy = ("cloudformation", "deploy", "--stack-name", "cli-stack", "--template-file", "t.json")
    assert "Successfully created/updated stack" in cli(*deploy, "--parameter-overrides", "Name=a")
    assert "Successfully created/updated stack" in cli(*deploy, "--parameter-overrides", "Name=b")
    assert "No changes to deploy" in cli(*deploy, "--no-fail-on-empty-changeset")
    topic = aws("cloudformation").describe_stack_resources(StackName="cli-stack")["StackResources"][0]["PhysicalResourceId"]
    assert aws("sns").get_topic_attributes(TopicArn=topic)["Attributes"]["DisplayName"] == "b"
