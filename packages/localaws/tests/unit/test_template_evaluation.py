"""The table of conformance for templates: a case, AWS's page that says so, and the value or the refusal.

Pages are those of `conformance_cases.template_page`. Refusals have the texts that public reports of real
accounts quote, where there are any.
"""

import textwrap
from typing import Any

import pytest

from localaws import templates
from localaws.templates import NO_VALUE, UNKNOWN, TemplateError

PSEUDO = {"AWS::Region": "us-east-1", "AWS::AccountId": "123456789012", "AWS::NoValue": NO_VALUE, "AWS::StackName": "mine"}
MAPPINGS = {"ByRegion": {"us-east-1": {"Image": "a", "Sizes": ["s", "m"]}}, "ByAccount": {"123456789012": {"Stage": "dev"}}}
GIVEN = {"Name": "x", "Flag": "true", "Count": "3", "Zones": ["a", "b"]}


def surroundings(unknown=()):
    def later(*_names):
        raise templates.NotKnownYetError

    def export(name):
        if name != "shared":
            raise TemplateError(f"No export named {name} found.")
        return "imported"

    known: dict[str, Any] = {
        "parameters": GIVEN,
        "conditions": {"Yes": True, "No": False},
        "mappings": MAPPINGS,
        "pseudo": PSEUDO,
        "physical_id": lambda name: f"{name}-id",
        "attribute": lambda name, attribute: f"{name}.{attribute}",
        "export": export,
    }
    known |= dict.fromkeys(unknown, later)
    return templates.Surroundings(**known)


VALUES = [  # call, page intrinsic-function-reference-*.html, value
    ({"Ref": "Name"}, "ref", "x"),
    ({"Ref": "Zones"}, "ref", ["a", "b"]),
    ({"Ref": "AWS::Region"}, "ref", "us-east-1"),
    ({"Ref": "Bucket"}, "ref", "Bucket-id"),
    ({"A": {"Ref": "AWS::NoValue"}, "B": [{"Ref": "AWS::NoValue"}, 1]}, "ref", {"B": [1]}),
    ({"Fn::GetAtt": ["Bucket", "Arn"]}, "getatt", "Bucket.Arn"),
    ({"Fn::GetAtt": "Stack.Outputs.Name"}, "getatt", "Stack.Outputs.Name"),
    ({"Fn::GetAtt": ["Bucket", {"Ref": "Name"}]}, "getatt", "Bucket.x"),
    ({"Fn::Join": ["-", ["a", 1, True, {"Ref": "Name"}]]}, "join", "a-1-true-x"),
    ({"Fn::Join": [",", {"Ref": "Zones"}]}, "join", "a,b"),
    ({"Fn::Join": ["", ["a", {"Ref": "AWS::NoValue"}]]}, "join", "a"),
    ({"Fn::Sub": "${Name}:${AWS::Region}:${Bucket.Arn}:${Bucket}"}, "sub", "x:us-east-1:Bucket.Arn:Bucket-id"),
    ({"Fn::Sub": ["${A}-${Name}", {"A": True}]}, "sub", "true-x"),
    ({"Fn::Sub": "${!Literal} $5 {Name}"}, "sub", "${Literal} $5 {Name}"),
    ({"Fn::Select": ["1", ["a", "b"]]}, "select", "b"),
    ({"Fn::Select": [0, {"Fn::Split": ["/", "a/b"]}]}, "select", "a"),
    ({"Fn::Select": [{"Fn::FindInMap": ["None", "a", "b", {"DefaultValue": 1}]}, {"Ref": "Zones"}]}, "select", "b"),
    ({"Fn::Split": [",", "a,b,"]}, "split", ["a", "b", ""]),
    ({"Fn::If": ["Yes", "a", {"Fn::ImportValue": "not-looked-at"}]}, "conditions", "a"),
    ({"Fn::If": ["No", "a", {"Ref": "AWS::NoValue"}]}, "conditions", NO_VALUE),
    ({"Fn::FindInMap": ["ByRegion", {"Ref": "AWS::Region"}, "Image"]}, "findinmap", "a"),
    ({"Fn::FindInMap": ["ByRegion", "us-east-1", "Sizes"]}, "findinmap", ["s", "m"]),
    ({"Fn::FindInMap": ["ByAccount", {"Ref": "AWS::AccountId"}, "Stage"]}, "findinmap", "dev"),
    ({"Fn::ImportValue": {"Fn::Sub": "share${E}"}}, "importvalue", TemplateError),
    ({"Fn::ImportValue": {"Fn::Join": ["", ["sha", "red"]]}}, "importvalue", "imported"),
    ({"Fn::Base64": {"Fn::Sub": "${Name}"}}, "base64", "eA=="),
    ({"Fn::GetAZs": ""}, "getavailabilityzones", ["us-east-1a", "us-east-1b", "us-east-1c"]),
    ({"Fn::GetAZs": {"Ref": "AWS::Region"}}, "getavailabilityzones", ["us-east-1a", "us-east-1b", "us-east-1c"]),
    ({"Fn::Cidr": ["192.168.0.0/24", "2", 5]}, "cidr", ["192.168.0.0/27", "192.168.0.32/27"]),
    (
        {"Statement": {"Condition": {"Bool": {"aws:SecureTransport": False}}}},
        "ref",
        {"Statement": {"Condition": {"Bool": {"aws:SecureTransport": False}}}},
    ),
]


@pytest.mark.parametrize(
    ("node", "expected"), [pytest.param(node, expected, id=f"{page}: {str(node)[:60]}") for node, page, expected in VALUES]
)
def test_a_function_has_the_value_of_its_page(node, expected):
    if expected is TemplateError:
        with pytest.raises(TemplateError, match="No export named"):
            templates.Evaluator(surroundings()).value(node)
    else:
        assert templates.Evaluator(surroundings()).value(node) == expected


REFUSED = [
    ({"Fn::Join": ["-", "text"]}, "every Fn::Join object requires two parameters"),
    ({"Fn::Join": ["-", [["a"]]]}, "every Fn::Join object requires two parameters"),
    ({"Fn::Select": [2, ["a", "b"]]}, "Fn::Select cannot select nonexistent value at index 2"),
    ({"Fn::Select": [0, "text"]}, "Fn::Select requires a list argument with two elements"),
    ({"Fn::Select": ["x", ["a"]]}, "Fn::Select requires a list argument with two elements"),
    ({"Fn::Split": ["", "a"]}, "every Fn::Split object requires two parameters"),
    ({"Fn::Sub": ["${A}"]}, "One or more Fn::Sub intrinsic functions don't specify expected arguments"),
    ({"Fn::Sub": "${A-B}"}, "variable names in Fn::Sub syntax must contain only alphanumeric"),
    ({"Fn::Sub": "${Zones}"}, "variable Zones in Fn::Sub expression does not resolve to a string"),
    ({"Fn::If": ["Unknown", 1, 2]}, "unresolved condition dependency Unknown in Fn::If"),
    ({"Fn::If": [{"Fn::Equals": [1, 1]}, 1, 2]}, "first element being a condition"),
    ({"Fn::FindInMap": ["ByRegion", "eu-west-9", "Image"]}, "Unable to get mapping for ByRegion::eu-west-9::Image"),
    ({"Fn::FindInMap": ["ByRegion", "us-east-1"]}, "every Fn::FindInMap object requires three parameters"),
    ({"Fn::GetAtt": ["Bucket"]}, "every Fn::GetAtt object requires two non-empty parameters"),
    ({"Fn::Base64": ["a"]}, "every Fn::Base64 object must have a String-typed value"),
    ({"Fn::Cidr": ["10.0.0.0/24", 300, 5]}, "between 1 and 256"),
    ({"Fn::Cidr": ["10.0.0.0/24", 9, 5]}, "has only 8 blocks"),
    ({"Fn::Transform": {"Name": "AWS::Include"}}, "the local AWS does not honour Fn::Transform"),
    ({"Fn::GetStackOutput": {"StackName": "a", "OutputName": "b"}}, "the local AWS does not honour Fn::GetStackOutput"),
    ({"Fn::Reverse": "ab"}, "unsupported function: Fn::Reverse"),
]


@pytest.mark.parametrize(("node", "refusal"), REFUSED, ids=lambda value: str(value)[:60])
def test_a_wrong_call_is_refused_in_cloudformations_words(node, refusal):
    with pytest.raises(TemplateError, match=refusal):
        templates.Evaluator(surroundings()).value(node)


def nested(levels, call):
    node: Any = "x" * 16
    for _ in range(levels):
        node = call(node)
    return node


TOO_MUCH = [
    nested(40, lambda node: {"Fn::Sub": ["${a}${a}", {"a": node}]}),
    nested(60, lambda node: {"Fn::Join": ["", [node, "y" * 100_000]]}),
    nested(90, lambda node: {"Fn::Base64": node}),
    {"Fn::ToJsonString": ["y" * 2_000_000]},
]


@pytest.mark.parametrize("node", TOO_MUCH, ids=["Sub", "Join", "Base64", "ToJsonString"])
def test_functions_that_make_too_much_text_are_refused(node):
    with pytest.raises(TemplateError, match="more than 2000000 characters"):
        templates.Evaluator(surroundings()).value(node)


def test_what_only_a_created_resource_has_is_marked_and_the_rest_is_known():
    evaluator = templates.Evaluator(surroundings(unknown=("physical_id", "attribute")))
    node = {"A": {"Fn::Sub": "${Bucket}/*"}, "B": {"Fn::If": ["Yes", {"C": {"Ref": "Name"}, "D": {"Ref": "Bucket"}}, 1]}}
    assert evaluator.known(node) == {"A": UNKNOWN, "B": {"C": "x", "D": UNKNOWN}}


@pytest.mark.parametrize(
    ("definition", "expected"),
    [
        ({"Fn::Equals": [{"Ref": "Flag"}, True]}, True),
        ({"Fn::Equals": [{"Ref": "Flag"}, "True"]}, False),
        ({"Fn::Equals": [{"Ref": "Count"}, 3]}, True),
        ({"Fn::Equals": [{"Fn::Join": ["", [True]]}, "true"]}, True),
        ({"Fn::Equals": [{"Ref": "Zones"}, ["a", "b"]]}, True),
        ({"Fn::Equals": [{"Fn::Select": [0, {"Ref": "Zones"}]}, "a"]}, True),
        ({"Fn::Equals": [{"Fn::FindInMap": ["ByRegion", {"Ref": "AWS::Region"}, "Image"]}, "a"]}, True),
        ({"Fn::Equals": [{"Fn::Sub": "${Name}${AWS::StackName}"}, "xmine"]}, True),
        ({"Fn::Not": [{"Condition": "Other"}]}, False),
        ({"Fn::And": [{"Condition": "Other"}, {"Fn::Equals": ["a", "b"]}]}, False),
        ({"Fn::Or": [{"Condition": "Other"}, {"Fn::Equals": ["a", "b"]}]}, True),
    ],
    ids=lambda value: str(value)[:60],
)
def test_a_condition_compares_text(definition, expected):
    """conditions-section-structure.html; booleans and numbers are text before they are compared."""
    found = templates.evaluate_conditions(
        {"It": definition, "Other": {"Fn::Equals": ["1", 1]}}, parameters=GIVEN, mappings=MAPPINGS, pseudo=PSEUDO
    )
    assert found == {"It": expected, "Other": True}


@pytest.mark.parametrize(
    ("definitions", "refusal"),
    [
        ({"A": {"Condition": "B"}, "B": {"Fn::Not": [{"Condition": "A"}]}}, r"Circular dependency between conditions: \[A, B\]"),
        ({"A": {"Condition": "B"}}, "Unresolved condition dependency B in the Conditions block"),
        (
            {"A": {"Fn::Equals": [{"Ref": "Bucket"}, "x"]}},
            r"Unresolved dependencies \[Bucket\]. Cannot reference resources in the Conditions",
        ),
        ({"A": {"Fn::And": [{"Fn::Equals": [1, 1]}]}}, "every Fn::And object requires a list of at least 2 and at most 10"),
        ({"A": {"Fn::Equals": ["a"]}}, "every Fn::Equals object requires a list of 2 string parameters"),
        ({"A": {"Fn::Equals": [{"Fn::ImportValue": "shared"}, "x"]}}, "Cannot use Fn::ImportValue in Conditions"),
        ({"A": "true"}, "must be a boolean operation"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_a_wrong_condition_is_refused(definitions, refusal):
    with pytest.raises(TemplateError, match=refusal):
        templates.evaluate_conditions(definitions, parameters=GIVEN, mappings=MAPPINGS, pseudo=PSEUDO)


def resolved(definition, value=None, *, previous=None, **given):
    sent = [{"Key": "P", **({} if value is None else {"Value": value}), **given}] if value is not None or given else []
    stored = {"/path/name": "stored", "/list": "a,b"}

    def read_ssm(name):
        if name not in stored:
            raise TemplateError(f"Unable to fetch parameters [{name}] from parameter store for this account.")
        return stored[name]

    before = {"P": previous} if previous else {}
    found = templates.resolve_parameters({"P": definition}, sent, previous=before, read_ssm=read_ssm)["P"]
    return templates.value_of(found)


@pytest.mark.parametrize(
    ("definition", "value", "expected"),
    [
        ({"Type": "String", "Default": True}, None, "true"),
        ({"Type": "String", "Default": 1.5}, None, "1.5"),
        ({"Type": "String", "AllowedValues": [True, False], "Default": False}, "true", "true"),
        ({"Type": "String", "AllowedValues": [1, 2]}, "2", "2"),
        ({"Type": "String", "Default": "a"}, "", ""),
        ({"Type": "Number", "MinValue": 1, "MaxValue": 5}, "5", "5"),
        ({"Type": "List<Number>"}, "1, 2", ["1", "2"]),
        ({"Type": "CommaDelimitedList", "AllowedValues": ["a", "b"]}, "b, a", ["b", "a"]),
        ({"Type": "String", "AllowedPattern": "[a-z]+"}, "abc", "abc"),
        ({"Type": "String", "AllowedPattern": r"[\w-\+]+@\p{L}+"}, "a-b+c@d", "a-b+c@d"),
        ({"Type": "AWS::SSM::Parameter::Value<String>"}, "/path/name", "stored"),
        ({"Type": "AWS::SSM::Parameter::Value<List<String>>", "Default": "/list"}, None, ["a", "b"]),
        ({"Type": "AWS::SSM::Parameter::Name"}, "/path/name", "/path/name"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_a_parameter_has_a_text_or_a_list_of_texts(definition, value, expected):
    """parameters-section-structure.html."""
    assert resolved(definition, value) == expected


@pytest.mark.parametrize(
    ("definition", "value", "refusal"),
    [
        ({"Type": "String"}, None, r"Parameters: \[P\] must have values"),
        ({"Type": "String", "AllowedValues": [True, False]}, "yes", r"must be one of AllowedValues \[true, false\]"),
        ({"Type": "String", "AllowedPattern": "[a-z]+"}, "abc1", "must match pattern"),
        (
            {"Type": "String", "AllowedPattern": "[a-z]+", "ConstraintDescription": "lower case"},
            "A",
            "failed to satisfy constraint: lower case",
        ),
        ({"Type": "String", "AllowedPattern": "("}, "a", "no regular expression"),
        ({"Type": "String", "MinLength": "2"}, "a", "must contain at least 2 characters"),
        ({"Type": "String", "MaxLength": 2}, "abc", "must contain at most 2 characters"),
        ({"Type": "Number"}, "two", "must be a number"),
        ({"Type": "Number", "MaxValue": 5}, "6", "not greater than 5"),
        ({"Type": "List<Number>", "MinValue": 5}, "6,4", "not less than 5"),
        ({"Type": "Strin"}, "a", "Unrecognized parameter type: Strin"),
        ({"Default": "a"}, None, "Every Parameters object must contain a Type member"),
        ({"Type": "String", "Defualt": "a"}, "b", "Invalid template parameter property 'Defualt'"),
        ({"Type": "AWS::SSM::Parameter::Value<String>"}, "/none", r"Unable to fetch parameters \[/none\]"),
        ({"Type": "AWS::EC2::VPC::Id"}, "vpc-1", "The local AWS has no EC2"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_a_wrong_parameter_is_refused(definition, value, refusal):
    with pytest.raises(TemplateError, match=refusal):
        resolved(definition, value)


def test_a_pattern_that_would_run_for_years_is_stopped(monkeypatch):
    monkeypatch.setattr("localaws.templates.parameters._PATTERN_TIMEOUT_S", 0.01)
    with pytest.raises(TemplateError, match="takes too long on this value"):
        resolved({"Type": "String", "AllowedPattern": "(a|aa)+$"}, "a" * 60 + "b")


def test_a_parameter_that_the_template_does_not_declare_is_refused():
    with pytest.raises(TemplateError, match=r"Parameters: \[Q\] do not exist in the template"):
        templates.resolve_parameters({}, [{"Key": "Q", "Value": "a"}], previous={}, read_ssm=str)


def test_a_previous_value_is_used_and_an_ssm_parameter_is_read_again():
    assert resolved({"Type": "String", "Default": "d"}, UsePreviousValue="true", previous={"Value": "old"}) == "old"
    ssm = {"Type": "AWS::SSM::Parameter::Value<String>"}
    assert resolved(ssm, UsePreviousValue="true", previous={"Value": "old", "SsmName": "/path/name"}) == "stored"
    with pytest.raises(TemplateError, match="Cannot specify usePreviousValue as true and non empty value"):
        resolved({"Type": "String"}, "new", UsePreviousValue="true", previous={"Value": "old"})


def topic(**more):
    return {"Type": "AWS::SNS::Topic", **more}


@pytest.mark.parametrize(
    ("template", "refusal"),
    [
        ({"Resources": {"A": topic(Properties={"N": {"Ref": "B"}})}}, r"Unresolved resource dependencies \[B\] in the Resources block"),
        ({"Resources": {"A": topic(Properties={"N": {"Fn::Sub": "${B}-${C.Arn}"}})}}, r"dependencies \[B\] in the Resources block"),
        ({"Resources": {"A": topic(Properties={"N": {"Fn::GetAtt": ["B", "Arn"]}})}}, "Fn::GetAtt references undefined resource B"),
        ({"Resources": {"A": topic(DependsOn="B")}}, r"dependencies \[B\] in the Resources block"),
        ({"Resources": {"A": topic()}, "Outputs": {"O": {"Value": {"Ref": "B"}}}}, r"dependencies \[B\] in the Outputs block"),
        (
            {"Resources": {"A": topic(Properties={"N": {"Ref": "B"}}), "B": topic(DependsOn=["A"])}},
            r"Circular dependency between resources: \[A, B\]",
        ),
        ({"Resources": {"A": topic(Properties={"N": {"Ref": "A"}})}}, r"Circular dependency between resources: \[A\]"),
        ({"Resources": {"A": topic(Properties={"N": {"Ref": "B"}}), "B": topic(Condition="No")}}, r"dependencies \[B\]"),
    ],
    ids=lambda value: str(value)[:70],
)
def test_a_reference_to_nothing_and_a_circle_are_refused(template, refusal):
    with pytest.raises(TemplateError, match=refusal):
        templates.check_references(template, {"No": False})


def test_a_reference_behind_a_condition_that_is_false_is_none():
    optional = {"Fn::If": ["No", {"Ref": "B"}, {"Ref": "AWS::NoValue"}]}
    resources = {"A": topic(Properties={"N": optional}), "B": topic(Condition="No", DependsOn="A")}
    templates.check_references({"Resources": resources}, {"No": False})
    assert templates.creation_order(resources, {"No": False}) == ["A"]
    with pytest.raises(TemplateError, match="Circular"):
        templates.check_references({"Resources": resources}, {"No": True})


def test_a_resource_is_created_after_what_it_refers_to():
    resources = {"A": topic(Properties={"N": {"Fn::Sub": "${C.Arn}"}}), "B": topic(), "C": topic(DependsOn="B")}
    assert templates.creation_order(resources, {}) == ["B", "C", "A"]


@pytest.mark.parametrize(
    ("template", "refusal"),
    [
        ({}, "At least one Resources member must be defined"),
        ({"Resources": {"A": topic()}, "Resource": {}}, r"Invalid template property or properties \[Resource\]"),
        ({"Resources": {"A": {}}}, "Every Resources object must contain a Type member"),
        ({"Resources": {"A-B": topic()}}, "Resource name A-B is non alphanumeric"),
        ({"Resources": {"A": topic(Version="1.0")}}, "Invalid template resource property 'Version'"),
        ({"Resources": {"A": topic(Propertys={})}}, "Invalid template resource property 'Propertys'"),
        ({"Resources": {"A": topic(Condition="C")}}, "Unresolved condition dependency C in the Resources block"),
        ({"Resources": {"A": topic(Properties={"N": {"Fn::If": ["C", 1, 2]}})}}, "unresolved condition dependency C in Fn::If"),
        ({"Resources": {"A": topic()}, "Outputs": {"O": {"Description": "d"}}}, "must contain a Value object"),
        ({"Resources": {"A": topic()}, "Outputs": {"O": {"Value": {"Fn::Equals": [1, 1]}}}}, "must evaluate to a String"),
        ({"Resources": [topic()]}, "Resources must be an object"),
        ({"Resources": {"A": topic()}, "AWSTemplateFormatVersion": "2010-09-10"}, "unsupported value for AWSTemplateFormatVersion"),
    ],
    ids=lambda value: str(value)[:70],
)
def test_a_template_of_another_form_is_refused(template, refusal):
    """template-anatomy.html."""
    with pytest.raises(TemplateError, match=refusal):
        templates.check_sections(template)


def test_a_custom_resource_may_have_a_version():
    templates.check_sections({"Resources": {"A": {"Type": "Custom::Mine", "Version": "1.0"}}})


@pytest.mark.parametrize(
    ("rule", "refusal"),
    [
        ({"Assertions": [{"Assert": {"Fn::Contains": [["a", "x"], {"Ref": "Name"}]}}]}, None),
        ({"Assertions": [{"Assert": {"Fn::Contains": [["a"], {"Ref": "Name"}]}, "AssertDescription": "only a"}]}, "rule R failed: only a"),
        ({"Assertions": [{"Assert": {"Fn::Equals": [{"Ref": "Flag"}, True]}}]}, None),
        ({"Assertions": [{"Assert": {"Fn::EachMemberIn": [{"Ref": "Zones"}, ["a", "b", "c"]]}}]}, None),
        ({"Assertions": [{"Assert": {"Fn::EachMemberEquals": [{"Ref": "Zones"}, "a"]}}]}, "rule R failed"),
        ({"RuleCondition": {"Fn::Equals": [{"Ref": "Name"}, "y"]}, "Assertions": [{"Assert": {"Fn::Equals": [1, 2]}}]}, None),
        ({"Assertions": [{"Assert": {"Fn::If": ["A", 1, 2]}}]}, r"not supported in the Rules block of the template: \[Fn::If\]"),
        ({"Assertions": [{"Assert": {"Fn::Not": [{"Fn::RefAll": "AWS::EC2::VPC::Id"}]}}]}, "does not honour Fn::RefAll"),
    ],
    ids=lambda value: str(value)[:70],
)
def test_rules_refuse_values(rule, refusal):
    """rules-section-structure.html."""

    def check():
        templates.check_rules({"R": rule}, parameters=GIVEN, pseudo=PSEUDO)

    if refusal is None:
        check()
    else:
        with pytest.raises(TemplateError, match=refusal):
            check()


def test_short_forms_are_the_long_ones_and_dates_and_keys_are_text():
    body = """
        Mappings: {Accounts: {123456789012: {Stage: dev}}}
        Resources:
          A:
            Version: 2012-10-17
            B: !GetAtt A.B.C
            C: !GetAtt [A, B]
            D: !Sub ["${x}", {x: !Ref Y}]
            E: !If [!Condition F, yes, 1]
            G: !Foo bar
    """
    found = templates.parse_template(textwrap.dedent(body))
    assert found["Mappings"]["Accounts"] == {"123456789012": {"Stage": "dev"}}
    assert found["Resources"]["A"] == {
        "Version": "2012-10-17",
        "B": {"Fn::GetAtt": ["A", "B.C"]},
        "C": {"Fn::GetAtt": ["A", "B"]},
        "D": {"Fn::Sub": ["${x}", {"x": {"Ref": "Y"}}]},
        "E": {"Fn::If": [{"Condition": "F"}, True, 1]},
        "G": {"Fn::Foo": "bar"},
    }


LAUGHS = "a: &a [x, x]\n" + "".join(f"{chr(98 + i)}: &{chr(98 + i)} [*{chr(97 + i)}, *{chr(97 + i)}]\n" for i in range(20))


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        (LAUGHS, "YAML aliases are not allowed in CloudFormation templates"),
        ("a: " + "[" * 400 + "]" * 400, "more than 100 levels deep"),
        ('{"a": ' + '{"Fn::Base64": ' * 400 + '"x"' + "}" * 401, "more than 100 levels deep"),
        ('{"a": ' + "[" * 100_000, "more than 100 levels deep|JSON not well-formed"),
        ("a: [1", r"YAML not well-formed. \(line 2, column 1\)"),
        ('{"a": }', r"JSON not well-formed. \(line 1, column 7\)"),
        ("a: 1\n---\nb: 2", "YAML not well-formed"),
        ("just text", "unsupported structure"),
        ("Resources: {A: {Properties: }}", r"\[/Resources/A/Properties\] 'null' values are not allowed in templates"),
        ("a: !!python/object:os.system x", "YAML not well-formed"),
        ("a: 2020-13-45T00:00:00", None),
    ],
    ids=range(11),
)
def test_text_that_is_no_template_is_refused_before_anything_is_built(body, refusal):
    """template-formats.html: no aliases, no timestamps."""
    if refusal is None:
        assert templates.parse_template(body) == {"a": "2020-13-45T00:00:00"}
        return
    with pytest.raises(TemplateError, match=refusal):
        templates.parse_template(body)
