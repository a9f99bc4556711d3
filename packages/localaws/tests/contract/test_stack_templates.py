"""What stacks do with their templates: exports, retries, parameters from SSM, refusals before anything is made."""

import json
import uuid

import pytest
from botocore.exceptions import ClientError
from started import allow
from waiting import wait_for_stack


def topic(**more):
    return {"Type": "AWS::SNS::Topic", **more}


def exporting(name, value):
    return json.dumps({"Resources": {"T": topic()}, "Outputs": {"O": {"Value": value, "Export": {"Name": name}}}})


def importing(name):
    value = {"Fn::Sub": ["${V}", {"V": {"Fn::ImportValue": name}}]}
    return json.dumps({"Resources": {"T": topic(Properties={"DisplayName": value})}})


def create(cloudformation, body, **more):
    name = f"s-{uuid.uuid4().hex[:10]}"
    made = cloudformation.create_stack(StackName=name, TemplateBody=body, **more)
    return name, wait_for_stack(cloudformation, made["StackId"])


def reasons(cloudformation, name):
    events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
    return " ".join(event.get("ResourceStatusReason", "") for event in events)


def test_an_export_that_is_imported_stays_as_it_is(aws):
    cloudformation, export = aws("cloudformation"), f"e-{uuid.uuid4().hex[:8]}"
    owner, _ = create(cloudformation, exporting(export, 1))
    user, stack = create(cloudformation, importing(export))
    user_id = stack["StackId"]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    other, stack = create(cloudformation, exporting(export, "mine"))
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    assert f"Export with name {export} is already exported by stack {owner}" in reasons(cloudformation, other)
    for body, reason in ((exporting(export, 2), "Cannot update"), (exporting(f"{export}-2", 1), "Cannot delete")):
        cloudformation.update_stack(StackName=owner, TemplateBody=body)
        assert wait_for_stack(cloudformation, owner)["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
        assert f"{reason} export {export} as it is in use by {user}" in reasons(cloudformation, owner)
    with pytest.raises(ClientError, match=f"Delete canceled. Cannot delete export {export} as it is in use by {user}"):
        cloudformation.delete_stack(StackName=owner)
    assert [found["Value"] for found in cloudformation.list_exports()["Exports"] if found["Name"] == export] == ["1"]
    cloudformation.delete_stack(StackName=user)
    wait_for_stack(cloudformation, user_id)
    cloudformation.update_stack(StackName=owner, TemplateBody=exporting(f"{export}-2", 1))
    assert wait_for_stack(cloudformation, owner)["StackStatus"] == "UPDATE_COMPLETE"
    assert export not in [found["Name"] for found in cloudformation.list_exports()["Exports"]]


def test_a_retry_with_the_same_token_is_answered_as_the_first_request(aws):
    cloudformation = aws("cloudformation")
    body = json.dumps({"Resources": {"T": topic()}})
    name, first = create(cloudformation, body, ClientRequestToken="one")
    assert cloudformation.create_stack(StackName=name, TemplateBody=body, ClientRequestToken="one")["StackId"] == first["StackId"]
    with pytest.raises(ClientError, match="AlreadyExists"):
        cloudformation.create_stack(StackName=name, TemplateBody=body, ClientRequestToken="two")
    with pytest.raises(ClientError, match="TokenAlreadyExists"):
        cloudformation.update_stack(StackName=name, TemplateBody=body, ClientRequestToken="one")


def test_a_parameter_is_read_from_ssm_with_the_callers_rights(aws, as_role):
    key = f"/p/{uuid.uuid4().hex[:8]}"
    aws("ssm").put_parameter(Name=key, Value="<kept>", Type="String")
    parameters = {"P": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": key}}
    body = json.dumps({"Parameters": parameters, "Resources": {"T": topic(Properties={"DisplayName": {"Ref": "P"}})}})
    with pytest.raises(ClientError, match="ssm:GetParameters"):
        create(as_role(allow(["cloudformation:*", "sns:*"]))("cloudformation"), body)
    _, stack = create(aws("cloudformation"), body)
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    assert stack["Parameters"] == [{"ParameterKey": "P", "ParameterValue": key, "ResolvedValue": "<kept>"}]


@pytest.mark.parametrize(
    ("template", "refusal"),
    [
        ({"Resources": {"T": topic(Properties={"DisplayName": {"Ref": "Nobody"}})}}, "Unresolved resource dependencies"),
        ({"Resources": {"A": topic(DependsOn="B"), "B": topic(DependsOn="A")}}, "Circular dependency between resources"),
        ({"Conditions": {"C": {"Condition": "C"}}, "Resources": {"T": topic()}}, "Circular dependency between conditions"),
        ({"Resources": {"T": topic(), "U": None}}, "null"),
    ],
    ids=range(4),
)
def test_a_template_that_cannot_work_is_refused_before_anything_is_made(aws, template, refusal):
    cloudformation, name = aws("cloudformation"), f"s-{uuid.uuid4().hex[:10]}"
    body = json.dumps(template)
    for call in (
        lambda: cloudformation.validate_template(TemplateBody=body),
        lambda: cloudformation.create_stack(StackName=name, TemplateBody=body),
        lambda: cloudformation.create_change_set(StackName=name, ChangeSetName="c", ChangeSetType="CREATE", TemplateBody=body),
    ):
        with pytest.raises(ClientError, match=refusal):
            call()
    with pytest.raises(ClientError, match="does not exist"):
        cloudformation.describe_stacks(StackName=name)


def test_validation_looks_at_what_the_defaults_would_create(aws):
    queue = {"Type": "AWS::SQS::Queue", "Condition": "Queued"}
    conditions = {"Queued": {"Fn::Equals": [{"Ref": "Queue"}, True]}}

    def validate(default):
        parameters = {"Queue": {"Type": "String", "Default": default, "AllowedValues": [True, False]}}
        template = {"Parameters": parameters, "Conditions": conditions, "Resources": {"T": topic(), "Q": queue}}
        aws("cloudformation").validate_template(TemplateBody=json.dumps(template))

    validate(False)
    with pytest.raises(ClientError, match="AWS has AWS::SQS::Queue; the local AWS does not"):
        validate(True)


def test_answers_have_only_the_members_that_aws_has(aws):
    cloudformation = aws("cloudformation")
    parameters = {"A": {"Type": "String"}, "B": {"Type": "String", "Default": True}, "C": {"Type": "String", "Default": ""}}
    body = json.dumps({"Parameters": parameters, "Resources": {"T": topic()}})
    shown = cloudformation.validate_template(TemplateBody=body)["Parameters"]
    assert [(found["ParameterKey"], found.get("DefaultValue")) for found in shown] == [("A", None), ("B", "true"), ("C", "")]
    with pytest.raises(ClientError, match=r"Parameters: \[D\] do not exist in the template"):
        create(cloudformation, body, Parameters=[{"ParameterKey": "D", "ParameterValue": "x"}])
    name, stack = create(cloudformation, body, Parameters=[{"ParameterKey": "A", "ParameterValue": "x"}])
    assert "StackStatusReason" not in stack
    assert all(event.get("ResourceStatusReason") != "" for event in cloudformation.describe_stack_events(StackName=name)["StackEvents"])
