"""The AWS CLI works unchanged: it is given the environment and nothing else."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from waiting import HANG_S

from localaws import lifecycle

AWS = Path(sys.executable).with_name("aws")


@pytest.fixture
def cli(local_aws, tmp_path):
    def run(*arguments: str) -> str:
        environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "AWS_PAGER": "", **local_aws.environment}
        done = subprocess.run([AWS, *arguments], env=environment, capture_output=True, text=True, timeout=HANG_S, cwd=tmp_path)
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

    def deploy(*more):
        time.sleep(1)  # the CLI names its change sets by the second
        return cli("cloudformation", "deploy", "--stack-name", "cli-stack", "--template-file", "t.json", *more)

    assert "Successfully created/updated stack" in deploy("--parameter-overrides", "Name=a")
    assert "Successfully created/updated stack" in deploy("--parameter-overrides", "Name=b")
    assert "No changes to deploy" in deploy("--no-fail-on-empty-changeset")
    topic = aws("cloudformation").describe_stack_resources(StackName="cli-stack")["StackResources"][0]["PhysicalResourceId"]
    assert aws("sns").get_topic_attributes(TopicArn=topic)["Attributes"]["DisplayName"] == "b"


def test_the_users_own_settings_do_not_send_calls_elsewhere(local_aws, tmp_path, monkeypatch):
    """Profile, endpoints, proxy and session token of a developer's shell: each alone would lead away from the local AWS."""
    nowhere = "http://127.0.0.1:9"
    config = tmp_path / "config"
    config.write_text(f"[profile company]\nregion = eu-west-1\nendpoint_url = {nowhere}\n")
    hostile = {
        "AWS_PROFILE": "company",
        "AWS_CONFIG_FILE": str(config),
        "AWS_ENDPOINT_URL_S3": nowhere,
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
        "AWS_SESSION_TOKEN": "old",
        "AWS_USE_FIPS_ENDPOINT": "true",
        "HTTP_PROXY": nowhere,
        "http_proxy": nowhere,
    }
    for name, value in hostile.items():
        monkeypatch.setenv(name, value)
    environment = {**os.environ, **lifecycle.environment(local_aws.home)}
    code = "import boto3; boto3.client('s3').list_buckets(); print(boto3.client('sts').get_caller_identity()['Arn'])"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=HANG_S)
    assert done.stdout.strip() == "arn:aws:iam::123456789012:user/administrator", done.stderr
