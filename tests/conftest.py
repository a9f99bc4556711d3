"""What the library's tests add to the local AWS of the repository's conftest.py."""

import boto3
import pytest
from started import LocalAws

from mlkit.aws.session import Session


@pytest.fixture
def session(local_aws: LocalAws, monkeypatch: pytest.MonkeyPatch) -> Session:
    """mlkit's own session, of a process whose environment points to the local AWS."""
    for name, value in local_aws.environment.items():
        monkeypatch.setenv(name, value)
    return Session(boto3.Session())
