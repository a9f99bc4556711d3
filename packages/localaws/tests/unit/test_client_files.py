"""The files to which `localaws env` points AWS's clients."""

import os

import boto3
import pytest

from localaws import client_files
from localaws.home import Home

LOCAL = "http://127.0.0.1:4999"


@pytest.fixture
def home(tmp_path):
    home = Home(path=tmp_path / "home")
    client_files.write(home, endpoint_url=LOCAL, region="eu-west-1")
    return home


@pytest.mark.parametrize(
    ("named", "goes_to"),
    [
        ("https://sts.eu-west-1.amazonaws.com", LOCAL),  # as the SageMaker SDK does
        ("https://sts.amazonaws.com", LOCAL),
        ("http://127.0.0.1:1", "http://127.0.0.1:1"),  # AWS_ENDPOINT_URL of another server
        ("http://localhost", "http://localhost"),
        (None, "https://sts.eu-west-1.amazonaws.com"),  # without AWS_ENDPOINT_URL nothing goes to the local AWS
    ],
)
def test_a_client_of_sts_that_names_aws_goes_to_the_local_aws(home, monkeypatch, named, goes_to):
    for name, value in {**client_files.variables(home, {}), "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}.items():
        monkeypatch.setenv(name, value)
    sts, sent = boto3.Session().client("sts", endpoint_url=named), []

    def stop(request, **_):
        sent.append(request)
        raise ConnectionAbortedError

    sts.meta.events.register("before-send.sts.*", stop)
    with pytest.raises(ConnectionAbortedError):
        sts.get_caller_identity()
    assert sent[0].url == f"{goes_to}/"
    assert b"/eu-west-1/sts/aws4_request" in sent[0].headers["Authorization"]


@pytest.mark.parametrize("own", ["", "/models", os.pathsep.join(["/models", "/more"])])
def test_the_users_own_models_stay_in_use(home, own):
    found = client_files.variables(home, {"AWS_DATA_PATH": own})["AWS_DATA_PATH"].split(os.pathsep)
    assert found == [str(home.path / "botocore-data"), *filter(None, own.split(os.pathsep))]


def test_a_shell_that_was_set_up_before_keeps_one_folder(home):
    once = client_files.variables(home, {})
    assert client_files.variables(home, once) == once
