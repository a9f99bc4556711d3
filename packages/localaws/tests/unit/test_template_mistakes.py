"""A template with a mistake at any place is evaluated, or refused with CloudFormation's error. It never crashes the local AWS."""

import copy
import json
from typing import Any

import pytest

from localaws import templates

TEMPLATE: Any = {
    "AWSTemplateFormatVersion": "2010-09-09",
    "Parameters": {
        "P": {"Type": "String", "Default": "a", "AllowedValues": ["a", "b"], "AllowedPattern": "[a-z]", "MinLength": 1, "MaxLength": 3},
        "N": {"Type": "Number", "Default": 1, "MinValue": 0, "MaxValue": 3, "NoEcho": True},
    },
    "Mappings": {"M": {"a": {"b": "c"}}},
    "Conditions": {"C": {"Fn::Equals": [{"Ref": "P"}, "a"]}, "D": {"Fn::And": [{"Condition": "C"}, {"Fn::Not": [{"Condition": "C"}]}]}},
    "Rules": {
        "R": {
            "RuleCondition": {"Fn::Equals": [{"Ref": "P"}, "a"]},
            "Assertions": [{"Assert": {"Fn::Contains": [["a"], {"Ref": "P"}]}, "AssertDescription": "x"}],
        }
    },
    "Resources": {
        "A": {
            "Type": "AWS::SNS::Topic",
            "Condition": "C",
            "DependsOn": ["B"],
            "DeletionPolicy": "Retain",
            "Properties": {
                "DisplayName": {"Fn::Sub": ["${P}${x}${B.TopicArn}", {"x": {"Fn::FindInMap": ["M", "a", "b"]}}]},
                "Tags": {"Fn::If": ["C", [{"Fn::Select": [0, {"Fn::Split": [",", "a,b"]}]}], {"Ref": "AWS::NoValue"}]},
            },
        },
        "B": {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": {"Fn::Join": ["-", ["a", {"Fn::Base64": "x"}]]}}},
    },
    "Outputs": {"O": {"Condition": "C", "Value": {"Fn::GetAtt": ["B", "TopicArn"]}, "Export": {"Name": {"Fn::Sub": "${P}-x"}}}},
}
MISTAKES = [
    [], {}, 1, "x", [[]], {"a": 1}, float("inf"), {"Ref": []}, {"Ref": {"a": 1}}, {"Fn::If": []}, {"Fn::GetAtt": 5}, {"Fn::Sub": []},
    {"Fn::FindInMap": [[], [], []]}, {"Condition": ["C"]}, {"Fn::Select": [{}, 5]}, {"Fn::Cidr": ["10.0.0.0/8", "5", "-3"]},
    {"Ref": "AWS::NoValue"},
]  # fmt: skip
PSEUDO = {"AWS::NoValue": templates.NO_VALUE, "AWS::Region": "us-east-1"}


def places(node, path=()):
    yield path
    for key, item in node.items() if isinstance(node, dict) else enumerate(node if isinstance(node, list) else ()):
        yield from places(item, (*path, key))


def replaced(path, mistake):
    if not path:
        return mistake
    template = copy.deepcopy(TEMPLATE)
    node = template
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = mistake
    return template


def evaluate(template):
    """Everything that a creation does with a template before anything is made."""
    template = templates.parse_template(json.dumps(template))
    templates.check_shape(template)
    templates.check_sections(template)
    resolved = templates.resolve_parameters(template.get("Parameters", {}), [], previous={}, read_ssm=str)
    parameters = {name: templates.value_of(parameter) for name, parameter in resolved.items()}
    mappings = template.get("Mappings", {})
    conditions = templates.evaluate_conditions(template.get("Conditions", {}), parameters=parameters, mappings=mappings, pseudo=PSEUDO)
    templates.check_references(template, None)
    templates.check_references(template, conditions)
    templates.check_rules(template.get("Rules", {}), parameters=parameters, pseudo=PSEUDO)

    def later(*_names):
        raise templates.NotKnownYetError

    surroundings = templates.Surroundings(
        parameters=parameters,
        conditions=conditions,
        mappings=mappings,
        pseudo=PSEUDO,
        physical_id=later,
        attribute=later,
        export=later,
    )
    templates.Evaluator(surroundings).known([template["Resources"], template.get("Outputs", {})])


def test_the_template_is_good():
    evaluate(TEMPLATE)


@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_a_mistake_anywhere_is_evaluated_or_refused(mistake):
    for path in places(TEMPLATE):
        try:
            evaluate(replaced(path, mistake))
        except templates.TemplateError:
            continue
