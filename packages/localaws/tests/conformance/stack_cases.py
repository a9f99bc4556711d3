"""CloudFormation: operations and templates. How templates are evaluated is in tests/unit/test_template_evaluation.py."""

import json
from typing import Any

from conformance_cases import AWS, Call, call, case, template_page

SERVICE = "cloudformation"
SCENE: list[Call] = []
_API = f"{AWS}/AWSCloudFormation/latest/APIReference"
_TOPIC = {"Type": "AWS::SNS::Topic"}


def _template(**resources: Any) -> str:
    return json.dumps({"Resources": resources or {"T": _TOPIC}})


def _create(template: str, **more: Any) -> Call:
    return call("cloudformation.create_stack", StackName="<name>", TemplateBody=template, **more)


def _invalid(says: str, source: str, template: str, text: str) -> Any:
    return case(says, template_page(source), _create(template), error=f"ValidationError: {text}")


def _lacking(says: str, source: str, template: str, text: str) -> Any:
    return case(says, template_page(source), _create(template, Capabilities=["CAPABILITY_IAM"]), refused=text)


CASES = [
    case(
        "a stack that does not exist",
        f"{_API}/API_DescribeStacks.html",
        call("cloudformation.describe_stacks", StackName="<name>"),
        error="ValidationError: Stack with id <name> does not exist",
    ),
    case(
        "a stack's name begins with a letter",
        f"{_API}/API_CreateStack.html",
        call("cloudformation.create_stack", StackName="1", TemplateBody=_template()),
        error="ValidationError: 1 validation error detected: Value '1' at 'stackName' failed to satisfy constraint",
    ),
    case(
        "a stack that exists is not created again",
        f"{_API}/API_CreateStack.html",
        _create(_template()),
        _create(_template()),
        error="AlreadyExistsException: Stack [<name>] already exists",
    ),
    case(
        "an update that changes nothing",
        "https://github.com/boto/boto3/issues/1609",
        _create(_template()),
        call("cloudformation.update_stack", StackName="<name>", TemplateBody=_template()),
        error="ValidationError: No updates are to be performed.",
    ),
    case(
        "a stack that does not exist is deleted without an error",
        f"{_API}/API_DeleteStack.html",
        call("cloudformation.delete_stack", StackName="<name>"),
        gives={"ResponseMetadata.HTTPStatusCode": 200},
    ),
    case(
        "a role needs a capability",
        f"{_API}/API_CreateStack.html",
        _create(_template(R={"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {}}})),
        error="InsufficientCapabilitiesException: Requires capabilities : [CAPABILITY_IAM]",
    ),
    case(
        "a valid template is told with its parameters",
        f"{_API}/API_ValidateTemplate.html",
        call(
            "cloudformation.validate_template",
            TemplateBody=json.dumps({"Parameters": {"P": {"Type": "String", "Default": True}}, "Resources": {"T": _TOPIC}}),
        ),
        gives={"Parameters[].[ParameterKey, DefaultValue, NoEcho]": [["P", "true", False]]},
    ),
    _invalid(
        "a type that AWS does not have",
        "resources-section-structure",
        _template(T={"Type": "AWS::SNS::Tpic"}),
        "Template format error: Unrecognized resource types: [AWS::SNS::Tpic]",
    ),
    case(
        "a property that the type does not have, which AWS finds while it makes the stack, or ignores",
        "https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/1514",
        _create(_template(T=_TOPIC | {"Properties": {"Nam": "x"}})),
        refused="Template error: T (AWS::SNS::Topic): extraneous key [Nam] is not permitted",
    ),
    _invalid(
        "a reference to nothing",
        "intrinsic-function-reference-ref",
        _template(T=_TOPIC | {"Properties": {"TopicName": {"Ref": "N"}}}),
        "Template format error: Unresolved resource dependencies [N] in the Resources block of the template",
    ),
    _invalid(
        "an attribute that the type does not have",
        "intrinsic-function-reference-getatt",
        json.dumps({"Resources": {"T": _TOPIC}, "Outputs": {"O": {"Value": {"Fn::GetAtt": ["T", "None"]}}}}),
        "Template error: resource T does not support attribute type None in Fn::GetAtt",
    ),
    case(
        "an export that does not exist",
        template_page("intrinsic-function-reference-importvalue"),
        _create(_template(T=_TOPIC | {"Properties": {"TopicName": {"Fn::ImportValue": "none-<name>"}}})),
        error="ValidationError: No export named none-<name> found.",
    ),
    _lacking(
        "a type that the local AWS lacks, with those that it has",
        "aws-template-resource-type-ref",
        _template(Q={"Type": "AWS::SQS::Queue"}),
        "AWS has AWS::SQS::Queue; the local AWS does not.",
    ),
    _lacking(
        "a custom resource",
        "template-custom-resources",
        _template(C={"Type": "Custom::Thing"}),
        "AWS has Custom::Thing; the local AWS does not.",
    ),
    _lacking(
        "a property that the local AWS does not honour",
        "aws-resource-sns-topic",
        _template(T=_TOPIC | {"Properties": {"FifoTopic": True}}),
        "the local AWS does not honour the property FifoTopic",
    ),
    _lacking(
        "a serverless transform",
        "transform-aws-serverless",
        json.dumps({"Transform": "AWS::Serverless-2016-10-31", "Resources": {"T": _TOPIC}}),
        "the local AWS does not honour the transform AWS::Serverless-2016-10-31: expand the template first",
    ),
    case(
        "a stack policy",
        f"{_API}/API_SetStackPolicy.html",
        call("cloudformation.set_stack_policy", StackName="<name>"),
        refused="The local AWS does not honour cloudformation:SetStackPolicy.",
    ),
    case(
        "a time limit",
        f"{_API}/API_CreateStack.html",
        _create(_template(), TimeoutInMinutes=5),
        refused="The local AWS does not honour the parameter TimeoutInMinutes of CreateStack.",
    ),
]
