"""Templates are checked against the registry's schemas, and against what is honoured."""

import pytest

from localaws.cloudformation import RESOURCE_TYPES
from localaws.cloudformation.property_defaults import is_default
from localaws.cloudformation.template_checks import check_properties, check_source, check_types, missing_attribute, resource_schema

ROLE = {"AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [{"Anything": "goes"}]}}


def check(kind, properties, **more):
    template = {"Resources": {"R": {"Type": kind, "Properties": properties, **more}}}
    for look in (check_types, check_properties):
        look(template, {"Off": False}, RESOURCE_TYPES)


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


@pytest.mark.parametrize(
    ("template", "named"),
    [
        ({"Transform": ["AWS::Include"]}, "AWS::Include"),
        ({"Transform": "AWS::Serverless-2016-10-31"}, "AWS::Serverless-2016-10-31.*sam build"),
        ({"Transform": {"Name": "Mine"}}, "transform Mine"),
        ({"Resources": {"A": {"Properties": {"Fn::Transform": {"Name": "AWS::Include"}}}}}, "Fn::Transform"),
        ({"Outputs": {"A": {"Value": {"Fn::FindInMap": ["A", "B", "C", {"DefaultValue": 1}]}}}}, "DefaultValue needs the transform"),
    ],
)
def test_macros_are_refused(template, named):
    with pytest.raises(ValueError, match=named):
        check_source(template)


def test_what_the_transform_for_language_extensions_has_is_honoured():
    lookup = {"Fn::FindInMap": ["A", "B", "C", {"DefaultValue": 1}]}
    check_source({"Transform": "AWS::LanguageExtensions", "Outputs": {"A": {"Value": lookup}}})


def test_a_type_that_only_aws_has_is_told_from_a_misspelt_one():
    with pytest.raises(
        ValueError, match=r"\[AWS::Lambda::Function\]. AWS has AWS::Lambda::Function; .* The local AWS has: AWS::.*AWS::S3::Bucket"
    ):
        check("AWS::Lambda::Function", {})
    with pytest.raises(ValueError, match=r"Unrecognized resource types: \[AWS::S3::Bukcet\]$"):
        check("AWS::S3::Bukcet", {})


def test_a_property_that_says_the_default_is_none():
    check("AWS::S3::Bucket", {"AccessControl": "Private", "AccelerateConfiguration": {"AccelerationStatus": "Suspended"}})
    check("AWS::KMS::Key", {"KeyPolicy": {}, "MultiRegion": False, "RotationPeriodInDays": 365})
    with pytest.raises(ValueError, match=r"AccessControl \(AWS refuses ACLs on new buckets too.*\. Leave out what is not honoured"):
        check("AWS::S3::Bucket", {"AccessControl": "PublicRead"})


def test_an_attribute_that_aws_does_not_have_is_refused():
    output = {"O": {"Value": {"Fn::Sub": "${R.Arm}"}}}
    template = {"Resources": {"R": {"Type": "AWS::S3::Bucket"}}, "Outputs": output}
    with pytest.raises(ValueError, match="resource R does not support attribute type Arm in Fn::GetAtt"):
        check_types(template, {}, RESOURCE_TYPES)


def test_an_attribute_that_only_aws_has_is_told_from_a_misspelt_one():
    assert "does not honour the attribute DomainName of AWS::S3::Bucket" in missing_attribute("AWS::S3::Bucket", "DomainName")
    assert missing_attribute("AWS::S3::Bucket", "Armn") == "Requested attribute Armn does not exist in schema for AWS::S3::Bucket"


def test_every_property_that_we_honour_exists_and_every_create_only_one_replaces():
    for kind, ours in RESOURCE_TYPES.items():
        schema = resource_schema(kind)
        assert schema is not None
        assert ours.properties <= set(schema["properties"]), kind
        create_only = {path.removeprefix("/properties/") for path in schema.get("createOnlyProperties", ())}
        assert {name for name in create_only if "/" not in name} & ours.properties <= ours.replacing, kind


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"EnableCapture": False, "DestinationS3Uri": "s3://b/p"}, True),
        ({"EnableCapture": "false"}, True),
        ({"EnableCapture": True, "DestinationS3Uri": "s3://b/p"}, False),
        ({"DestinationS3Uri": "s3://b/p"}, False),
        ("false", False),
    ],
)
def test_a_structure_that_is_switched_off_says_the_default(value, expected):
    assert is_default("AWS::SageMaker::EndpointConfig", "DataCaptureConfig", value) == expected
