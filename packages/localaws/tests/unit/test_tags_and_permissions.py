import pytest

from localaws.kit.permissions import anywhere, named, on
from localaws.kit.service import AwsError, Caller, Credentials, Permission
from localaws.kit.tags import as_list, changed, request_conditions, tags_in

CALLER = Caller(arn="arn:user", account="1", region="r", credentials=Credentials(access_key_id="a", secret_access_key="b"))
UPPER = {"Tags": [{"Key": "team", "Value": "blue"}], "TagKeys": ["old"]}
LOWER = {"tags": [{"key": "team", "value": "blue"}], "tagKeys": ["old"]}


@pytest.mark.parametrize("request_", [UPPER, LOWER])
def test_tags_are_changed_in_both_spellings(request_):
    assert changed({"old": "1", "kept": "2"}, request_) == {"kept": "2", "team": "blue"}
    assert request_conditions(request_) == {"aws:RequestTag/team": "blue", "aws:TagKeys": ["team", "old"]}


@pytest.mark.parametrize(("lower", "spelled"), [(False, UPPER["Tags"]), (True, LOWER["tags"])])
def test_tags_are_listed_as_the_service_spells_them(lower, spelled):
    assert as_list({"team": "blue"}, lower=lower) == spelled
    assert tags_in(spelled) == {"team": "blue"}


def test_a_templates_tags_may_be_a_map_and_values_become_text():
    assert tags_in({"run": 7}) == tags_in([{"Key": "run", "Value": 7}]) == {"run": "7"}
    assert tags_in(None) == {}


def test_too_many_tags_are_refused_with_the_services_code():
    full = {str(number): "" for number in range(50)}
    assert changed(full, {"Tags": [{"Key": "1", "Value": "again"}]})["1"] == "again"
    with pytest.raises(AwsError, match="at most 50 tags") as error:
        changed(full, UPPER, refused="TooManyTagsException")
    assert error.value.code == "TooManyTagsException"


def test_an_action_is_asked_once_for_each_resource_with_the_tags_of_resource_and_request():
    asked = on("codebuild:X", lambda caller, request: request["arns"], tags_of={"a": {"k": "1"}, "b": {}}.__getitem__)
    assert asked(CALLER, {"arns": ["a", "b", "a"], **LOWER}) == [
        Permission(action="codebuild:X", resource="a", context={"aws:ResourceTag/k": "1", **request_conditions(LOWER)}),
        Permission(action="codebuild:X", resource="b", context=request_conditions(LOWER)),
    ]


def test_a_creation_with_tags_needs_the_tagging_action_too():
    asked = on("x:Create", named("Arn"), tagging="x:TagResource", context=lambda request: {"x:Kind": "k"})
    assert [(permission.action, permission.resource) for permission in asked(CALLER, {"Arn": "a", **UPPER})] == [
        ("x:Create", "a"),
        ("x:TagResource", "a"),
    ]
    assert asked(CALLER, {"Arn": "a"}) == [Permission(action="x:Create", resource="a", context={"x:Kind": "k"})]


def test_passed_roles_are_checked_last():
    role = Permission(action="iam:PassRole", resource="r")
    assert on("x:Create", named("Arn"), passed=lambda caller, request: [role])(CALLER, {"Arn": "a"})[-1] == role


def test_a_list_asks_for_no_resource():
    assert anywhere("x:List")(CALLER, {}) == [Permission(action="x:List")]
