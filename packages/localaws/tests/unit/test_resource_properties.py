from typing import Any

import pytest
from botocore.validate import ParamValidator

from localaws.kit.properties import as_api, retag
from localaws.kit.service import ResourceRequest
from localaws.kit.service_models import service_model


def shape(service, operation, *members):
    found: Any = service_model(service).operation_model(operation).input_shape
    for member in members:
        found = found.members[member]
    return found


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"Name": "p", "TimeoutInMinutes": "15"}, {"name": "p", "timeoutInMinutes": 15}),
        ({"Source": {"BuildSpec": "b.yml"}}, {"source": {"buildspec": "b.yml"}}),
        ({"Environment": {"PrivilegedMode": "false"}}, {"environment": {"privilegedMode": False}}),
        ({"Tags": [{"Key": "run", "Value": 7}]}, {"tags": [{"key": "run", "value": "7"}]}),
        ({"Description": True}, {"description": "true"}),
        ({"Nothing": {"Like": "this"}}, {"Nothing": {"Like": "this"}}),
    ],
)
def test_properties_get_the_apis_names_and_types(given, expected):
    assert as_api(shape("codebuild", "CreateProject"), given) == expected


def test_keys_of_a_map_are_the_users_own():
    action = shape("codepipeline", "CreatePipeline", "pipeline").members["stages"].member.members["actions"].member
    given = {"Configuration": {"ProjectName": "p", "PollForSourceChanges": False, "Retries": 2}, "RunOrder": "1"}
    assert as_api(action, given) == {
        "configuration": {"ProjectName": "p", "PollForSourceChanges": "false", "Retries": "2"},
        "runOrder": 1,
    }


def test_names_that_the_api_begins_with_a_capital_stay():
    webhook = shape("codepipeline", "PutWebhook", "webhook")
    given = {"AuthenticationConfiguration": {"SecretToken": "s"}, "Filters": [{"JsonPath": "$.ref", "MatchEquals": "r"}]}
    assert as_api(webhook, given) == {
        "authenticationConfiguration": {"SecretToken": "s"},
        "filters": [{"jsonPath": "$.ref", "matchEquals": "r"}],
    }


def test_an_alarms_numbers_may_be_text():
    alarm = as_api(shape("cloudwatch", "PutMetricAlarm"), {"Threshold": "0.5", "Period": "60", "ActionsEnabled": "true"})
    assert alarm == {"Threshold": 0.5, "Period": 60, "ActionsEnabled": True}
    report = ParamValidator().validate({**alarm, "AlarmName": "a"}, shape("cloudwatch", "PutMetricAlarm"))
    assert "Invalid type" not in report.generate_report()


def test_a_structure_where_text_belongs_is_refused_by_the_propertys_name():
    with pytest.raises(ValueError, match="Value of property Description must be of type String"):
        as_api(shape("codebuild", "CreateProject"), {"Description": {"Ref": "X"}})


@pytest.mark.parametrize(
    ("old", "new", "calls"),
    [
        ({"a": "1", "b": "2"}, {"b": "3", "c": "4"}, [["a"], {"b": "3", "c": "4"}]),
        ({"a": "1"}, {"a": "1"}, []),
        ({"a": "1"}, {}, [["a"]]),
    ],
)
def test_only_tags_that_changed_are_sent(old, new, calls):
    request = ResourceRequest(generated_name="n", properties={"Tags": new}, old_properties={"Tags": old}, client=lambda service: None)
    sent = []
    retag(request, tag=sent.append, untag=sent.append)
    assert sent == calls
