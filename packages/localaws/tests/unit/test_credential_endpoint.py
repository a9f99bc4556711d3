"""The endpoint of a build's credentials: botocore reads it, and nobody without its token does."""

import contextlib
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.credentials import ContainerProvider
from botocore.httpsession import URLLib3Session
from botocore.utils import ContainerMetadataFetcher

from localaws.codebuild.credential_endpoint import CredentialEndpoint
from localaws.kit.service import Credentials

ROLE = "arn:aws:iam::123456789012:role/r"


@pytest.fixture
def endpoint() -> Iterator[CredentialEndpoint]:
    made = CredentialEndpoint(Credentials(access_key_id="ASIA1", secret_access_key="secret", session_token="token"), ROLE)
    yield made
    made.close()


def test_botocore_finds_the_roles_credentials(endpoint: CredentialEndpoint) -> None:
    web = URLLib3Session()
    fetcher: Any = ContainerMetadataFetcher(session=web)
    loaded: Any = ContainerProvider(environ=endpoint.variables, fetcher=fetcher).load()
    found = loaded.get_frozen_credentials()
    web.close()
    assert (found.access_key, found.secret_key, found.token) == ("ASIA1", "secret", "token")


@pytest.mark.parametrize(("token", "path"), [("", None), ("wrong", None), (None, "/"), (None, "/credentials/")])
def test_a_request_without_the_token_or_for_another_path_gets_nothing(
    endpoint: CredentialEndpoint, token: str | None, path: str | None
) -> None:
    url = urlsplit(endpoint.variables["AWS_CONTAINER_CREDENTIALS_FULL_URI"])
    with contextlib.closing(HTTPConnection(url.netloc)) as connection:
        connection.request("GET", path or url.path, headers={"Authorization": endpoint.token if token is None else token})
        with connection.getresponse() as answer:
            assert (answer.status, answer.read()) == (403, b"{}")
