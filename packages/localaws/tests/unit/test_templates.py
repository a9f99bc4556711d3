"""Templates are checked against the registry's schemas, and against what is honoured."""

import pytest

from localaws.cloudformation import RESOURCE_TYPES
from localaws.cloudformation.template_checks import check_source, check_template, resource_schema

ROLE = {"AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [{"Anything": "goes"}]}}


def check(kind, properties, **more):
    check_template({"Resources": {"R": {"Type": kind, "Properties": properties, **more}}}, {"Off": False}, RESOURCE_TYPES)


@pytest.mark.parametrize(
    ("kind", "properties"),
    [
        ("AWS::IAM::Role", ROLE),
        ("AWS::SNS::Topic", {"DisplayName": {"Fn::Sub": "${AWS::StackName}"}}),
        ("AWS::S3::Bucket", {"VersioningConfiguration": {"Fn::If": ["A", {"Status": "Enabled"}, {"Ref": "AWS::NoValue"}]}}),
        ("AWS::S3::Bucket", {"Tags": {"Fn::If": ["A", [{"Key": "a", "Value": "b"}], {"Ref": "AWS::NoValue"}]}}),
        ("AWS::Glue::Table", {"CatalogId": "1", "DatabaseName": "d", "TableInput": {"Parameters": {"free.form": "yes"}}}),
    ],
)
def test_a_good_resource_passes(kind, properties):
    check(kind, properties)


@pytest.mark.parametrize(
    ("kind", "properties", "named"),
    [
        ("AWS::SNS::Topic", {"Displayname": "x"}, "Displayname"),
        ("AWS::S3::Bucket", {"Tags": [{"Key": "a", "Val": "b"}]}, "Tags.0.Val"),
        ("AWS::S3::Bucket", {"BucketEncryption": {"ServerSideEncryptionConfiguration": [{"BucketKeyEnable": True}]}}, "BucketKeyEnable"),
        (
            "AWS::S3::Bucket",
            {"ReplicationConfiguration": {"Role": "r", "Rules": []}},
            "does not honour the property ReplicationConfiguration",
        ),
        ("AWS::Glue::Table", {"CatalogId": "1", "DatabaseName": "d", "TableInput": {"Nam": "x"}}, "TableInput.Nam"),
        ("AWS::Glue::Table", {"CatalogId": "1", "TableInput": {}}, r"required key \[DatabaseName\]"),
        (
            "AWS::S3::Bucket",
            {"VersioningConfiguration": {"Fn::If": ["A", {"Bad": 1}, {"Ref": "AWS::NoValue"}]}},
            "VersioningConfiguration.Bad",
        ),
    ],
)
def test_an_error_in_a_template_is_named(kind, properties, named):
    with pytest.raises(ValueError, match=named):
        check(kind, properties)


def test_a_resource_that_is_switched_off_is_not_checked():
    check("AWS::SNS::Topic", {"Bad": 1}, Condition="Off")


@pytest.mark.parametrize("attribute", ["CreationPolicy", "UpdatePolicy"])
def test_an_attribute_without_effect_is_named(attribute):
    with pytest.raises(ValueError, match=attribute):
        check("AWS::SNS::Topic", {}, **{attribute: {}})


def test_macros_and_parameters_from_ssm_are_refused():
    with pytest.raises(ValueError, match="AWS::Include"):
        check_source({"Transform": ["AWS::Include"]})
    with pytest.raises(ValueError, match="read from SSM: P"):
        check_source({"Parameters": {"P": {"Type": "AWS::SSM::Parameter::Value<String>"}}})
    check_source({"Transform": "AWS::LanguageExtensions", "Parameters": {"P": {"Type": "String"}}})


def test_every_property_that_we_honour_exists_and_every_create_only_one_replaces():
    for kind, ours in RESOURCE_TYPES.items():
        schema = resource_schema(kind)
        assert schema is not None
        assert ours.properties <= set(schema["properties"]), kind
        create_only = {path.removeprefix("/properties/") for path in schema.get("createOnlyProperties", ())}
        assert {name for name in create_only if "/" not in name} & ours.properties <= ours.replacing, kind
