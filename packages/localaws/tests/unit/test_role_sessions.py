from itertools import count
from typing import Any

import pytest

from localaws.kit.service import AwsError, Credentials
from localaws.kit.sessions import RoleSessions


def credentials(key):
    return Credentials(access_key_id=key, secret_access_key="s", session_token="t")


class Host:
    """Gives a new session for each call; its STS lets a session assume any role."""

    def __init__(self):
        self.numbers, self.asked = count(1), []

    def assume_role(self, role_arn, *, service_principal, source_arn, session_name):
        if role_arn == "closed":
            raise AwsError("AccessDenied", "no", status=403)
        self.asked.append((role_arn, service_principal, source_arn, session_name))
        return credentials(f"{role_arn}-{next(self.numbers)}")

    def client(self, service, owner):
        host = self

        class Sts:
            def assume_role(self, *, RoleArn, RoleSessionName):
                host.asked.append((RoleArn, owner.access_key_id, RoleSessionName))
                key = f"{RoleArn}-{next(host.numbers)}"
                return {"Credentials": {"AccessKeyId": key, "SecretAccessKey": "s", "SessionToken": "t"}}

        assert service == "sts"
        return Sts()


@pytest.fixture
def world():
    """(host, sessions, clock): the clock's only value is the time in seconds."""
    host: Any = Host()
    clock = [0.0]
    return host, RoleSessions(host, principal="x.amazonaws.com", now=lambda: clock[0]), clock


def get(sessions, role="role", source="source", **more):
    return sessions.get(role, source_arn=source, session_name="name", **more).access_key_id


def test_a_session_is_used_again_for_the_same_role_and_resource_alone(world):
    host, sessions, _ = world
    assert [get(sessions), get(sessions), get(sessions, source="other"), get(sessions, role="other")] == [
        "role-1",
        "role-1",
        "role-2",
        "other-3",
    ]
    assert host.asked[0] == ("role", "x.amazonaws.com", "source", "name")


def test_after_a_quarter_of_an_hour_a_session_is_made_anew(world):
    _, sessions, clock = world
    assert get(sessions) == "role-1"
    clock[0] = 899
    assert get(sessions) == "role-1"
    clock[0] = 901
    assert get(sessions) == "role-2"


def test_a_second_role_is_assumed_by_the_first(world):
    host, sessions, _ = world
    assert [get(sessions, then="second"), get(sessions, then="second"), get(sessions)] == ["second-2", "second-2", "role-1"]
    assert host.asked[1] == ("second", "role-1", "name")


def test_a_role_that_does_not_trust_the_service_is_refused_each_time(world):
    _, sessions, _ = world
    for _ in range(2):
        with pytest.raises(AwsError, match="no"):
            get(sessions, role="closed")


def test_a_check_asks_anew(world):
    host, sessions, _ = world
    for _ in range(2):
        sessions.assume("role", source_arn="source", session_name="name")
    assert len(host.asked) == 2
